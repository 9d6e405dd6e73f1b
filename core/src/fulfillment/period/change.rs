//! The changes that bring the ledger and the decisions to their targets.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::lapse::Lot;
use super::target::{PaidInvoice, Target, Targets};
use crate::fulfillment::decision::{FulfillmentDecision, FulfillmentState};
use crate::fulfillment::grant::{Entry, Repeat};
use crate::fulfillment::record::Record;
use crate::subject::Subject;

/// What is recorded of one thing that a subscription gave: a row of `payments.fulfillments`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[allow(missing_docs, reason = "the columns of that table")]
pub struct Known {
    pub item: String,
    pub state: FulfillmentState,
    pub reason: Option<String>,
    pub sqlstate: Option<String>,
    pub benefit_source: Option<String>,
    pub amount_due: Option<i64>,
    pub granted: Option<i64>,
    pub amount_reversed: Option<i64>,
    pub starts_at: Option<i64>,
    pub expires_at: Option<i64>,
}

impl Known {
    fn says(&self, record: &Record) -> bool {
        (self.state, &self.reason, &self.sqlstate) == (record.decision.state, &record.decision.reason, &record.sqlstate)
            && self.benefit_source == record.benefit_source
            && (self.amount_due, self.granted, self.amount_reversed)
                == (record.amount_due, record.granted, record.amount_reversed)
            && (self.starts_at, self.expires_at) == (record.starts_at, record.expires_at)
    }

    fn standing(&self) -> i64 {
        self.granted.unwrap_or(0) - self.amount_reversed.unwrap_or(0)
    }

    fn invoice(&self) -> Option<&str> {
        self.item.strip_prefix("credits:")?.split(':').next()
    }
}

/// Lines of the ledger for one subject, and what is recorded once they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Whose balance changes.
    pub subject: Subject,
    /// The lines.
    pub entries: Vec<Entry>,
    /// The ledger's source of the grant.
    pub source: String,
    /// The record's item.
    pub item: String,
    /// What is recorded; none where nothing is recorded of it any more.
    pub record: Option<Record>,
    /// The grant, if it lapses.
    pub lot: Option<Lot>,
}

/// All that changes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// What is written.
    pub writes: Vec<Write>,
    /// What is recorded alone.
    pub records: Vec<Record>,
    /// Items of which nothing is recorded any more.
    pub removed: Vec<String>,
    /// Who has what each invoice gave, once it is written.
    pub holders: BTreeMap<String, Subject>,
}

/// Of what is known before and of how one ledger may be written.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    /// `subscription:…`.
    pub source: &'a str,
    /// What is recorded.
    pub known: &'a [Known],
    /// The subject that got an invoice's credits.
    pub holders: &'a [(String, Subject)],
    /// Whether nothing new is given.
    pub is_revoke_only: bool,
}

/// Plans the changes. `obstacle` says why somebody can't hold credits, or what lapses can't be held.
#[must_use]
pub fn changes(
    before: &Before,
    invoices: &[PaidInvoice],
    targets: &Targets,
    obstacle: impl Fn(Option<&Subject>, &Target) -> Option<&'static str>,
) -> Changes {
    let mut changes = Changes::default();
    let mut standing: Vec<&Known> = before.known.iter().collect();
    for target in &targets.grants {
        let invoice = &invoices[target.invoice];
        let item = format!("credits:{}", target.name);
        let known = standing.iter().position(|known| known.item == item).map(|place| standing.swap_remove(place));
        if before.is_revoke_only && known.is_none_or(|known| known.granted.is_none()) {
            continue;
        }
        let subject = invoice.subject();
        let holder = before.holders.iter().find(|(of, _)| *of == invoice.id).map(|(_, holder)| holder);
        let is_moved =
            known.is_some_and(|known| known.standing() != 0) && holder.is_some() && holder != subject.as_ref();
        if let (Some(known), Some(holder), true) = (known, holder, is_moved) {
            changes.writes.push(withheld(before.source, known, holder));
        }
        let known = known.filter(|_| !is_moved);
        if let Some(reason) = obstacle(subject.as_ref(), target) {
            let decision = invoice.money.needs_review(reason);
            let record = Record { granted: None, amount_reversed: None, ..record(target, decision) };
            changes.keep(known, record);
            continue;
        }
        let (Some(subject), Some(amount)) = (subject, target.amount) else {
            let of = &target.benefit_source;
            let reason = format!("so many of {of} give more than can be written");
            let out_of_range =
                Record { granted: None, amount_reversed: None, ..record(target, target.decision.clone()) };
            changes.keep(known, out_of_range.failed("22003", reason));
            continue;
        };
        changes.holders.insert(invoice.id.clone(), subject.clone());
        let write = write(before.source, target, amount, subject, known);
        let is_new = write.record.as_ref().is_some_and(|record| known.is_none_or(|known| !known.says(record)));
        if is_new || !write.entries.is_empty() {
            changes.writes.push(write);
        }
    }
    for note in &targets.notes {
        let known = standing.iter().position(|known| known.item == note.item).map(|place| standing.swap_remove(place));
        if !before.is_revoke_only {
            changes.keep(known, note.clone());
        }
    }
    if !before.is_revoke_only {
        for known in standing {
            changes.drop(before, known);
        }
    }
    changes
}

