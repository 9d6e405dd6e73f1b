//! Trying again what could not be given.

use payments_core::Subject;
use pgrx::prelude::*;
use serde::Deserialize;

use super::sessions::{give_session, lock_payments_of};
use super::target_kind::{PAID_FOR, TargetKind};
use super::{due, notices, period, returned, subscription};
use crate::error::OrRaise;
use crate::pg::guc::SearchPath;
use crate::pg::statement::{query, text};
use crate::precondition::environment_of;
use crate::{definer, trust};

query!(FIND_OPEN_FULFILLMENTS, "fulfillment_retry", "find_open_fulfillments");
query!(COUNT_OPEN_FULFILLMENTS, "fulfillment_retry", "count_open_fulfillments");
query!(DELETE_SKIPPED_FULFILLMENTS, "fulfillment_retry", "delete_skipped_fulfillments");
query!(DELETE_UNKNOWN_GOODS, "fulfillment_retry", "delete_unknown_goods");
query!(FIND_REFERENCED_SESSIONS, "fulfillment_retry", "find_referenced_sessions");
query!(FIND_SESSIONS_OF_ORDER, "fulfillment_retry", "find_sessions_of_order");
query!(FIND_REFERENCED_SUBSCRIPTIONS, "fulfillment_retry", "find_referenced_subscriptions");
query!(FIND_SUBSCRIPTIONS, "fulfillment_retry", "find_subscriptions");

#[derive(Deserialize)]
struct Open {
    environment: String,
    source: String,
    kind: String,
}

#[derive(Deserialize)]
struct Session {
    environment: String,
    id: String,
}

#[derive(Deserialize)]
struct Subscription {
    environment: String,
    id: String,
    subject_type: Option<String>,
    subject_id: Option<String>,
}

/// Tries again what failed or waits for review, of one environment or of both; a reference (an order, a session, a payment
/// intent, a subscription) narrows it to one purchase, which is then looked at as if it were new, with the benefits of today
/// and the tables of today.
///
/// Returns how many fewer things are open afterwards. Safe to run at any time: what was given is not given twice.
///
/// # Errors
/// 22023: no such environment.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn retry_fulfillments(environment: default!(Option<&str>, "null"), reference: default!(Option<&str>, "null")) -> i64 {
    trust::require_admin().or_raise();
    if environment.is_some() {
        environment_of(environment).or_raise();
    }
    definer::write(SearchPath::Ordinary, || {
        let before = open(environment);
        match reference {
            None => {
                let open: Vec<Open> = FIND_OPEN_FULFILLMENTS.all(&[text(environment)]);
                let sessions = open.iter().filter_map(|one| one.source.strip_prefix("checkout:")).collect();
                lock_payments_of(sessions);
                open.iter().for_each(again);
                due::settle_all();
                let others = [TargetKind::CreditLedger, TargetKind::FulfillmentJobs].map(TargetKind::name);
                let of_subscription = open.iter().filter(|one| !others.contains(&one.kind.as_str()));
                let name =
                    |one: &Open| Some((one.environment.clone(), one.source.strip_prefix("subscription:")?.to_owned()));
                returned::review(&of_subscription.filter_map(name).collect::<Vec<_>>());
            }
            Some(reference) => anew(environment, reference),
        }
        before - open(environment)
    })
}

fn open(environment: Option<&str>) -> i64 {
    COUNT_OPEN_FULFILLMENTS.one(&[text(environment)]).unwrap_or(0)
}

fn again(one: &Open) {
    let Some((prefix, id)) = one.source.split_once(':') else { return };
    match prefix {
        "invoice" | "session" | "subscription" if one.kind == TargetKind::FulfillmentJobs.name() => {
            let about = id.split(':').next().unwrap_or_default();
            notices::give_about(&[(one.environment.clone(), about.to_owned())]);
        }
        "checkout" => {
            if let Some(kind) = TargetKind::named(&one.kind) {
                give_session(&[kind], id);
            }
        }
        "subscription" if one.kind == TargetKind::CreditLedger.name() => period::give(&one.environment, id),
        "subscription" => subscription::give_entitlements(&one.environment, id),
        "subject" => {
            if let Some((subject_type, subject_id)) = id.split_once(':') {
                let subject = Subject { subject_type: subject_type.to_owned(), subject_id: subject_id.to_owned() };
                match TargetKind::named(&one.kind) {
                    Some(TargetKind::CreditLedger) => due::settle_again(&subject),
                    _ => subscription::write_billing_status(&one.environment, &subject),
                }
            }
        }
        _ => {}
    }
}

/// Looks at what a reference names as if it were new, whether something was decided on it before or not.
fn anew(environment: Option<&str>, reference: &str) {
    let args = [text(environment), text(reference)];
    let mut sessions: Vec<Session> = FIND_REFERENCED_SESSIONS.all(&args);
    if sessions.is_empty() {
        sessions = FIND_SESSIONS_OF_ORDER.all(&args);
    }
    lock_payments_of(sessions.iter().map(|session| session.id.as_str()).collect());
    for session in sessions {
        let source = format!("checkout:{}", session.id);
        DELETE_SKIPPED_FULFILLMENTS.execute(&[text(session.environment.as_str()), text(source.as_str())]);
        DELETE_UNKNOWN_GOODS.execute(&[text(session.environment.as_str()), text(source.as_str())]);
        give_session(&PAID_FOR, &session.id);
    }
    let subscriptions: Vec<Subscription> = FIND_REFERENCED_SUBSCRIPTIONS.all(&args);
    for one in &subscriptions {
        period::forget_empty_promises(&one.environment, &one.id);
    }
    settle(&subscriptions);
}

/// Gives what the subscriptions of an environment give as things are now.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn settle_subscriptions(environment: &str) {
    definer::require_inside();
    settle(&FIND_SUBSCRIPTIONS.all::<Subscription>(&[text(environment)]));
}

/// Gives what subscriptions give as things are now. Money that went back is reviewed last, because its lock is the last in the order.
fn settle(subscriptions: &[Subscription]) {
    for one in subscriptions {
        subscription::give_entitlements(&one.environment, &one.id);
        period::give(&one.environment, &one.id);
        if let Some((subject_type, subject_id)) = one.subject_type.clone().zip(one.subject_id.clone()) {
            subscription::write_billing_status(&one.environment, &Subject { subject_type, subject_id });
        }
    }
    let names = subscriptions.iter().map(|one| (one.environment.clone(), one.id.clone()));
    returned::review(&names.collect::<Vec<_>>());
}
