//! What a subscription gives: entitlements while its status grants access, and one billing status for its subject.

use std::collections::BTreeMap;

use payments_core::Subject;
use payments_core::fulfillment::benefit::Benefit;
use payments_core::fulfillment::billing_status::{Giving, Policy, SubscriptionRank, access_ends, best, longest};
use payments_core::fulfillment::decision::{FulfillmentDecision, FulfillmentState};
use payments_core::fulfillment::entitlements::of_subscription;
use payments_core::fulfillment::grant::{KeyRow, KeyWrite};
use payments_core::fulfillment::record::Record;
use serde::Deserialize;

use super::benefits::{self, Line};
use super::credits::lock_patiently;
use super::entitlements::{self, Holder, Key};
use super::record::{Decided, delete, failed, save};
use super::sessions::give_session;
use super::target::Target;
use super::target_kind::TargetKind;
use super::targets::targets;
use crate::pg::savepoint::Failure;
use crate::pg::statement::{query, template, text};
use crate::pg::time::time;
use crate::settings;

query!(FIND_SUBSCRIPTION, "fulfillment_subscription", "find_subscription");
query!(FIND_SUBJECTS_OF_SUBSCRIPTIONS, "fulfillment_subscription", "find_subjects_of_subscriptions");
query!(FIND_SUBSCRIPTIONS_OF_SUBJECT, "fulfillment_subscription", "find_subscriptions_of_subject");

const UPDATE_BILLING_STATUS: &str = template!("fulfillment_subscription", "update_billing_status");
const INSERT_BILLING_STATUS: &str = template!("fulfillment_subscription", "insert_billing_status");
const FIND_BILLING_STATUS: &str = template!("fulfillment_subscription", "find_billing_status");
const DELETE_BILLING_STATUS: &str = template!("fulfillment_subscription", "delete_billing_status");

/// A subscription, its items, and what was decided on it before.
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
    is_collection_paused: bool,
    cancel_at_period_end: Option<bool>,
    cancel_at: Option<i64>,
    items: Option<Vec<Item>>,
    prior: Option<Vec<Prior>>,
    /// The local session in which it was bought, where something of that is to be decided now.
    checkout: Option<String>,
}

/// One of its items; times are in microseconds since 1970.
#[derive(Debug, Deserialize)]
struct Item {
    price: String,
    product: Option<String>,
    starts_at: Option<i64>,
    ends_at: Option<i64>,
}

/// What was decided on it before.
#[derive(Debug, Deserialize)]
struct Prior {
    kind: String,
    target_table: String,
    item: String,
    benefit_source: Option<String>,
}

/// One key that a subscription gives, or gave.
struct Due {
    key: String,
    benefit_source: String,
    /// The items that give it; none where it is no longer held.
    givings: Vec<Giving>,
}

impl Subscription {
    fn lines(&self) -> Vec<Line> {
        self.items.iter().flatten().map(|item| (item.price.clone(), 1, item.product.clone())).collect()
    }

    /// What the items that match give by a policy.
    fn givings(&self, policy: Policy, is_giving: impl Fn(&Item) -> bool) -> Vec<Giving> {
        let at_period_end = self.cancel_at_period_end == Some(true);
        let ends_at = |end| access_ends(end, at_period_end, self.cancel_at, settings::period_grace());
        let giving = |item: &Item| Giving { policy, starts_at: item.starts_at, ends_at: ends_at(item.ends_at) };
        self.items.iter().flatten().filter(|item| is_giving(item)).map(giving).collect()
    }

    fn prior_on<'a>(&'a self, kind: TargetKind, target: &'a Target) -> impl Iterator<Item = &'a Prior> {
        let is_on = move |prior: &&Prior| prior.kind == kind.name() && prior.target_table == target.relation;
        self.prior.iter().flatten().filter(is_on)
    }

