//! Credits: lines of the app's ledger, one for what a payment grants, more for what goes back.

use std::collections::BTreeMap;

use payments_core::fulfil::Subject;
use payments_core::fulfil::credits::{Credits, decide};

use super::target::Target;
use super::{Benefit, Given, Kind, Purchase, Record};
use crate::db::{Failure, text};
use crate::lock;

const WRITE_CREDIT: &str = include_str!("../../sql/target/write_credit.sql");
const READ_BALANCE: &str = include_str!("../../sql/target/read_balance.sql");
const BALANCE_NUMBERED: &str = include_str!("../../sql/target/balance_numbered.sql");
const BALANCE_SUMMED: &str = include_str!("../../sql/target/balance_summed.sql");

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
    for target in purchase.targets() {
        // What was promised once stays so; only a payment that is new here is looked up in the benefits of today.
        let mut dues: Vec<Due> = purchase.given(target).filter_map(known).collect();
        if dues.is_empty() {
            if purchase.given(target).next().is_some() {
                continue;
            }
            dues = promised(&purchase.benefits(Kind::CreditLedger));
            if dues.is_empty() {
                purchase.nothing_to_give(Kind::CreditLedger, target);
                continue;
            }
        }
        give_in(target, purchase, &dues);
    }
}

fn known(given: &Given) -> Option<Due> {
    Some(Due {
        what: given.what.clone(),
        via: given.via.clone()?,
        due: given.due?,
        granted: given.granted.unwrap_or(0),
        taken_back: given.taken_back.unwrap_or(0),
    })
}

fn promised(benefits: &[Benefit]) -> Vec<Due> {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for benefit in benefits {
        let sum = sums.entry(&benefit.via).or_default();
        *sum = sum.saturating_add(benefit.credits.unwrap_or(0));
    }
    sums.into_iter()
        .map(|(via, due)| Due { what: format!("credits:{via}"), via: via.into(), due, granted: 0, taken_back: 0 })
        .collect()
}

fn give_in(target: &Target, purchase: &Purchase, dues: &[Due]) {
    let Some(subject) = beneficiary(purchase) else {
        let verdict = purchase.needs_review("the checkout session names nobody to give the credits to");
        for due in dues {
            Record {
                via: Some(&due.via),
                due: Some(due.due),
                ..Record::new(purchase, Kind::CreditLedger, target, &due.what, verdict.clone())
            }
            .keep();
        }
        return;
    };
    let decisions: Vec<Credits> =
        dues.iter().map(|due| decide(due.due, due.granted, due.taken_back, &purchase.money)).collect();
    let written = write_all(target, purchase, &subject, dues, &decisions);
    for (due, decision) in dues.iter().zip(decisions) {
        let record = Record {
            via: Some(&due.via),
            due: Some(due.due),
            granted: Some(due.due),
            taken_back: Some(decision.taken_back),
            ..Record::new(purchase, Kind::CreditLedger, target, &due.what, decision.verdict)
        };
        match &written {
            Ok(()) => record.keep(),
            Err(failure) => record.keep_failure(failure),
        }
    }
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
    lock(target, &subject.subject_type, &subject.subject_id);
    target.attempt(|| {
        for (due, decision) in dues.iter().zip(decisions) {
            let source = format!("{}:{}", purchase.source, due.via);
            if decision.grant != 0 {
                write(target, subject, decision.grant, "purchase", &source, None);
            }
            if decision.change != 0 {
                let step = format!("{source}:{}:{}-{}", decision.reason, due.taken_back, decision.taken_back);
                // The same step can be taken again after it was undone (a refund that failed, then a new one).
                let mut steps = std::iter::once(step.clone()).chain((2..10_000).map(|again| format!("{step}:{again}")));
                steps.find(|step| write(target, subject, decision.change, decision.reason, step, None).is_some());
            }
        }
    })
}

/// One writer at a time for a subject's balance.
pub(super) fn lock(target: &Target, subject_type: &str, subject_id: &str) {
    lock::exactly(&[&target.relation, subject_type, subject_id]);
}

fn with_balance(target: &Target, template: &str) -> String {
    let balance = if target.numbered { BALANCE_NUMBERED } else { BALANCE_SUMMED };
    template.replace("{balance}", balance.trim_end())
}

/// A subject's balance as the calling statement sees it. Reads only.
pub(super) fn read_balance(target: &Target, subject: &Subject) -> Option<i64> {
    let args = [text(subject.subject_type.as_str()), text(subject.subject_id.as_str())];
    target.read(&with_balance(target, READ_BALANCE), &args).and_then(|balance| balance.parse().ok())
}

/// A subject's balance as it is now, under its lock: what others wrote while we waited counts.
pub(super) fn newest_balance(target: &Target, subject: &Subject) -> Option<i64> {
    let args = [text(subject.subject_type.as_str()), text(subject.subject_id.as_str())];
    target.run(&with_balance(target, READ_BALANCE), &args).1.and_then(|balance| balance.parse().ok())
}

/// Writes one line; the balance after it, or none where a line of this source is there already.
pub(super) fn write(
    target: &Target,
    subject: &Subject,
    delta: i64,
    reason: &str,
    source: &str,
    note: Option<&str>,
) -> Option<i64> {
    let (_, balance_after) = target.run(
        &with_balance(target, WRITE_CREDIT),
        &[
            text(subject.subject_type.as_str()),
            text(subject.subject_id.as_str()),
            delta.into(),
            text(reason),
            text(source),
            text(note),
        ],
    );
    balance_after.and_then(|balance| balance.parse().ok())
}
