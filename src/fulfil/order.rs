//! Orders: reads the order that a payment names, and writes what the payments that name it make of it.

use std::collections::HashMap;

pub(super) use payments_core::fulfil::order::Decision;
use payments_core::fulfil::order::{Before, Claim, Order, Own, Write, settle};
use payments_core::fulfil::promise::Undecided;
use payments_core::fulfil::{State, Verdict};
use pgrx::prelude::*;
use serde::Deserialize;
use serde_json::json;

use super::purchase::{Given, Purchase};
use super::target::Target;
use super::{FORGET_FULFILLMENT, Kind, Record, UNDECIDED, forget, jobs, keep_undecided, known};
use crate::db::{statement, text};

statement!(FIND_RIVALS, "find_rivals");

const LOCK_ORDER: &str = include_str!("../../sql/target/lock_order.sql");
const ORDER_STANDS: &str = include_str!("../../sql/target/order_stands.sql");
const WRITE_ORDER: &str = include_str!("../../sql/target/write_order.sql");
const LOCK_ORDERS: &str = include_str!("../../sql/target/lock_orders.sql");
const WRITE_ORDERS: &str = include_str!("../../sql/target/write_orders.sql");

/// Settles the order that a payment names, in the first of the app's order tables that has it. Another trigger of the same
/// change may have done so already.
pub(super) fn fulfil(purchase: &Purchase) {
    if purchase.holds.get().is_none() {
        purchase.holds.set(Some(settle_named(purchase)));
    }
}

/// The statement that this purchase was read after has settled its order, and the record says how.
pub(super) fn is_settled(purchase: &Purchase) {
    let holds = purchase.given_of(Kind::Orders).any(|given| given.granted.is_some());
    purchase.holds.set(Some(holds));
}

/// Whether this payment holds the order that it names.
pub(super) fn holds(purchase: &Purchase) -> bool {
    fulfil(purchase);
    purchase.holds.get() == Some(true)
}

fn settle_named(purchase: &Purchase) -> bool {
    let Some(order_id) = &purchase.order_id else { return false };
    let targets = known::targets(Kind::Orders);
    let mut missing = None;
    for target in targets.iter() {
        let Some(key) = target.key("id", order_id) else {
            missing.get_or_insert((target, order_id.clone()));
            continue;
        };
        match settle_in(target, purchase, &key) {
            Ok(Some(holds)) => {
                forget_others(purchase, target, &key);
                return holds;
            }
            Ok(None) => {
                missing.get_or_insert((target, key));
            }
            Err(failure) => {
                Record::new(purchase, Kind::Orders, target, &key, Verdict::applied()).keep_failure(&failure);
                forget_others(purchase, target, &key);
                return false;
            }
        }
    }
    if let Some((target, what)) = missing {
        let reason = format!("no order has the id {order_id}");
        Record::new(purchase, Kind::Orders, target, &what, purchase.needs_review(&reason)).keep();
        forget_others(purchase, target, &what);
    }
    false
}

/// What was said of another order that its session named before, or of a table in which this one was looked for, is outdated;
/// not what it paid.
fn forget_others(purchase: &Purchase, target: &Target, key: &str) {
    let outdated = |given: &&Given| given.granted.is_none() && given.waiting().is_none();
    for given in purchase.given_elsewhere(Kind::Orders, target, key).filter(outdated) {
        let words = [purchase.source.as_str(), Kind::Orders.name(), &given.target, &given.what];
        let [source, kind, relation, what] = words.map(text);
        FORGET_FULFILLMENT.execute(&[source, kind, relation, what, text(None)]);
    }
}

/// Says of a subscription's checkout session that the order it names is none of its business.
pub(super) fn refuse_subscription(environment: &str, session: &str, order_id: &str) {
    let source = format!("checkout:{session}");
    if let Some(target) = known::targets(Kind::Orders).first() {
        let reason = "an order is paid by a one-time payment; this checkout session is a subscription's";
        let verdict = Verdict::because(State::Skipped, reason);
        Record::of(environment, &source, Kind::Orders, &target.relation, order_id, verdict).keep();
    }
}

