//! Facts about payments: kept, joined with those that speak of the same payment, and folded into its rows.

use payments_core::Subject;
use payments_core::mirror::ObjectSnapshot;
use payments_core::payment::context::{Context, LocalSession};
use payments_core::payment::fact::{Fact, PaymentObject};
use payments_core::payment::fold::{Folded, Payment, fold};
use payments_core::payment::mapping::Claim;
use payments_core::payment::object_history::{ObjectHistory, by_object};
use payments_core::payment::session_owner::{RelatedSession, SessionRank, recorded_ancestor, row_owner};
use payments_core::snapshot::is_late;
use payments_core::stripe::event::Environment;
use payments_core::stripe::object::money_state::MoneyState;
use payments_core::stripe::object::session::Session;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use pgrx::datum::DatumWithOid;
use pgrx::prelude::*;
use serde::{Deserialize, Serialize};

use crate::db::{self, Path, json, jsonb, statement, text};
use crate::definer;
use crate::error::OrRaise;
use crate::lock::{self, Slots};
use crate::project::groups::{self, Also, Joined, Since};
use crate::project::{self, Incoming, is_alone, mappings, must_be_alone};
use crate::settings;
use crate::webhook::environment_of;

statement!(KEEP_FACT, "keep_fact");
statement!(FIND_SESSION, "find_session");
statement!(SETTLE_SESSION, "settle_session");
statement!(DROP_PAYMENTS, "drop_payments");
statement!(INSERT_PAYMENT, "insert_payment");
statement!(UPDATE_PAYMENT, "update_payment");
statement!(ROWS_OF_RETURNS, "rows_of_returns");
statement!(FIND_PAYMENTS, "find_payments");
statement!(PAYMENT_OF_INTENT, "payment_of_intent");
statement!(PAYMENT_OF_SESSION, "payment_of_session");
statement!(PAYMENT_OF_INVOICE, "payment_of_invoice");
statement!(SUBJECTS_OF_CUSTOMERS, "subjects_of_customers");
statement!(SUBJECTS_OF_SUBSCRIPTIONS, "subjects_of_subscriptions");
statement!(FACTS_OF_OBJECT, "facts_of_object");
statement!(KEEP_RECOVERED, "keep_recovered");
statement!(FAMILY_OF_SESSION, "family_of_session");
statement!(RECORDED_SESSIONS, "recorded_sessions");
statement!(REVIEW_RECOVERED, "review_recovered");
statement!(FORGET_RECOVERED, "forget_recovered");

/// The local row that a Stripe session was made for.
#[derive(Debug, Clone, Deserialize)]
struct Local {
    id: String,
    #[serde(flatten)]
    subject: Option<Subject>,
    price: Option<String>,
    /// The session names the row, which does not carry its id.
    #[serde(default)]
    by_name: bool,
    /// Another session that has the row, because it names it too, or is of the same family.
    #[serde(default)]
    holder: Option<String>,
    /// The session that was recorded for the row, where others were recovered from it.
    #[serde(default)]
    recorded: Option<String>,
}

/// What is found for a Stripe session.
#[derive(Default, Deserialize)]
struct Candidates {
    /// Whether it was recovered from another session, or another from it.
    has_relatives: bool,
    rows: Option<Vec<Local>>,
}

/// A local row for which a backend recorded a session.
#[derive(Debug, Deserialize)]
struct Recorded {
    recorded: String,
    has_it: String,
    #[serde(flatten)]
    local: Local,
}

/// A session, those that it was recovered from and those that were recovered from these; and the rows that were recorded for them.
struct Family {
    relatives: Vec<RelatedSession>,
    rows: Vec<Recorded>,
}

impl Family {
    /// None where a session is alone.
    fn of(environment: Environment, session: &str) -> Option<Self> {
        let relatives: Vec<RelatedSession> = FAMILY_OF_SESSION.all(&[text(environment.name()), text(session)]);
        let ids: Vec<String> = relatives.iter().map(|one| one.id.clone()).collect();
        (!ids.is_empty()).then(|| {
            let rows = RECORDED_SESSIONS.all(&[text(environment.name()), ids.into()]);
            Self { relatives, rows }
        })
    }

    fn recorded(&self) -> Vec<&str> {
        self.rows.iter().map(|row| row.recorded.as_str()).collect()
    }

    /// The row that a session goes back to.
    fn row_of(&self, session: &str) -> Option<&Recorded> {
        let recorded = recorded_ancestor(session, &self.relatives, &self.recorded())?;
        self.rows.iter().find(|row| row.recorded == recorded)
    }