impl Changes {
    fn keep(&mut self, known: Option<&Known>, record: Record) {
        if known.is_none_or(|known| !known.says(&record)) {
            self.records.push(record);
        }
    }

    /// Takes back a grant that is not due any more, and deletes its decision.
    fn drop(&mut self, before: &Before, known: &Known) {
        let holder = before.holders.iter().find(|(invoice, _)| known.invoice() == Some(invoice));
        match holder.filter(|_| known.standing() != 0) {
            Some((_, holder)) => self.writes.push(withheld(before.source, known, holder)),
            None => self.removed.push(known.item.clone()),
        }
    }
}

fn source_of(source: &str, item: &str) -> String {
    format!("{source}:{}", item.strip_prefix("credits:").unwrap_or(item))
}

fn record(target: &Target, decision: FulfillmentDecision) -> Record {
    Record {
        benefit_source: Some(target.benefit_source.clone()),
        amount_due: target.amount,
        granted: target.amount,
        amount_reversed: Some(target.taken_back),
        starts_at: Some(target.starts_at),
        expires_at: target.expires_at,
        ..Record::new(format!("credits:{}", target.name), decision)
    }
}

fn write(source: &str, target: &Target, amount: i64, subject: Subject, known: Option<&Known>) -> Write {
    let source = format!("{source}:{}", target.name);
    let granted = known.and_then(|known| known.granted).unwrap_or(0);
    let taken = known.and_then(|known| known.amount_reversed).unwrap_or(0);
    let mut entries = Vec::new();
    if amount != granted {
        let (of, repeat) = match granted {
            0 => (source.clone(), Repeat::GrantAgain),
            granted => (format!("{source}:more:{granted}-{amount}"), Repeat::Numbered),
        };
        let (delta, reason, expires_at) = (amount - granted, "purchase", target.expires_at);
        entries.push(Entry { delta, reason, source: of, repeat, expires_at });
    }
    if target.taken_back != taken {
        let of = format!("{source}:{}:{taken}-{}", target.reason, target.taken_back);
        let (delta, reason, repeat) = (taken - target.taken_back, target.reason, Repeat::Numbered);
        entries.push(Entry { delta, reason, source: of, repeat, expires_at: None });
    }
    let standing = amount - target.taken_back;
    let lot = target.expires_at.map(|expires_at| Lot::new(source.clone(), standing, target.starts_at, expires_at));
    let record = record(target, target.decision.clone());
    Write { subject, entries, source, item: record.item.clone(), record: Some(record), lot }
}

/// Takes back what is left of a grant from its holder.
fn withheld(source: &str, known: &Known, holder: &Subject) -> Write {
    let source = source_of(source, &known.item);
    let standing = known.standing();
    let (delta, reason, repeat) = (-standing, "adjustment", Repeat::Numbered);
    let of = format!("{source}:withheld:{standing}-0");
    let entries = vec![Entry { delta, reason, source: of, repeat, expires_at: None }];
    Write { subject: holder.clone(), entries, source, item: known.item.clone(), record: None, lot: None }
}

#[cfg(test)]
mod tests;
