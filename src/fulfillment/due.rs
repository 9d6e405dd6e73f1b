//! Credits that lapsed, and parts that became due, since the ledger was last written. No job runs at that time: a spender writes them
//! first, and a reader counts them.

use payments_core::Subject;
use payments_core::fulfillment::decision::FulfillmentDecision;
use payments_core::fulfillment::period::lapse::{Line, Lot, lapses};
use payments_core::fulfillment::record::Record;
use serde::Deserialize;

use super::credits;
use super::lapse::{self, FIND_LOTS, LEDGER_LINES, Past, StoredLot, key};
use super::period::{self, LAPSE, Planned};
use super::record::{Decided, delete, failed, save};
use super::target::Target;
use super::target_kind::TargetKind;
use super::targets::targets;
use crate::pg::statement::{query, text};

query!(FIND_DUE, "fulfillment_due", "find_due");
query!(FIND_DUE_SUBJECTS, "fulfillment_due", "find_due_subjects");

/// What lapsed or became due for a subject, and is not written yet.
#[derive(Deserialize)]
struct Due {
    lapsed: bool,
    /// Environment and Stripe's id.
    subscriptions: Vec<(String, String)>,
}

/// Writes what is due and what lapsed for a subject, whose lock must be held. An error is raised to the caller.
pub(super) fn settle(target: &Target, subject: &Subject) {
    let Some(due) = FIND_DUE.one::<Due>(&key(target, subject)) else { return };
    period::give_all(&due.subscriptions);
    if due.lapsed || !due.subscriptions.is_empty() {
        lapse::write_lapses_or_raise(target, subject);
    }
}

/// Writes what lapsed and what is due, for a batch of the subjects that have something.
pub(super) fn settle_all() {
    for target in targets(TargetKind::CreditLedger).iter() {
        for subject in FIND_DUE_SUBJECTS.all::<Subject>(&[text(target.relation.as_str())]) {
            settle_or_record(target, &subject);
        }
    }
}

/// Tries again to write what lapsed for a subject, after a decision said that this failed.
pub(super) fn settle_again(subject: &Subject) {
    for target in targets(TargetKind::CreditLedger).iter() {
        settle_or_record(target, subject);
    }
}

/// Writes what is due and what lapsed for a subject. An error is saved as a decision, and does not stop the other subjects.
fn settle_or_record(target: &Target, subject: &Subject) {
    if credits::lock_patiently(subject).is_err() {
        return;
    }
    if let Some(due) = FIND_DUE.one::<Due>(&key(target, subject)) {
        period::give_all(&due.subscriptions);
    }
    let source = format!("subject:{}:{}", subject.subject_type, subject.subject_id);
    let kind = TargetKind::CreditLedger;
    let Err(failure) = lapse::write_lapses(target, subject) else {
        return delete(&source, kind, &target.relation, LAPSE, None);
    };
    let Some((environment, lot)) = lapse::lots_of(target, subject).into_iter().min_by_key(|(_, lot)| lot.expires_at)
    else {
        return;
    };
    let record = Record { benefit_source: Some(lot.source), ..Record::new(LAPSE, FulfillmentDecision::applied()) };
    let record = failed(record, &failure);
    let (environment, source, target) = (environment.as_str(), source.as_str(), target.relation.as_str());
    save(&[Decided { environment, source, kind, target, is_first: false, record }]);
}

/// By how much a subject's balance differs from the ledger, because of what is due and what lapsed. It only reads, under the snapshot of
/// the query that asks, so that it works on a standby.
pub(super) fn unwritten(target: &Target, subject: &Subject) -> i64 {
    let Some(due) = FIND_DUE.read::<Due>(&key(target, subject)).pop() else { return 0 };
    if !due.lapsed && due.subscriptions.is_empty() {
        return 0;
    }
    let stored: Vec<StoredLot> = FIND_LOTS.read(&key(target, subject));
    let mut now = stored.first().map_or(i64::MIN, |one| one.now);
    // `stored` has the lots as they are stored, `lots` as they should be.
    let mut stored: Vec<Lot> = stored.into_iter().map(|one| one.lot).collect();
    let mut lots = stored.clone();
    let mut change = 0_i64;
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
            if let Some(known) = known {
                stored[known].settled = false;
            }
            match (known, write.lot) {
                (Some(known), Some(lot)) => lots[known].amount = lot.amount,
                (None, Some(lot)) => {
                    stored.push(Lot { amount: 0, ..lot.clone() });
                    lots.push(lot);
                }
                (Some(known), None) => lots[known].amount = 0,
                (None, None) => bought.push(Line { delta, at: now, spent: false, by_app: false }),
            }
        }
    }
    let Some(past) = Past::of(&stored) else { return change };
    let lots: Vec<Lot> = lots.into_iter().filter(|lot| past.has(lot)).collect();
    let found = target.read_as_owner(|| target.read(LEDGER_LINES, &past.key(subject)));
    let (before, mut lines) = past.read(found.as_deref());
    lines.append(&mut bought);
    let lapsed = lapses(before, &lots, &lines, now);
    let sum = |change: i64, (lot, lapsed): (&Lot, &Option<i64>)| {
        change.saturating_add(lot.lapsed.unwrap_or(0)).saturating_sub(lapsed.unwrap_or(0))
    };
    lots.iter().zip(&lapsed).fold(change, sum)
}
