//! What a subscription gives: entitlements while its status grants access, and one billing status for its subject.

use payments_core::fulfil::billing_status::{Standing, best};
use payments_core::fulfil::entitlements::of_subscription;
use payments_core::fulfil::promise::Benefit;
use payments_core::fulfil::{State, Verdict};
use serde::Deserialize;

use super::benefits;
use super::entitlements::{self, Holder, Term};
use super::target::Target;
use super::{Kind, Record, forget, known};
use crate::db::{Failure, statement, text};

statement!(FIND_SUBSCRIPTION, "find_subscription");
statement!(FIND_SUBSCRIPTIONS_OF_SUBJECT, "find_subscriptions_of_subject");

const PUT_BILLING_STATUS: &str = include_str!("../../sql/target/put_billing_status.sql");
const ADD_BILLING_STATUS: &str = include_str!("../../sql/target/add_billing_status.sql");
const FIND_BILLING_STATUS: &str = include_str!("../../sql/target/find_billing_status.sql");
const DROP_BILLING_STATUS: &str = include_str!("../../sql/target/drop_billing_status.sql");

/// A subscription, its items, and what it gave before.
#[derive(Debug, Deserialize)]
struct Subscription {
    environment: String,
    source: String,
    /// Whether it is of test while live is approved, or was.
    refused: bool,
    /// None where there is no such subscription any more.
    status: Option<String>,
    subject_type: Option<String>,
    subject_id: Option<String>,
    starts_at: Option<i64>,
    ends_at: Option<i64>,
    /// Price, 1, product.
    items: Option<Vec<(String, i64, Option<String>)>>,
    given: Option<Vec<Given>>,
}

#[derive(Debug, Deserialize)]
struct Given {
    kind: String,
    target: String,
    what: String,
    via: Option<String>,
}

/// One key that a subscription gives, or gave.
struct Due {
    key: String,
    via: String,
    past_due: bool,
    held: bool,
}

impl Subscription {
    fn holds(&self, via: &str) -> bool {
        self.items.iter().flatten().any(|(price, _, product)| price == via || product.as_deref() == Some(via))
    }

    fn given(&self, kind: Kind, target: &Target) -> impl Iterator<Item = &Given> {
        self.given.iter().flatten().filter(move |given| given.kind == kind.name() && given.target == target.relation)
    }

    /// What its items give today, and what they gave before.
    fn dues(&self, target: &Target, benefits: &[Benefit]) -> Vec<Due> {
        let mut dues: Vec<Due> = Vec::new();
        for benefit in benefits {
            let Some((key, via)) = benefit.key.clone().zip(benefit.via.clone()) else { continue };
            let past_due = benefit.past_due == Some(true);
            match dues.iter_mut().find(|due| due.key == key) {
                Some(due) => due.past_due |= past_due,
                None => dues.push(Due { key, via, past_due, held: true }),
            }
        }
        for given in self.given(Kind::UserEntitlements, target) {
            if dues.iter().all(|due| due.key != given.what) {
                let via = given.via.clone().unwrap_or_default();
                let held = self.holds(&via);
                dues.push(Due { key: given.what.clone(), via, past_due: false, held });
            }
        }
        dues
    }
}

/// Gives and ends what one subscription's items give. Running it again changes nothing.
pub(super) fn fulfil_entitlements(environment: &str, stripe_subscription_id: &str) {
    let (targets, ledgers) = (known::targets(Kind::UserEntitlements), known::targets(Kind::CreditLedger));
    if targets.is_empty() && ledgers.is_empty() {
        return;
    }
    let Some(subscription) = FIND_SUBSCRIPTION.one::<Subscription>(&[text(environment), text(stripe_subscription_id)])
    else {
        return;
    };
    let benefits = benefits::of_lines(environment, subscription.items.as_deref().unwrap_or_default(), 0);
    for target in targets.iter() {
        for due in subscription.dues(target, &benefits) {
            give(target, &subscription, &due);
        }
    }
    for ledger in ledgers.iter() {
        refuse_credits(ledger, &subscription, &benefits);
    }
}

/// Says of the credits that its prices give where they are bought once that a subscription gives none.
fn refuse_credits(ledger: &Target, subscription: &Subscription, benefits: &[Benefit]) {
    let giving = benefits.iter().filter(|benefit| benefit.credits.is_some());
    let refused: Vec<(String, &String)> = giving
        .filter_map(|benefit| Some((format!("credits:{}", benefit.via.as_ref()?), benefit.via.as_ref()?)))
        .collect();
    for (what, via) in &refused {
        let verdict = Verdict::because(State::Skipped, "credits are given by one-time payments, not by a subscription");
        let (environment, source) = (&subscription.environment, &subscription.source);
        let record = Record::of(environment, source, Kind::CreditLedger, &ledger.relation, what, verdict);
        Record { via: Some(via), ..record }.keep();
    }
    for given in subscription.given(Kind::CreditLedger, ledger) {
        if refused.iter().all(|(what, _)| *what != given.what) {
            forget(&subscription.source, Kind::CreditLedger, ledger, &given.what, None);
        }
    }
}

