//! Trying again what could not be given.

use pgrx::prelude::*;
use serde::Deserialize;

use super::{Kind, fulfil_payment, order::uuid, subscription};
use crate::db::{statement, text};

statement!(FIND_OPEN_FULFILLMENTS, "find_open_fulfillments");
statement!(COUNT_OPEN_FULFILLMENTS, "count_open_fulfillments");
statement!(FORGET_SKIPPED, "forget_skipped");
statement!(FIND_PAYMENTS_OF_SESSION, "find_payments_of_session");

#[derive(Deserialize)]
struct Open {
    environment: String,
    source: String,
    kind: String,
}

/// Tries again what failed or waits for review, of one environment or of both; a reference (an order, a session, a payment
/// intent, a subscription) narrows it to one purchase, which is then looked at as if it were new, with the benefits of today.
///
/// Returns how many fewer things are open afterwards. Safe to run at any time: what was given is not given twice.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn retry_fulfillments(environment: default!(Option<&str>, "null"), reference: default!(Option<&str>, "null")) -> i64 {
    let before = open(environment);
    for one in FIND_OPEN_FULFILLMENTS.all::<Open>(&[text(environment), text(reference)]) {
        if reference.is_some() {
            FORGET_SKIPPED.execute(&[
                text(one.environment.as_str()),
                text(one.source.as_str()),
                text(one.kind.as_str()),
            ]);
        }
        again(&one);
    }
    before - open(environment)
}

fn open(environment: Option<&str>) -> i64 {
    COUNT_OPEN_FULFILLMENTS.one(&[text(environment)]).unwrap_or(0)
}

fn again(one: &Open) {
    let Some((wing, id)) = one.source.split_once(':') else { return };
    match wing {
        "checkout" => {
            if let Some(kind) = Kind::named(&one.kind) {
                fulfil_session(&[kind], uuid(id));
            }
        }
        "subscription" => subscription::fulfil_entitlements(&one.environment, id),
        "subject" => {
            if let Some((subject_type, subject_id)) = id.split_once(':') {
                subscription::fulfil_billing_status(&one.environment, subject_type, subject_id);
            }
        }
        _ => {}
    }
}

/// Gives what the payments of one local session bought.
pub(super) fn fulfil_session(kinds: &[Kind], session: pgrx::Uuid) {
    for payment in FIND_PAYMENTS_OF_SESSION.all::<String>(&[session.into()]) {
        for kind in kinds {
            fulfil_payment(*kind, uuid(&payment));
        }
    }
}
