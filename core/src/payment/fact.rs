//! Facts: each is a snapshot of one Stripe object that is part of a payment, with the event that carried it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::adopted::{ADOPTED, AdoptedPayment};
use crate::snapshot::{SYNC, Snapshot};
use crate::stripe::event_type::ObjectKind;
use crate::stripe::object::Unreadable;
use crate::stripe::object::charge::Charge;
use crate::stripe::object::credit_note::CreditNote;
use crate::stripe::object::dispute::Dispute;
use crate::stripe::object::fraud_warning::FraudWarning;
use crate::stripe::object::invoice::Invoice;
use crate::stripe::object::invoice_line::FetchedLines;
use crate::stripe::object::invoice_payment::InvoicePayment;
use crate::stripe::object::line_items::LineItems;
use crate::stripe::object::money_state::MoneyState;
use crate::stripe::object::payment_intent::Intent;
use crate::stripe::object::refund::Refund;
use crate::stripe::object::session::Session;

/// A Stripe object that is part of a payment, or a row that another backend wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "object", rename_all = "snake_case")]
#[allow(missing_docs, reason = "each is named as Stripe names it")]
pub enum PaymentObject {
    CheckoutSession(Box<Session>),
    LineItems(Box<LineItems>),
    InvoiceLines(Box<FetchedLines>),
    PaymentIntent(Box<Intent>),
    Charge(Box<Charge>),
    Invoice(Box<Invoice>),
    InvoicePayment(Box<InvoicePayment>),
    Refund(Box<Refund>),
    Dispute(Box<Dispute>),
    CreditNote(Box<CreditNote>),
    FraudWarning(Box<FraudWarning>),
    AdoptedPayment(Box<AdoptedPayment>),
}

/// One snapshot of an object of a payment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// The event that carried it; [`SYNC`] for a backfill.
    pub event_id: String,
    /// Unix seconds: the event's `created`, or when the backfill's objects were fetched.
    pub created: i64,
    /// See [`crate::stripe::event_type::rank`].
    pub rank: i16,
    /// Those of the event's `previous_attributes` that `object` has too.
    #[serde(skip_serializing_if = "Map::is_empty", default)]
    pub previous: Map<String, Value>,
    /// The object. It is stored as `fact`. A mirrored object is stored as `object`, as Stripe sent it.
    #[serde(rename = "fact")]
    pub object: PaymentObject,
}

