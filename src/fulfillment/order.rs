//! Orders: reads the order that a payment names, and writes what the payments that name it make of it.

use std::collections::HashMap;
use std::rc::Rc;

use payments_core::fulfillment::benefit::PendingReason;
use payments_core::fulfillment::decision::{FulfillmentDecision, FulfillmentState};
use payments_core::fulfillment::order::{Order, OrderUpdate, PaymentCandidate, Settled, settle};
use payments_core::fulfillment::own::Own;
use payments_core::fulfillment::prior::{PriorFulfillment, UNDECIDED};
use payments_core::fulfillment::record::Record;
use pgrx::Uuid;
use pgrx::prelude::*;
use serde::Deserialize;

use super::purchase::Purchase;
use super::record::{Decided, delete, failed, save};
use super::target::Target;
use super::target_kind::TargetKind;
use super::targets::targets;
use crate::pg::savepoint::Failure;
use crate::pg::statement::{Rows, query, template, text};
use crate::pg::time::time;
use crate::pg::uuid::uuid;

query!(FIND_RIVALS, "fulfillment_order", "find_rivals");

const LOCK_ORDER: &str = template!("fulfillment_order", "lock_order");
const LOCK_ORDERS: &str = template!("fulfillment_order", "lock_orders");
const ORDER_IS_CURRENT: &str = template!("fulfillment_order", "order_is_current");
const WRITE_ORDERS: &str = template!("fulfillment_order", "write_orders");

/// Payments that began to pay their order, or pay it no longer.
pub(super) type Changed = Vec<(Rc<Purchase>, bool)>;

/// A payment on whose order nothing was decided yet, and the order's key.
pub(super) struct Named<'a> {
    pub(super) purchase: &'a Purchase,
    pub(super) key: &'a str,
    pub(super) candidate: &'a PaymentCandidate,
}

/// What is written to an order's row.
struct Row<'a> {
    key: &'a str,
    status: String,
    payer: Option<&'a Purchase>,
}

/// The table in which a purchase's order is looked for first, and its key there. None if the order has to be settled by itself: something
/// was decided on it before, or a line item has a price that may give something, but has no known product yet.
pub(super) fn first_table<'a>(purchase: &Purchase, tables: &'a [Target]) -> Option<(&'a Target, String)> {
    let order_id = purchase.order_id.as_deref()?;
    if purchase.prior_of(TargetKind::Orders).next().is_some()
        || !purchase.by_backend() && matches!(purchase.own(), Own::Unknown(_))
    {
        return None;
    }
    tables.iter().find_map(|table| table.key("id", order_id).map(|key| (table, key)))
}

/// Settles pending orders, each for the first payment that names it. The result is none for an order that is locked by others, is not
/// there, or is not pending: that one is settled by itself.
pub(super) fn settle_pending(target: &Target, named: &[Named]) -> Vec<Option<Settled>> {
    #[derive(Deserialize)]
    struct Locked {
        key: String,
        #[serde(flatten)]
        order: Order,
    }
    let keys = Rows::new(named.len()).texts(named.iter().map(|one| Some(one.key)));
    let mut orders: HashMap<String, Order> = target
        .find_rows::<Locked>(LOCK_ORDERS, &keys)
        .into_iter()
        .filter(|locked| locked.order.status.as_deref() == Some("pending"))
        .map(|locked| (locked.key, locked.order))
        .collect();
    let mut rows = Vec::new();
    let settled = named
        .iter()
        .map(|one| {
            let (update, settled) = settle(&orders.remove(one.key)?, std::slice::from_ref(one.candidate));
            rows.extend(update.map(|update| row(one.key, update, &[one.purchase])));
            settled.into_iter().next()
        })
        .collect();
    write(target, &rows);
    settled
}

