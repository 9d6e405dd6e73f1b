//! Credits: lines of the app's ledger, one for what a payment grants, more for what goes back.

use std::collections::BTreeMap;

use payments_core::Subject;
use payments_core::fulfil::credits::{Credits, decide};
use payments_core::fulfil::promise::{self, Waiting};
use pgrx::prelude::*;
use serde::Deserialize;
use serde_json::json;

use super::purchase::{Given, Purchase, UNDECIDED};
use super::target::{PATIENCE, Target};
use super::{Kind, Record, forget, keep_undecided, known};
use crate::db::{Failure, sees_the_newest, text};
use crate::lock::Belongings;

const WRITE_CREDIT: &str = include_str!("../../sql/target/write_credit.sql");
const WRITE_CREDITS: &str = include_str!("../../sql/target/write_credits.sql");
const READ_BALANCE: &str = include_str!("../../sql/target/read_balance.sql");
const SUM_CREDITS: &str = include_str!("../../sql/target/sum_credits.sql");
const FIND_CREDIT: &str = include_str!("../../sql/target/find_credit.sql");

/// Credits of one benefit: due, and what the ledger has of them.
struct Due {
    what: String,
    via: String,
    due: i64,
    granted: i64,
    taken_back: i64,
}

/// Brings every ledger to what the payment gives now.
pub(super) fn fulfil(purchase: &Purchase) {
    for target in known::targets(Kind::CreditLedger).iter() {
        if purchase.only_takes_back() {
            take_back(target, purchase);
            continue;
        }
        let given: Vec<&Given> = purchase.given(Kind::CreditLedger, target).collect();
        let waiting: Vec<Waiting> = given.iter().filter_map(|given| given.waiting()).collect();
        // What was promised once stays so; only what is new or waits is looked up in the benefits of today.
        let mut dues: Vec<Due> = given.iter().filter_map(|given| promised_before(given)).collect();
        let undecided = if given.is_empty() {
            let (promised, undecided) = promise::credits(purchase.benefits().iter());
            add(&mut dues, promised);
            undecided
        } else if waiting.is_empty() {
            BTreeMap::new()
        } else {
            let (promised, undecided) = promise::credits(promise::of_waiting(purchase.benefits(), &waiting).iter());
            add(&mut dues, promised);
            undecided
        };
        if !dues.is_empty() {
            give_in(target, purchase, &dues);
        } else if undecided.is_empty() && given.len() == waiting.len() {
            purchase.nothing_to_give(Kind::CreditLedger, target);
        }
        for (price, why) in &undecided {
            keep_undecided(purchase, Kind::CreditLedger, target, price, *why);
        }
        for line in waiting.iter().filter(|line| !undecided.contains_key(&line.price)) {
            let what = format!("{UNDECIDED}{}", line.price);
            forget(&purchase.source, Kind::CreditLedger, target, &what, None);
        }
    }
}

/// What a test payment granted before live was approved follows its money; nothing else is granted.
fn take_back(target: &Target, purchase: &Purchase) {
    let given: Vec<&Given> = purchase.given(Kind::CreditLedger, target).collect();
    let granted = given.iter().filter_map(|given| promised_before(given)).filter(|due| due.granted > 0);
    let dues: Vec<Due> = granted.map(|due| Due { due: due.granted, ..due }).collect();
    if !dues.is_empty() {
        give_in(target, purchase, &dues);
    }
    for tried in given.iter().filter(|given| given.is_open() && given.granted.unwrap_or(0) == 0) {
        purchase.refuse_test(Kind::CreditLedger, target, Some(tried));
    }
    if given.is_empty() {
        purchase.refuse_test(Kind::CreditLedger, target, None);
    }
}

fn promised_before(given: &Given) -> Option<Due> {
    Some(Due {
        what: given.what.clone(),
        via: given.via.clone()?,
        due: given.due?,
        granted: given.granted.unwrap_or(0),
        taken_back: given.taken_back.unwrap_or(0),
    })
}

fn add(dues: &mut Vec<Due>, promised: BTreeMap<String, i64>) {
    for (via, credits) in promised {
        match dues.iter_mut().find(|due| due.via == via) {
            Some(due) => due.due = due.due.saturating_add(credits),
            None => dues.push(Due { what: format!("credits:{via}"), via, due: credits, granted: 0, taken_back: 0 }),
        }
    }
}

