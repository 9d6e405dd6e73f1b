//! Writes to the app's tables: as their owners, in a savepoint. If one of many writes fails, each half is tried by itself, so that in the
//! end only that one fails.

use payments_core::Subject;
use payments_core::fulfillment::grant::{Entry, KeyWrite};
use payments_core::fulfillment::order::{PaymentCandidate, Settled};
use payments_core::fulfillment::record::Record;
use pgrx::pg_sys;

use super::credits;
use super::entitlements::{self, Holder, Key};
use super::jobs::{self, NewJob};
use super::order::{self, Named};
use super::purchase::Purchase;
use super::target::{LOCK_TIMEOUT_MS, Target, write_as};
use super::target_kind::TargetKind;
use crate::pg::guc::with_lock_timeout;
use crate::pg::savepoint::{Failure, savepoint_of_app};

/// What one purchase gets in one table. It is written as a whole, or fails as a whole.
pub(super) struct Unit<'a> {
    /// The purchase's place in its batch.
    pub(super) place: usize,
    pub(super) purchase: &'a Purchase,
    pub(super) kind: TargetKind,
    pub(super) target: &'a Target,
    pub(super) part: Part<'a>,
    /// What is recorded of it.
    pub(super) records: Vec<Record>,
    /// Why nothing of it is written, if so.
    pub(super) failure: Option<Failure>,
}

/// What is written.
pub(super) enum Part<'a> {
    /// Lines of the ledger.
    Credits { subject: Subject, entries: Vec<Entry> },
    /// A row of the entitlements.
    Key {
        holder: Holder<'a>,
        write: KeyWrite,
        /// Who had it before, if it is a pass.
        had: Option<String>,
    },
    /// The order of this key, and the decision once it is settled.
    Order { key: String, candidate: Box<PaymentCandidate>, settled: Option<Box<Settled>> },
    /// A job of this kind.
    Job { kind: &'static str, order_id: Option<&'a str> },
}

/// Writes all units. A unit that fails gets the reason. The units of one table must stand together.
pub(super) fn write_each(units: &mut [Unit]) {
    if units.is_empty() {
        return;
    }
    let Err(failure) = try_all(units) else { return };
    if let [only] = units {
        only.failure = Some(failure);
        return;
    }
    let (first, second) = units.split_at_mut(units.len() / 2);
    write_each(first);
    write_each(second);
}

/// Writes all of them, or none, and then returns why.
fn try_all(units: &mut [Unit]) -> Result<(), Failure> {
    let is_beside = |one: &Unit, other: &Unit| one.kind == other.kind && one.target.oid() == other.target.oid();
    let mut tables: Vec<&mut [Unit]> = units.chunk_by_mut(is_beside).collect();
    // To read a table's owner waits for whoever has locked the table, too.
    savepoint_of_app(|| with_lock_timeout(LOCK_TIMEOUT_MS, || write_tables(&mut tables)))?
}

/// Writes to several tables, to each as its owner. If all have the same owner, the role changes only once.
fn write_tables(tables: &mut [&mut [Unit]]) -> Result<(), Failure> {
    let owners = tables.iter().map(|units| units[0].target.owner()).collect::<Result<Vec<pg_sys::Oid>, Failure>>()?;
    if owners.windows(2).all(|two| two[0] == two[1]) {
        write_as(owners[0], || tables.iter_mut().for_each(|units| write_table(units)));
    } else {
        for (units, owner) in tables.iter_mut().zip(&owners) {
            write_as(*owner, || write_table(units));
        }
    }
    Ok(())
}

/// Writes what one table gets, as its owner.
fn write_table(units: &mut [Unit]) {
    let target = units[0].target;
    let (mut lines, mut keys, mut new_jobs, mut named): (Vec<_>, Vec<_>, Vec<_>, Vec<_>) = Default::default();
    for unit in &*units {
        let purchase = unit.purchase;
        match &unit.part {
            Part::Credits { subject, entries } => lines.push((subject, entries.as_slice())),
            Part::Key { holder, write, .. } => keys.push(Key { source: &purchase.source, holder: *holder, write }),
            Part::Job { kind, order_id } => new_jobs.push(NewJob { kind, purchase, order_id: *order_id }),
            Part::Order { key, candidate, .. } => named.push(Named { purchase, key, candidate }),
        }
    }
    match units[0].kind {
        TargetKind::CreditLedger => credits::write_all(target, &lines),
        TargetKind::UserEntitlements => entitlements::write_all(target, &keys),
        TargetKind::FulfillmentJobs => jobs::add_all(target, &new_jobs),
        TargetKind::Orders => {
            let all = order::settle_pending(target, &named);
            for (unit, one) in units.iter_mut().zip(all) {
                if let Part::Order { settled, .. } = &mut unit.part {
                    *settled = one.map(Box::new);
                }
            }
        }
        TargetKind::BillingStatus | TargetKind::Subscriptions => {}
    }
}
