//! Credits: lines of the app's ledger, each with the balance of its subject after it.

use std::collections::HashMap;

use payments_core::Subject;
use payments_core::fulfillment::grant::{Entry, Repeat};
use pgrx::prelude::*;
use serde::Deserialize;

use super::target::{LOCK_TIMEOUT_MS, Target};
use crate::pg::advisory_lock::SubjectLock;
use crate::pg::savepoint::Failure;
use crate::pg::statement::{Rows, template, text};

const WRITE_CREDITS: &str = template!("fulfillment_credits", "write_credits");
const READ_BALANCE: &str = template!("fulfillment_credits", "read_balance");
const SUM_CREDITS: &str = template!("fulfillment_credits", "sum_credits");
const FIND_CREDIT: &str = template!("fulfillment_credits", "find_credit");

/// A line on its way to the ledger.
pub(super) struct NewLine<'a> {
    pub(super) subject: &'a Subject,
    pub(super) delta: i64,
    pub(super) reason: &'a str,
    /// What it is for: no other line has it.
    pub(super) source: &'a str,
    pub(super) note: Option<&'a str>,
    /// When what it grants lapses, in microseconds since 1970.
    pub(super) expires_at: Option<i64>,
}

/// Writes the lines of payments, in their order. If there are several payments, it raises if one of the lines is there already; the caller
/// tries each payment by itself then.
pub(super) fn write_all(target: &Target, payments: &[(&Subject, &[Entry])]) {
    if let [(subject, entries)] = payments {
        return entries.iter().for_each(|entry| write_entry(target, subject, entry));
    }
    let lines: Vec<NewLine> = payments
        .iter()
        .flat_map(|(subject, entries)| entries.iter().map(|entry| NewLine::of(subject, entry, &entry.source)))
        .collect();
    if usize::try_from(insert(target, &lines).0) != Ok(lines.len()) {
        target.raise_no_effect();
    }
}

/// Writes a line, unless it is there already.
pub(super) fn write_entry(target: &Target, subject: &Subject, entry: &Entry) {
    if entry.repeat == Repeat::Numbered {
        return write_step(target, subject, entry);
    }
    if write(target, &NewLine::of(subject, entry, &entry.source)).is_some() {
        return;
    }
    let may_grant_again = entry.repeat == Repeat::GrantAgain;
    let stands = if may_grant_again { sum(target, &entry.source) } else { None };
    // Once all of it was taken back, another number may be granted: it turned out that other line items were bought.
    let is_other = find(target, subject, &entry.source).is_none_or(|line| line.delta != entry.delta);
    if is_other && stands != Some(0) {
        error!("the ledger has a line of {} that says otherwise", entry.source);
    }
    if may_grant_again {
        grant_again(target, subject, entry, stands.unwrap_or(entry.delta));
    }
}

/// Writes a line that can come again after it was undone (a refund that failed, then a new one): then its source gets a number.
fn write_step(target: &Target, subject: &Subject, step: &Entry) {
    let again = (2..10_000).map(|again| format!("{}:{again}", step.source));
    let mut sources = std::iter::once(step.source.clone()).chain(again);
    sources.find(|source| write(target, &NewLine::of(subject, step, source)).is_some());
}

/// What the lines of a source come to.
fn sum(target: &Target, source: &str) -> Option<i64> {
    target.run(SUM_CREDITS, &[text(source)]).1.and_then(|sum| sum.parse().ok())
}

/// Gives what is missing of a grant that was withheld after it had been given.
fn grant_again(target: &Target, subject: &Subject, granted: &Entry, stands: i64) {
    if stands < granted.delta {
        let source = format!("{}:again:{stands}-{}", granted.source, granted.delta);
        let (delta, reason, repeat) = (granted.delta - stands, "adjustment", Repeat::Numbered);
        write_step(target, subject, &Entry { delta, reason, source, repeat, expires_at: granted.expires_at });
    }
}

