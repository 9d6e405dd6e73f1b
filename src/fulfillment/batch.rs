//! A batch of purchases: what they give is planned, written and recorded.
//!
//! Credits, entitlements and pending orders are written in one savepoint. Orders that something was decided on before come after it, and
//! then jobs, because they say which order a payment pays. The decisions are saved outside of a savepoint: at the end of a savepoint that
//! took more than 15 locks, the server goes through all locks of the transaction, and many batches would pay for that each time.

use std::rc::Rc;

use payments_core::Subject;
use payments_core::fulfillment::credits::CreditGrant;
use payments_core::fulfillment::decision::FulfillmentDecision;
use payments_core::fulfillment::entitlements::KeyGrant;
use payments_core::fulfillment::grant::{Plan, Write, plan};
use payments_core::fulfillment::jobs::{SUCCEEDED, plan as plan_jobs};
use payments_core::fulfillment::period::lapse::Lot;
use payments_core::fulfillment::record::Record;

use super::entitlements::Holder;
use super::lapse::{self, NewLot};
use super::order::{Changed, first_table, paid_before, settle_named};
use super::purchase::Purchase;
use super::record::{Decided, delete, failed, save};
use super::target::Target;
use super::target_kind::{PAID_FOR, TargetKind};
use super::targets::targets;
use super::write::{Part, Unit, write_each};
use super::{credits, jobs, passes};
use crate::pg::savepoint::Failure;
use crate::pg::transaction::is_read_committed;

/// The app's tables of some kinds, in the order in which they are written.
pub(super) struct Tables(Vec<(TargetKind, Rc<Vec<Target>>)>);

