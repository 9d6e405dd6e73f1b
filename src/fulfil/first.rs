//! The usual case in one go: a payment on which nothing was decided before is given to all tables in one savepoint, and what was
//! decided is recorded at once. What is not usual, or fails, goes the long way afterwards: each table by itself. So do jobs, and
//! the record is kept outside of the savepoint: when one ends that took more than 15 locks, the server goes through all that
//! the transaction holds, which a transaction of many payments would pay for each of them.

use std::rc::Rc;

use pgrx::prelude::*;

use super::purchase::Purchase;
use super::target::{PATIENCE, Target};
use super::{Kind, Record, credits, entitlements, known, order};
use crate::db::{Failure, as_user, savepoint, sees_the_newest, waiting_at_most};

/// What one payment gives to the only table of each kind.
struct Gifts {
    ledger: Option<(Target, credits::Grant)>,
    entitlements: Option<(Target, entitlements::Keys)>,
    order: Option<(Target, String)>,
}

/// Gives what is usual of these kinds, and marks them as done with this purchase.
pub(super) fn give(purchase: &Purchase, kinds: &[Kind]) {
    if !purchase.is_new() || purchase.only_takes_back() || !sees_the_newest() {
        return;
    }
    let gifts = Gifts::of(purchase, kinds);
    let targets = gifts.targets();
    if targets.len() < 2 {
        return;
    }
    // Who has to wait for the balance does that the long way, where a wait that is too long fails nothing else.
    if gifts.ledger.as_ref().is_some_and(|(_, grant)| !grant.try_lock()) {
        return;
    }
    let mut decision = None;
    let written = savepoint(|| {
        waiting_at_most(PATIENCE, || {
            as_owners(&targets, |kind, target| match kind {
                Kind::CreditLedger => gifts.ledger.iter().for_each(|(_, grant)| grant.write(target, purchase)),
                Kind::UserEntitlements => gifts.entitlements.iter().for_each(|(_, keys)| keys.write(target, purchase)),
                Kind::Orders => {
                    decision = gifts.order.as_ref().and_then(|(_, key)| order::settle_first(target, purchase, key));
                }
                Kind::BillingStatus | Kind::FulfillmentJobs => {}
            })
        })
    });
    if let Ok(Ok(())) = written {
        Record::keep_first(&gifts.records(purchase, decision.as_ref()));
        purchase.holds.set(decision.as_ref().map(|decision| decision.holds));
        purchase.done.replace(gifts.done(decision.as_ref()));
    }
}

impl Gifts {
    fn of(purchase: &Purchase, kinds: &[Kind]) -> Self {
        let only = |kind: Kind| match known::targets(kind).as_slice() {
            [target] if kinds.contains(&kind) && target.is_there() => Some(target.clone()),
            _ => None,
        };
        let order = only(Kind::Orders).zip(purchase.order_id.as_deref());
        Self {
            ledger: only(Kind::CreditLedger)
                .and_then(|target| credits::first(purchase, &target).map(|grant| (target, grant))),
            entitlements: only(Kind::UserEntitlements)
                .and_then(|target| entitlements::first(purchase, &target).map(|keys| (target, keys))),
            order: order.and_then(|(target, id)| target.key("id", id).map(|key| (target, key))),
        }
    }

    /// In the order in which triggers of their own would write them.
    fn targets(&self) -> Vec<(Kind, &Target)> {
        let ledger = self.ledger.as_ref().map(|(target, _)| (Kind::CreditLedger, target));
        let entitlements = self.entitlements.as_ref().map(|(target, _)| (Kind::UserEntitlements, target));
        let order = self.order.as_ref().map(|(target, _)| (Kind::Orders, target));
        [ledger, entitlements, order].into_iter().flatten().collect()
    }

    fn records<'a>(&'a self, purchase: &'a Purchase, decision: Option<&'a order::Decision>) -> Vec<Record<'a>> {
        let mut records: Vec<Record> = Vec::new();
        if let Some((target, grant)) = &self.ledger {
            records.extend(grant.records(purchase, target));
        }
        if let Some((target, keys)) = &self.entitlements {
            records.extend(keys.records(purchase, target));
        }
        if let Some(((target, key), decision)) = self.order.as_ref().zip(decision) {
            records.push(order::record(purchase, target, key, decision));
        }
        records
    }

    fn done(&self, decision: Option<&order::Decision>) -> Vec<Kind> {
        let ledger = self.ledger.as_ref().map(|_| Kind::CreditLedger);
        let entitlements = self.entitlements.as_ref().map(|_| Kind::UserEntitlements);
        [ledger, entitlements, decision.map(|_| Kind::Orders)].into_iter().flatten().collect()
    }
}

/// Works on each table as its owner; where all have the same one, without changing to and fro.
fn as_owners(targets: &[(Kind, &Target)], mut work: impl FnMut(Kind, &Target)) -> Result<(), Failure> {
    let owners = targets.iter().map(|(_, target)| target.owner()).collect::<Result<Vec<pg_sys::Oid>, Failure>>()?;
    let mut work = |(kind, target): &(Kind, &Target)| target.checking_at_once(|| work(*kind, target));
    if owners.windows(2).all(|two| two[0] == two[1]) {
        let owner = owners.first().copied().unwrap_or(pg_sys::InvalidOid);
        as_user(owner, || targets.iter().for_each(&mut work));
    } else {
        for (target, owner) in targets.iter().zip(owners) {
            as_user(owner, || work(target));
        }
    }
    Ok(())
}

/// The purchase's part of one kind, where that was not done with the others.
pub(super) fn give_or_fulfil(purchase: &Rc<Purchase>, kind: Kind, others: impl FnOnce() -> Vec<Kind>) {
    if purchase.is_new() && !purchase.tried.replace(true) {
        give(purchase, &others());
    }
    // Another trigger of the same change has nothing to add: the purchase does not say yet what this one gave.
    if !purchase.done.borrow().contains(&kind) {
        super::fulfil(kind, purchase);
        purchase.done.borrow_mut().push(kind);
    }
}
