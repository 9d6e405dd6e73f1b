//! The usual case in one go: payments on which nothing was decided before are given to all tables in one savepoint, and what was
//! decided is recorded at once. What is not usual, or fails, goes the long way afterwards: each payment and each table by
//! itself. So do jobs, and the record is kept outside of the savepoint: when one ends that took more than 15 locks, the server
//! goes through all that the transaction holds, which a transaction of many payments would pay for each of them.

use std::ops::Deref;
use std::rc::Rc;

use payments_core::fulfil::order::Own;
use pgrx::prelude::*;

use super::purchase::Purchase;
use super::target::{PATIENCE, Target, write_as};
use super::{Kind, Record, credits, entitlements, known, order};
use crate::db::{Failure, savepoint_of_app, sees_the_newest, waiting_at_most};

/// The only table of each kind, where there is one.
pub(super) struct Tables {
    ledger: Option<Only>,
    entitlements: Option<Only>,
    orders: Option<Only>,
}

/// The one table of a kind.
struct Only(Rc<Vec<Target>>);

impl Deref for Only {
    type Target = Target;

    fn deref(&self) -> &Target {
        &self.0[0]
    }
}

impl Tables {
    /// Of these kinds.
    pub(super) fn of(kinds: &[Kind]) -> Self {
        let only = |kind: Kind| {
            let targets = known::targets(kind);
            (kinds.contains(&kind) && targets.len() == 1 && targets[0].is_there()).then_some(Only(targets))
        };
        Self {
            ledger: only(Kind::CreditLedger),
            entitlements: only(Kind::UserEntitlements),
            orders: only(Kind::Orders),
        }
    }

    /// In the order in which triggers of their own would write them.
    fn all(&self) -> Vec<(Kind, &Target)> {
        [(Kind::CreditLedger, &self.ledger), (Kind::UserEntitlements, &self.entitlements), (Kind::Orders, &self.orders)]
            .into_iter()
            .filter_map(|(kind, only)| only.as_ref().map(|only| (kind, &**only)))
            .collect()
    }
}

/// What one payment gives at first.
pub(super) struct Gift {
    pub(super) purchase: Rc<Purchase>,
    credits: Option<credits::Grant>,
    keys: Option<entitlements::Keys>,
    order: Option<String>,
    decision: Option<order::Decision>,
}

impl Gift {
    /// What a payment gives to these tables, if that is plain.
    pub(super) fn of(purchase: &Rc<Purchase>, tables: &Tables) -> Option<Self> {
        if !purchase.is_new() || purchase.only_takes_back() || !sees_the_newest() {
            return None;
        }
        let credits = tables.ledger.as_ref().and_then(|table| credits::first(purchase, table));
        let keys = tables.entitlements.as_ref().and_then(|table| entitlements::first(purchase, table));
        let plain = || purchase.by_backend() || !matches!(purchase.own(), Own::Unknown(_));
        let named = tables.orders.as_ref().zip(purchase.order_id.as_deref()).filter(|_| plain());
        let order = named.and_then(|(table, id)| table.key("id", id));
        let something = credits.is_some() || keys.is_some() || order.is_some();
        something.then(|| Self { purchase: Rc::clone(purchase), credits, keys, order, decision: None })
    }

    /// Takes the lock of the balance that it changes, if nobody has it. Who has to wait does that the long way, where a wait that is
    /// too long fails nothing else.
    pub(super) fn try_lock(&self) -> bool {
        self.credits.as_ref().is_none_or(credits::Grant::try_lock)
    }

    fn records<'a>(&'a self, tables: &'a Tables) -> Vec<Record<'a>> {
        let mut records: Vec<Record> = Vec::new();
        if let Some((table, grant)) = tables.ledger.as_ref().zip(self.credits.as_ref()) {
            records.extend(grant.records(&self.purchase, table));
        }
        if let Some((table, keys)) = tables.entitlements.as_ref().zip(self.keys.as_ref()) {
            records.extend(keys.records(&self.purchase, table));
        }
        if let Some(((table, key), decision)) =
            tables.orders.as_ref().zip(self.order.as_ref()).zip(self.decision.as_ref())
        {
            records.push(order::record(&self.purchase, table, key, decision));
        }
        records
    }