/// Settles it in one table; whether the payment holds it then, if the order is there.
fn settle_in(target: &Target, purchase: &Purchase, key: &str) -> Result<Option<bool>, crate::db::Failure> {
    let alone = [claim_of(purchase, target, key)];
    // The usual case in one go: an order that waits, and the first payment that names it.
    let first = target.attempt(|| {
        let order = lock(target, key)?;
        if order.status.as_deref() != Some("pending") || alone[0].before.is_some() {
            return Some(Err(order));
        }
        let (write, decisions) = settle(&order, &alone);
        put(target, key, write.as_ref(), &[purchase]);
        Some(Ok(decisions))
    })?;
    match first {
        None => Ok(None),
        Some(Ok(decisions)) => {
            keep(target, key, &[purchase], &decisions);
            Ok(decisions.first().map(|decision| decision.holds))
        }
        Some(Err(order)) => settle_among_rivals(target, purchase, key, &order).map(Some),
    }
}

/// An order that has a story: every payment that names it is decided on together.
fn settle_among_rivals(
    target: &Target,
    purchase: &Purchase,
    key: &str,
    order: &Order,
) -> Result<bool, crate::db::Failure> {
    let rivals: Vec<Purchase> = FIND_RIVALS
        .all::<String>(&[text(target.relation.as_str()), text(key), text(purchase.source.as_str())])
        .iter()
        .filter_map(|id| Purchase::find(uuid(id)))
        .collect();
    let purchases: Vec<&Purchase> = std::iter::once(purchase).chain(&rivals).collect();
    let claims: Vec<Claim> = purchases.iter().map(|one| claim_of(one, target, key)).collect();
    let (write, decisions) = settle(order, &claims);
    target.attempt(|| put(target, key, write.as_ref(), &purchases))?;
    keep(target, key, &purchases, &decisions);
    Ok(decisions.first().is_some_and(|decision| decision.holds))
}

/// A uuid that Postgres printed.
pub(super) fn uuid(text: &str) -> pgrx::Uuid {
    let mut bytes = [0; 16];
    let hex: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks(2)) {
        *byte = std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()).unwrap_or_default();
    }
    pgrx::Uuid::from_bytes(bytes)
}

fn claim_of(purchase: &Purchase, target: &Target, key: &str) -> Claim {
    Claim {
        source: purchase.source.clone(),
        environment: purchase.environment.clone(),
        money: purchase.money.clone(),
        created_by: purchase.created_by.clone(),
        subject: purchase.subject(),
        line_items: purchase.line_items.clone(),
        by_backend: purchase.by_backend(),
        own: if purchase.by_backend() { Own::Nothing } else { purchase.own().clone() },
        live_approved: purchase.live_approved,
        before: purchase.given(Kind::Orders, target).find(|given| given.what == key).map(|given| Before {
            state: given.state,
            due: given.due,
            currency: given.currency.clone(),
            granted: given.granted,
            held: given.held.clone(),
        }),
    }
}

fn lock(target: &Target, key: &str) -> Option<Order> {
    let (_, row) = target.run(LOCK_ORDER, &[text(key)]);
    row.map(|row| serde_json::from_str(&row).unwrap_or_else(|error| error!("order {key} has another shape: {error}")))
}

fn put(target: &Target, key: &str, write: Option<&Write>, purchases: &[&Purchase]) {
    let Some(write) = write else { return };
    let holder = write.holder.map(|place| purchases[place]);
    let args = [
        text(key),
        text(write.status.as_str()),
        holder.map_or(0, |purchase| purchase.money.refunded()).into(),
        holder.map(|purchase| purchase.money.paid_at).into(),
        text(holder.and_then(|purchase| purchase.stripe_checkout_session_id.as_deref())),
        text(holder.and_then(|purchase| purchase.stripe_payment_intent_id.as_deref())),
    ];
    if target.run(WRITE_ORDER, &args).0 == 0 && target.run(ORDER_STANDS, &args).1.is_none() {
        target.had_no_effect();
    }
}