/// Why a key that the items give is given to nobody, if somebody should know.
fn refusal(subscription: &Subscription, active: bool) -> Option<Verdict> {
    if subscription.refused {
        let reason = "the table names no environment, and live is approved: a test subscription gives nothing to it";
        return Some(Verdict::because(State::Skipped, reason));
    }
    let reason = match subscription.subject_id {
        Some(_) => "the subscription is billed to a subject that this table cannot name",
        None if active => "the subscription names nobody to give it to",
        None => return None,
    };
    Some(Verdict::because(State::NeedsReview, reason))
}

fn give(target: &Target, subscription: &Subscription, due: &Due) {
    let status = subscription.status.as_deref().unwrap_or("gone");
    let now = of_subscription(status, due.past_due, due.held);
    let record = Record {
        via: Some(&due.via),
        starts_at: subscription.starts_at,
        expires_at: subscription.ends_at,
        ..Record::of(
            &subscription.environment,
            &subscription.source,
            Kind::UserEntitlements,
            &target.relation,
            &due.key,
            now.verdict.clone(),
        )
    };
    let holder = Holder::of(subscription.subject_type.as_deref(), subscription.subject_id.as_deref(), None);
    if !due.held || subscription.refused || !holder.can_hold(target) {
        // Nothing remains of a key that the items no longer give, so that it does not matter who saw them before.
        let removed = target.attempt(|| entitlements::remove(target, &subscription.source, &due.key));
        let refusal = refusal(subscription, now.active).filter(|_| due.held);
        match (removed, refusal) {
            (Ok(()), Some(verdict)) => Record { verdict, ..record }.keep(),
            (Ok(()), None) => forget(&subscription.source, Kind::UserEntitlements, target, &due.key, None),
            (Err(failure), _) => record.keep_failure(&failure),
        }
        return;
    }
    let term = Term { active: now.active, starts_at: subscription.starts_at, expires_at: subscription.ends_at };
    match target.attempt(|| entitlements::write(target, &subscription.source, &due.key, &holder, &term, true)) {
        Ok(()) => record.keep(),
        Err(failure) => record.keep_failure(&failure),
    }
}

/// One of a subject's subscriptions.
#[derive(Debug, Deserialize)]
struct Row {
    environment: String,
    id: String,
    status: String,
    current_period_end: Option<i64>,
    cancel_at: Option<i64>,
    cancel_at_period_end: bool,
}

/// Writes the billing status of a subject into every table that is for its type.
pub(super) fn fulfil_billing_status(environment: &str, subject_type: &str, subject_id: &str) {
    let source = format!("subject:{subject_type}:{subject_id}");
    for target in known::targets(Kind::BillingStatus).iter() {
        if target.subject_type.as_deref() != Some(subject_type) {
            continue;
        }
        // Two of its subscriptions may change at once: the second sees what the first wrote.
        let locked = super::credits::lock_patiently(subject_type, subject_id);
        let rows: Vec<Row> = FIND_SUBSCRIPTIONS_OF_SUBJECT.all(&[text(subject_type), text(subject_id)]);
        let standings: Vec<Standing> = rows
            .iter()
            .map(|row| Standing { status: &row.status, current_period_end: row.current_period_end, id: &row.id })
            .collect();
        let best = best(&standings).map(|place| &rows[place]);
        let written = locked.and_then(|()| target.attempt(|| write_status(target, subject_id, best)));
        keep_status(target, environment, &source, subject_id, best, written.err().as_ref());
    }
}

fn write_status(target: &Target, subject_id: &str, best: Option<&Row>) {
    let Some(row) = best else {
        if target.run(DROP_BILLING_STATUS, &[text(subject_id)]).0 == 0
            && target.run(FIND_BILLING_STATUS, &[text(subject_id)]).1.is_some()
        {
            target.had_no_effect();
        }
        return;
    };
    let args = [
        text(subject_id),
        text(row.id.as_str()),
        text(row.status.as_str()),
        row.current_period_end.into(),
        row.cancel_at.into(),
        row.cancel_at_period_end.into(),
        text(row.environment.as_str()),
    ];
    if target.run(PUT_BILLING_STATUS, &args).0 == 0 && target.run(ADD_BILLING_STATUS, &args).0 == 0 {
        target.had_no_effect();
    }
}

fn keep_status(
    target: &Target,
    environment: &str,
    source: &str,
    what: &str,
    best: Option<&Row>,
    failure: Option<&Failure>,
) {
    let environment = best.map_or(environment, |row| row.environment.as_str());
    let verdict = Verdict { reason: best.map(|row| format!("{} is {}", row.id, row.status)), ..Verdict::applied() };
    let record = Record {
        via: best.map(|row| row.id.as_str()),
        expires_at: best.and_then(|row| row.current_period_end),
        ..Record::of(environment, source, Kind::BillingStatus, &target.relation, what, verdict)
    };
    match failure {
        Some(failure) => record.keep_failure(failure),
        None if best.is_some() => record.keep(),
        None => {}
    }
    if failure.is_none() {
        forget(source, Kind::BillingStatus, target, what, best.map(|row| row.environment.as_str()));
    }
}
