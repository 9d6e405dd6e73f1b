//! What a purchase gives to one table of credits or of entitlements: one algorithm for both.

use std::collections::BTreeMap;

use super::benefit::{Benefit, Grants, PendingLine, PendingReason, of_pending, set_by};
use super::money::Money;
use super::prior::{LINE_ITEMS, NOTHING, PriorFulfillment, UNDECIDED};
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
    /// Why nothing can lapse in the table, if so.
    pub no_lapse: Option<&'static str>,
    /// What Stripe's line items say was bought, in words, where that is something else than was asked for.
    pub told: Option<&'a str>,
    /// The earlier decision on that.
    pub line_items: Option<&'a PriorFulfillment>,
    /// What else was decided on this table before.
    pub prior: Vec<&'a PriorFulfillment>,
}

impl Purchased<'_> {
    /// Whether the earlier decisions were made with other line items than those that are known now.
    fn is_of_other_lines(&self) -> bool {
        match self.line_items {
            None => self.told.is_some() && !self.prior.is_empty(),
            // Nothing was given as long as it was not known what was bought.
            Some(before) => before.benefit_source.is_none() || before.benefit_source.as_deref() != self.told,
        }
    }

    /// When anything was decided on this table first.
    fn decided_at(&self) -> Option<i64> {
        self.prior.iter().chain(&self.line_items).map(|prior| prior.decided_at).min()
    }

    /// Items of lines that wait, or of nothing given, which are outdated unless they are recorded again.
    fn placeholders(&self) -> impl Iterator<Item = &str> {
        let is_placeholder = |prior: &&&PriorFulfillment| prior.item == NOTHING || prior.pending().is_some();
        self.prior.iter().filter(is_placeholder).map(|prior| prior.item.as_str())
    }
}

/// What to write and what to record.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What is written, and recorded if that succeeds. Each fails alone.
    pub writes: Vec<(Write, Vec<Record>)>,
    /// What is recorded alone.
    pub records: Vec<Record>,
    /// Items of lines that are decided now, whose records are deleted.
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
    /// When what it grants lapses, in microseconds since 1970.
    pub expires_at: Option<i64>,
}

/// What happens if the ledger has a line of the source already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// It must be the same.
    Same,
    /// It must be the same; what was withheld of it since is granted again.
    GrantAgain,
    /// It was undone since, so it is written again, with a number in its source.
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
    /// By what it is recorded.
    fn item(&self) -> &str;
    /// Takes over what was given of it before.
    fn carry_on(&mut self, before: &Self);
    /// Adds what another line gives.
    fn add(grants: &mut Vec<Self>, more: Self);
    /// Plans what is due now, and takes back what turned out not to be bought.
    fn give(purchase: &Purchased<'_>, grants: Vec<Self>, withdrawn: &[Self], plan: &mut Plan);
    /// Plans only what a change of the money does to what was given.
    fn revoke(purchase: &Purchased<'_>, plan: &mut Plan);
}

/// Plans what a purchase gives to one table. `benefits` is read only if something is new or pending, because a promise does not change.
pub fn plan<'a, G: Grant>(purchase: &Purchased<'_>, benefits: impl FnOnce() -> &'a [Benefit]) -> Plan {
    let mut plan = Plan::default();
    if purchase.is_revoke_only {
        G::revoke(purchase, &mut plan);
        if purchase.prior.is_empty() {
            plan.records.push(Record::test_refused(None));
        }
        return plan;
    }
    if let Some(reason) = purchase.money.unknown_goods.as_ref().and(purchase.money.withheld()) {
        let given: Vec<G> = purchase.prior.iter().filter_map(|prior| G::promised(prior)).collect();
        G::give(purchase, Vec::new(), &given, &mut plan);
        plan.decided.extend(purchase.placeholders().map(ToOwned::to_owned));
        plan.records.push(Record::unknown_goods(purchase.money.needs_review(&reason)));
        return plan;
    }
    plan.records.extend(purchase.told.map(Record::told));
    if purchase.told.is_none() && purchase.line_items.is_some() {
        plan.decided.push(LINE_ITEMS.to_owned());
    }
    if purchase.is_of_other_lines() {
        plan_anew::<G>(purchase, benefits(), &mut plan);
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
    G::give(purchase, grants, &[], &mut plan);
    record_undecided(&undecided, &mut plan);
    let is_decided = |line: &&PendingLine| !undecided.contains_key(&line.price);
    plan.decided.extend(pending.iter().filter(is_decided).map(|line| format!("{UNDECIDED}{}", line.price)));
    plan
}

/// Plans what the line items give that are known now, after others were assumed: as if they had been known from the beginning.
fn plan_anew<G: Grant>(purchase: &Purchased<'_>, benefits: &[Benefit], plan: &mut Plan) {
    let benefits = set_by(benefits, purchase.decided_at().unwrap_or(i64::MAX));
    let (mut grants, undecided) = G::of(&benefits);
    let mut withdrawn: Vec<G> = purchase.prior.iter().filter_map(|prior| G::promised(prior)).collect();
    withdrawn.retain(|before| match grants.iter_mut().find(|grant| grant.item() == before.item()) {
        Some(grant) => {
            grant.carry_on(before);
            false
        }
        None => true,
    });
    if grants.is_empty() && undecided.is_empty() {
        plan.records.push(Record::no_benefit(&purchase.prices));
    }
    G::give(purchase, grants, &withdrawn, plan);
    record_undecided(&undecided, plan);
    let is_recorded = |item: &&str| plan.records.iter().any(|record| record.item == *item);
    let outdated: Vec<String> =
        purchase.placeholders().filter(|item| !is_recorded(item)).map(ToOwned::to_owned).collect();
    plan.decided.extend(outdated);
}

fn record_undecided(undecided: &BTreeMap<String, PendingReason>, plan: &mut Plan) {
    let of_this_kind =
        |(price, why): (&String, &PendingReason)| Record::undecided(price, *why, "something of this kind");
    plan.records.extend(undecided.iter().map(of_this_kind));
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