/// Settles an order that waits for a payment on which nothing was decided yet; none where that is not so.
pub(super) fn settle_first(target: &Target, purchase: &Purchase, key: &str) -> Option<Decision> {
    let order = lock(target, key).filter(|order| order.status.as_deref() == Some("pending"))?;
    let (write, decisions) = settle(&order, &[claim_of(purchase, target, key)]);
    put(target, key, write.as_ref(), &[purchase]);
    decisions.into_iter().next()
}

/// The same for many payments, each order for the first of them that names it.
pub(super) fn settle_many(target: &Target, payments: &[(&Purchase, Option<&str>)]) -> Vec<Option<Decision>> {
    #[derive(Deserialize)]
    struct Locked {
        key: String,
        #[serde(flatten)]
        order: Order,
    }
    let keys: Vec<String> = payments.iter().filter_map(|(_, key)| key.map(ToOwned::to_owned)).collect();
    if keys.is_empty() {
        return payments.iter().map(|_| None).collect();
    }
    let mut orders: HashMap<String, Order> = target
        .all::<Locked>(LOCK_ORDERS, &[keys.clone().into()])
        .into_iter()
        .filter(|locked| locked.order.status.as_deref() == Some("pending"))
        .map(|locked| (locked.key, locked.order))
        .collect();
    let mut rows = Vec::new();
    let decisions = payments
        .iter()
        .map(|(purchase, key)| {
            let key = (*key)?;
            let (write, decisions) = settle(&orders.remove(key)?, &[claim_of(purchase, target, key)]);
            rows.extend(write.map(|write| {
                json!({
                    "key": key,
                    "status": write.status,
                    "amount_refunded": purchase.money.refunded(),
                    "paid_at": purchase.money.paid_at,
                    "stripe_checkout_session_id": purchase.stripe_checkout_session_id,
                    "stripe_payment_intent_id": purchase.stripe_payment_intent_id,
                })
            }));
            decisions.into_iter().next()
        })
        .collect();
    target.write_all(WRITE_ORDERS, &rows, vec![keys.into()]);
    decisions
}

/// What is recorded of a decision.
pub(super) fn record<'a>(
    purchase: &'a Purchase,
    target: &'a Target,
    key: &'a str,
    decision: &'a Decision,
) -> Record<'a> {
    let money = &purchase.money;
    Record {
        due: money.amount,
        granted: if decision.holds { money.amount.or(Some(0)) } else { None },
        taken_back: decision.holds.then(|| if money.lost() { money.amount.unwrap_or(0) } else { money.refunded() }),
        currency: money.currency.as_deref(),
        matches: decision.matches,
        held: decision.held.as_deref(),
        ..Record::new(purchase, Kind::Orders, target, key, decision.verdict.clone())
    }
}

fn keep(target: &Target, key: &str, purchases: &[&Purchase], decisions: &[Decision]) {
    for (purchase, decision) in purchases.iter().zip(decisions) {
        record(purchase, target, key, decision).keep();
        keep_waiting(purchase, target, decision.waits);
        let held = purchase.given(Kind::Orders, target).any(|given| given.what == key && given.granted.is_some());
        if held != decision.holds {
            jobs::retell(purchase, decision.holds);
        }
    }
}

/// Records the prices whose products must be known before an order is paid, so that it is decided when they are.
fn keep_waiting(purchase: &Purchase, target: &Target, waits: bool) {
    let unknown: &[String] = match waits.then(|| purchase.own()) {
        Some(Own::Unknown(prices)) => prices,
        _ => &[],
    };
    for price in unknown {
        keep_undecided(purchase, Kind::Orders, target, price, Undecided::UnknownProduct);
    }
    for line in purchase.given(Kind::Orders, target).filter_map(Given::waiting) {
        if !unknown.contains(&line.price) {
            forget(&purchase.source, Kind::Orders, target, &format!("{UNDECIDED}{}", line.price), None);
        }
    }
}
