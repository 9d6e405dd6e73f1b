//! A fact: what one Stripe object says of one payment at one moment.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::stripe::object::charge::Charge;
use crate::stripe::object::dispute::Dispute;
use crate::stripe::object::invoice::Invoice;
use crate::stripe::object::invoice_payment::InvoicePayment;
use crate::stripe::object::payment_intent::Intent;
use crate::stripe::object::refund::Refund;
use crate::stripe::object::session::Session;

/// What an object's snapshot means for the money. Money that arrived is never un-arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It says nothing of money (a session that was never completed, a draft).
    Silent,
    /// It is on its way.
    Pending,
    /// It will not come, unless it is tried again.
    Failed,
    /// It came.
    Succeeded,
}

/// The typed statement of one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "object", rename_all = "snake_case")]
pub enum Fact {
    /// `checkout.session`.
    CheckoutSession(Box<Session>),
    /// `payment_intent`.
    PaymentIntent(Box<Intent>),
    /// `charge`.
    Charge(Box<Charge>),
    /// `invoice`.
    Invoice(Box<Invoice>),
    /// `invoice_payment`.
    InvoicePayment(Box<InvoicePayment>),
    /// `refund`.
    Refund(Box<Refund>),
    /// `dispute`.
    Dispute(Box<Dispute>),
}

/// A fact, and the moment it is of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// The event that carried it; [`SYNC`] for a back-fill.
    pub event_id: String,
    /// Unix seconds: the event's `created`, or when a back-fill looked.
    pub created: i64,
    /// See [`super::newest::rank`].
    pub rank: i16,
    /// The event's `previous_attributes`, as far as the fact keeps them.
    #[serde(skip_serializing_if = "Map::is_empty", default)]
    pub previous: Map<String, Value>,
    /// What the object says.
    pub fact: Fact,
}

/// The event id of a back-filled fact.
pub const SYNC: &str = "sync";

impl Fact {
    /// The id of the object that says it.
    #[must_use]
    pub fn object_id(&self) -> &str {
        match self {
            Self::CheckoutSession(session) => &session.id,
            Self::PaymentIntent(intent) => &intent.id,
            Self::Charge(charge) => &charge.id,
            Self::Invoice(invoice) => &invoice.id,
            Self::InvoicePayment(payment) => &payment.id,
            Self::Refund(refund) => &refund.id,
            Self::Dispute(dispute) => &dispute.id,
        }
    }

    /// Its name in Stripe's API.
    #[must_use]
    pub fn object_type(&self) -> &'static str {
        match self {
            Self::CheckoutSession(_) => "checkout.session",
            Self::PaymentIntent(_) => "payment_intent",
            Self::Charge(_) => "charge",
            Self::Invoice(_) => "invoice",
            Self::InvoicePayment(_) => "invoice_payment",
            Self::Refund(_) => "refund",
            Self::Dispute(_) => "dispute",
        }
    }

    /// The ids by which facts are joined into one payment: its own and those that it names, sorted.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let mut keys = vec![self.object_id().to_owned()];
        match self {
            Self::CheckoutSession(session) => {
                keys.extend(session.payment_intent.clone());
                keys.extend(session.invoice.clone());
            }
            Self::PaymentIntent(intent) => {
                keys.extend(intent.invoice.clone());
                keys.extend(intent.latest_charge.clone());
            }
            Self::Charge(charge) => {
                keys.extend(charge.payment_intent.clone());
                keys.extend(charge.invoice.clone());
            }
            Self::Invoice(invoice) => {
                keys.extend(invoice.payment_intents.iter().cloned());
                keys.extend(invoice.charges.iter().cloned());
            }
            Self::InvoicePayment(payment) => {
                keys.extend(payment.invoice.clone());
                keys.extend(payment.payment_intent.clone());
                keys.extend(payment.charge.clone());
            }
            Self::Refund(refund) => {
                keys.extend(refund.payment_intent.clone());
                keys.extend(refund.charge.clone());
            }
            Self::Dispute(dispute) => {
                keys.extend(dispute.payment_intent.clone());
                keys.extend(dispute.charge.clone());
            }
        }
        keys.sort();
        keys.dedup();
        keys
    }

    /// The customer that it names.
    #[must_use]
    pub fn customer(&self) -> Option<&str> {
        match self {
            Self::CheckoutSession(session) => session.customer.as_deref(),
            Self::PaymentIntent(intent) => intent.customer.as_deref(),
            Self::Charge(charge) => charge.customer.as_deref(),
            Self::Invoice(invoice) => invoice.customer.as_deref(),
            _ => None,
        }
    }

    /// The subscription that it names.
    #[must_use]
    pub fn subscription(&self) -> Option<&str> {
        match self {
            Self::CheckoutSession(session) => session.subscription.as_deref(),
            Self::Invoice(invoice) => invoice.subscription.as_deref(),
            _ => None,
        }
    }

    /// What it means for the money.
    #[must_use]
    pub fn state(&self) -> State {
        match self {
            Self::CheckoutSession(session) => session.state,
            Self::PaymentIntent(intent) => intent.state,
            Self::Charge(charge) => charge.state,
            Self::Invoice(invoice) => invoice.state,
            Self::InvoicePayment(payment) => payment.state,
            Self::Refund(refund) => refund.state,
            Self::Dispute(_) => State::Silent,
        }
    }

    /// When Stripe made the object, in Unix seconds.
    #[must_use]
    pub fn created(&self) -> Option<i64> {
        match self {
            Self::CheckoutSession(session) => session.created,
            Self::PaymentIntent(intent) => intent.created,
            Self::Charge(charge) => charge.created,
            Self::Invoice(invoice) => invoice.created,
            Self::InvoicePayment(payment) => payment.created,
            Self::Refund(refund) => refund.created,
            Self::Dispute(dispute) => dispute.created,
        }
    }
}

impl Statement {
    /// Whether a back-fill made it.
    #[must_use]
    pub fn is_sync(&self) -> bool {
        self.event_id == SYNC
    }

    /// Keeps of the event's `previous_attributes` only those that the fact itself keeps.
    #[must_use]
    pub fn with_previous(mut self, previous: Option<&str>) -> Self {
        let attributes: Map<String, Value> =
            previous.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        self.previous = match serde_json::to_value(&self.fact) {
            Ok(Value::Object(kept)) if !attributes.is_empty() => {
                attributes.into_iter().filter(|(key, _)| kept.contains_key(key)).collect()
            }
            _ => Map::new(),
        };
        self
    }
}