    /// What its items give today, and what they gave before.
    fn dues(&self, target: &Target, benefits: &[Benefit]) -> Vec<Due> {
        let mut dues: Vec<Due> = Vec::new();
        for benefit in benefits {
            let Some((key, benefit_source)) = benefit.key.clone().zip(benefit.source.clone()) else { continue };
            let policy = Policy { past_due: benefit.past_due == Some(true), paused: benefit.paused != Some(false) };
            let givings = self.givings(policy, |item| item.price == benefit.price);
            match dues.iter_mut().find(|due| due.key == key) {
                Some(due) => due.givings.extend(givings),
                None => dues.push(Due { key, benefit_source, givings }),
            }
        }
        for prior in self.prior_on(TargetKind::UserEntitlements, target) {
            if dues.iter().all(|due| due.key != prior.item) {
                let benefit_source = prior.benefit_source.clone().unwrap_or_default();
                let is_giving =
                    |item: &Item| item.price == benefit_source || item.product.as_ref() == Some(&benefit_source);
                let givings = self.givings(Policy::default(), is_giving);
                dues.push(Due { key: prior.item.clone(), benefit_source, givings });
            }
        }
        dues
    }

    fn save(&self, kind: TargetKind, target: &Target, record: Record) {
        let (environment, source) = (self.environment.as_str(), self.source.as_str());
        save(&[Decided { environment, source, kind, target: &target.relation, is_first: false, record }]);
    }
}

/// Gives and ends what one subscription's items give. Running it again changes nothing.
pub(super) fn give_entitlements(environment: &str, stripe_subscription_id: &str) {
    let tables = targets(TargetKind::UserEntitlements);
    if tables.is_empty() && targets(TargetKind::CreditLedger).is_empty() {
        return;
    }
    let Some(subscription) = FIND_SUBSCRIPTION.one::<Subscription>(&[text(environment), text(stripe_subscription_id)])
    else {
        return;
    };
    let benefits = benefits::of_lines(environment, &subscription.lines(), 0, |_| ());
    for target in tables.iter() {
        for due in subscription.dues(target, &benefits) {
            give(target, &subscription, &due);
        }
    }
    if let Some(session) = &subscription.checkout {
        give_session(&[TargetKind::CreditLedger, TargetKind::UserEntitlements], session);
    }
}

/// Why a key that the items give is given to nobody, if somebody should know.
fn refusal(subscription: &Subscription, active: bool) -> Option<FulfillmentDecision> {
    if subscription.refused {
        let reason = "the table names no environment, and live is approved: a test subscription gives nothing to it";
        return Some(FulfillmentDecision::because(FulfillmentState::Skipped, reason));
    }
    let reason = match subscription.subject_id {
        Some(_) => "the subscription is billed to a subject that this table cannot name",
        None if active => "the subscription names nobody to give it to",
        None => return None,
    };
    Some(FulfillmentDecision::because(FulfillmentState::NeedsReview, reason))
}

fn give(target: &Target, subscription: &Subscription, due: &Due) {
    let status = subscription.status.as_deref().unwrap_or("gone");
    let is_paused = subscription.is_collection_paused;
    let giving = longest(&due.givings, status, is_paused);
    let policy = giving.map_or_else(Policy::default, |giving| giving.policy);
    let now = of_subscription(status, is_paused, policy, giving.is_some());
    let (starts_at, expires_at) = giving.map_or((None, None), |giving| (giving.starts_at, giving.ends_at));
    let record = Record {
        benefit_source: Some(due.benefit_source.clone()),
        starts_at,
        expires_at,
        ..Record::new(&due.key, now.decision.clone())
    };
    let kind = TargetKind::UserEntitlements;
    let holder = Holder::of(subscription.subject_type.as_deref(), subscription.subject_id.as_deref(), None);
    let source = subscription.source.as_str();
    if giving.is_none() || subscription.refused || !holder.can_hold(target) {
        // Nothing remains of a key that the items no longer give, so that it does not matter who saw them before.
        let removed = target.try_write(|| entitlements::remove(target, source, &due.key));
        let refusal = refusal(subscription, now.active).filter(|_| giving.is_some());
        match (removed, refusal) {
            (Ok(()), Some(decision)) => subscription.save(kind, target, Record { decision, ..record }),
            (Ok(()), None) => delete(source, kind, &target.relation, &due.key, None),
            (Err(failure), _) => subscription.save(kind, target, failed(record, &failure)),
        }
        return;
    }
    let row = Some(KeyRow { active: now.active, starts_at, expires_at });
    let write = KeyWrite { key: due.key.clone(), row, known: true };
    let written = target.try_write(|| entitlements::write(target, &Key { source, holder, write: &write }));
    let record = match written {
        Ok(()) => record,
        Err(failure) => failed(record, &failure),
    };
    subscription.save(kind, target, record);
}

