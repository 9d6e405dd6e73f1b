//! The local row that a Stripe checkout session was made for: found, and moved on.

use std::collections::{BTreeSet, HashMap, HashSet};

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
use crate::pg::statement::{Rows, query, text};
use crate::project::local_row::LocalRow;
use crate::project::payment_group;
use crate::project::recovered_session::{Family, inherited};
use crate::projection_lock::{self, is_exclusive, require_exclusive};

query!(FIND_SESSIONS, "project_local_session", "find_sessions");
query!(SETTLE_SESSIONS, "project_local_session", "settle_sessions");
query!(REVIEW_UNLINKED, "project_local_session", "review_unlinked");
query!(DELETE_UNLINKED, "project_local_session", "delete_unlinked");

/// What is found for a Stripe session.
#[derive(Deserialize)]
struct Found {
    of: String,
    /// A row that may be its. None where there is a session that it was recovered from, or that was recovered from it.
    row: Option<LocalRow>,
}

/// The local rows of Stripe's sessions, each looked up once.
pub(crate) struct LocalRows {
    pub(crate) environment: Environment,
    pub(crate) found: HashMap<String, Vec<LocalRow>>,
    /// Subjects and customers that are locked, and that no mapping or claim names yet: a claim of both makes their mapping.
    pub(crate) open_mappings: Vec<(Subject, String)>,
}

impl LocalRows {
    pub(crate) fn new(environment: Environment) -> Self {
        Self { environment, found: HashMap::new(), open_mappings: Vec::new() }
    }

    /// Looks up the rows of these sessions, in one query.
    pub(crate) fn look_up(&mut self, sessions: &[&Session]) {
        if sessions.is_empty() {
            return;
        }
        let environment = self.environment;
        let rows = Rows::new(sessions.len())
            .and(text(environment.name()))
            .texts(sessions.iter().map(|session| Some(session.id.as_str())))
            .texts(sessions.iter().map(|session| session.local_id()))
            .texts(sessions.iter().map(|session| Some(session.mode.as_str())));
        for session in sessions {
            self.found.insert(session.id.clone(), Vec::new());
        }
        let mut relatives = BTreeSet::new();
        for Found { of, row } in FIND_SESSIONS.all_of_rows(&rows) {
            match row {
                Some(row) => self.found.entry(of).or_default().push(row),
                None => _ = relatives.insert(of),
            }
        }
        for session in relatives {
            if let Some(inherited) = inherited(environment, &session) {
                self.found.insert(session, vec![inherited]);
            }
        }
    }

    /// The row that has the session's id, or that of a session that it was recovered from; else the row that its metadata names.
    pub(crate) fn candidates(&mut self, session: &Session) -> &mut Vec<LocalRow> {
        if !self.found.contains_key(&session.id) {
            self.look_up(&[session]);
        }
        self.found.entry(session.id.clone()).or_default()
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

/// What a session's facts say of its local row.
struct SessionUpdate<'a> {
    told: ObjectHistory<'a>,
    /// All facts of the session's payment.
    facts: &'a [Fact],
    newest: &'a Session,
    local: LocalRow,
    /// The first fact that shows it completed.
    completed: Option<&'a Fact>,
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

/// Updates the local rows of sessions, each by its newest snapshot; those without a row are left out. Each comes with all facts of its
/// payment.
pub(crate) fn settle_sessions(locals: &mut LocalRows, sessions: Vec<(ObjectHistory, &[Fact])>) -> Vec<Moved> {
    let mut moved = Vec::new();
    let mut updates: Vec<SessionUpdate> =
        sessions.into_iter().filter_map(|(told, facts)| SessionUpdate::of(locals, told, facts)).collect();
    while !updates.is_empty() {
        let mut rows = HashSet::new();
        let (now, mut later): (Vec<_>, Vec<_>) =
            updates.into_iter().partition(|update| rows.insert(update.local.id.clone()));
        let written = write(locals.environment, &now);
        for update in now {
            if update.local.by_name && !written.contains(&update.local.id) {
                require_exclusive();
                // Meanwhile another session was recorded in the row.
                locals.candidates(update.newest).retain(|other| other.id != update.local.id);
                later.extend(SessionUpdate::of(locals, update.told, update.facts));
            } else {
                moved.push(update.moved());
            }
        }
        updates = later;
    }
    moved
}

/// Writes updates of different rows, and returns the ids of the rows that changed.
fn write(environment: Environment, updates: &[SessionUpdate]) -> Vec<String> {
    let all = || updates.iter();
    let rows = Rows::new(updates.len())
        .and(text(environment.name()))
        .texts(all().map(|update| Some(update.local.id.as_str())))
        .texts(all().map(|update| Some(update.newest.id.as_str())))
        .texts(all().map(|update| Some(update.status)))
        .texts(all().map(|update| update.payment_status))
        .texts(all().map(|update| update.stripe_customer_id))
        .texts(all().map(|update| update.stripe_payment_intent_id))
        .texts(all().map(|update| update.stripe_subscription_id))
        .texts(all().map(|update| update.local.holder.as_deref()))
        .texts(all().map(|update| update.local.recorded.as_deref()));
    SETTLE_SESSIONS.all_of_rows(&rows)
}

impl<'a> SessionUpdate<'a> {
    /// `None` if the session has no row.
    fn of(locals: &mut LocalRows, told: ObjectHistory<'a>, facts: &'a [Fact]) -> Option<Self> {
        let newest = as_session(told.newest)?;
        let local = locals.of(newest, facts).cloned()?;
        if local.holder.is_some() {
            require_exclusive();
        }
        let said: Vec<&Session> = told.facts.iter().filter_map(|fact| as_session(fact)).collect();
        let paid = said.iter().find(|session| session.state == MoneyState::Succeeded);
        let completed = told.facts.iter().copied().find(|fact| as_session(fact).is_some_and(Session::is_complete));
        let latest = |id: for<'s> fn(&'s Session) -> Option<&'s str>| {
            id(newest).or_else(|| said.iter().rev().find_map(|session| id(session)))
        };
        Some(Self {
            facts,
            newest,
            local,
            completed,
            status: match newest.status.as_deref() {
                _ if completed.is_some() => "completed",
                Some("expired") => "expired",
                _ => "open",
            },
            payment_status: paid.copied().unwrap_or(newest).payment_status.as_deref(),
            stripe_customer_id: latest(|session| session.customer.as_deref()),
            stripe_payment_intent_id: latest(|session| session.payment_intent.as_deref()),
            stripe_subscription_id: latest(|session| session.subscription.as_deref()),
            told,
        })
    }

    fn moved(self) -> Moved {
        let claim = self.claim();
        Moved { displaced: self.local.holder, claim }
    }

    fn claim(&self) -> Option<Claim> {
        let (first, customer) = self.completed.zip(self.stripe_customer_id)?;
        Some(Claim {
            stripe_checkout_session_id: self.newest.id.clone(),
            subject: agreed_subject(&self.local, self.newest)?,
            stripe_customer_id: customer.to_owned(),
            evidence_created: self.newest.created.filter(|_| first.is_sync()).unwrap_or(first.created),
            evidence_event_id: first.event_id.clone(),
        })
    }
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
