//! Checkout defaults: what an admin sets once is checked here, and becomes a part of each request to Stripe.

use payments_core::redact::json_looks_secret;
use payments_core::session::Refusal;
use payments_core::session::defaults::{CheckoutRequest, check, merge};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

use super::refuse;
use crate::definer;
use crate::pg::advisory_lock;
use crate::pg::jsonb::Jsonb;
use crate::pg::savepoint::ok_or_none;
use crate::pg::statement::{query, text};
use crate::pg::transaction::is_read_committed;

query!(SECONDS_OF, "session_defaults", "seconds_of");

/// Refuses checkout defaults that an admin may not say, or that Stripe would not take.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::needless_pass_by_value, reason = "as the server passes it")]
fn check_checkout_defaults(params: Jsonb) {
    definer::require_inside();
    if json_looks_secret(&params.0) {
        refuse(&Refusal::Secret("params").into(), true);
    }
    let Ok(given) = serde_json::from_str(&params.0) else { refuse(&Refusal::Json("params").into(), false) };
    let seconds = |interval: &str| ok_or_none(|| SECONDS_OF.one::<i64>(&[text(interval)])).flatten();
    if let Err(refusal) = check(&given, &seconds) {
        ErrorReport::new(PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE, refusal.message, "payments")
            .set_detail(refusal.detail)
            .set_hint(refusal.hint)
            .report(PgLogLevel::ERROR);
    }
}

/// The parameters of a checkout's request, of all that they are made of (`CheckoutRequest` of the core, as JSON).
#[pg_extern(immutable, parallel_safe)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::needless_pass_by_value, reason = "as the server passes it")]
fn merged_checkout_params(request: Jsonb) -> pgrx::JsonB {
    let request: CheckoutRequest = serde_json::from_str(&request.0)
        .unwrap_or_else(|error| pgrx::error!("a checkout's request has another shape: {error}"));
    pgrx::JsonB(merge(&request))
}

/// Serializes decisions on the trials of one subject, so that none is overlooked.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn lock_trials(environment: &str, subject_type: &str, subject_id: &str) {
    definer::require_inside();
    // A snapshot that is older than the lock would not show the trial that was given while we waited for it.
    if !is_read_committed() {
        refuse(&Refusal::IsolationOfTrial.into(), false);
    }
    advisory_lock::lock(&["trials", environment, subject_type, subject_id]);
}