    fn row_owner<'a>(&'a self, row: &'a Recorded) -> &'a str {
        row_owner(&row.recorded, &self.relatives, &self.recorded())
    }
}

/// The local rows of Stripe's sessions, each looked up once.
struct Locals {
    environment: Environment,
    found: HashMap<String, Vec<Local>>,
}

impl Locals {
    fn new(environment: Environment) -> Self {
        Self { environment, found: HashMap::new() }
    }

    /// The row that carries the session's id, or was recorded for one that it was recovered from, else the one that it names.
    fn candidates(&mut self, session: &Session) -> &mut Vec<Local> {
        let environment = self.environment;
        self.found.entry(session.id.clone()).or_insert_with(|| {
            let named = [text(session.local_id()), text(session.mode.as_str())];
            let [local_id, mode] = named;
            let args = [text(environment.name()), text(session.id.as_str()), local_id, mode];
            let found: Candidates = FIND_SESSION.one(&args).unwrap_or_default();
            if found.has_relatives
                && let Some(inherited) = inherited(environment, &session.id)
            {
                return vec![inherited];
            }
            found.rows.unwrap_or_default()
        })
    }

    /// The first of them that no other session has with better reason; `statements` are all that is said of its payment.
    fn of(&mut self, session: &Session, statements: &[Fact]) -> Option<&Local> {
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
                let its = groups::anchor_of(environment, holder).map(|anchor| groups::facts_of(environment, &anchor));
                SessionRank::of(&session.id, statements) > SessionRank::of(holder, &its.unwrap_or_default())
            })
        })
    }
}

/// The row that was recorded for a session of which others were recovered, or for one that it was recovered from itself.
fn inherited(environment: Environment, session: &str) -> Option<Local> {
    let mut family = Family::of(environment, session)?;
    // Who has it next is decided over all of them.
    must_be_alone();
    let row = family.row_of(session)?.local.id.clone();
    let place = family.rows.iter().position(|one| one.local.id == row)?;
    let Recorded { recorded, has_it, local } = family.rows.swap_remove(place);
    Some(Local { holder: Some(has_it).filter(|holder| holder != session), recorded: Some(recorded), ..local })
}

/// Gives the rows of a session's family to whom they are due by now; who is paid and has none waits for a person.
fn settle_family(environment: Environment, session: &str) {
    let Some(family) = Family::of(environment, session) else { return };
    must_be_alone();
    for row in &family.rows {
        let row_owner = family.row_owner(row);
        if row_owner != row.has_it
            && let Some(anchor) = groups::anchor_of(environment, row_owner)
        {
            refold(environment, &anchor);
        }
    }
    for one in &family.relatives {
        review(environment, &family, one);
    }
}

/// Says in the record that a session was paid whose place another has.
fn review(environment: Environment, family: &Family, one: &RelatedSession) {
    let source = format!("session:{}", one.id);
    let row = family.row_of(&one.id).filter(|row| family.row_owner(row) != one.id);
    let payment = fold(&one.facts, &Context::default()).payment;
    let arrived = |payment: &Payment| ["succeeded", "partially_refunded", "refunded"].contains(&&*payment.status);
    let (Some(row), Some(payment)) = (row, payment.filter(arrived)) else {
        FORGET_RECOVERED.execute(&[text(environment.name()), text(source.as_str())]);
        return;
    };
    let mut reason = format!(
        "{} has the checkout session that {} was recovered for; this payment gives nothing",
        family.row_owner(row),
        one.id
    );
    let is_back = payment.status == "refunded" || payment.dispute_status.as_deref() == Some("lost");
    if is_back {
        reason.push_str(", and its money went back");
    }
    let state = if is_back { "skipped" } else { "needs_review" };
    let args = [environment.name(), &source, &row.local.id, state, &reason].map(text);
    REVIEW_RECOVERED.execute(&args);
}

