//! The fold: a set of facts about one payment becomes its row, the rows of its refunds and disputes, and what its
//! checkout session has come to. No database, no clock.

mod amount;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fact::{Fact, State, Statement};
use super::refunds::Told;
use crate::stripe::object::charge::Charge;
use crate::stripe::object::dispute::Dispute;
use crate::stripe::object::invoice::Invoice;
use crate::stripe::object::invoice_payment::InvoicePayment;
use crate::stripe::object::payment_intent::Intent;
use crate::stripe::object::session::Session;
use crate::stripe::object::{Origin, Subject};

/// A row of `payments.payment_history`, named as its columns. Amounts are minor units, times are Unix seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Payment {
    #[serde(rename = "type")]
    pub payment_type: &'static str,
    pub status: String,
    pub subject_type: Option<String>,
    pub subject_id: Option<String>,
    pub stripe_customer_id: Option<String>,
    pub customer_email_snapshot: Option<String>,
    pub stripe_checkout_session_id: Option<String>,
    pub stripe_payment_intent_id: Option<String>,
    pub stripe_invoice_id: Option<String>,
    pub stripe_charge_id: Option<String>,
    pub stripe_refund_id: Option<String>,
    pub stripe_dispute_id: Option<String>,
    pub stripe_subscription_id: Option<String>,
    pub stripe_product_id: Option<String>,
    pub stripe_price_id: Option<String>,
    pub amount: Option<i64>,
    pub amount_refunded: Option<i64>,
    pub shortfall: Option<i64>,
    pub currency: Option<String>,
    pub description: Option<String>,
    pub dispute_status: Option<String>,
    pub paid_at: Option<i64>,
    pub failed_at: Option<i64>,
    pub refunded_at: Option<i64>,
    pub stripe_created_at: Option<i64>,
    pub raw: Value,
}

/// The local row of a checkout session, as far as the fold needs it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Local {
    /// Who is billed, as the database itself checked it.
    pub subject: Option<Subject>,
    /// The price, where its line items name just one.
    pub price: Option<String>,
}

/// What the database knows besides the facts.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Context {
    /// The local row of each of the group's sessions that has one, by `cs_…`.
    #[serde(default)]
    pub locals: BTreeMap<String, Local>,
    /// Whom a subscription's metadata names, by `sub_…`.
    #[serde(default)]
    pub subscriptions: BTreeMap<String, Subject>,
    /// Whom a customer is, by `cus_…`.
    #[serde(default)]
    pub customers: BTreeMap<String, Subject>,
}

/// What a group of facts comes to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Folded {
    /// The payment, once something claims it.
    pub payment: Option<Payment>,
    /// A row for each refund.
    pub refunds: Vec<Payment>,
    /// A row for each dispute.
    pub disputes: Vec<Payment>,
}

/// The group's facts by kind: each object once, with the newest snapshot first to hand.
struct Group<'a> {
    sessions: Vec<(&'a Session, Told<'a>)>,
    intents: Vec<(&'a Intent, Told<'a>)>,
    charges: Vec<(&'a Charge, Told<'a>)>,
    invoices: Vec<(&'a Invoice, Told<'a>)>,
    invoice_payments: Vec<(&'a InvoicePayment, Told<'a>)>,
    refunds: Vec<Told<'a>>,
    disputes: Vec<(&'a Dispute, Told<'a>)>,
}

/// Puts each object's statements together.
#[must_use]
pub fn by_object(statements: &[Statement]) -> Vec<Told<'_>> {
    let mut objects: BTreeMap<&str, Vec<&Statement>> = BTreeMap::new();
    for statement in statements {
        objects.entry(statement.fact.object_id()).or_default().push(statement);
    }
    objects.into_values().filter_map(Told::of).collect()
}

