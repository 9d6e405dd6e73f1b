//! What of a subject's credits is over or due without that anybody looked: whoever spends writes it first, whoever only reads counts it.

use payments_core::Subject;
use payments_core::fulfillment::period::lapse::{Line, Lot, lapses};
use serde::Deserialize;

use super::credits;
use super::lapse::{self, FIND_LOTS, LEDGER_LINES, StoredLot, key, lines};
use super::period::{self, Planned};
use super::target::Target;
use super::target_kind::TargetKind;
use super::targets::targets;
use crate::pg::statement::{query, text};

query!(FIND_DUE, "fulfillment_due", "find_due");
query!(FIND_DUE_SUBJECTS, "fulfillment_due", "find_due_subjects");

/// What of a subject is over or due without that anybody looked.
#[derive(Deserialize)]
struct Due {
    lapsed: bool,
    /// Environment and Stripe's id.
    subscriptions: Vec<(String, String)>,
}

/// Writes what is due and what lapsed of a subject, whose lock is held; what fails, fails the caller.
pub(super) fn settle(target: &Target, subject: &Subject) {
    let Some(due) = FIND_DUE.one::<Due>(&key(target, subject)) else { return };
    for (environment, subscription) in &due.subscriptions {
        period::give(environment, subscription);
    }
    if due.lapsed || !due.subscriptions.is_empty() {
        lapse::write_lapses_or_raise(target, subject);
    }
}

/// Writes what lapsed and what is due, of whoever has something.
pub(super) fn settle_all() {
    let subjects: Vec<Subject> = FIND_DUE_SUBJECTS.all(&[]);
    for target in targets(TargetKind::CreditLedger).iter() {
        for subject in &subjects {
            if credits::lock_patiently(subject).is_ok() {
                settle(target, subject);
            }
        }
    }
}

/// What a subject has by now beyond what the ledger says: what is due and what lapsed, unless somebody wrote it. Reads only, under the
/// snapshot of the query that asks, so that a standby can do it.
pub(super) fn unwritten(target: &Target, subject: &Subject) -> i64 {
    let Some(due) = FIND_DUE.read::<Due>(&key(target, subject)).pop() else { return 0 };
    if !due.lapsed && due.subscriptions.is_empty() {
        return 0;
    }
    let stored: Vec<StoredLot> = FIND_LOTS.read(&key(target, subject));
    let mut lots: Vec<Lot> = stored.iter().map(|one| one.lot.clone()).collect();
    let (mut change, mut now) = (0_i64, stored.first().map_or(i64::MIN, |one| one.now));
    let mut bought: Vec<Line> = Vec::new();
    for (environment, subscription) in &due.subscriptions {
        let Some(Planned { changes, now: read_at }) = period::planned(target, environment, subscription) else {
            continue;
        };
        now = read_at;
        for write in changes.writes.into_iter().filter(|write| write.subject == *subject) {
            let delta: i64 = write.entries.iter().map(|entry| entry.delta).sum();
            change = change.saturating_add(delta);
            let known = lots.iter().position(|lot| lot.source == write.source);
            match (known, write.lot) {
                (Some(known), Some(lot)) => lots[known].amount = lot.amount,
                (None, Some(lot)) => lots.push(lot),
                (Some(known), None) => lots[known].amount = 0,
                (None, None) => bought.push(Line { delta, at: now, spent: false }),
            }
        }
    }
    if lots.is_empty() {
        return change;
    }
    let args = [text(subject.subject_type.as_str()), text(subject.subject_id.as_str())];
    let found = target.read_as_owner(|| target.read(LEDGER_LINES, &args));
    let mut all = lines(found.as_deref(), &lots);
    all.append(&mut bought);
    let lapsed = lapses(&lots, &all, now);
    let sum = |change: i64, (lot, lapsed): (&Lot, &Option<i64>)| {
        change.saturating_add(lot.lapsed.unwrap_or(0)).saturating_sub(lapsed.unwrap_or(0))
    };
    lots.iter().zip(&lapsed).fold(change, sum)
}