    /// Whether the payment holds the order that it names, if that was settled.
    pub(super) fn holds(&self) -> Option<bool> {
        self.decision.as_ref().map(|decision| decision.holds)
    }

    /// The kinds of which nothing is left to do.
    pub(super) fn done(&self) -> Vec<Kind> {
        let ledger = self.credits.as_ref().map(|_| Kind::CreditLedger);
        let entitlements = self.keys.as_ref().map(|_| Kind::UserEntitlements);
        [ledger, entitlements, self.decision.as_ref().map(|_| Kind::Orders)].into_iter().flatten().collect()
    }
}

/// Gives them all, and records it; or nothing of it.
pub(super) fn give(gifts: &mut [Gift], tables: &Tables) -> Result<(), Failure> {
    if gifts.is_empty() {
        return Ok(());
    }
    savepoint_of_app(|| {
        waiting_at_most(PATIENCE, || as_owners(&tables.all(), |kind, table| write(kind, table, gifts)))
    })??;
    match gifts {
        [one] => Record::keep_first(&one.records(tables)),
        many => Record::keep_all(&many.iter().flat_map(|gift| gift.records(tables)).collect::<Vec<_>>()),
    }
    Ok(())
}

fn write(kind: Kind, table: &Target, gifts: &mut [Gift]) {
    match (kind, gifts) {
        (Kind::CreditLedger, [one]) => one.credits.iter().for_each(|grant| grant.write(table, &one.purchase)),
        (Kind::CreditLedger, many) => {
            let grants = many.iter().filter_map(|gift| gift.credits.as_ref().map(|grant| (&*gift.purchase, grant)));
            credits::write_many(table, grants);
        }
        (Kind::UserEntitlements, [one]) => one.keys.iter().for_each(|keys| keys.write(table, &one.purchase)),
        (Kind::UserEntitlements, many) => {
            let keys = many.iter().filter_map(|gift| gift.keys.as_ref().map(|keys| (&*gift.purchase, keys)));
            entitlements::write_many(table, keys);
        }
        (Kind::Orders, [one]) => {
            one.decision = one.order.as_ref().and_then(|key| order::settle_first(table, &one.purchase, key));
        }
        (Kind::Orders, many) => {
            let named: Vec<_> = many.iter().map(|gift| (&*gift.purchase, gift.order.as_deref())).collect();
            let decisions = order::settle_many(table, &named);
            many.iter_mut().zip(decisions).for_each(|(gift, decision)| gift.decision = decision);
        }
        (Kind::BillingStatus | Kind::FulfillmentJobs, _) => {}
    }
}

/// Works on each table as its owner; where all have the same one, without changing to and fro.
fn as_owners(tables: &[(Kind, &Target)], mut work: impl FnMut(Kind, &Target)) -> Result<(), Failure> {
    let owners = tables.iter().map(|(_, table)| table.owner()).collect::<Result<Vec<pg_sys::Oid>, Failure>>()?;
    let mut work = |(kind, table): &(Kind, &Target)| work(*kind, table);
    if owners.windows(2).all(|two| two[0] == two[1]) {
        let owner = owners.first().copied().unwrap_or(pg_sys::InvalidOid);
        write_as(owner, || tables.iter().for_each(&mut work));
    } else {
        for (table, owner) in tables.iter().zip(owners) {
            write_as(owner, || work(table));
        }
    }
    Ok(())
}

/// The purchase's part of one kind, where that was not done with the others.
pub(super) fn give_or_fulfil(purchase: &Rc<Purchase>, kind: Kind, others: impl FnOnce() -> Vec<Kind>) {
    if !purchase.tried.replace(true) {
        let tables = Tables::of(&others());
        let mut gifts: Vec<Gift> = Gift::of(purchase, &tables).into_iter().filter(Gift::try_lock).collect();
        if give(&mut gifts, &tables).is_ok() {
            for gift in &gifts {
                purchase.holds.set(gift.holds());
                purchase.done.replace(gift.done());
            }
        }
    }
    // Another trigger of the same change has nothing to add: the purchase does not say yet what this one gave.
    if !purchase.done.borrow().contains(&kind) {
        super::fulfil(kind, purchase);
        purchase.done.borrow_mut().push(kind);
    }
}
