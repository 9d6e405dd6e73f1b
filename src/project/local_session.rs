//! The local row that a Stripe checkout session was made for: found, and moved on.

use std::collections::HashMap;

use payments_core::Subject;
use payments_core::payment::fact::{Fact, PaymentObject};
use payments_core::payment::fold::is_paid;
use payments_core::payment::mapping::Claim;
use payments_core::payment::object_history::ObjectHistory;
use payments_core::payment::session_owner::SessionRank;
use payments_core::stripe::event::Environment;
use payments_core::stripe::object::money_state::MoneyState;
use payments_core::stripe::object::session::Session;
use serde::Deserialize;

use crate::pg::advisory_lock::LockSpace;
use crate::pg::statement::{query, text};
use crate::project::local_row::LocalRow;
use crate::project::payment_group;
use crate::project::recovered_session::{Family, inherited};
use crate::projection_lock::{self, is_exclusive, require_exclusive};

query!(FIND_SESSION, "project_local_session", "find_session");
query!(SETTLE_SESSION, "project_local_session", "settle_session");
query!(REVIEW_UNLINKED, "project_local_session", "review_unlinked");
query!(DELETE_UNLINKED, "project_local_session", "delete_unlinked");

/// What is found for a Stripe session.
#[derive(Deserialize)]
#[serde(untagged)]
enum Found {
    /// A row that may be its.
    Row(LocalRow),
    /// A session that it was recovered from, or that was recovered from it.
    Relative(#[allow(dead_code, reason = "it says no more")] String),
}

/// The local rows of Stripe's sessions, each looked up once.
pub(crate) struct LocalRows {
    pub(crate) environment: Environment,
    pub(crate) found: HashMap<String, Vec<LocalRow>>,
    /// A subject and a customer that are both locked, and that no mapping or claim names yet: a claim of both makes their mapping.
    pub(crate) open_mapping: Option<(Subject, String)>,
}

impl LocalRows {
    pub(crate) fn new(environment: Environment) -> Self {
        Self { environment, found: HashMap::new(), open_mapping: None }
    }

    /// The row that has the session's id, or that of a session that it was recovered from; else the row that its metadata names.
    pub(crate) fn candidates(&mut self, session: &Session) -> &mut Vec<LocalRow> {
        let environment = self.environment;
        self.found.entry(session.id.clone()).or_insert_with(|| {
            let (local_id, mode) = (text(session.local_id()), text(session.mode.as_str()));
            let args = [text(environment.name()), text(session.id.as_str()), local_id, mode];
            let found: Vec<Found> = FIND_SESSION.all(&args);
            if found.iter().any(|found| matches!(found, Found::Relative(_)))
                && let Some(inherited) = inherited(environment, &session.id)
            {
                return vec![inherited];
            }
            let row = |found| match found {
                Found::Row(row) => Some(row),
                Found::Relative(_) => None,
            };
            found.into_iter().filter_map(row).collect()
        })
    }

    /// The first of them that no other session has by precedence. `facts` are all facts of the session's payment.
    pub(crate) fn of(&mut self, session: &Session, facts: &[Fact]) -> Option<&LocalRow> {
        let environment = self.environment;
        self.candidates(session).iter().find(|local| {
            if local.recorded.is_some() {
                let family = Family::of(environment, &session.id);
                return family.is_some_and(|family| {
                    family.row_of(&session.id).is_some_and(|row| family.row_owner(row) == session.id)
                });
            }
            let other = local.holder.as_deref();
            other.is_none_or(|holder| {
                let its = payment_group::group_of(environment, holder)
                    .map(|group_id| payment_group::facts_of(environment, &group_id));
                SessionRank::of(&session.id, facts) > SessionRank::of(holder, &its.unwrap_or_default())
            })
        })
    }
}

/// Serializes an event that finds no row for a session with whoever records the session's id in a row: the second one sees what the
/// first did.
/// Work that can take a session's row away holds the projection exclusively, so this waits for it.
pub(crate) fn lock_session_lookup(environment: Environment, session: &str) {
    if !is_exclusive() {
        LockSpace::Sessions.lock(environment.name(), [session]);
        projection_lock::lock_shared();
    }
}

/// The subject and the customer that a completed session may bring together.
pub(crate) fn claimable(locals: &mut LocalRows, object: &PaymentObject) -> Option<(Subject, String)> {
    let PaymentObject::CheckoutSession(session) = object else { return None };
    if !session.is_complete() {
        return None;
    }
    let local = locals.candidates(session).first()?;
    if local.holder.is_some() {
        require_exclusive();
    }
    Some((agreed_subject(local, session)?, session.customer.clone()?))
}

/// The local row's subject, unless the session's metadata names another.
fn agreed_subject(local: &LocalRow, session: &Session) -> Option<Subject> {
    let subject = local.subject.clone()?;
    let said = session.origin.subject.as_ref();
    said.is_none_or(|said| *said == subject).then_some(subject)
}

struct SessionUpdate<'a> {
    stripe_checkout_session_id: &'a str,
    status: &'static str,
    payment_status: Option<&'a str>,
    stripe_customer_id: Option<&'a str>,
    stripe_payment_intent_id: Option<&'a str>,
    stripe_subscription_id: Option<&'a str>,
}