impl<'a> Group<'a> {
    fn of(statements: &'a [Statement]) -> Self {
        let mut group = Self {
            sessions: Vec::new(),
            intents: Vec::new(),
            charges: Vec::new(),
            invoices: Vec::new(),
            invoice_payments: Vec::new(),
            refunds: Vec::new(),
            disputes: Vec::new(),
        };
        for told in by_object(statements) {
            match &told.newest.fact {
                Fact::CheckoutSession(session) => group.sessions.push((session, told)),
                Fact::PaymentIntent(intent) => group.intents.push((intent, told)),
                Fact::Charge(charge) => group.charges.push((charge, told)),
                Fact::Invoice(invoice) => group.invoices.push((invoice, told)),
                Fact::InvoicePayment(payment) => group.invoice_payments.push((payment, told)),
                Fact::Refund(_) => group.refunds.push(told),
                Fact::Dispute(dispute) => group.disputes.push((dispute, told)),
            }
        }
        // Of several objects of a kind, the one that succeeded, then the one made first, speaks for the payment.
        group.sessions.sort_by_key(|(session, told)| first_to_speak(told, session.created, &session.id));
        group.intents.sort_by_key(|(intent, told)| first_to_speak(told, intent.created, &intent.id));
        group.charges.sort_by_key(|(charge, told)| first_to_speak(told, charge.created, &charge.id));
        group.invoices.sort_by_key(|(invoice, told)| first_to_speak(told, invoice.created, &invoice.id));
        group
    }