/// Projects one fact.
pub(crate) fn project(incoming: &Incoming, statement: &Fact) {
    let environment = incoming.environment;
    let fact = &statement.object;
    let mut locals = Locals::new(environment);
    if let PaymentObject::CheckoutSession(session) = fact {
        if let Some(before) = &session.recovered_from {
            must_be_alone();
            KEEP_RECOVERED.execute(&[text(environment.name()), text(session.id.as_str()), text(before.as_str())]);
        }
        // Whoever has a row needs no turn: he who tells a row its session holds that row, which would be waited for crosswise.
        lock::beside_others();
        if locals.candidates(session).is_empty() {
            take_turns(environment, &session.id);
            locals = Locals::new(environment);
        }
    }
    let claimed = claimable(&mut locals, fact);
    let mut objects: Vec<String> =
        fact.customer().into_iter().chain(fact.subscription()).map(ToOwned::to_owned).collect();
    if let Some((subject, customer)) = &claimed {
        if !is_alone() && mappings::is_contested(environment, subject, customer) {
            must_be_alone();
        }
        objects.push(groups::subject_key(&subject.subject_type, &subject.subject_id));
    }
    groups::lock_objects(environment, &objects);
    let also = match &claimed {
        Some((subject, customer)) if !mappings::stands(environment, subject, customer) => Also::Customer(customer),
        _ => Also::Nothing,
    };
    let Some(Joined { anchor, since }) = groups::join(environment, &fact.keys(), also) else { db::again() };
    let mut statements = if since == Since::Now { Vec::new() } else { groups::facts_of(environment, &anchor) };
    if since == Since::Before && statements.is_empty() {
        must_be_alone();
    }
    let place = match since {
        Since::Now => Place::New,
        Since::Before => Place::of(&statements),
        Since::Merged => Place::Unknown,
    };
    let same = |known: &Fact| (&known.event_id, known.object.object_id()) == (&statement.event_id, fact.object_id());
    if is_late(statement, statements.iter().filter(|known| same(known))) {
        return;
    }
    let again = statements.iter().any(same);
    keep(environment, &anchor, statement);
    statements.retain(|known| !same(known));
    statements.push(statement.clone());
    derive(&mut locals, &statements, &place);
    if let PaymentObject::CheckoutSession(session) = fact
        && (session.recovered_from.is_some()
            || locals.candidates(session).first().is_some_and(|local| local.recorded.is_some()))
    {
        settle_family(environment, &session.id);
    }
    if let (true, PaymentObject::CheckoutSession(session)) = (again, fact)
        && let Some(customer) = &session.customer
    {
        mappings::note_again(environment, &session.id, customer);
    }
}

/// Who looks for a session's row and finds none, and who tells a row its session, take turns: one of them sees what the other did.
/// Who may take a session's row away has the projection to itself, and is waited for.
fn take_turns(environment: Environment, session: &str) {
    if !is_alone() {
        Slots::Sessions.lock(environment.name(), [session]);
        lock::beside_others();
    }
}

/// What the trigger on `checkout_sessions` calls for a row that learned from elsewhere which Stripe session is its: what was said
/// of that so far is derived again.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn session_linked(environment: &str, stripe_checkout_session_id: &str) {
    definer::require_inside();
    let environment = environment_of(Some(environment)).or_raise();
    let follow = || {
        take_turns(environment, stripe_checkout_session_id);
        if let Some(anchor) = groups::anchor_of(environment, stripe_checkout_session_id) {
            must_be_alone();
            refold(environment, &anchor);
        }
        settle_family(environment, stripe_checkout_session_id);
    };
    definer::write(Path::Ordinary, || project::follow(follow));
}

/// The subject and the customer that a completed session may bring together.
fn claimable(locals: &mut Locals, fact: &PaymentObject) -> Option<(Subject, String)> {
    let PaymentObject::CheckoutSession(session) = fact else { return None };
    if !session.is_complete() {
        return None;
    }
    let local = locals.candidates(session).first()?;
    if local.holder.is_some() {
        must_be_alone();
    }
    Some((agreed(local, session)?, session.customer.clone()?))
}

/// The local row's subject, unless the session's metadata names another.
fn agreed(local: &Local, session: &Session) -> Option<Subject> {
    let subject = local.subject.clone()?;
    let said = session.origin.subject.as_ref();
    said.is_none_or(|said| *said == subject).then_some(subject)
}

