//! The usual case in one go: a payment on which nothing was decided before is given to all tables in one savepoint, and what was
//! decided is recorded at once. What is not usual, or fails, goes the long way afterwards: each table by itself.

use std::rc::Rc;

use pgrx::prelude::*;

use super::purchase::Purchase;
use super::target::{PATIENCE, Target};
use super::{Kind, PAID_FOR, Record, credits, entitlements, jobs, known, order};
use crate::db::{Failure, as_user, savepoint, sees_the_newest, waiting_at_most};

/// What one payment gives to the only table of each kind.
struct Gifts {
    ledger: Option<(Target, credits::Grant)>,
    entitlements: Option<(Target, entitlements::Keys)>,
    order: Option<(Target, String)>,
    jobs: Option<Target>,
}

/// What became of the order and its job, which wait for each other.
struct Settled {
    decision: Option<order::Decision>,
    job: bool,
}

/// Gives what is usual of these kinds, and marks them as done with this purchase.
pub(super) fn give(purchase: &Purchase, kinds: &[Kind]) {
    if !purchase.is_new() || !sees_the_newest() {
        return;
    }
    let gifts = Gifts::of(purchase, kinds);
    let targets = gifts.targets();
    if targets.len() < 2 {
        return;
    }
    if let Some((target, grant)) = &gifts.ledger {
        grant.lock(target);
    }
    let mut settled = Settled { decision: None, job: false };
    let written = savepoint(|| {
        waiting_at_most(PATIENCE, || {
            as_owners(&targets, |kind, target| match kind {
                Kind::CreditLedger => gifts.ledger.iter().for_each(|(_, grant)| grant.write(target, purchase)),
                Kind::UserEntitlements => gifts.entitlements.iter().for_each(|(_, keys)| keys.write(target, purchase)),
                Kind::Orders => {
                    settled.decision =
                        gifts.order.as_ref().and_then(|(_, key)| order::settle_first(target, purchase, key));
                }
                Kind::FulfillmentJobs => settled.job = write_job(target, purchase, settled.decision.as_ref()),
                Kind::BillingStatus => {}
            })
        })?;
        Record::keep_first(&gifts.records(purchase, &settled));
        Ok::<(), Failure>(())
    });
    if let Ok(Ok(())) = written {
        purchase.holds.set(settled.decision.as_ref().map(|decision| decision.holds));
        purchase.done.replace(gifts.done(&settled));
        if settled.job {
            jobs::tell_first();
        }
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
            jobs: only(Kind::FulfillmentJobs).filter(|_| !purchase.money.returned()),
        }
    }

    /// In the order in which triggers of their own would write them, save that a job is written after its order.
    fn targets(&self) -> Vec<(Kind, &Target)> {
        let ledger = self.ledger.as_ref().map(|(target, _)| (Kind::CreditLedger, target));
        let entitlements = self.entitlements.as_ref().map(|(target, _)| (Kind::UserEntitlements, target));
        let order = self.order.as_ref().map(|(target, _)| (Kind::Orders, target));
        let jobs = self.jobs.as_ref().map(|target| (Kind::FulfillmentJobs, target));
        [ledger, entitlements, order, jobs].into_iter().flatten().collect()
    }

    fn records<'a>(&'a self, purchase: &'a Purchase, settled: &'a Settled) -> Vec<Record<'a>> {
        let mut records: Vec<Record> = Vec::new();
        if let Some((target, grant)) = &self.ledger {
            records.extend(grant.records(purchase, target));
        }
        if let Some((target, keys)) = &self.entitlements {
            records.extend(keys.records(purchase, target));
        }
        if let Some(((target, key), decision)) = self.order.as_ref().zip(settled.decision.as_ref()) {
            records.push(order::record(purchase, target, key, decision));
        }
        records.extend(self.jobs.iter().filter(|_| settled.job).map(|target| jobs::first_record(purchase, target)));
        records
    }

    fn done(&self, settled: &Settled) -> Vec<Kind> {
        let ledger = self.ledger.as_ref().map(|_| Kind::CreditLedger);
        let entitlements = self.entitlements.as_ref().map(|_| Kind::UserEntitlements);
        let order = settled.decision.as_ref().map(|_| Kind::Orders);
        let jobs = settled.job.then_some(Kind::FulfillmentJobs);
        [ledger, entitlements, order, jobs].into_iter().flatten().collect()
    }
}

/// A job that must tell of an order is written only when it is known who holds that.
fn write_job(target: &Target, purchase: &Purchase, order: Option<&order::Decision>) -> bool {
    match (purchase.order_id.as_deref(), order) {
        (None, _) => jobs::add_first(target, purchase, None),
        (Some(id), Some(decision)) => jobs::add_first(target, purchase, decision.holds.then_some(id)),
        (Some(_), None) => return false,
    }
    true
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
        let kinds = others();
        if PAID_FOR.iter().filter(|kind| kinds.contains(kind)).count() > 1 {
            give(purchase, &kinds);
        }
    }
    if !purchase.done.borrow().contains(&kind) {
        super::fulfil(kind, purchase);
    }
}
