//! What a purchase gives to one table of credits or of entitlements: one algorithm for both.

use std::collections::BTreeMap;

use super::benefit::{Benefit, Grants, PendingLine, PendingReason, of_pending};
use super::money::Money;
use super::prior::{PriorFulfillment, UNDECIDED};
use super::record::Record;

/// A purchase, as far as it decides what one table gets.
#[derive(Debug)]
pub struct Purchased<'a> {
    /// Which purchase: `checkout:<local session>`.
    pub source: &'a str,
    /// Its money.
    pub money: &'a Money,
    /// What was bought.
    pub prices: Vec<&'a str>,
    /// Whether it gives nothing new: test payments, once live is approved.
    pub is_revoke_only: bool,
    /// Why nobody can get it, if so.
    pub no_holder: Option<&'static str>,
    /// What was decided on this table before.
    pub prior: Vec<&'a PriorFulfillment>,
}

/// What to write and what to record.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What is written, and recorded if that succeeds. Each fails alone.
    pub writes: Vec<(Write, Vec<Record>)>,
    /// What is recorded alone.
    pub records: Vec<Record>,
    /// Items of lines that are undecided no longer, whose records go.
    pub decided: Vec<String>,
}

/// What is written together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Lines of the ledger.
    Credits(Vec<Entry>),
    /// A row of the entitlements.
    Key(KeyWrite),
}

/// A line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The change of the balance.
    pub delta: i64,
    /// `purchase`, `refund`, `dispute` or `adjustment`.
    pub reason: &'static str,
    /// What it is for, by which it is written once.
    pub source: String,
    /// What to do where a line of this source is there already.
    pub repeat: Repeat,
}

/// What a ledger that has a line of a source already makes of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// It must say the same.
    Same,
    /// It must say the same; what was withheld of it since is granted again.
    GrantAgain,
    /// The step was taken and undone before: it is taken again under a number.
    Numbered,
}

/// What becomes of a key's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyWrite {
    /// The key.
    pub key: String,
    /// What the row says; none where it is deleted.
    pub row: Option<KeyRow>,
    /// Whether it is probably there.
    pub known: bool,
}

/// What a key's row says; times are in microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Whether the source gives the key.
    pub active: bool,
    /// Since when.
    pub starts_at: Option<i64>,
    /// Until when; none is for good.
    pub expires_at: Option<i64>,
}

/// Credits of one benefit, or one key.
pub trait Grant: Sized {
    /// What lines give by their benefits.
    fn of(benefits: &[Benefit]) -> (Vec<Self>, BTreeMap<String, PendingReason>);
    /// What was promised before, which stays so whatever became of the benefit.
    fn promised(prior: &PriorFulfillment) -> Option<Self>;
    /// Adds what another line gives.
    fn add(grants: &mut Vec<Self>, more: Self);
    /// Plans what is due now.
    fn give(purchase: &Purchased<'_>, grants: Vec<Self>, plan: &mut Plan);
    /// Plans what follows the money of what was given, where nothing new is.
    fn revoke(purchase: &Purchased<'_>, plan: &mut Plan);
}

/// Plans what a purchase gives to one table. `benefits` is asked only where something is new or pending: what was promised once
/// stays so.
pub fn plan<'a, G: Grant>(purchase: &Purchased<'_>, benefits: impl FnOnce() -> &'a [Benefit]) -> Plan {
    let mut plan = Plan::default();
    if purchase.is_revoke_only {
        G::revoke(purchase, &mut plan);
        if purchase.prior.is_empty() {
            plan.records.push(Record::test_refused(None));
        }
        return plan;
    }
    let pending: Vec<PendingLine> = purchase.prior.iter().filter_map(|prior| prior.pending()).collect();
    let mut grants: Vec<G> = purchase.prior.iter().filter_map(|prior| G::promised(prior)).collect();
    let (new, undecided) = if purchase.prior.is_empty() {
        G::of(benefits())
    } else if pending.is_empty() {
        (Vec::new(), BTreeMap::new())
    } else {
        G::of(&of_pending(benefits(), &pending))
    };
    for grant in new {
        G::add(&mut grants, grant);
    }
    if grants.is_empty() && undecided.is_empty() && purchase.prior.len() == pending.len() {
        plan.records.push(Record::no_benefit(&purchase.prices));
    }
    G::give(purchase, grants, &mut plan);
    let of_this_kind =
        |(price, why): (&String, &PendingReason)| Record::undecided(price, *why, "something of this kind");
    plan.records.extend(undecided.iter().map(of_this_kind));
    plan.decided = pending
        .iter()
        .filter(|line| !undecided.contains_key(&line.price))
        .map(|line| format!("{UNDECIDED}{}", line.price))
        .collect();
    plan
}

/// Grants as a list of what each kind makes of them.
pub(super) fn listed<T, G>(
    (given, undecided): Grants<T>,
    grant: impl Fn(String, T) -> G,
) -> (Vec<G>, BTreeMap<String, PendingReason>) {
    (given.into_iter().map(|(name, value)| grant(name, value)).collect(), undecided)
}

#[cfg(test)]
mod tests;