    fn session(&self) -> Option<&'a Session> {
        self.sessions.first().map(|(session, _)| *session)
    }
    fn intent(&self) -> Option<&'a Intent> {
        self.intents.first().map(|(intent, _)| *intent)
    }
    fn charge(&self) -> Option<&'a Charge> {
        self.charges.first().map(|(charge, _)| *charge)
    }
    fn invoice(&self) -> Option<&'a Invoice> {
        self.invoices.first().map(|(invoice, _)| *invoice)
    }

    /// Everything that speaks of money, with its statements.
    fn money(&self) -> impl Iterator<Item = &Told<'a>> {
        let sessions = self.sessions.iter().map(|(_, told)| told);
        let intents = self.intents.iter().map(|(_, told)| told);
        let charges = self.charges.iter().map(|(_, told)| told);
        let invoices = self.invoices.iter().map(|(_, told)| told);
        let payments = self.invoice_payments.iter().map(|(_, told)| told);
        sessions.chain(intents).chain(charges).chain(invoices).chain(payments)
    }

    /// An intent or a charge alone could belong to a subscription's invoice: it waits, unless its metadata says that it
    /// is of one of our one-time checkouts, until a session, an invoice or an invoice payment claims it. A subscription's
    /// session is not a payment by itself (its invoice is), nor is an invoice payment that was cancelled, but they claim
    /// what they are joined with. What any snapshot claimed stays claimed.
    fn is_claimed(&self) -> bool {
        let joined = !(self.intents.is_empty() && self.charges.is_empty());
        let ours = |origin: &Origin| origin.checkout_mode.as_deref() == Some("payment");
        self.money().flat_map(|told| &told.statements).any(|statement| match &statement.fact {
            Fact::CheckoutSession(session) => {
                let claims = session.mode == "payment" || (session.mode == "subscription" && joined);
                claims && session.state != State::Silent
            }
            Fact::Invoice(invoice) => invoice.state != State::Silent,
            Fact::InvoicePayment(payment) => joined || payment.state != State::Silent,
            Fact::PaymentIntent(intent) => ours(&intent.origin),
            Fact::Charge(charge) => ours(&charge.origin),
            Fact::Refund(_) | Fact::Dispute(_) => false,
        })
    }

    /// A charge that failed counts only where no intent says how it went on.
    fn state(&self) -> State {
        let counts = |told: &&Told| {
            self.intents.is_empty() || told.state() == State::Succeeded || !matches!(told.newest.fact, Fact::Charge(_))
        };
        self.money().filter(counts).map(Told::state).max().unwrap_or(State::Silent).max(State::Pending)
    }

    fn subscription(&self) -> Option<&'a str> {
        let of_invoice = self.invoices.iter().find_map(|(invoice, _)| invoice.subscription.as_deref());
        of_invoice.or_else(|| self.sessions.iter().find_map(|(session, _)| session.subscription.as_deref()))
    }

    fn customer(&self) -> Option<&'a str> {
        let session = self.sessions.iter().find_map(|(session, _)| session.customer.as_deref());
        session
            .or_else(|| self.intents.iter().find_map(|(intent, _)| intent.customer.as_deref()))
            .or_else(|| self.charges.iter().find_map(|(charge, _)| charge.customer.as_deref()))
            .or_else(|| self.invoices.iter().find_map(|(invoice, _)| invoice.customer.as_deref()))
    }

    fn subject(&self, context: &Context) -> Option<Subject> {
        let local = self.sessions.iter().find_map(|(s, _)| context.locals.get(&s.id)?.subject.clone());
        local
            .or_else(|| self.sessions.iter().find_map(|(session, _)| session.origin.subject.clone()))
            .or_else(|| self.intents.iter().find_map(|(intent, _)| intent.origin.subject.clone()))
            .or_else(|| self.charges.iter().find_map(|(charge, _)| charge.origin.subject.clone()))
            .or_else(|| context.subscriptions.get(self.subscription()?).cloned())
            .or_else(|| self.invoices.iter().find_map(|(invoice, _)| invoice.subscription_subject.clone()))
            .or_else(|| self.invoices.iter().find_map(|(invoice, _)| invoice.origin.subject.clone()))
            .or_else(|| context.customers.get(self.customer()?).cloned())
    }

    fn email(&self) -> Option<String> {
        let session = self.sessions.iter().find_map(|(session, _)| session.email.clone());
        session
            .or_else(|| self.intents.iter().find_map(|(intent, _)| intent.email.clone()))
            .or_else(|| self.charges.iter().find_map(|(charge, _)| charge.email.clone()))
            .or_else(|| self.invoices.iter().find_map(|(invoice, _)| invoice.email.clone()))
    }

    fn paid_at(&self) -> Option<i64> {
        let of_invoice = self.invoices.iter().filter_map(|(invoice, _)| invoice.paid_at).min();
        let of_payment = || self.invoice_payments.iter().filter_map(|(payment, _)| payment.paid_at).min();
        let by_invoice = of_invoice.or_else(of_payment);
        let by_event =
            |told: &&Told| told.statements.iter().any(|s| !s.is_sync() && s.fact.state() == State::Succeeded);
        let first = |told: &Told| told.first(State::Succeeded);
        // Of objects that only a back-fill told, the charge was made when the money came, the intent or session before.
        by_invoice
            .or_else(|| self.money().filter(by_event).filter_map(first).min())
            .or_else(|| self.charges.iter().filter_map(|(_, told)| first(told)).min())
            .or_else(|| self.intents.iter().filter_map(|(_, told)| first(told)).min())
            .or_else(|| self.money().filter_map(first).min())
    }

    fn charge_id(&self) -> Option<String> {
        let good = self.charges.iter().find(|(_, told)| told.state() == State::Succeeded).map(|(c, _)| c.id.clone());
        good.or_else(|| self.intents.iter().find_map(|(intent, _)| intent.latest_charge.clone()))
            .or_else(|| self.invoices.iter().find_map(|(invoice, _)| invoice.charges.first().cloned()))
            .or_else(|| self.invoice_payments.iter().find_map(|(payment, _)| payment.charge.clone()))
            .or_else(|| self.charge().map(|charge| charge.id.clone()))
            .or_else(|| self.refunds.iter().find_map(|told| refund_ids(told).0))
            .or_else(|| self.disputes.iter().find_map(|(dispute, _)| dispute.charge.clone()))
    }

    fn intent_id(&self) -> Option<String> {
        let intent = self.intent().map(|intent| intent.id.clone());
        intent
            .or_else(|| self.sessions.iter().find_map(|(session, _)| session.payment_intent.clone()))
            .or_else(|| self.charges.iter().find_map(|(charge, _)| charge.payment_intent.clone()))
            .or_else(|| self.invoices.iter().find_map(|(invoice, _)| invoice.payment_intents.first().cloned()))
            .or_else(|| self.invoice_payments.iter().find_map(|(payment, _)| payment.payment_intent.clone()))
            .or_else(|| self.refunds.iter().find_map(|told| refund_ids(told).1))
            .or_else(|| self.disputes.iter().find_map(|(dispute, _)| dispute.payment_intent.clone()))
    }

    fn invoice_id(&self) -> Option<String> {
        let invoice = self.invoice().map(|invoice| invoice.id.clone());
        invoice
            .or_else(|| self.sessions.iter().find_map(|(session, _)| session.invoice.clone()))
            .or_else(|| self.invoice_payments.iter().find_map(|(payment, _)| payment.invoice.clone()))
            .or_else(|| self.intents.iter().find_map(|(intent, _)| intent.invoice.clone()))
            .or_else(|| self.charges.iter().find_map(|(charge, _)| charge.invoice.clone()))
    }

    fn description(&self) -> Option<String> {
        let intent = self.intents.iter().find_map(|(intent, _)| intent.description.clone());
        intent
            .or_else(|| self.charges.iter().find_map(|(charge, _)| charge.description.clone()))
            .or_else(|| self.invoices.iter().find_map(|(invoice, _)| invoice.description.clone()))
    }

    /// Of several disputes: one that is lost says more than one that is open, than one that is won.
    fn dispute_status(&self) -> Option<String> {
        let weight = |status: &str| match status {
            "lost" => 3,
            "won" | "warning_closed" | "prevented" => 1,
            _ => 2,
        };
        let statuses = self.disputes.iter().map(|(dispute, _)| dispute.status.as_str());
        statuses.max_by_key(|status| (weight(status), *status)).map(ToOwned::to_owned)
    }

    fn stripe_created_at(&self) -> Option<i64> {
        let session = self.session().and_then(|session| session.created);
        session
            .or(self.intent().and_then(|intent| intent.created))
            .or(self.charge().and_then(|charge| charge.created))
            .or(self.invoice().and_then(|invoice| invoice.created))
            .or(self.invoice_payments.first().and_then(|(payment, _)| payment.created))
    }

    /// The newest snapshot of each object, by its id: what the row was derived from, for a person to read.
    fn raw(&self) -> Value {
        let facts = self.money().chain(&self.refunds).chain(self.disputes.iter().map(|(_, told)| told));
        let entries = facts.map(|told| {
            let fact = &told.newest.fact;
            (fact.object_id().to_owned(), serde_json::to_value(fact).unwrap_or(Value::Null))
        });
        Value::Object(entries.collect())
    }
}

