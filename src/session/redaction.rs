//! No session holds one of Stripe's secrets, whoever writes it: what a request or Stripe's ids cannot be is refused, what a
//! backend notes of Stripe's answer is noted without it.

use payments_core::redact::{
    has_client_secret, json_looks_secret, json_without_client_secrets, json_without_secrets, looks_secret,
    without_secrets,
};
use payments_core::session::Refusal;
use pgrx::prelude::*;

use super::{Row, refuse};
use crate::pg::catalog;
use crate::pg::guc::hide_statement_from_log;
use crate::pg::jsonb::Jsonb;
use crate::projection_lock;

/// The columns of a session that may not hold a secret.
pub(super) struct Columns {
    texts: &'static [&'static str],
    json: &'static [&'static str],
    /// Whether the row keeps Stripe's answer.
    keeps_raw: bool,
}

const CHECKOUT: Columns = Columns {
    texts: &[
        "subject_type",
        "subject_id",
        "customer_email",
        "success_url",
        "cancel_url",
        "idempotency_key",
        "stripe_checkout_session_id",
        "stripe_customer_id",
        "stripe_payment_intent_id",
        "stripe_subscription_id",
        "url",
    ],
    json: &["line_items", "metadata"],
    keeps_raw: true,
};
/// Those of a checkout session that are not part of the request, which [`payments_core::session::Checkout::check`] looks through.
pub(super) const NOT_IN_REQUEST: Columns = Columns {
    texts: &[
        "stripe_checkout_session_id",
        "stripe_customer_id",
        "stripe_payment_intent_id",
        "stripe_subscription_id",
        "url",
    ],
    json: &[],
    keeps_raw: true,
};
pub(super) const PORTAL: Columns = Columns {
    texts: &["subject_type", "subject_id", "stripe_customer_id", "return_url", "configuration_id", "url"],
    json: &[],
    keeps_raw: true,
};

pub(super) const CHANGE: Columns = Columns {
    texts: &[
        "subject_type",
        "subject_id",
        "stripe_subscription_id",
        "stripe_price_id",
        "stripe_subscription_item_id",
        "idempotency_key",
        "stripe_invoice_id",
    ],
    json: &[],
    keeps_raw: false,
};

/// Refuses a secret in what is new of a row, and takes out those of `last_error` and `raw`.
pub(super) fn keep_out(row: &mut Row, before: Option<&Row>, columns: &Columns) -> Result<(), Refusal> {
    for column in columns.texts {
        let now = row.text(column);
        if now.as_deref().is_some_and(looks_secret) && before.is_none_or(|before| before.text(column) != now) {
            return Err(Refusal::Secret(column));
        }
    }
    for column in columns.json {
        let now = row.json(column);
        if now.as_deref().is_some_and(json_looks_secret) && before.is_none_or(|before| before.json(column) != now) {
            return Err(Refusal::Secret(column));
        }
    }
    if let Some(error) = row.text("last_error").filter(|error| looks_secret(error)) {
        hide_statement_from_log();
        row.set("last_error", without_secrets(&error));
    }
    if !columns.keeps_raw {
        return Ok(());
    }
    if let Some(raw) = row.json("raw") {
        let without_keys = json_without_secrets(&raw);
        let clean = json_without_client_secrets(without_keys.as_deref().unwrap_or(&raw)).or(without_keys);
        if let Some(clean) = clean {
            hide_statement_from_log();
            row.set("raw", Jsonb(clean));
        }
    }
    Ok(())
}

/// Removes the client secret of a session that is not open any more.
pub(super) fn end_client_secret(row: &mut Row) {
    if row.text("client_secret").is_some() && row.text("status").as_deref() != Some("open") {
        row.set("client_secret", None::<String>);
    }
}

/// Keeps secrets out of what an UPDATE writes. The guards see to it at INSERT.
#[pg_trigger(
    sql = "create function payments.keep_secrets_out() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn keep_secrets_out<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, std::convert::Infallible> {
    let relation = trigger.relid().unwrap_or(pg_sys::InvalidOid);
    let (columns, is_checkout) = match catalog::qualified_name(relation).as_deref() {
        Some("payments.checkout_sessions") => (&CHECKOUT, true),
        Some("payments.customer_portal_sessions") => (&PORTAL, false),
        Some("payments.subscription_requests") => (&CHANGE, false),
        _ => super::misplaced("BEFORE UPDATE FOR EACH ROW on a session table"),
    };
    let before_row = matches!(trigger.when(), Ok(PgTriggerWhen::Before));
    let (Some(old), Some(new), true) = (trigger.old(), trigger.new(), before_row) else {
        super::misplaced("BEFORE UPDATE FOR EACH ROW on a session table");
    };
    let mut row = Row(new.into_owned());
    // An event changes only ids and states of a session. To read the other columns would add a tenth to its cost.
    if projection_lock::is_projecting() {
        return Ok(Some(row.0));
    }
    if let Err(refusal) = keep_out(&mut row, Some(&Row(old.into_owned())), columns) {
        refuse(&refusal.into(), true);
    }
    if is_checkout {
        end_client_secret(&mut row);
    }
    Ok(Some(row.0))
}

/// Keeps the statement out of the server's log if any of the texts holds a secret: what is about to be refused would be
/// written there, whatever it is refused for.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn hide_secrets_from_log(texts: Vec<Option<String>>) {
    if texts.into_iter().flatten().any(|text| looks_secret(&text) || has_client_secret(&text)) {
        hide_statement_from_log();
    }
}