impl Tables {
    pub(super) fn of(kinds: &[TargetKind]) -> Self {
        let wanted = PAID_FOR.into_iter().filter(|kind| kinds.contains(kind));
        Self(wanted.map(|kind| (kind, targets(kind))).filter(|(_, tables)| !tables.is_empty()).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn of_kind(&self, wanted: TargetKind) -> &[Target] {
        self.0.iter().find(|(kind, _)| *kind == wanted).map_or(&[], |(_, tables)| tables.as_slice())
    }
}

/// Purchases that are given together.
struct Batch<'a> {
    purchases: &'a [Rc<Purchase>],
    tables: &'a Tables,
    /// The subject whose balance each purchase changes; none if it changes no balance.
    subjects: Vec<Option<Subject>>,
    /// Whether each pays the order that it names.
    pays: Vec<bool>,
    units: Vec<Unit<'a>>,
    /// Decisions that are not saved yet, with the index of the purchase.
    decided: Vec<(usize, Decided<'a>)>,
    /// Items whose records are deleted, with the index of the purchase, the kind and the table.
    outdated: Vec<(usize, TargetKind, &'a Target, String)>,
}

/// Gives what purchases bought, and returns how many of them were given: at least one. The batch ends before a second payment of one
/// session, which has to be read again after the first is given. It also ends before a purchase whose lock another transaction holds:
/// only the first of a batch waits, because until then the batch holds no lock that others wait for.
pub(super) fn give(tables: &Tables, purchases: &[Rc<Purchase>]) -> usize {
    let is_repeated = |place: &usize| purchases[..*place].iter().any(|one| one.source == purchases[*place].source);
    let end = (0..purchases.len()).find(is_repeated).unwrap_or(purchases.len());
    let mut batch = Batch {
        purchases: &purchases[..end],
        tables,
        subjects: vec![None; end],
        pays: purchases[..end].iter().map(|purchase| paid_before(purchase)).collect(),
        units: Vec::new(),
        decided: Vec::new(),
        outdated: Vec::new(),
    };
    batch.plan();
    batch.lock();
    batch.write();
    batch.settle_orders();
    batch.write_jobs();
    batch.record();
    batch.purchases.len()
}

/// Saves the grants that lapse. Then writes what has lapsed, if there are such grants, or if credits were taken back that may have been
/// spent or lapsed before.
fn keep_lots(units: &[Unit]) {
    for unit in units.iter().filter(|unit| unit.failure.is_none()) {
        let Part::Credits { subject, entries } = &unit.part else { continue };
        let lots: Vec<Lot> = unit
            .records
            .iter()
            .filter_map(|record| {
                let source = format!("{}:{}", unit.purchase.source, record.benefit_source.as_ref()?);
                let amount = record.granted? - record.amount_reversed.unwrap_or(0);
                Some(Lot::new(source, amount, unit.purchase.money.paid_at, record.expires_at?))
            })
            .collect();
        let environment = unit.purchase.environment.as_str();
        let new: Vec<NewLot> = lots.iter().map(|lot| NewLot { environment, subject, lot }).collect();
        lapse::save_lots(unit.target, &new);
        let may_change = !lots.is_empty() || entries.iter().any(|entry| entry.delta < 0);
        if may_change && let Err(failure) = lapse::write_lapses(unit.target, subject) {
            pgrx::warning!("what lapsed could not be written: {failure}");
        }
    }
}

impl<'a> Batch<'a> {
    /// Plans what each purchase gives. It reads prices and benefits for that, and waits for whoever changes them.
    fn plan(&mut self) {
        for (kind, tables) in &self.tables.0 {
            for target in tables.iter() {
                for (place, purchase) in self.purchases.iter().enumerate() {
                    match kind {
                        TargetKind::CreditLedger => self.plan_credits(place, purchase, target),
                        TargetKind::UserEntitlements => self.plan_keys(place, purchase, target),
                        TargetKind::Orders => self.plan_order(place, purchase, target),
                        TargetKind::FulfillmentJobs | TargetKind::BillingStatus | TargetKind::Subscriptions => {}
                    }
                }
            }
        }
    }

    fn plan_credits(&mut self, place: usize, purchase: &'a Purchase, target: &'a Target) {
        let subject = purchase.holder();
        let no_holder = match &subject {
            None => Some("the checkout session names nobody to give the credits to"),
            Some(subject) if target.can_name("subject_id", &subject.subject_id) => None,
            Some(_) => Some("the subject's id is none that the ledger can name"),
        };
        let kind = TargetKind::CreditLedger;
        let plan = plan::<CreditGrant>(&purchase.purchased(kind, target, no_holder), || purchase.benefits());
        for (write, records) in self.keep_plan(place, purchase, kind, target, plan) {
            if let (Write::Credits(entries), Some(subject)) = (write, &subject) {
                self.subjects[place] = Some(subject.clone());
                let part = Part::Credits { subject: subject.clone(), entries };
                self.units.push(Unit { place, purchase, kind, target, part, records, failure: None });
            }
        }
    }

    fn plan_keys(&mut self, place: usize, purchase: &'a Purchase, target: &'a Target) {
        let holder = Holder::of(
            purchase.subject_type.as_deref(),
            purchase.subject_id.as_deref(),
            purchase.created_by.as_deref(),
        );
        let kind = TargetKind::UserEntitlements;
        let purchased = purchase.purchased(kind, target, holder.obstacle(target));
        let plan = plan::<KeyGrant>(&purchased, || purchase.benefits());
        for (write, mut records) in self.keep_plan(place, purchase, kind, target, plan) {
            let Write::Key(write) = write else { continue };
            let had = purchase.prior_on(kind, target).find(|prior| prior.item == write.key);
            let had = had.and_then(|prior| prior.holder.clone());
            let stands = write.row.as_ref().is_some_and(|row| row.active);
            for record in records.iter_mut().filter(|record| stands && record.duration.is_some()) {
                record.holder = purchase.holder().map(|one| format!("{}:{}", one.subject_type, one.subject_id));
                record.paid_at = Some(purchase.money.paid_at);
            }
            let part = Part::Key { holder, write, had };
            let unit = Unit { place, purchase, kind, target, part, records, failure: None };
            if passes::is_pass(&unit) {
                self.subjects[place] = self.subjects[place].take().or_else(|| purchase.holder());
            }
            self.units.push(unit);
        }
    }

    fn plan_order(&mut self, place: usize, purchase: &'a Purchase, target: &'a Target) {
        let kind = TargetKind::Orders;
        let first = first_table(purchase, self.tables.of_kind(kind)).filter(|(first, _)| first.oid() == target.oid());
        if let Some((_, key)) = first {
            let records = vec![Record::new(&key, FulfillmentDecision::applied())];
            let part = Part::Order { candidate: Box::new(purchase.candidate(target, &key)), key, settled: None };
            self.units.push(Unit { place, purchase, kind, target, part, records, failure: None });
        }
    }

    /// Collects the decisions of a plan, and returns its writes.
    fn keep_plan(
        &mut self,
        place: usize,
        purchase: &'a Purchase,
        kind: TargetKind,
        target: &'a Target,
        plan: Plan,
    ) -> Vec<(Write, Vec<Record>)> {
        let decided = |record| (place, purchase.decided(kind, target, record));
        self.decided.extend(plan.records.into_iter().map(decided));
        self.outdated.extend(plan.decided.into_iter().map(|item| (place, kind, target, item)));
        plan.writes
    }

    /// Locks the subjects whose balances or passes change. If another transaction holds one of them, the batch ends before it, unless it
    /// is the first: to wait while others are locked here could deadlock.
    fn lock(&mut self) {
        // A snapshot that is older than the lock would not see what others wrote while we waited for it.
        if !is_read_committed() {
            let failure = Failure::because("25001", "balances change under read committed only");
            return self.fail_locked(|_| true, &failure);
        }
        let mut end = self.purchases.len();
        let mut refused = None;
        for (place, subject) in self.subjects.iter().enumerate() {
            let Some(subject) = subject else { continue };
            if credits::try_lock(subject) {
                continue;
            }
            if place > 0 {
                end = place;
                break;
            }
            if let Err(failure) = credits::lock_patiently(subject) {
                refused = Some(failure);
            }
        }
        if let Some(failure) = refused {
            self.fail_locked(|place| place == 0, &failure);
        }
        self.end_at(end);
    }

    fn end_at(&mut self, end: usize) {
        self.purchases = &self.purchases[..end];
        self.units.retain(|unit| unit.place < end);
        self.decided.retain(|(place, _)| *place < end);
        self.outdated.retain(|(place, ..)| *place < end);
    }

    /// Marks the units as failed that need the lock of their subject.
    fn fail_locked(&mut self, is_failed: impl Fn(usize) -> bool, failure: &Failure) {
        let is_locked = |unit: &Unit| unit.kind == TargetKind::CreditLedger || passes::is_pass(unit);
        let locked = self.units.iter_mut().filter(|unit| is_locked(unit) && is_failed(unit.place));
        locked.for_each(|unit| unit.failure = Some(failure.clone()));
    }

    /// Writes all that is planned.
    fn write(&mut self) {
        let (mut failed, mut units): (Vec<Unit>, Vec<Unit>) =
            std::mem::take(&mut self.units).into_iter().partition(|unit| unit.failure.is_some());
        let chains = passes::place(&mut units);
        write_each(&mut units);
        passes::follow(chains, &mut units);
        keep_lots(&units);
        failed.append(&mut units);
        self.units = failed;
    }

    /// Settles the remaining orders one after the other, so that each sees the decisions on those before it.
    fn settle_orders(&mut self) {
        let mut changed = Changed::new();
        let mut is_settled = vec![false; self.purchases.len()];
        for unit in std::mem::take(&mut self.units) {
            let Part::Order { key, settled, .. } = &unit.part else {
                self.keep_unit(unit);
                continue;
            };
            if let (None, Some(settled)) = (&unit.failure, settled) {
                let record = settled.record(key, &unit.purchase.money);
                self.decided.push((unit.place, unit.purchase.decided(unit.kind, unit.target, record)));
                if settled.pays_order {
                    changed.push((Rc::clone(&self.purchases[unit.place]), true));
                }
                is_settled[unit.place] = true;
            } else if unit.failure.is_some() {
                is_settled[unit.place] = true;
                self.keep_unit(unit);
            }
        }
        if !self.tables.of_kind(TargetKind::Orders).is_empty() {
            let rest = self.purchases.iter().zip(is_settled);
            let rest: Vec<&Rc<Purchase>> =
                rest.filter(|(one, settled)| one.order_id.is_some() && !settled).map(|(one, _)| one).collect();
            if !rest.is_empty() {
                self.record();
            }
            changed.extend(rest.into_iter().flat_map(settle_named));
        }
        for (purchase, pays) in &changed {
            if let Some(place) = self.purchases.iter().position(|one| one.source == purchase.source) {
                self.pays[place] = *pays;
            }
        }
        jobs::update_orders(&changed);
    }

    /// Adds and deletes jobs, and wakes the workers.
    fn write_jobs(&mut self) {
        let kind = TargetKind::FulfillmentJobs;
        let mut units: Vec<Unit> = Vec::new();
        for target in self.tables.of_kind(kind) {
            for (place, purchase) in self.purchases.iter().enumerate().filter(|(_, one)| !one.of_subscription) {
                let purchase: &'a Purchase = purchase;
                let prior: Vec<_> = purchase.prior_on(kind, target).collect();
                let plan = plan_jobs(&purchase.money, &prior);
                let mut is_withheld = true;
                for job in plan.delete {
                    let is_deleted = jobs::delete_unstarted(target, purchase, job);
                    is_withheld &= is_deleted || job != SUCCEEDED;
                }
                if let Some(decision) = plan.withheld.filter(|_| is_withheld) {
                    let record = Record::new(SUCCEEDED, decision);
                    self.decided.push((place, purchase.decided(kind, target, record)));
                }
                let order_id = purchase.order_id.as_deref().filter(|_| self.pays[place]);
                units.extend(plan.add.into_iter().map(|job| {
                    let records = vec![Record::new(job, FulfillmentDecision::applied())];
                    let part = Part::Job { kind: job, order_id };
                    Unit { place, purchase, kind, target, part, records, failure: None }
                }));
            }
        }
        write_each(&mut units);
        let added = units.iter().filter(|unit| unit.failure.is_none()).filter_map(|unit| match unit.part {
            Part::Job { kind, .. } => Some(kind),
            _ => None,
        });
        let mut added: Vec<&str> = added.collect();
        added.sort_unstable();
        added.dedup();
        added.into_iter().for_each(jobs::notify);
        for unit in units {
            self.keep_unit(unit);
        }
    }

    /// Collects the decisions of a unit that was written, or failed.
    fn keep_unit(&mut self, unit: Unit<'a>) {
        let Unit { place, purchase, kind, target, records, failure, .. } = unit;
        for record in records {
            let record = match &failure {
                Some(failure) => failed(record, failure),
                None if record.is_deleted => {
                    self.outdated.push((place, kind, target, record.item));
                    continue;
                }
                None => record,
            };
            self.decided.push((place, purchase.decided(kind, target, record)));
        }
    }

    /// Saves the decisions.
    fn record(&mut self) {
        let decided: Vec<Decided> = std::mem::take(&mut self.decided).into_iter().map(|(_, decided)| decided).collect();
        save(&decided);
        for (place, kind, target, item) in std::mem::take(&mut self.outdated) {
            delete(&self.purchases[place].source, kind, &target.relation, &item, None);
        }
    }
}
