//! Facts about payments: kept, joined with those that speak of the same payment, and folded into its rows.

use std::collections::BTreeMap;

use payments_core::mirror::Mirrored;
use payments_core::payment::fact::{Fact, State, Statement};
use payments_core::payment::fold::{Context, Folded, Payment, by_object, fold};
use payments_core::payment::mapping::Claim;
use payments_core::payment::refunds::Told;
use payments_core::stripe::event::Environment;
use payments_core::stripe::object::Subject;
use payments_core::stripe::object::session::Session;
use serde::{Deserialize, Serialize};

use crate::db::{json, statement, text};
use crate::project::groups::{self, Also};
use crate::project::{Incoming, mappings};

statement!(KEEP_FACT, "keep_fact");
statement!(FACTS_OF_GROUP, "facts_of_group");
statement!(FIND_SESSION, "find_session");
statement!(SETTLE_SESSION, "settle_session");
statement!(FOLD_CONTEXT, "fold_context");
statement!(FIND_PAYMENTS, "find_payments");
statement!(DROP_PAYMENTS, "drop_payments");
statement!(INSERT_PAYMENT, "insert_payment");
statement!(UPDATE_PAYMENT, "update_payment");
statement!(WRITE_REFUND, "write_refund");
statement!(WRITE_DISPUTE, "write_dispute");

/// The local row that a Stripe session was made for.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Local {
    id: String,
    #[serde(flatten)]
    subject: Option<Subject>,
    price: Option<String>,
}

/// Projects one fact.
pub(crate) fn project(incoming: &Incoming, statement: &Statement) {
    let environment = incoming.environment;
    let fact = &statement.fact;
    let mut objects: Vec<String> =
        fact.customer().into_iter().chain(fact.subscription()).map(ToOwned::to_owned).collect();
    let claimed = claimable(environment, fact);
    if let Some((subject, customer)) = &claimed {
        if !incoming.alone && mappings::is_contested(environment, subject, customer) {
            super::do_again_alone();
        }
        objects.push(groups::subject_key(&subject.subject_type, &subject.subject_id));
    }
    groups::lock_objects(environment, objects);
    let also = match &claimed {
        Some((subject, customer)) if !mappings::stands(environment, subject, customer) => Also::Customer(customer),
        _ => Also::Nothing,
    };
    let anchor = groups::join(environment, &fact.keys(), also);
    keep(environment, &anchor, statement);
    refold(environment, &anchor, incoming.alone);
}

/// The subject and the customer that a completed session may bring together.
fn claimable(environment: Environment, fact: &Fact) -> Option<(Subject, String)> {
    let Fact::CheckoutSession(session) = fact else { return None };
    let local = find_session(environment, session).filter(|_| session.is_complete())?;
    Some((agreed(&local, session)?, session.customer.clone()?))
}

/// The local row's subject, unless the session's metadata names another.
fn agreed(local: &Local, session: &Session) -> Option<Subject> {
    let subject = local.subject.clone()?;
    let said = session.origin.subject.as_ref();
    said.is_none_or(|said| *said == subject).then_some(subject)
}

fn keep(environment: Environment, anchor: &str, statement: &Statement) {
    let fact = &statement.fact;
    KEEP_FACT.execute(&[
        text(environment.name()),
        text(fact.object_id()),
        text(statement.event_id.as_str()),
        text(fact.object_type()),
        text(anchor),
        text(fact.customer()),
        text(fact.subscription()),
        fact.keys().into(),
        json(statement),
    ]);
}

/// Folds a group, which must be locked, and writes what differs.
pub(crate) fn refold(environment: Environment, anchor: &str, alone: bool) {
    let statements = facts_of(environment, anchor);
    let told = by_object(&statements);
    for told in told.iter().filter(|told| matches!(told.newest.fact, Fact::CheckoutSession(_))) {
        settle_session(environment, told, alone);
    }
    let folded = fold(&statements, &context(environment, &statements));
    write(environment, &folded, &ids(&statements));
}

/// The facts of a group.
pub(crate) fn facts_of(environment: Environment, anchor: &str) -> Vec<Statement> {
    FACTS_OF_GROUP.all(&[text(environment.name()), text(anchor)])
}

/// Every id that a group's facts name.
pub(crate) fn ids(statements: &[Statement]) -> Vec<String> {
    let mut ids: Vec<String> = statements.iter().flat_map(|statement| statement.fact.keys()).collect();
    ids.sort();
    ids.dedup();
    ids
}

#[derive(Serialize)]
struct Settled<'a> {
    stripe_checkout_session_id: &'a str,
    status: &'static str,
    payment_status: Option<&'a str>,
    stripe_customer_id: Option<&'a str>,
    stripe_payment_intent_id: Option<&'a str>,
    stripe_subscription_id: Option<&'a str>,
}

