//! Orders: reads the order that a payment names, and writes what the payments that name it make of it.

use payments_core::fulfil::Verdict;
use payments_core::fulfil::order::{Before, Claim, Decision, Order, Write, key, settle};
use pgrx::prelude::*;

use super::target::Target;
use super::{Kind, Purchase, Record, find_purchase};
use crate::db::{statement, text};

statement!(FIND_RIVALS, "find_rivals");

const LOCK_ORDER: &str = include_str!("../../sql/target/lock_order.sql");
const WRITE_ORDER: &str = include_str!("../../sql/target/write_order.sql");

/// Settles the order that a payment names, in the first of the app's order tables that has it.
pub(super) fn fulfil(purchase: &Purchase) {
    let Some(order_id) = &purchase.order_id else { return };
    let mut missing = None;
    for target in purchase.targets() {
        let Some(key) = key(order_id, target.key_type) else {
            missing.get_or_insert((target, order_id.clone()));
            continue;
        };
        match settle_in(target, purchase, &key) {
            Ok(true) => return,
            Ok(false) => {
                missing.get_or_insert((target, key));
            }
            Err(failure) => {
                Record::new(purchase, Kind::Orders, target, &key, Verdict::applied()).keep_failure(&failure);
                return;
            }
        }
    }
    if let Some((target, what)) = missing {
        let reason = format!("no order has the id {order_id}");
        Record::new(purchase, Kind::Orders, target, &what, purchase.needs_review(&reason)).keep();
    }
}

/// Settles it in one table; whether the order is there.
fn settle_in(target: &Target, purchase: &Purchase, key: &str) -> Result<bool, crate::db::Failure> {
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
        None => Ok(false),
        Some(Ok(decisions)) => {
            keep(target, key, &[purchase], &decisions);
            Ok(true)
        }
        Some(Err(order)) => {
            settle_among_rivals(target, purchase, key, &order)?;
            Ok(true)
        }
    }
}

/// An order that has a story: every payment that names it is decided on together.
fn settle_among_rivals(
    target: &Target,
    purchase: &Purchase,
    key: &str,
    order: &Order,
) -> Result<(), crate::db::Failure> {
    let rivals: Vec<Purchase> = FIND_RIVALS
        .all::<String>(&[text(target.relation.as_str()), text(key), text(purchase.source.as_str())])
        .iter()
        .filter_map(|id| find_purchase(Kind::Orders, uuid(id), &purchase.targets))
        .collect();
    let purchases: Vec<&Purchase> = std::iter::once(purchase).chain(&rivals).collect();
    let claims: Vec<Claim> = purchases.iter().map(|one| claim_of(one, target, key)).collect();
    let (write, decisions) = settle(order, &claims);
    target.attempt(|| put(target, key, write.as_ref(), &purchases))?;
    keep(target, key, &purchases, &decisions);
    Ok(())
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
        before: purchase.given(target).find(|given| given.what == key).map(|given| Before {
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
    target.run(
        WRITE_ORDER,
        &[
            text(key),
            text(write.status.as_str()),
            holder.map_or(0, |purchase| purchase.money.refunded()).into(),
            holder.map(|purchase| purchase.money.paid_at).into(),
            text(holder.and_then(|purchase| purchase.stripe_checkout_session_id.as_deref())),
            text(holder.and_then(|purchase| purchase.stripe_payment_intent_id.as_deref())),
        ],
    );
}

fn keep(target: &Target, key: &str, purchases: &[&Purchase], decisions: &[Decision]) {
    for (purchase, decision) in purchases.iter().zip(decisions) {
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
        .keep();
    }
}
