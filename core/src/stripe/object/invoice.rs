//! Invoices. Source: <https://docs.stripe.com/api/invoices/object>.

use serde::{Deserialize, Serialize};

use super::invoice_line::{self, InvoiceLines, Line};
use super::invoice_payment::{InvoicePayment, RawInvoicePayment};
use super::money_state::MoneyState;
use super::{List, Metadata, Origin, Unreadable, read, reference};
use crate::subject::Subject;

/// An invoice, as far as a payment needs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Invoice {
    /// `in_…`.
    pub id: String,
    /// `draft`, `open`, `paid`, `void` or `uncollectible`.
    pub status: String,
    /// What the snapshot means for the money.
    pub state: MoneyState,
    /// Paid, in minor units of `currency`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub amount_paid: Option<i64>,
    /// Requested, in minor units of `currency`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub amount_due: Option<i64>,
    /// Not yet paid, in minor units of `currency`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub amount_remaining: Option<i64>,
    /// The invoice number that people see; a draft has none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub number: Option<String>,
    /// The start of the period that it bills, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub period_start: Option<i64>,
    /// The end of that period, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub period_end: Option<i64>,
    /// When it must be paid, in Unix seconds; only if the payer pays it by hand.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due_date: Option<i64>,
    /// `status_transitions.finalized_at`, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub finalized_at: Option<i64>,
    /// The URL of the page where it is shown and paid.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hosted_invoice_url: Option<String>,
    /// The URL of its PDF.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub invoice_pdf: Option<String>,
    /// Whether it is a draft that was deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub deleted: bool,
    /// Lower-case ISO code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub currency: Option<String>,
    /// `cus_…`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub customer: Option<String>,
    /// `customer_email`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub email: Option<String>,
    /// As the app or a person wrote it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<String>,
    /// `sub_…`; a subscription's invoice has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subscription: Option<String>,
    /// The subject that the subscription's metadata names, as Stripe copied it onto the invoice.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subscription_subject: Option<Subject>,
    /// What the invoice's own metadata says.
    #[serde(skip_serializing_if = "Origin::is_empty", default)]
    pub origin: Origin,
    /// `pi_…`; in API versions up to 2025-02-24, or if `payments` was expanded.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub payment_intents: Vec<String>,
    /// `ch_…`; in the same cases.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub charges: Vec<String>,
    /// The price of the line with the largest amount; of a proration only if there is no other line.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub price: Option<String>,
    /// The product of that line.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub product: Option<String>,
    /// `status_transitions.paid_at`, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub paid_at: Option<i64>,
    /// When Stripe made it, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub created: Option<i64>,
    /// The attempt to collect it that the event is about, if it failed or waits for the payer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attempt: Option<Attempt>,
    /// Its lines, which credits are counted from; only for a subscription's invoice, once it is finalized.
    #[serde(skip_serializing_if = "InvoiceLines::is_empty", default)]
    pub lines: InvoiceLines,
}

/// An attempt to collect an invoice that failed, or that the payer has to authenticate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Whether the payer has to authenticate it.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub requires_action: bool,
    /// Which attempt it was.
    pub count: i64,
    /// When Stripe tries again, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_at: Option<i64>,
    /// The URL of the page where the payer can pay it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hosted_invoice_url: Option<String>,
    /// Stripe's reason why the invoice was made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub billing_reason: Option<String>,
}

#[derive(Deserialize)]
struct RawInvoice {
    id: String,
    status: Option<String>,
    paid: Option<bool>,
    amount_paid: Option<i64>,
    amount_due: Option<i64>,
    amount_remaining: Option<i64>,
    number: Option<String>,
    period_start: Option<i64>,
    period_end: Option<i64>,
    due_date: Option<i64>,
    hosted_invoice_url: Option<String>,
    invoice_pdf: Option<String>,
    deleted: Option<bool>,
    currency: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    customer: Option<String>,
    customer_email: Option<String>,
    description: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    subscription: Option<String>,
    subscription_details: Option<SubscriptionDetails>,
    parent: Option<Parent>,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default, deserialize_with = "reference")]
    payment_intent: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    charge: Option<String>,
    payments: Option<List<RawInvoicePayment>>,
    lines: Option<List<Line>>,
    status_transitions: Option<Transitions>,
    created: Option<i64>,
    attempt_count: Option<i64>,
    next_payment_attempt: Option<i64>,
    billing_reason: Option<String>,
}

