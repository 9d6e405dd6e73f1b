//! What a subject has: credits to read and to spend, entitlements to read. The public functions around these, which check
//! the caller, are in `sql/schema/paywalls.sql`.

use payments_core::Subject;
use payments_core::fulfillment::billing_status::{self, Policy};
use pgrx::prelude::*;
use serde_json::json;

use super::credits::{self, NewLine, newest_balance, read_balance};
use super::due;
use super::target_kind::TargetKind;
use super::targets;
use crate::error::Error;
use crate::pg::statement::{template, text};
use crate::pg::time::{at_unix_micros, unix_micros};
use crate::pg::transaction::is_read_committed;
use crate::{definer, settings};

const ENTITLED_KEYS: &str = template!("fulfillment_paywall", "entitled_keys");

/// A subject's balance in the first ledger that was attached; null where there is none.
#[pg_extern(stable)]
#[search_path(pg_catalog, pg_temp)]
fn balance_of(subject_type: &str, subject_id: &str) -> Option<i64> {
    definer::require_inside();
    let ledger = targets::first_of(TargetKind::CreditLedger)?;
    if !ledger.can_name("subject_id", subject_id) {
        return None;
    }
    let subject = subject(subject_type, subject_id);
    let written = ledger.read_as_owner(|| read_balance(&ledger, &subject))?;
    Some(written.saturating_add(due::unwritten(&ledger, &subject)))
}

/// Writes a change of a balance once: `{"outcome": "written" | "repeated" | "conflict" | "short", "balance": …}`.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn change_balance(
    subject_type: &str,
    subject_id: &str,
    delta: i64,
    reason: &str,
    source: &str,
    note: Option<&str>,
) -> pgrx::JsonB {
    definer::require_inside();
    // A snapshot that is older than the lock would not see what others spent while we waited for it.
    if !is_read_committed() {
        Error::IsolationOfBalance.raise();
    }
    let ledger = targets::first(TargetKind::CreditLedger);
    let subject = subject(subject_type, subject_id);
    credits::lock(&subject);
    // What lapsed cannot be spent, and what is due can.
    due::settle(&ledger, &subject);
    let (outcome, balance) = ledger.write_or_raise(|| {
        if let Some(line) = credits::find(&ledger, &subject, source) {
            let outcome = if line.delta == delta && line.same_subject { "repeated" } else { "conflict" };
            return (outcome, Some(line.balance_after));
        }
        let balance = newest_balance(&ledger, &subject);
        if delta < 0 && balance.unwrap_or(0).saturating_add(delta) < 0 {
            return ("short", balance);
        }
        match credits::write(&ledger, &NewLine { subject: &subject, delta, reason, source, note, expires_at: None }) {
            Some(balance) => ("written", Some(balance)),
            None => ("conflict", balance),
        }
    });
    pgrx::JsonB(json!({"outcome": outcome, "balance": balance}))
}

/// The keys that a user holds now, by themselves or through a subject; only `key` where it is not null.
#[pg_extern(stable)]
#[search_path(pg_catalog, pg_temp)]
fn keys_of(
    user_id: Option<&str>,
    key: Option<&str>,
    subject_types: Option<Vec<Option<String>>>,
    subject_ids: Option<Vec<Option<String>>>,
) -> Vec<String> {
    definer::require_inside();
    let Some(table) = targets::first_of(TargetKind::UserEntitlements) else { return Vec::new() };
    let user_id = user_id.filter(|id| table.can_name("user_id", id));
    let subjects: (Vec<String>, Vec<String>) = subject_types
        .into_iter()
        .flatten()
        .zip(subject_ids.into_iter().flatten())
        .filter_map(|(kind, id)| kind.zip(id))
        .filter(|(_, id)| table.can_name("subject_id", id))
        .unzip();
    let keys = table.read_as_owner(|| {
        table.run(ENTITLED_KEYS, &[text(user_id), text(key), subjects.0.clone().into(), subjects.1.clone().into()]).1
    });
    keys.and_then(|keys| serde_json::from_str(&keys).ok()).unwrap_or_default()
}

/// When what a subscription gives ends; null where nothing ends it: see [`payments_core::fulfillment::billing_status::access_ends`].
#[pg_extern(stable)]
#[search_path(pg_catalog, pg_temp)]
fn access_ends(
    current_period_end: Option<TimestampWithTimeZone>,
    cancel_at_period_end: Option<bool>,
    cancel_at: Option<TimestampWithTimeZone>,
) -> Option<TimestampWithTimeZone> {
    let at_period_end = cancel_at_period_end == Some(true);
    let (end, cancel_at) = (current_period_end.map(unix_micros), cancel_at.map(unix_micros));
    billing_status::access_ends(end, at_period_end, cancel_at, settings::period_grace()).map(at_unix_micros)
}

/// Whether a subscription gives access while its period lasts: see [`payments_core::fulfillment::billing_status::grants_access`].
#[pg_extern(immutable, parallel_safe)]
#[search_path(pg_catalog, pg_temp)]
fn grants_access(status: &str, collection_paused: bool, past_due_policy: bool, paused_policy: bool) -> bool {
    let policy = Policy { past_due: past_due_policy, paused: paused_policy };
    billing_status::grants_access(status, collection_paused, policy)
}

fn subject(subject_type: &str, subject_id: &str) -> Subject {
    Subject { subject_type: subject_type.to_owned(), subject_id: subject_id.to_owned() }
}