fn give_in(target: &Target, purchase: &Purchase, dues: &[Due]) {
    if let Some(reason) = purchase.money.too_little() {
        withhold(target, purchase, dues, &reason);
        return;
    }
    let nobody = "the checkout session names nobody to give the credits to";
    let nameable = |subject: &Subject| target.can_name("subject_id", &subject.subject_id);
    let subject = match beneficiary(purchase) {
        None => Err(nobody),
        Some(subject) if nameable(&subject) => Ok(subject),
        Some(_) => Err("the subject's id is none that the ledger can name"),
    };
    let subject = match subject {
        Ok(subject) => subject,
        Err(reason) => {
            let verdict = purchase.needs_review(reason);
            for due in dues {
                let record = Record::new(purchase, Kind::CreditLedger, target, &due.what, verdict.clone());
                Record { via: Some(&due.via), due: Some(due.due), ..record }.keep();
            }
            return;
        }
    };
    let decisions = decisions(dues, purchase);
    let written = write_all(target, purchase, &subject, dues, &decisions);
    for (due, decision) in dues.iter().zip(&decisions) {
        match &written {
            Ok(()) => record(purchase, target, due, decision).keep(),
            Err(failure) => record(purchase, target, due, decision).keep_failure(failure),
        }
    }
}

/// Nothing is granted: what was, before that was known, is taken back, and the record is as if it had never been.
fn withhold(target: &Target, purchase: &Purchase, dues: &[Due], reason: &str) {
    let verdict = purchase.needs_review(reason);
    let taken = beneficiary(purchase).map_or(Ok(()), |subject| take_all(target, purchase, &subject, dues));
    for due in dues {
        let record = Record::new(purchase, Kind::CreditLedger, target, &due.what, verdict.clone());
        let record = Record { via: Some(&due.via), due: Some(due.due), ..record };
        match &taken {
            Ok(()) => record.keep(),
            Err(failure) => record.keep_failure(failure),
        }
    }
}

/// Takes back what stands of earlier grants.
fn take_all(target: &Target, purchase: &Purchase, subject: &Subject, dues: &[Due]) -> Result<(), Failure> {
    let standing: Vec<&Due> = dues.iter().filter(|due| due.granted > due.taken_back).collect();
    if standing.is_empty() {
        return Ok(());
    }
    under_lock(target, subject, || {
        for due in standing {
            let step = format!("{}:withheld:{}-{}", source_of(purchase, due), due.taken_back, due.granted);
            write_step(target, subject, due.taken_back - due.granted, "adjustment", &step);
        }
    })
}

/// Who gets the credits: the session's subject, else the user who opened it.
fn beneficiary(purchase: &Purchase) -> Option<Subject> {
    purchase.subject().or_else(|| {
        let subject_id = purchase.created_by.clone()?;
        Some(Subject { subject_type: "user".into(), subject_id })
    })
}

fn write_all(
    target: &Target,
    purchase: &Purchase,
    subject: &Subject,
    dues: &[Due],
    decisions: &[Credits],
) -> Result<(), Failure> {
    if decisions.iter().all(|decision| decision.grant == 0 && decision.change == 0) {
        return Ok(());
    }
    under_lock(target, subject, || write_lines(target, purchase, subject, dues, decisions))
}

/// Writes while nobody else changes the subject's balance.
fn under_lock(target: &Target, subject: &Subject, write: impl FnOnce()) -> Result<(), Failure> {
    // A snapshot that is older than the lock would not see what others wrote while we waited for it.
    if !sees_the_newest() {
        return Err(Failure::because("25001", "balances change under read committed only"));
    }
    lock_patiently(&subject.subject_type, &subject.subject_id)?;
    target.attempt(write)
}

/// Writes a change; the same step can be taken again after it was undone (a refund that failed, then a new one).
fn write_step(target: &Target, subject: &Subject, change: i64, reason: &str, step: &str) {
    let mut steps = std::iter::once(step.to_owned()).chain((2..10_000).map(|again| format!("{step}:{again}")));
    steps.find(|step| write(target, subject, change, reason, step, None).is_some());
}

fn write_lines(target: &Target, purchase: &Purchase, subject: &Subject, dues: &[Due], decisions: &[Credits]) {
    for (due, decision) in dues.iter().zip(decisions) {
        let source = source_of(purchase, due);
        if decision.grant != 0 && due.granted == 0 {
            if !write_once(target, subject, decision.grant, "purchase", &source) {
                grant_again(target, subject, decision.grant, &source);
            }
        } else if decision.grant != 0 {
            let more = format!("{source}:more:{}-{}", due.granted, due.due);
            write_once(target, subject, decision.grant, "purchase", &more);
        }
        if decision.change != 0 {
            let step = format!("{source}:{}:{}-{}", decision.reason, due.taken_back, decision.taken_back);
            write_step(target, subject, decision.change, decision.reason, &step);
        }
    }
}

/// What a payment grants at first.
pub(super) struct Grant {
    subject: Subject,
    dues: Vec<Due>,
    decisions: Vec<Credits>,
}

