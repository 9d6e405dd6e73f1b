//! How much of a payment went back: an absolute figure, from what refunds and charges say.

use super::fact::{Fact, State, Statement};
use super::newest::newest;
use crate::stripe::object::charge::Charge;
use crate::stripe::object::refund::Refund;

/// One object's statements and the newest of them.
#[derive(Debug, Clone)]
pub struct Told<'a> {
    /// All of them, oldest first.
    pub statements: Vec<&'a Statement>,
    /// The newest.
    pub newest: &'a Statement,
}

impl<'a> Told<'a> {
    /// From an object's statements; `None` of none.
    #[must_use]
    pub fn of(mut statements: Vec<&'a Statement>) -> Option<Self> {
        statements.sort_by(|a, b| (a.created, a.rank, &a.event_id).cmp(&(b.created, b.rank, &b.event_id)));
        let newest = newest(statements.iter().copied())?;
        Some(Self { statements, newest })
    }

    /// When an event first said `state`; else, if only a back-fill says so, when the object was made. Unix seconds.
    #[must_use]
    pub fn first(&self, state: State) -> Option<i64> {
        let saying = || self.statements.iter().filter(|statement| statement.fact.state() == state);
        let by_event = saying().filter(|statement| !statement.is_sync()).map(|statement| statement.created).min();
        by_event.or_else(|| saying().filter_map(|statement| statement.fact.created()).min())
    }

    /// Its state: success once said stands, else what the newest says. A session's failure stands too: it says `complete`
    /// and `unpaid` before and after, so that a later look at it cannot tell. So does the failure of an invoice that is open.
    #[must_use]
    pub fn state(&self) -> State {
        let said = |state: State| self.statements.iter().any(|statement| statement.fact.state() == state);
        match &self.newest.fact {
            _ if said(State::Succeeded) => State::Succeeded,
            Fact::CheckoutSession(_) if said(State::Failed) => State::Failed,
            Fact::Invoice(invoice) if invoice.state == State::Pending && said(State::Failed) => State::Failed,
            fact => fact.state(),
        }
    }
}

/// What went back of one payment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refunded {
    /// In minor units of the charge's currency.
    pub amount: i64,
    /// What was charged, in the same units, where a charge says so.
    pub of: Option<i64>,
    /// The earliest success, in Unix seconds.
    pub at: Option<i64>,
}

/// Adds up what went back, charge by charge.
#[must_use]
pub fn refunded(charges: &[Told], refunds: &[Told]) -> Refunded {
    let mut total = Refunded::default();
    let mut unclaimed: Vec<&Told> = refunds.iter().collect();
    let took_money = |charge: &&Told| charge.newest.fact.state() == State::Succeeded;
    let usual = charges.iter().find(took_money).or(charges.first()).map(|charge| charge.newest.fact.object_id());
    for charge in charges {
        let Fact::Charge(newest) = &charge.newest.fact else {
            continue;
        };
        let (its, rest): (Vec<&Told>, Vec<&Told>) =
            unclaimed.into_iter().partition(|refund| belongs(refund, newest, usual));
        unclaimed = rest;
        let succeeded = sum(&its);
        let told = standing(charge.newest, &its);
        total.amount += succeeded.max(told);
        if newest.state == State::Succeeded {
            *total.of.get_or_insert(0) += newest.charged().unwrap_or(0);
        }
        total.at = earliest(total.at, first_told(charge, &its));
    }
    total.amount += sum(&unclaimed);
    for refund in refunds.iter().filter(|refund| refund.newest.fact.state() == State::Succeeded) {
        total.at = earliest(total.at, refund.first(State::Succeeded));
    }
    total.at = total.at.filter(|_| total.amount > 0);
    total
}

fn earliest(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    a.into_iter().chain(b).min()
}

/// Whether a refund is of this charge: it says so, or says nothing and this is the one that took the money.
fn belongs(refund: &Told, charge: &Charge, usual: Option<&str>) -> bool {
    as_refund(refund).is_some_and(|refund| refund.charge.as_deref().or(usual) == Some(charge.id.as_str()))
}

fn sum(refunds: &[&Told]) -> i64 {
    refunds
        .iter()
        .filter_map(|refund| as_refund(refund))
        .filter(|r| r.state == State::Succeeded)
        .filter_map(|r| r.amount)
        .sum()
}

fn as_refund<'a>(told: &Told<'a>) -> Option<&'a Refund> {
    match &told.newest.fact {
        Fact::Refund(refund) => Some(refund),
        _ => None,
    }
}

/// What a charge's figure comes to but for what was never taken, and for refunds that were alive at its time and failed or
/// were cancelled since. A charge speaks when a refund is made, so a failure of the same second came after.
fn standing(statement: &Statement, refunds: &[&Told]) -> i64 {
    let Fact::Charge(charge) = &statement.fact else { return 0 };
    let at = statement.created;
    let dead_after: i64 = refunds
        .iter()
        .filter_map(|refund| as_refund(refund).map(|newest| (refund, newest)))
        .filter(|(_, newest)| newest.state == State::Failed && newest.created <= Some(at))
        .filter(|(refund, _)| died(refund).is_some_and(|died| died > at || (died == at && !statement.is_sync())))
        .filter_map(|(_, newest)| newest.amount)
        .sum();
    charge.amount_refunded - charge.released() - dead_after
}

/// When a refund was first said to have failed or to be cancelled: the event's time, else when a back-fill saw it. (When
/// the refund was made, which is all that it says of itself, it was alive.)
fn died(refund: &Told) -> Option<i64> {
    let said = |sync: bool| {
        let dead = refund.statements.iter().filter(|statement| statement.fact.state() == State::Failed);
        dead.filter(|statement| statement.is_sync() == sync).map(|statement| statement.created).min()
    };
    said(false).or_else(|| said(true))
}

/// When an event first gave a figure of which something stands. A back-fill cannot say since when.
fn first_told(charge: &Told, refunds: &[&Told]) -> Option<i64> {
    let stands = |statement: &&&Statement| !statement.is_sync() && standing(statement, refunds) > 0;
    charge.statements.iter().filter(stands).map(|statement| statement.created).min()
}