/// One of a subject's subscriptions.
#[derive(Debug, Deserialize)]
struct Row {
    environment: String,
    id: String,
    status: String,
    access_until: Option<i64>,
    current_period_end: Option<i64>,
    cancel_at: Option<i64>,
    cancel_at_period_end: bool,
}

/// The subjects of subscriptions, with an environment of each.
pub(super) fn subjects_of(subscriptions: &[(String, String)]) -> BTreeMap<(String, String), String> {
    if targets(TargetKind::BillingStatus).is_empty() {
        return BTreeMap::new();
    }
    let (environments, ids): (Vec<String>, Vec<String>) = subscriptions.iter().cloned().unzip();
    let billed: Vec<Billed> = FIND_SUBJECTS_OF_SUBSCRIPTIONS.all(&[environments.into(), ids.into()]);
    billed.into_iter().map(|one| ((one.subject_type, one.subject_id), one.environment)).collect()
}

/// Whom a subscription is billed to.
#[derive(Debug, Deserialize)]
struct Billed {
    environment: String,
    subject_type: String,
    subject_id: String,
}

/// Writes the billing status of a subject into every table that is for its type.
pub(super) fn write_billing_status(environment: &str, subject: &Subject) {
    let (subject_type, subject_id) = (subject.subject_type.as_str(), subject.subject_id.as_str());
    for target in targets(TargetKind::BillingStatus).iter() {
        if target.subject_type.as_deref() != Some(subject_type) {
            continue;
        }
        // Two of its subscriptions may change at once: the second sees what the first wrote.
        let locked = lock_patiently(subject);
        let rows: Vec<Row> = FIND_SUBSCRIPTIONS_OF_SUBJECT.all(&[text(subject_type), text(subject_id)]);
        let ranks: Vec<SubscriptionRank> = rows
            .iter()
            .map(|row| SubscriptionRank {
                status: &row.status,
                access_until: row.access_until,
                current_period_end: row.current_period_end,
                id: &row.id,
            })
            .collect();
        let best = best(&ranks).map(|place| &rows[place]);
        let written = locked.and_then(|()| target.try_write(|| write_status(target, subject_id, best)));
        keep_status(target, environment, subject, best, written.err().as_ref());
    }
}

fn write_status(target: &Target, subject_id: &str, best: Option<&Row>) {
    let Some(row) = best else {
        if target.run(DELETE_BILLING_STATUS, &[text(subject_id)]).0 == 0
            && target.run(FIND_BILLING_STATUS, &[text(subject_id)]).1.is_some()
        {
            target.raise_no_effect();
        }
        return;
    };
    let args = [
        text(subject_id),
        text(row.id.as_str()),
        text(row.status.as_str()),
        time(row.current_period_end),
        time(row.cancel_at),
        row.cancel_at_period_end.into(),
        text(row.environment.as_str()),
        time(row.access_until),
    ];
    if target.run(UPDATE_BILLING_STATUS, &args).0 == 0 && target.run(INSERT_BILLING_STATUS, &args).0 == 0 {
        target.raise_no_effect();
    }
}

fn keep_status(target: &Target, environment: &str, subject: &Subject, best: Option<&Row>, failure: Option<&Failure>) {
    let source = format!("subject:{}:{}", subject.subject_type, subject.subject_id);
    let item = subject.subject_id.as_str();
    let reason = best.map(|row| format!("{} is {}", row.id, row.status));
    let record = Record {
        benefit_source: best.map(|row| row.id.clone()),
        expires_at: best.and_then(|row| row.current_period_end),
        ..Record::new(item, FulfillmentDecision { reason, ..FulfillmentDecision::applied() })
    };
    let record = match failure {
        Some(failure) => Some(failed(record, failure)),
        None => best.map(|_| record),
    };
    let (environment, kind) = (best.map_or(environment, |row| row.environment.as_str()), TargetKind::BillingStatus);
    save(&Vec::from_iter(record.map(|record| Decided {
        environment,
        source: &source,
        kind,
        target: &target.relation,
        is_first: false,
        record,
    })));
    if failure.is_none() {
        delete(&source, kind, &target.relation, item, best.map(|row| row.environment.as_str()));
    }
}