impl PaymentObject {
    /// Reads an object's JSON text; `None` for a kind that is not part of a payment. A backfill has no event type.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(
        kind: ObjectKind,
        text: &str,
        event_type: Option<&str>,
        prefix: &str,
    ) -> Result<Option<Self>, Unreadable> {
        Ok(Some(match kind {
            ObjectKind::CheckoutSession => Self::CheckoutSession(Box::new(Session::read(text, event_type, prefix)?)),
            ObjectKind::LineItems => Self::LineItems(Box::new(LineItems::of_page(text)?)),
            ObjectKind::InvoiceLines => Self::InvoiceLines(Box::new(FetchedLines::of_page(text)?)),
            ObjectKind::PaymentIntent => Self::PaymentIntent(Box::new(Intent::read(text, event_type, prefix)?)),
            ObjectKind::Charge => Self::Charge(Box::new(Charge::read(text, prefix)?)),
            ObjectKind::Invoice => Self::Invoice(Box::new(Invoice::read(text, event_type, prefix)?)),
            ObjectKind::InvoicePayment => Self::InvoicePayment(Box::new(InvoicePayment::read(text)?)),
            ObjectKind::Refund => Self::Refund(Box::new(Refund::read(text)?)),
            ObjectKind::Dispute => Self::Dispute(Box::new(Dispute::read(text)?)),
            ObjectKind::CreditNote => Self::CreditNote(Box::new(CreditNote::read(text)?)),
            ObjectKind::FraudWarning => Self::FraudWarning(Box::new(FraudWarning::read(text)?)),
            ObjectKind::Customer
            | ObjectKind::Subscription
            | ObjectKind::Product
            | ObjectKind::Price
            | ObjectKind::PaymentMethod
            | ObjectKind::Entitlements
            | ObjectKind::UpcomingInvoice
            | ObjectKind::Discount
            | ObjectKind::Coupon => return Ok(None),
        }))
    }

    /// The kind of the object; `None` for a row that another backend wrote.
    #[must_use]
    pub fn kind(&self) -> Option<ObjectKind> {
        Some(match self {
            Self::CheckoutSession(_) => ObjectKind::CheckoutSession,
            Self::LineItems(_) => ObjectKind::LineItems,
            Self::InvoiceLines(_) => ObjectKind::InvoiceLines,
            Self::PaymentIntent(_) => ObjectKind::PaymentIntent,
            Self::Charge(_) => ObjectKind::Charge,
            Self::Invoice(_) => ObjectKind::Invoice,
            Self::InvoicePayment(_) => ObjectKind::InvoicePayment,
            Self::Refund(_) => ObjectKind::Refund,
            Self::Dispute(_) => ObjectKind::Dispute,
            Self::CreditNote(_) => ObjectKind::CreditNote,
            Self::FraudWarning(_) => ObjectKind::FraudWarning,
            Self::AdoptedPayment(_) => return None,
        })
    }

    /// The object's id.
    #[must_use]
    pub fn object_id(&self) -> &str {
        match self {
            Self::CheckoutSession(session) => &session.id,
            Self::LineItems(items) => &items.id,
            Self::InvoiceLines(lines) => &lines.id,
            Self::PaymentIntent(intent) => &intent.id,
            Self::Charge(charge) => &charge.id,
            Self::Invoice(invoice) => &invoice.id,
            Self::InvoicePayment(payment) => &payment.id,
            Self::Refund(refund) => &refund.id,
            Self::Dispute(dispute) => &dispute.id,
            Self::CreditNote(note) => &note.id,
            Self::FraudWarning(warning) => &warning.id,
            Self::AdoptedPayment(payment) => &payment.row,
        }
    }

    /// Its `object` attribute; `adopted_payment` for a row that another backend wrote.
    #[must_use]
    pub fn object_type(&self) -> &'static str {
        self.kind().map_or("adopted_payment", ObjectKind::name)
    }

    /// The ids that join facts into one payment, sorted: its own and those of the objects that it names. Line items and
    /// an invoice's lines have only the id of their session or invoice.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        match self {
            Self::LineItems(items) => return vec![items.session.clone()],
            Self::InvoiceLines(lines) => return vec![lines.invoice.clone()],
            _ => {}
        }
        let mut keys = vec![self.object_id().to_owned()];
        match self {
            Self::LineItems(_) | Self::InvoiceLines(_) => {}
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
            Self::CreditNote(note) => keys.extend(note.invoice.clone()),
            Self::FraudWarning(warning) => {
                keys.extend(warning.payment_intent.clone());
                keys.extend(warning.charge.clone());
            }
            Self::AdoptedPayment(payment) => keys.extend(payment.ids()),
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
            Self::CreditNote(note) => note.customer.as_deref(),
            Self::AdoptedPayment(payment) => payment.stripe_customer_id.as_deref(),
            _ => None,
        }
    }

    /// The subscription that it names.
    #[must_use]
    pub fn subscription(&self) -> Option<&str> {
        match self {
            Self::CheckoutSession(session) => session.subscription.as_deref(),
            Self::Invoice(invoice) => invoice.subscription.as_deref(),
            Self::AdoptedPayment(payment) => payment.stripe_subscription_id.as_deref(),
            _ => None,
        }
    }

    /// What it means for the money.
    #[must_use]
    pub fn state(&self) -> MoneyState {
        match self {
            Self::CheckoutSession(session) => session.state,
            Self::PaymentIntent(intent) => intent.state,
            Self::Charge(charge) => charge.state,
            Self::Invoice(invoice) => invoice.state,
            Self::InvoicePayment(payment) => payment.state,
            Self::Refund(refund) => refund.state,
            Self::Dispute(_)
            | Self::LineItems(_)
            | Self::InvoiceLines(_)
            | Self::CreditNote(_)
            | Self::FraudWarning(_) => MoneyState::None,
            Self::AdoptedPayment(payment) => payment.state(),
        }
    }

    /// When Stripe made the object, in Unix seconds.
    #[must_use]
    pub fn created(&self) -> Option<i64> {
        match self {
            Self::CheckoutSession(session) => session.created,
            Self::LineItems(_) | Self::InvoiceLines(_) => None,
            Self::PaymentIntent(intent) => intent.created,
            Self::Charge(charge) => charge.created,
            Self::Invoice(invoice) => invoice.created,
            Self::InvoicePayment(payment) => payment.created,
            Self::Refund(refund) => refund.created,
            Self::Dispute(dispute) => dispute.created,
            Self::CreditNote(note) => note.created,
            Self::FraudWarning(warning) => warning.created,
            Self::AdoptedPayment(payment) => payment.stripe_created_at,
        }
    }
}

impl Fact {
    /// Whether it comes from a backfill.
    #[must_use]
    pub fn is_sync(&self) -> bool {
        self.event_id == SYNC
    }

    /// Adds those of the event's `previous_attributes` that its object has too.
    #[must_use]
    pub fn with_previous(mut self, previous: Option<&str>) -> Self {
        let attributes: Map<String, Value> =
            previous.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        if attributes.is_empty() {
            return self;
        }
        self.previous = match serde_json::to_value(&self.object) {
            Ok(Value::Object(object)) => attributes.into_iter().filter(|(key, _)| object.contains_key(key)).collect(),
            _ => Map::new(),
        };
        self
    }
}

impl From<AdoptedPayment> for Fact {
    fn from(row: AdoptedPayment) -> Self {
        Self {
            event_id: ADOPTED.to_owned(),
            created: row.stripe_created_at.or(row.paid_at).unwrap_or_default(),
            rank: 0,
            previous: Map::new(),
            object: PaymentObject::AdoptedPayment(Box::new(row)),
        }
    }
}

impl Snapshot for Fact {
    fn is_final(&self) -> bool {
        match &self.object {
            PaymentObject::CheckoutSession(session) => session.is_over(),
            PaymentObject::LineItems(items) => items.is_final(),
            PaymentObject::Invoice(invoice) => invoice.deleted,
            PaymentObject::CreditNote(note) => note.is_void(),
            _ => false,
        }
    }
    fn created(&self) -> i64 {
        self.created
    }
    fn rank(&self) -> i16 {
        self.rank
    }
    fn event_id(&self) -> &str {
        &self.event_id
    }
    fn previous(&self) -> &Map<String, Value> {
        &self.previous
    }
    fn value(&self) -> Value {
        serde_json::to_value(&self.object).unwrap_or(Value::Null)
    }
}