fn row<'a>(key: &'a str, update: OrderUpdate, purchases: &[&'a Purchase]) -> Row<'a> {
    Row { key, status: update.status, payer: update.holder.map(|place| purchases[place]) }
}

fn write(target: &Target, rows: &[Row]) {
    if rows.is_empty() {
        return;
    }
    let payers = || rows.iter().map(|row| row.payer);
    let refunded = |row: &Row| Some(row.payer.map_or(0, |payer| payer.money.refunded_of_order()));
    let all = Rows::new(rows.len())
        .texts(rows.iter().map(|row| Some(row.key)))
        .texts(rows.iter().map(|row| Some(row.status.as_str())))
        .numbers(rows.iter().map(refunded))
        .times(payers().map(|payer| payer.map(|payer| payer.money.paid_at)))
        .texts(payers().map(|payer| payer.and_then(|payer| payer.stripe_checkout_session_id.as_deref())))
        .texts(payers().map(|payer| payer.and_then(|payer| payer.stripe_payment_intent_id.as_deref())));
    if usize::try_from(target.run_rows(WRITE_ORDERS, &all).0) != Ok(rows.len())
        && !rows.iter().all(|row| is_current(target, row))
    {
        target.raise_no_effect();
    }
}

fn is_current(target: &Target, row: &Row) -> bool {
    let args = [
        text(row.key),
        text(row.status.as_str()),
        row.payer.map_or(0, |payer| payer.money.refunded_of_order()).into(),
        time(row.payer.map(|payer| payer.money.paid_at)),
        text(row.payer.and_then(|payer| payer.stripe_checkout_session_id.as_deref())),
        text(row.payer.and_then(|payer| payer.stripe_payment_intent_id.as_deref())),
    ];
    target.run(ORDER_IS_CURRENT, &args).1.is_some()
}

/// Whether a payment paid an order when it was decided on last.
pub(super) fn paid_before(purchase: &Purchase) -> bool {
    !targets(TargetKind::Orders).is_empty()
        && purchase.prior_of(TargetKind::Orders).any(|prior| prior.granted.is_some())
}

/// Settles the order that one payment names, in the first of the app's tables that has it, and saves the decisions. It is for an order
/// that something was decided on before, or that somebody has locked. All payments that name it are decided on together.
pub(super) fn settle_named(purchase: &Rc<Purchase>) -> Changed {
    let Some(order_id) = &purchase.order_id else { return Changed::new() };
    let tables = targets(TargetKind::Orders);
    let mut missing = None;
    for target in tables.iter() {
        let Some(key) = target.key("id", order_id) else {
            missing.get_or_insert((target, order_id.clone()));
            continue;
        };
        match settle_in(target, purchase, &key) {
            Ok(Some(changed)) => {
                delete_outdated(purchase, target, &key);
                return changed;
            }
            Ok(None) => {
                missing.get_or_insert((target, key));
            }
            Err(failure) => {
                let record = failed(Record::new(&key, FulfillmentDecision::applied()), &failure);
                save(&[purchase.decided(TargetKind::Orders, target, record)]);
                delete_outdated(purchase, target, &key);
                return Changed::new();
            }
        }
    }
    if let Some((target, key)) = missing {
        let decision = purchase.money.needs_review(&format!("no order has the id {order_id}"));
        save(&[purchase.decided(TargetKind::Orders, target, Record::new(&key, decision))]);
        delete_outdated(purchase, target, &key);
    }
    Changed::new()
}

/// Deletes the decisions on another order that its session named before, and on tables that do not have the order; not a decision that
/// it paid an order.
fn delete_outdated(purchase: &Purchase, target: &Target, key: &str) {
    let is_elsewhere = |table: &str, item: &str| (table, item) != (target.relation.as_str(), key);
    for prior in purchase.prior_of(TargetKind::Orders) {
        if is_elsewhere(&prior.target_table, &prior.item) && prior.granted.is_none() && prior.pending().is_none() {
            delete(&purchase.source, TargetKind::Orders, &prior.target_table, &prior.item, None);
        }
    }
}

/// Settles it in one table, if the order is there.
fn settle_in(target: &Target, purchase: &Rc<Purchase>, key: &str) -> Result<Option<Changed>, Failure> {
    let alone = [purchase.candidate(target, key)];
    let first = target.try_write(|| {
        let order = lock(target, key)?;
        if order.status.as_deref() != Some("pending") || alone[0].before.is_some() {
            return Some(Err(order));
        }
        let (update, settled) = settle(&order, &alone);
        write(target, &Vec::from_iter(update.map(|update| row(key, update, &[purchase]))));
        Some(Ok(settled))
    })?;
    match first {
        None => Ok(None),
        Some(Ok(settled)) => Ok(Some(keep(target, key, &[Rc::clone(purchase)], &settled))),
        Some(Err(order)) => settle_among_rivals(target, purchase, key, &order).map(Some),
    }
}

/// Decides on all payments that name an order together. The order's row is locked.
fn settle_among_rivals(target: &Target, purchase: &Rc<Purchase>, key: &str, order: &Order) -> Result<Changed, Failure> {
    let rivals: Vec<Uuid> = FIND_RIVALS
        .all::<String>(&[text(target.relation.as_str()), text(key), text(purchase.source.as_str())])
        .iter()
        .map(|id| uuid(id))
        .collect();
    let rivals = Purchase::find_all(&rivals).into_iter().map(|(_, rival)| rival);
    let purchases: Vec<Rc<Purchase>> = std::iter::once(Rc::clone(purchase)).chain(rivals).collect();
    let candidates: Vec<PaymentCandidate> = purchases.iter().map(|one| one.candidate(target, key)).collect();
    let (update, settled) = settle(order, &candidates);
    let all: Vec<&Purchase> = purchases.iter().map(|one| &**one).collect();
    target.try_write(|| write(target, &Vec::from_iter(update.map(|update| row(key, update, &all)))))?;
    Ok(keep(target, key, &purchases, &settled))
}

fn lock(target: &Target, key: &str) -> Option<Order> {
    let (_, row) = target.run(LOCK_ORDER, &[text(key)]);
    row.map(|row| serde_json::from_str(&row).unwrap_or_else(|error| error!("order {key} has another shape: {error}")))
}

/// Saves the decisions, and returns the payments that began to pay the order or pay it no longer.
fn keep(target: &Target, key: &str, purchases: &[Rc<Purchase>], settled: &[Settled]) -> Changed {
    let mut decided: Vec<Decided> = Vec::new();
    for (purchase, settled) in purchases.iter().zip(settled) {
        let record = settled.record(key, &purchase.money);
        decided.push(purchase.decided(TargetKind::Orders, target, record));
        let unknown = unknown_prices(purchase, settled.waits);
        decided.extend(unknown.iter().map(|price| {
            let record = Record::undecided(price, PendingReason::UnknownProduct, "something of their own");
            purchase.decided(TargetKind::Orders, target, record)
        }));
        for line in purchase.prior_on(TargetKind::Orders, target).filter_map(PriorFulfillment::pending) {
            if !unknown.contains(&line.price) {
                let item = format!("{UNDECIDED}{}", line.price);
                delete(&purchase.source, TargetKind::Orders, &target.relation, &item, None);
            }
        }
    }
    save(&decided);
    purchases
        .iter()
        .zip(settled)
        .filter(|(purchase, settled)| paid(purchase, target, key) != settled.pays_order)
        .map(|(purchase, settled)| (Rc::clone(purchase), settled.pays_order))
        .collect()
}

/// Whether the record says that a payment paid this order.
fn paid(purchase: &Purchase, target: &Target, key: &str) -> bool {
    purchase.prior_on(TargetKind::Orders, target).any(|prior| prior.item == key && prior.granted.is_some())
}

/// The prices whose products must be known before the order is paid, so that it is decided when they are.
fn unknown_prices(purchase: &Purchase, waits: bool) -> &[String] {
    match waits.then(|| purchase.own()) {
        Some(Own::Unknown(prices)) => prices,
        _ => &[],
    }
}

/// Saves that a subscription's checkout session pays no order, although it names one.
pub(super) fn refuse_subscription(environment: &str, session: &str, order_id: &str) {
    let source = format!("checkout:{session}");
    if let Some(target) = targets(TargetKind::Orders).first() {
        let reason = "an order is paid by a one-time payment; this checkout session is a subscription's";
        let decision = FulfillmentDecision::because(FulfillmentState::Skipped, reason);
        let record = Record::new(order_id, decision);
        let (kind, target) = (TargetKind::Orders, target.relation.as_str());
        save(&[Decided { environment, source: &source, kind, target, is_first: false, record }]);
    }
}