fn first_to_speak(told: &Told, created: Option<i64>, id: &str) -> (bool, bool, Option<i64>, String) {
    (told.state() != State::Succeeded, created.is_none(), created, id.to_owned())
}

fn refund_ids(told: &Told) -> (Option<String>, Option<String>) {
    match &told.newest.fact {
        Fact::Refund(refund) => (refund.charge.clone(), refund.payment_intent.clone()),
        _ => (None, None),
    }
}

/// Folds the facts of one group.
#[must_use]
pub fn fold(statements: &[Statement], context: &Context) -> Folded {
    let group = Group::of(statements);
    let shared = shared_columns(&group, context);
    let refunds = group.refunds.iter().filter_map(|told| refund_row(told, &shared)).collect();
    let disputes = group.disputes.iter().map(|(dispute, _)| dispute_row(dispute, &shared)).collect();
    let payment = group.is_claimed().then(|| payment_row(&group, shared));
    Folded { payment, refunds, disputes }
}

/// Whether the money arrived, whatever became of it since.
#[must_use]
pub fn is_paid(statements: &[Statement]) -> bool {
    Group::of(statements).state() == State::Succeeded
}

/// When the money arrived, in Unix seconds.
#[must_use]
pub fn paid_at(statements: &[Statement]) -> Option<i64> {
    Group::of(statements).paid_at()
}