fn keep(environment: Environment, anchor: &str, statement: &Fact) {
    let fact = &statement.object;
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
pub(crate) fn refold(environment: Environment, anchor: &str) {
    let statements = groups::facts_of(environment, anchor);
    derive(&mut Locals::new(environment), &statements, &Place::Unknown);
}

/// Where a payment's row is.
enum Place {
    /// Not there yet.
    New,
    /// Where this id is: the facts so far gave it a row.
    Of(&'static db::Statement, String),
    /// There may be one, or several that are one now.
    Unknown,
}

impl Place {
    /// By the ids that these facts gave to their row.
    fn of(statements: &[Fact]) -> Self {
        let Some(payment) = fold(statements, &Context::default()).payment else { return Self::New };
        let named = [
            (&PAYMENT_OF_INTENT, payment.stripe_payment_intent_id),
            (&PAYMENT_OF_SESSION, payment.stripe_checkout_session_id),
            (&PAYMENT_OF_INVOICE, payment.stripe_invoice_id),
        ];
        let first = named.into_iter().find_map(|(statement, id)| Some((statement, id?)));
        first.map_or(Self::Unknown, |(statement, id)| Self::Of(statement, id))
    }
}

fn derive(locals: &mut Locals, statements: &[Fact], place: &Place) {
    let environment = locals.environment;
    let mut mapped = false;
    for told in by_object(statements) {
        if let PaymentObject::CheckoutSession(newest) = &told.newest.object {
            mapped |= settle_session(locals, newest, &told, statements);
        }
    }
    for session in statements.iter().filter_map(as_session) {
        if locals.candidates(session).first().is_some_and(|local| local.recorded.is_some())
            && let Some(family) = Family::of(environment, &session.id)
            && let Some(one) = family.relatives.iter().find(|one| one.id == session.id)
        {
            review(environment, &family, one);
        }
    }
    let folded = fold(statements, &context(locals, statements));
    // A mapping that came or went has folded this group with its customer's others already.
    let place = if mapped { &Place::Unknown } else { place };
    if let Some(payment) = &folded.payment {
        write_payment(environment, payment, place, statements);
    }
    write_returns(environment, &folded);
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

/// Moves a session's local row to what its newest snapshot says, and lets it claim its customer for its subject. Whether the
/// mappings may be others now.
fn settle_session(locals: &mut Locals, newest: &Session, told: &ObjectHistory, statements: &[Fact]) -> bool {
    let environment = locals.environment;
    let Some(local) = locals.of(newest, statements).cloned() else { return false };
    let sessions = || told.facts.iter().filter_map(|statement| as_session(statement).map(|s| (*statement, s)));
    let paid = sessions().map(|(_, session)| session).find(|session| session.state == MoneyState::Succeeded);
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
    if local.holder.is_some() {
        must_be_alone();
    }
    let args = [
        text(environment.name()),
        text(local.id.as_str()),
        json(&settled),
        text(local.holder.as_deref()),
        text(local.recorded.as_deref()),
    ];
    if SETTLE_SESSION.execute(&args) == 0 && local.by_name {
        must_be_alone();
        // A backend recorded another session there meanwhile.
        locals.candidates(newest).retain(|other| other.id != local.id);
        return settle_session(locals, newest, told, statements);
    }
    if let Some(holder) = &local.holder {
        let_go(environment, holder);
    }
    let customer = settled.stripe_customer_id;
    let (Some((first, _)), Some(customer), Some(subject)) = (completed, customer, agreed(&local, newest)) else {
        return false;
    };
    let claim = Claim {
        stripe_checkout_session_id: newest.id.clone(),
        subject,
        stripe_customer_id: customer.to_owned(),
        evidence_created: newest.created.filter(|_| first.is_sync()).unwrap_or(first.created),
        evidence_event_id: first.event_id.clone(),
    };
    mappings::claim(environment, &claim)
}

/// A session has lost the local row that it names to another: it claims nothing any more, and its payment is no purchase here.
fn let_go(environment: Environment, session: &str) {
    mappings::withdraw(environment, session);
    if let Some(anchor) = groups::anchor_of(environment, session) {
        refold(environment, &anchor);
    }
}

fn as_session(statement: &Fact) -> Option<&Session> {
    match &statement.object {
        PaymentObject::CheckoutSession(session) => Some(session),
        _ => None,
    }
}

/// Whom a customer or a subscription names.
#[derive(Deserialize)]
struct Named {
    of: String,
    #[serde(flatten)]
    subject: Subject,
}

/// Whom subscriptions' metadata names.
pub(crate) fn subjects_of_subscriptions(environment: Environment, ids: Vec<String>) -> BTreeMap<String, Subject> {
    let prefix = settings::metadata_prefix();
    named(&SUBJECTS_OF_SUBSCRIPTIONS, &[text(environment.name()), ids.into(), text(prefix.as_str())])
}

fn named(statement: &db::Statement, args: &[DatumWithOid]) -> BTreeMap<String, Subject> {
    statement.all::<Named>(args).into_iter().map(|named| (named.of, named.subject)).collect()
}

/// What the fold needs to know besides the facts.
fn context(locals: &mut Locals, statements: &[Fact]) -> Context {
    let environment = locals.environment;
    let of = |pick: fn(&PaymentObject) -> Option<&str>| {
        let ids: BTreeSet<&str> = statements.iter().filter_map(|statement| pick(&statement.object)).collect();
        ids.into_iter().map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    let mut context = Context::default();
    let (customers, subscriptions) = (of(PaymentObject::customer), of(PaymentObject::subscription));
    if !customers.is_empty() {
        context.customers = named(&SUBJECTS_OF_CUSTOMERS, &[text(environment.name()), customers.into()]);
    }
    if !subscriptions.is_empty() {
        context.subscriptions = subjects_of_subscriptions(environment, subscriptions);
    }
    for session in statements.iter().filter_map(as_session) {
        if let Some(local) = locals.of(session, statements) {
            let local = LocalSession { subject: local.subject.clone(), price: local.price.clone() };
            context.locals.insert(session.id.clone(), local);
        }
    }
    context
}

/// Writes the one row of a payment. Rows that were thought to be two payments, before a later fact joined them, become one.
fn write_payment(environment: Environment, payment: &Payment, place: &Place, statements: &[Fact]) {
    let written = match place {
        Place::New => insert(environment, payment),
        Place::Of(statement, id) => {
            let row: Option<String> = statement.one(&[text(environment.name()), text(id.as_str())]);
            row.as_ref().is_some_and(|row| update(row, payment))
        }
        Place::Unknown => false,
    };
    if written {
        return;
    }
    let mut rows: Vec<String> = FIND_PAYMENTS.all(&[text(environment.name()), ids(statements).into()]);
    if rows.is_empty() {
        insert(environment, payment);
        return;
    }
    let kept = rows.remove(0);
    if !rows.is_empty() {
        DROP_PAYMENTS.execute(&[rows.into()]);
    }
    update(&kept, payment);
}

/// Every id that facts name.
pub(crate) fn ids(statements: &[Fact]) -> Vec<String> {
    let ids: BTreeSet<String> = statements.iter().flat_map(|statement| statement.object.keys()).collect();
    ids.into_iter().collect()
}

/// Writes the rows of refunds and disputes.
fn write_returns(environment: Environment, folded: &Folded) {
    let returns: Vec<&Payment> = folded.refunds.iter().chain(&folded.disputes).collect();
    if returns.is_empty() {
        return;
    }
    let ids: Vec<String> = returns.iter().filter_map(|row| of_return(row)).cloned().collect();
    let known: Vec<Return> = ROWS_OF_RETURNS.all(&[text(environment.name()), ids.into()]);
    for row in returns {
        match known.iter().find(|known| Some(&known.of) == of_return(row)) {
            Some(there) => update(&there.id, row),
            None => insert(environment, row),
        };
    }
}

/// The row of a refund or dispute that is there.
#[derive(Deserialize)]
struct Return {
    id: String,
    of: String,
}

fn of_return(row: &Payment) -> Option<&String> {
    row.stripe_refund_id.as_ref().or(row.stripe_dispute_id.as_ref())
}

/// Writes a new row; whether there was none with its ids.
fn insert(environment: Environment, row: &Payment) -> bool {
    INSERT_PAYMENT.execute(&columns(text(environment.name()), row)) == 1
}

/// Writes a row that is there, where it differs.
fn update(id: &str, row: &Payment) -> bool {
    UPDATE_PAYMENT.execute(&columns(text(id), row));
    true
}

/// A row as the statements' arguments, after a first one.
fn columns<'a>(first: DatumWithOid<'a>, row: &'a Payment) -> [DatumWithOid<'a>; 27] {
    [
        first,
        text(row.payment_type),
        text(row.status.as_str()),
        text(row.subject_type.as_deref()),
        text(row.subject_id.as_deref()),
        text(row.stripe_customer_id.as_deref()),
        text(row.customer_email_snapshot.as_deref()),
        text(row.stripe_checkout_session_id.as_deref()),
        text(row.stripe_payment_intent_id.as_deref()),
        text(row.stripe_invoice_id.as_deref()),
        text(row.stripe_charge_id.as_deref()),
        text(row.stripe_refund_id.as_deref()),
        text(row.stripe_dispute_id.as_deref()),
        text(row.stripe_subscription_id.as_deref()),
        text(row.stripe_product_id.as_deref()),
        text(row.stripe_price_id.as_deref()),
        row.amount.into(),
        row.amount_refunded.into(),
        text(row.currency.as_deref()),
        text(row.description.as_deref()),
        text(row.dispute_status.as_deref()),
        row.paid_at.into(),
        row.failed_at.into(),
        row.refunded_at.into(),
        row.stripe_created_at.into(),
        jsonb(&row.raw),
        row.shortfall.into(),
    ]
}

/// A mirrored object's snapshots, as they are kept.
pub(crate) fn mirrored(environment: Environment, object_id: &str) -> Vec<ObjectSnapshot> {
    FACTS_OF_OBJECT.all(&[text(environment.name()), text(object_id)])
}