/// Moves a session's local row to what its newest snapshot says, and lets it claim its customer for its subject.
fn settle_session(environment: Environment, told: &Told, alone: bool) {
    let Fact::CheckoutSession(newest) = &told.newest.fact else { return };
    let Some(local) = find_session(environment, newest) else { return };
    let sessions = || told.statements.iter().filter_map(|statement| as_session(statement).map(|s| (*statement, s)));
    let paid = sessions().map(|(_, session)| session).find(|session| session.state == State::Succeeded);
    let completed = sessions().find(|(_, session)| session.is_complete());
    let said: Vec<&Session> = sessions().map(|(_, session)| session).collect();
    let latest = |id: for<'s> fn(&'s Session) -> Option<&'s str>| {
        id(newest).or_else(|| said.iter().rev().find_map(|session| id(session)))
    };
    let settled = Settled {
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
    SETTLE_SESSION.execute(&[text(environment.name()), text(local.id.as_str()), json(&settled)]);
    if let (Some((first, _)), Some(customer), Some(subject)) = (completed, &newest.customer, agreed(&local, newest)) {
        let claim = Claim {
            stripe_checkout_session_id: newest.id.clone(),
            subject,
            stripe_customer_id: customer.clone(),
            evidence_created: if first.is_sync() { newest.created } else { first.created },
            evidence_event_id: first.event_id.clone(),
        };
        mappings::claim(environment, &claim, alone);
    }
}

fn as_session(statement: &Statement) -> Option<&Session> {
    match &statement.fact {
        Fact::CheckoutSession(session) => Some(session),
        _ => None,
    }
}

/// The local row of a Stripe session: the one that carries its id, else the one that it names and that carries none yet.
fn find_session(environment: Environment, session: &Session) -> Option<Local> {
    FIND_SESSION.one(&[
        text(environment.name()),
        text(session.id.as_str()),
        text(session.local_id()),
        text(session.mode.as_str()),
    ])
}

/// What the fold needs to know besides the facts.
pub(crate) fn context(environment: Environment, statements: &[Statement]) -> Context {
    let of = |pick: fn(&Fact) -> Option<&str>| {
        let mut ids: Vec<String> =
            statements.iter().filter_map(|statement| pick(&statement.fact).map(ToOwned::to_owned)).collect();
        ids.sort();
        ids.dedup();
        ids
    };
    let (customers, subscriptions) = (of(Fact::customer), of(Fact::subscription));
    let mut context: Context = if customers.is_empty() && subscriptions.is_empty() {
        Context::default()
    } else {
        let prefix = crate::settings::metadata_prefix();
        let args = [text(environment.name()), subscriptions.into(), customers.into(), text(prefix.as_str())];
        FOLD_CONTEXT.one(&args).unwrap_or_default()
    };
    let sessions: BTreeMap<&str, &Session> =
        statements.iter().filter_map(as_session).map(|session| (session.id.as_str(), session)).collect();
    for (id, session) in sessions {
        if let Some(local) = find_session(environment, session) {
            let local = payments_core::payment::fold::Local { subject: local.subject, price: local.price };
            context.locals.insert(id.to_owned(), local);
        }
    }
    context
}

fn write(environment: Environment, folded: &Folded, ids: &[String]) {
    if let Some(payment) = &folded.payment {
        write_payment(environment, payment, ids);
    }
    for refund in &folded.refunds {
        WRITE_REFUND.execute(&[text(environment.name()), json(refund)]);
    }
    for dispute in &folded.disputes {
        WRITE_DISPUTE.execute(&[text(environment.name()), json(dispute)]);
    }
}

/// Writes the one row of a payment. Rows that were thought to be two payments, before a later fact joined them, become one.
fn write_payment(environment: Environment, payment: &Payment, ids: &[String]) {
    let mut rows: Vec<String> = FIND_PAYMENTS.all(&[text(environment.name()), ids.to_vec().into()]);
    if rows.is_empty() {
        INSERT_PAYMENT.execute(&[text(environment.name()), json(payment)]);
        return;
    }
    let kept = rows.remove(0);
    if !rows.is_empty() {
        DROP_PAYMENTS.execute(&[rows.into()]);
    }
    UPDATE_PAYMENT.execute(&[text(kept.as_str()), json(payment)]);
}

/// A mirrored object's snapshots, as they are kept.
pub(crate) fn mirrored(environment: Environment, object_id: &str) -> Vec<Mirrored> {
    statement!(FACTS_OF_OBJECT, "facts_of_object");
    FACTS_OF_OBJECT.all(&[text(environment.name()), text(object_id)])
}
