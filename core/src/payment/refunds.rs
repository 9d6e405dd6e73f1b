//! How much of a payment was refunded: an absolute amount, from refunds and charges.

use super::fact::{Fact, PaymentObject};
use super::object_history::ObjectHistory;
use crate::stripe::object::charge::Charge;
use crate::stripe::object::money_state::MoneyState;
use crate::stripe::object::refund::Refund;

/// What was refunded of one payment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refunded {
    /// In minor units of the charge's currency.
    pub amount: i64,
    /// What was charged, in the same units; `None` if no successful charge is known.
    pub charged: Option<i64>,
    /// When the first refund succeeded, in Unix seconds.
    pub at: Option<i64>,
}

/// Adds up what was refunded, charge by charge.
#[must_use]
pub fn refunded(charges: &[ObjectHistory], refunds: &[ObjectHistory]) -> Refunded {
    let mut total = Refunded::default();
    let mut unclaimed: Vec<&ObjectHistory> = refunds.iter().collect();
    let took_money = |charge: &&ObjectHistory| charge.newest.object.state() == MoneyState::Succeeded;
    let usual = charges.iter().find(took_money).or(charges.first()).map(|charge| charge.newest.object.object_id());
    for charge in charges {
        let PaymentObject::Charge(newest) = &charge.newest.object else {
            continue;
        };
        let (own, rest): (Vec<&ObjectHistory>, Vec<&ObjectHistory>) =
            unclaimed.into_iter().partition(|refund| belongs_to(refund, newest, usual));
        unclaimed = rest;
        total.amount += sum_of_succeeded(&own).max(net_refunded(charge.newest, &own));
        if newest.state == MoneyState::Succeeded {
            *total.charged.get_or_insert(0) += newest.charged().unwrap_or(0);
        }
        total.at = earliest(total.at, first_refunded_at(charge, &own));
    }
    total.amount += sum_of_succeeded(&unclaimed);
    for refund in refunds.iter().filter(|refund| refund.newest.object.state() == MoneyState::Succeeded) {
        total.at = earliest(total.at, refund.first_time_in(MoneyState::Succeeded));
    }
    total.at = total.at.filter(|_| total.amount > 0);
    total
}

fn earliest(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    a.into_iter().chain(b).min()
}

/// Whether a refund is of this charge: it names the charge, or it names none and this is the charge that took the
/// money.
fn belongs_to(refund: &ObjectHistory, charge: &Charge, usual: Option<&str>) -> bool {
    as_refund(refund).is_some_and(|refund| refund.charge.as_deref().or(usual) == Some(charge.id.as_str()))
}

fn sum_of_succeeded(refunds: &[&ObjectHistory]) -> i64 {
    refunds
        .iter()
        .filter_map(|refund| as_refund(refund))
        .filter(|refund| refund.state == MoneyState::Succeeded)
        .filter_map(|refund| refund.amount)
        .sum()
}

fn as_refund<'a>(history: &ObjectHistory<'a>) -> Option<&'a Refund> {
    match &history.newest.object {
        PaymentObject::Refund(refund) => Some(refund),
        _ => None,
    }
}

/// What a charge says was refunded, without what was never captured, and without refunds that counted at the time and
/// failed or were canceled later. A charge's event comes when a refund is made, so a failure in the same second came
/// after it.
fn net_refunded(fact: &Fact, refunds: &[&ObjectHistory]) -> i64 {
    let PaymentObject::Charge(charge) = &fact.object else { return 0 };
    let at = fact.created;
    let failed_later: i64 = refunds
        .iter()
        .filter_map(|refund| as_refund(refund).map(|newest| (refund, newest)))
        .filter(|(_, newest)| newest.state == MoneyState::Failed && newest.created <= Some(at))
        .filter(|(refund, _)| failed_at(refund).is_some_and(|failed| failed > at || (failed == at && !fact.is_sync())))
        .filter_map(|(_, newest)| newest.amount)
        .sum();
    charge.amount_refunded - charge.released() - failed_later
}

/// When a refund was first reported as failed or canceled: the time of the event, otherwise that of the backfill. The
/// refund's own `created` does not say it, because the refund still counted then.
fn failed_at(refund: &ObjectHistory) -> Option<i64> {
    let reported = |by_sync: bool| {
        let failed = refund.facts.iter().filter(|fact| fact.object.state() == MoneyState::Failed);
        failed.filter(|fact| fact.is_sync() == by_sync).map(|fact| fact.created).min()
    };
    reported(false).or_else(|| reported(true))
}

/// When an event of the charge first reported a refund that still counts. A backfill does not say since when.
fn first_refunded_at(charge: &ObjectHistory, refunds: &[&ObjectHistory]) -> Option<i64> {
    let counts = |fact: &&&Fact| !fact.is_sync() && net_refunded(fact, refunds) > 0;
    charge.facts.iter().filter(counts).map(|fact| fact.created).min()
}