/// What else changes when a local row got a new state.
pub(crate) struct Moved {
    /// The session that lost the row.
    pub(crate) displaced: Option<String>,
    /// The customer that it claims for its subject.
    pub(crate) claim: Option<Claim>,
}

/// Updates a session's local row by its newest snapshot; `None` if it has no row.
pub(crate) fn settle_session(
    locals: &mut LocalRows,
    newest: &Session,
    told: &ObjectHistory,
    facts: &[Fact],
) -> Option<Moved> {
    let environment = locals.environment;
    let local = locals.of(newest, facts).cloned()?;
    let sessions = || told.facts.iter().filter_map(|fact| as_session(fact).map(|s| (*fact, s)));
    let paid = sessions().map(|(_, session)| session).find(|session| session.state == MoneyState::Succeeded);
    let completed = sessions().find(|(_, session)| session.is_complete());
    let said: Vec<&Session> = sessions().map(|(_, session)| session).collect();
    let latest = |id: for<'s> fn(&'s Session) -> Option<&'s str>| {
        id(newest).or_else(|| said.iter().rev().find_map(|session| id(session)))
    };
    let settled = SessionUpdate {
        stripe_checkout_session_id: &newest.id,
        status: match newest.status.as_deref() {
            _ if completed.is_some() => "completed",
            Some("expired") => "expired",
            _ => "open",
        },
        payment_status: paid.unwrap_or(newest).payment_status.as_deref(),
        stripe_customer_id: latest(|session| session.customer.as_deref()),
        stripe_payment_intent_id: latest(|session| session.payment_intent.as_deref()),
        stripe_subscription_id: latest(|session| session.subscription.as_deref()),
    };
    if local.holder.is_some() {
        require_exclusive();
    }
    let args = [
        text(environment.name()),
        text(local.id.as_str()),
        text(settled.stripe_checkout_session_id),
        text(settled.status),
        text(settled.payment_status),
        text(settled.stripe_customer_id),
        text(settled.stripe_payment_intent_id),
        text(settled.stripe_subscription_id),
        text(local.holder.as_deref()),
        text(local.recorded.as_deref()),
    ];
    if SETTLE_SESSION.execute(&args) == 0 && local.by_name {
        require_exclusive();
        // Meanwhile a backend recorded another session in the row.
        locals.candidates(newest).retain(|other| other.id != local.id);
        return settle_session(locals, newest, told, facts);
    }
    let customer = settled.stripe_customer_id;
    let (Some((first, _)), Some(customer), Some(subject)) = (completed, customer, agreed_subject(&local, newest))
    else {
        return Some(Moved { displaced: local.holder, claim: None });
    };
    let claim = Claim {
        stripe_checkout_session_id: newest.id.clone(),
        subject,
        stripe_customer_id: customer.to_owned(),
        evidence_created: newest.created.filter(|_| first.is_sync()).unwrap_or(first.created),
        evidence_event_id: first.event_id.clone(),
    };
    Some(Moved { displaced: local.holder, claim: Some(claim) })
}

/// Asks for a review of a paid session of a subscription that names a local row only by its `client_reference_id`, which its payer may have
/// chosen. The subscription gives by itself; only its one-time line items give nothing, which somebody has to know.
pub(crate) fn review_unlinked(locals: &mut LocalRows, session: &Session, facts: &[Fact]) {
    let is_linked = session.origin.checkout_session_id.is_some() || session.recovered_from.is_some();
    let is_unlinked = session.mode == "subscription" && !is_linked;
    let Some(reference) = session.client_reference_id.as_deref().filter(|_| is_unlinked) else { return };
    let environment = text(locals.environment.name());
    if locals.candidates(session).is_empty() && is_paid(facts) {
        REVIEW_UNLINKED.execute(&[environment, text(session.id.as_str()), text(reference)]);
    } else {
        DELETE_UNLINKED.execute(&[environment, text(session.id.as_str())]);
    }
}

pub(crate) fn as_session(fact: &Fact) -> Option<&Session> {
    match &fact.object {
        PaymentObject::CheckoutSession(session) => Some(session),
        _ => None,
    }
}
