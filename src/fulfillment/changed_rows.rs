//! Which payments and subscriptions are decided on, by the rows of a trigger.

use std::collections::{BTreeMap, BTreeSet};

use pgrx::Uuid;
use pgrx::prelude::*;

use super::purchase::PaidBy;
use crate::pg::trigger_rows::{self, Row};

/// The payments whose money arrived, if something changed that decides what they give.
#[derive(Default)]
pub(super) struct Decided {
    pub(super) payments: Vec<Uuid>,
    /// What local sessions are found by.
    pub(super) paid_by: PaidBy,
    /// The subscriptions of invoices among them, with their environments.
    pub(super) subscriptions: Vec<(String, String)>,
    /// The same of invoices that are not paid.
    pub(super) unpaid: Vec<(String, String)>,
    /// The prices of these invoices' lines, with their environments.
    pub(super) prices: BTreeSet<(String, String)>,
}

/// What the rows of a trigger of `payments.payment_history` decide.
pub(super) fn payments_to_decide(trigger: &PgTrigger) -> Decided {
    let [id, environment, subscription, lines, subject_type, subject_id] = trigger_rows::columns(
        trigger,
        [c"id", c"environment", c"stripe_subscription_id", c"invoice_lines", c"subject_type", c"subject_id"],
    );
    let deciding = trigger_rows::columns(
        trigger,
        [
            c"type",
            c"status",
            c"amount",
            c"amount_refunded",
            c"shortfall",
            c"amount_lost",
            c"lost_in_other_currency",
            c"currency",
            c"dispute_status",
            c"paid_at",
            c"subtotal",
            c"line_items",
            c"invoice_lines",
            c"stripe_subscription_id",
            c"stripe_checkout_session_id",
            c"stripe_payment_intent_id",
        ],
    );
    let [of_type, status, .., session, intent] = deciding;
    let is_one_of = |row: &Row, column, words: &[&str]| {
        row.get::<String>(column).is_some_and(|word| words.contains(&word.as_str()))
    };
    let is_purchase = |row: &Row| {
        is_one_of(row, status, &["succeeded", "partially_refunded", "refunded"])
            && is_one_of(row, of_type, &["one_time_payment", "subscription_invoice"])
    };
    let of_invoices = [subscription, subject_type, subject_id];
    let mut decided = Decided::default();
    trigger_rows::visit(trigger, |old, new| {
        let Some(new) = new else { return };
        if !is_purchase(new) {
            let is_told = new.get::<pgrx::JsonB>(lines).is_some();
            if is_told && old.is_none_or(|old| [lines, subscription].iter().any(|column| new.differs(old, *column))) {
                decided.unpaid.extend(new.get(environment).zip(new.get(subscription)));
            }
            return;
        }
        let changed = old.is_none_or(|old| deciding.iter().any(|column| new.differs(old, *column)));
        if changed {
            decided.payments.extend(new.get::<Uuid>(id));
            decided.paid_by.sessions.extend(new.get::<String>(session));
            decided.paid_by.intents.extend(new.get::<String>(intent));
        }
        let Some(told) = new.get::<pgrx::JsonB>(lines) else { return };
        if changed || old.is_some_and(|old| of_invoices.iter().any(|column| new.differs(old, *column))) {
            let name = |row: &Row| Some((row.get(environment)?, row.get(subscription)?));
            decided.subscriptions.extend([old, Some(new)].into_iter().flatten().filter_map(name));
            let told = told.0.get("lines").and_then(serde_json::Value::as_array);
            let prices = told.into_iter().flatten().filter_map(|line| line.get("price")?.as_str());
            let environment: Option<String> = new.get(environment);
            decided.prices.extend(prices.filter_map(|price| Some((environment.clone()?, price.to_owned()))));
        }
    });
    decided.subscriptions.sort_unstable();
    decided.subscriptions.dedup();
    decided
}

/// Environment and id of the subscriptions of invoices among the rows, if money of these went back, or came back.
pub(super) fn returned_of_subscriptions(trigger: &PgTrigger) -> Vec<(String, String)> {
    let [of_type] = trigger_rows::columns(trigger, [c"type"]);
    let is_invoice = |row: &Row| row.get::<String>(of_type).is_some_and(|word| word == "subscription_invoice");
    let mut has_invoice = false;
    trigger_rows::visit(trigger, |old, new| has_invoice |= old.into_iter().chain(new).any(&is_invoice));
    if !has_invoice {
        return Vec::new();
    }
    let deciding = trigger_rows::columns(
        trigger,
        [
            c"type",
            c"stripe_subscription_id",
            c"status",
            c"amount",
            c"amount_refunded",
            c"amount_lost",
            c"lost_in_other_currency",
            c"dispute_status",
        ],
    );
    let [_, id, _, _, refunded, .., dispute] = deciding;
    let [environment] = trigger_rows::columns(trigger, [c"environment"]);
    let mut changed: Vec<(String, String)> = Vec::new();
    trigger_rows::visit(trigger, |old, new| {
        let is_returned = |row: &Row| row.get::<i64>(refunded) > Some(0) || row.get::<String>(dispute).is_some();
        let is_same = old.zip(new).is_some_and(|(old, new)| deciding.iter().all(|column| !new.differs(old, *column)));
        let rows = [old, new].into_iter().flatten();
        if !is_same && rows.clone().any(is_returned) {
            changed.extend(
                rows.filter(|row| is_invoice(row)).filter_map(|row| Some((row.get(environment)?, row.get(id)?))),
            );
        }
    });
    changed.sort_unstable();
    changed.dedup();
    changed
}

/// Environment and id of the subscriptions among the rows, before and after.
pub(super) fn changed_subscriptions(trigger: &PgTrigger) -> Vec<(String, String)> {
    let [environment, id] = trigger_rows::columns(trigger, [c"environment", c"stripe_subscription_id"]);
    let mut changed: Vec<(String, String)> = Vec::new();
    trigger_rows::visit(trigger, |old, new| {
        let name = |row: &Row| Some((row.get(environment)?, row.get(id)?));
        changed.extend([old, new].into_iter().flatten().filter_map(name));
    });
    changed.sort_unstable();
    changed.dedup();
    changed
}

/// The subjects of subscriptions among the rows, before and after, with an environment of each.
pub(super) fn changed_subjects(trigger: &PgTrigger) -> BTreeMap<(String, String), String> {
    let [environment, subject_type, subject_id] =
        trigger_rows::columns(trigger, [c"environment", c"subject_type", c"subject_id"]);
    let mut changed = BTreeMap::new();
    trigger_rows::visit(trigger, |old, new| {
        let subject = |row: &Row| Some(((row.get(subject_type)?, row.get(subject_id)?), row.get(environment)?));
        changed.extend([old, new].into_iter().flatten().filter_map(subject));
    });
    changed
}