impl<'a> NewLine<'a> {
    fn of(subject: &'a Subject, entry: &Entry, source: &'a str) -> Self {
        let Entry { delta, reason, expires_at, .. } = *entry;
        Self { subject, delta, reason, source, note: None, expires_at }
    }
}

/// Writes one line; the balance after it, or none where a line of this source is there already. Raises where none is there
/// afterwards.
pub(super) fn write(target: &Target, line: &NewLine) -> Option<i64> {
    let (_, balance_after) = insert(target, std::slice::from_ref(line));
    if balance_after.is_none() && find(target, line.subject, line.source).is_none() {
        target.raise_no_effect();
    }
    balance_after.and_then(|balance| balance.parse().ok())
}

/// How many lines were written, and the balance after the first.
fn insert(target: &Target, lines: &[NewLine]) -> (u64, Option<String>) {
    // One subject has one balance, however its id is spelled.
    let mut changes: HashMap<(&str, Option<String>), i64> = HashMap::new();
    let changes: Vec<Option<i64>> = lines
        .iter()
        .map(|line| {
            let subject = line.subject;
            let key = (subject.subject_type.as_str(), target.key("subject_id", &subject.subject_id));
            let change = changes.entry(key).or_default();
            *change = change.saturating_add(line.delta);
            Some(*change)
        })
        .collect();
    let rows = Rows::new(lines.len())
        .texts(lines.iter().map(|line| Some(line.subject.subject_type.as_str())))
        .texts(lines.iter().map(|line| Some(line.subject.subject_id.as_str())))
        .numbers(changes)
        .numbers(lines.iter().map(|line| Some(line.delta)))
        .texts(lines.iter().map(|line| Some(line.reason)))
        .texts(lines.iter().map(|line| Some(line.source)))
        .texts(lines.iter().map(|line| line.note))
        .times(lines.iter().map(|line| line.expires_at));
    target.run_rows(WRITE_CREDITS, &rows)
}

/// The lock of a subject's balances and billing status, in all tables. A payment takes only this one, so there is no order to keep.
pub(super) fn lock(subject: &Subject) {
    SubjectLock::of(&subject.subject_type, &subject.subject_id).lock();
}

/// Takes the same lock if nobody has it.
pub(super) fn try_lock(subject: &Subject) -> bool {
    SubjectLock::of(&subject.subject_type, &subject.subject_id).try_lock()
}

/// Takes the same lock, and waits as long as a write may: a spender that does not commit does not block payments for longer.
pub(super) fn lock_patiently(subject: &Subject) -> Result<(), Failure> {
    SubjectLock::of(&subject.subject_type, &subject.subject_id).lock_within(LOCK_TIMEOUT_MS)
}

/// A subject's balance as the calling statement sees it. Reads only.
pub(super) fn read_balance(target: &Target, subject: &Subject) -> Option<i64> {
    let args = [text(subject.subject_type.as_str()), text(subject.subject_id.as_str())];
    target.read(READ_BALANCE, &args).and_then(|balance| balance.parse().ok())
}

/// A subject's balance as it is now, under its lock: what others wrote while we waited counts.
pub(super) fn newest_balance(target: &Target, subject: &Subject) -> Option<i64> {
    let args = [text(subject.subject_type.as_str()), text(subject.subject_id.as_str())];
    target.run(READ_BALANCE, &args).1.and_then(|balance| balance.parse().ok())
}

/// A line of the ledger.
#[derive(Deserialize)]
pub(super) struct Line {
    pub(super) delta: i64,
    pub(super) balance_after: i64,
    /// Whether it is of the subject that was asked for.
    pub(super) same_subject: bool,
}

/// The line of a source, whoever's it is.
pub(super) fn find(target: &Target, subject: &Subject, source: &str) -> Option<Line> {
    let args = [text(source), text(subject.subject_type.as_str()), text(subject.subject_id.as_str())];
    let (_, line) = target.run(FIND_CREDIT, &args);
    line.map(|line| serde_json::from_str(&line).unwrap_or_else(|error| error!("a line has another shape: {error}")))
}