/// What a payment grants of which nothing was decided yet; none where that is not plain.
pub(super) fn first(purchase: &Purchase, target: &Target) -> Option<Grant> {
    if purchase.money.too_little().is_some() {
        return None;
    }
    let (promised, undecided) = promise::credits(purchase.benefits().iter());
    let subject = beneficiary(purchase).filter(|subject| target.can_name("subject_id", &subject.subject_id))?;
    if promised.is_empty() || !undecided.is_empty() {
        return None;
    }
    let mut dues = Vec::new();
    add(&mut dues, promised);
    let decisions = decisions(&dues, purchase);
    decisions.iter().all(|decision| decision.change == 0).then_some(Grant { subject, dues, decisions })
}

impl Grant {
    /// Takes the lock of the subject's balance if nobody has it.
    pub(super) fn try_lock(&self) -> bool {
        Belongings::of(&self.subject.subject_type, &self.subject.subject_id).try_lock()
    }

    pub(super) fn write(&self, target: &Target, purchase: &Purchase) {
        write_lines(target, purchase, &self.subject, &self.dues, &self.decisions);
    }

    pub(super) fn records<'a>(&'a self, purchase: &'a Purchase, target: &'a Target) -> Vec<Record<'a>> {
        self.dues.iter().zip(&self.decisions).map(|(due, decision)| record(purchase, target, due, decision)).collect()
    }
}

/// Writes what many payments grant, in their order, a line for each benefit; raises where one is there already.
pub(super) fn write_many<'a>(target: &Target, grants: impl Iterator<Item = (&'a Purchase, &'a Grant)>) {
    let mut lines = Vec::new();
    for (purchase, grant) in grants {
        for (due, decision) in grant.dues.iter().zip(&grant.decisions).filter(|(_, decision)| decision.grant != 0) {
            lines.push(json!({
                "n": lines.len(),
                "subject_type": grant.subject.subject_type,
                "subject_id": grant.subject.subject_id,
                "delta": decision.grant,
                "source": source_of(purchase, due),
            }));
        }
    }
    target.write_all(WRITE_CREDITS, &lines, Vec::new());
}

fn source_of(purchase: &Purchase, due: &Due) -> String {
    format!("{}:{}", purchase.source, due.via)
}

fn decisions(dues: &[Due], purchase: &Purchase) -> Vec<Credits> {
    dues.iter().map(|due| decide(due.due, due.granted, due.taken_back, &purchase.money)).collect()
}

fn record<'a>(purchase: &'a Purchase, target: &'a Target, due: &'a Due, decision: &Credits) -> Record<'a> {
    Record {
        via: Some(&due.via),
        due: Some(due.due),
        granted: Some(due.due),
        taken_back: Some(decision.taken_back),
        ..Record::new(purchase, Kind::CreditLedger, target, &due.what, decision.verdict.clone())
    }
}

/// Writes a line that may be there already from an earlier time, and must be there afterwards; whether it was not.
fn write_once(target: &Target, subject: &Subject, delta: i64, reason: &str, source: &str) -> bool {
    let is_new = write(target, subject, delta, reason, source, None).is_some();
    if !is_new && find(target, subject, source).is_none_or(|line| line.delta != delta) {
        error!("the ledger has a line of {source} that says otherwise");
    }
    is_new
}

/// What was granted before may have been withheld since: gives what is missing.
fn grant_again(target: &Target, subject: &Subject, grant: i64, source: &str) {
    let stands = target.run(SUM_CREDITS, &[text(source)]).1.and_then(|sum| sum.parse::<i64>().ok()).unwrap_or(grant);
    if stands < grant {
        write_step(target, subject, grant - stands, "adjustment", &format!("{source}:again:{stands}-{grant}"));
    }
}

/// One writer at a time for a subject's balances and billing status, in whichever tables: so a payment has one lock to wait
/// for, and needs no order.
pub(super) fn lock(subject_type: &str, subject_id: &str) {
    Belongings::of(subject_type, subject_id).lock();
}

/// The same with the patience of a write: who holds it, a spender that does not commit, keeps no payment waiting.
pub(super) fn lock_patiently(subject_type: &str, subject_id: &str) -> Result<(), Failure> {
    Belongings::of(subject_type, subject_id).lock_within(PATIENCE)
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

/// Writes one line; the balance after it, or none where a line of this source is there already. Raises where none is there
/// afterwards.
pub(super) fn write(
    target: &Target,
    subject: &Subject,
    delta: i64,
    reason: &str,
    source: &str,
    note: Option<&str>,
) -> Option<i64> {
    let (_, balance_after) = target.run(
        WRITE_CREDIT,
        &[
            text(subject.subject_type.as_str()),
            text(subject.subject_id.as_str()),
            delta.into(),
            text(reason),
            text(source),
            text(note),
        ],
    );
    if balance_after.is_none() && find(target, subject, source).is_none() {
        target.had_no_effect();
    }
    balance_after.and_then(|balance| balance.parse().ok())
}