/// What a payment's row and those of its refunds and disputes have in common.
fn shared_columns(group: &Group, context: &Context) -> Payment {
    let subject = group.subject(context);
    let local = group.sessions.iter().find_map(|(session, _)| context.locals.get(&session.id));
    Payment {
        subject_type: subject.as_ref().map(|subject| subject.subject_type.clone()),
        subject_id: subject.map(|subject| subject.subject_id),
        stripe_customer_id: group.customer().map(ToOwned::to_owned),
        customer_email_snapshot: group.email(),
        stripe_checkout_session_id: group.session().map(|session| session.id.clone()),
        stripe_payment_intent_id: group.intent_id(),
        stripe_invoice_id: group.invoice_id(),
        stripe_charge_id: group.charge_id(),
        stripe_subscription_id: group.subscription().map(ToOwned::to_owned),
        stripe_product_id: group.invoices.iter().find_map(|(invoice, _)| invoice.product.clone()),
        stripe_price_id: group
            .invoices
            .iter()
            .find_map(|(invoice, _)| invoice.price.clone())
            .or_else(|| local.and_then(|local| local.price.clone())),
        ..Payment::default()
    }
}

fn payment_row(group: &Group, shared: Payment) -> Payment {
    let state = group.state();
    let (amount, currency) = group.amount(state);
    let (amount_refunded, fully, refunded_at) = group.overlay(amount, currency.as_deref());
    let is_subscription = group.invoices.iter().any(|(invoice, _)| invoice.subscription.is_some())
        || group.session().is_some_and(|session| session.mode == "subscription");
    let status = match state {
        State::Succeeded if fully => "refunded",
        State::Succeeded if amount_refunded > 0 => "partially_refunded",
        State::Succeeded => "succeeded",
        State::Failed => "failed",
        State::Pending | State::Silent => "pending",
    };
    let failures = || group.money().filter(|told| told.state() == State::Failed);
    Payment {
        payment_type: match (is_subscription, state) {
            (true, _) => "subscription_invoice",
            (false, State::Failed) => "failed_payment",
            (false, _) => "one_time_payment",
        },
        status: status.to_owned(),
        amount,
        amount_refunded: Some(amount_refunded),
        shortfall: group.shortfall(state),
        currency,
        description: group.description(),
        dispute_status: group.dispute_status(),
        paid_at: if state == State::Succeeded { group.paid_at() } else { None },
        failed_at: if state == State::Failed {
            failures().filter_map(|told| told.first(State::Failed)).min()
        } else {
            None
        },
        refunded_at,
        stripe_created_at: group.stripe_created_at(),
        raw: group.raw(),
        ..shared
    }
}

fn refund_row(told: &Told, shared: &Payment) -> Option<Payment> {
    let Fact::Refund(refund) = &told.newest.fact else {
        return None;
    };
    let when = |state: State| {
        if refund.state == state { told.first(state) } else { None }
    };
    Some(Payment {
        payment_type: "refund",
        status: if refund.state == State::Pending { "pending".to_owned() } else { refund.status.clone() },
        stripe_refund_id: Some(refund.id.clone()),
        stripe_charge_id: refund.charge.clone().or_else(|| shared.stripe_charge_id.clone()),
        stripe_payment_intent_id: refund.payment_intent.clone().or_else(|| shared.stripe_payment_intent_id.clone()),
        amount: refund.amount,
        amount_refunded: Some(0),
        currency: refund.currency.clone(),
        description: refund.reason.clone(),
        refunded_at: when(State::Succeeded),
        failed_at: when(State::Failed),
        stripe_created_at: refund.created,
        raw: serde_json::to_value(&told.newest.fact).unwrap_or(Value::Null),
        ..shared.clone()
    })
}

/// A dispute's row leaves the ids empty that are unique among payments; its charge links it.
fn dispute_row(dispute: &Dispute, shared: &Payment) -> Payment {
    Payment {
        payment_type: "dispute",
        status: dispute.status.clone(),
        stripe_dispute_id: Some(dispute.id.clone()),
        stripe_charge_id: dispute.charge.clone().or_else(|| shared.stripe_charge_id.clone()),
        stripe_payment_intent_id: None,
        stripe_checkout_session_id: None,
        stripe_invoice_id: None,
        amount: dispute.amount,
        amount_refunded: Some(0),
        currency: dispute.currency.clone(),
        description: dispute.reason.clone(),
        dispute_status: Some(dispute.status.clone()),
        stripe_created_at: dispute.created,
        raw: serde_json::to_value(dispute).unwrap_or(Value::Null),
        ..shared.clone()
    }
}