#[derive(Deserialize)]
struct Parent {
    subscription_details: Option<SubscriptionDetails>,
}

#[derive(Deserialize)]
struct SubscriptionDetails {
    #[serde(default, deserialize_with = "reference")]
    subscription: Option<String>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Transitions {
    paid_at: Option<i64>,
    finalized_at: Option<i64>,
}

impl RawInvoice {
    fn state(&self, event_type: Option<&str>) -> MoneyState {
        match (self.status.as_deref(), event_type) {
            (Some("paid"), _) => MoneyState::Succeeded,
            _ if self.paid == Some(true) => MoneyState::Succeeded,
            (Some("void" | "uncollectible"), _) | (_, Some("invoice.payment_failed")) => MoneyState::Failed,
            (Some("open"), _) => MoneyState::Pending,
            _ => MoneyState::None,
        }
    }

    fn attempt(&mut self, event_type: Option<&str>) -> Option<Attempt> {
        let requires_action = event_type == Some("invoice.payment_action_required");
        (requires_action || event_type == Some("invoice.payment_failed")).then(|| Attempt {
            requires_action,
            count: self.attempt_count.unwrap_or(0),
            next_at: self.next_payment_attempt,
            hosted_invoice_url: self.hosted_invoice_url.clone(),
            billing_reason: self.billing_reason.take(),
        })
    }

    fn subscription(&mut self) -> (Option<String>, Metadata) {
        let nested = self.parent.take().and_then(|parent| parent.subscription_details);
        let details = nested.or(self.subscription_details.take());
        let (of_details, metadata) = details.map_or((None, Metadata::default()), |d| (d.subscription, d.metadata));
        let of_lines = || {
            let lines = self.lines.as_ref()?;
            lines.data.iter().find_map(|line| line.subscription().map(ToOwned::to_owned))
        };
        (self.subscription.clone().or(of_details).or_else(of_lines), metadata)
    }
}

impl Invoice {
    /// Reads the object of an `invoice.*` event, or of a backfill (no event type).
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(text: &str, event_type: Option<&str>, prefix: &str) -> Result<Self, Unreadable> {
        let mut raw: RawInvoice = read("invoice", text)?;
        let state = raw.state(event_type);
        let attempt = raw.attempt(event_type);
        let (subscription, subscription_metadata) = raw.subscription();
        let payments = raw.payments.map(|list| list.data).unwrap_or_default();
        let payments: Vec<InvoicePayment> = payments.into_iter().map(Into::into).collect();
        let intents = payments.iter().filter_map(|payment| payment.payment_intent.clone());
        let charges = payments.iter().filter_map(|payment| payment.charge.clone());
        let lines = raw.lines.unwrap_or(List { data: Vec::new(), has_more: false });
        let chosen = lines
            .data
            .iter()
            // The invoice of an upgrade can have only prorations. Then the largest of them is what was bought.
            .max_by_key(|line| (!line.is_proration(), line.amount, std::cmp::Reverse(&line.id)));
        let (price, product) = chosen.map_or((None, None), Line::price_and_product);
        let is_counted = state != MoneyState::None && subscription.is_some();
        let lines = if is_counted { invoice_line::read(lines) } else { InvoiceLines::default() };
        let (paid_at, finalized_at) = raw.status_transitions.map_or((None, None), |at| (at.paid_at, at.finalized_at));
        Ok(Self {
            id: raw.id,
            state,
            status: raw.status.unwrap_or_default(),
            amount_paid: raw.amount_paid,
            amount_due: raw.amount_due,
            amount_remaining: raw.amount_remaining,
            number: raw.number,
            period_start: raw.period_start,
            period_end: raw.period_end,
            due_date: raw.due_date,
            finalized_at,
            hosted_invoice_url: raw.hosted_invoice_url,
            invoice_pdf: raw.invoice_pdf,
            deleted: event_type == Some("invoice.deleted") || raw.deleted == Some(true),
            currency: raw.currency,
            customer: raw.customer,
            email: raw.customer_email,
            description: raw.description,
            subscription,
            subscription_subject: Origin::read(&subscription_metadata, prefix).subject,
            origin: Origin::read(&raw.metadata, prefix),
            payment_intents: raw.payment_intent.into_iter().chain(intents).collect(),
            charges: raw.charge.into_iter().chain(charges).collect(),
            price,
            product,
            paid_at,
            created: raw.created,
            attempt,
            lines,
        })
    }
}
