//! Invoice payments: since API version 2025-03-31 the only link between an invoice and the intent or charge that paid
//! it. Source: <https://docs.stripe.com/api/invoice-payment/object>.

use serde::{Deserialize, Serialize};

use super::money_state::MoneyState;
use super::{Unreadable, or_default, read, reference};

/// An invoice payment, as far as a payment needs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InvoicePayment {
    /// `inpay_…`.
    pub id: String,
    /// `open`, `paid` or `canceled`.
    pub status: String,
    /// What the snapshot means for the money.
    pub state: MoneyState,
    /// In minor units of `currency`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub amount_paid: Option<i64>,
    /// Lower-case ISO code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub currency: Option<String>,
    /// `in_…`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub invoice: Option<String>,
    /// `pi_…`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payment_intent: Option<String>,
    /// `ch_…`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub charge: Option<String>,
    /// `status_transitions.paid_at`, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub paid_at: Option<i64>,
    /// When Stripe made it, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub created: Option<i64>,
}

/// The object as Stripe sends it, by itself or in an invoice's `payments`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RawInvoicePayment {
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    status: String,
    amount_paid: Option<i64>,
    currency: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    invoice: Option<String>,
    payment: Option<Payment>,
    status_transitions: Option<Transitions>,
    created: Option<i64>,
}

#[derive(Debug, Clone, Deserialize)]
struct Payment {
    #[serde(default, deserialize_with = "reference")]
    payment_intent: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    charge: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Transitions {
    paid_at: Option<i64>,
}

impl InvoicePayment {
    /// Reads the object of an `invoice_payment.*` event, or of a backfill.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        Ok(read::<RawInvoicePayment>("invoice payment", text)?.into())
    }
}

impl From<RawInvoicePayment> for InvoicePayment {
    fn from(raw: RawInvoicePayment) -> Self {
        let (payment_intent, charge) =
            raw.payment.map_or((None, None), |payment| (payment.payment_intent, payment.charge));
        Self {
            id: raw.id,
            state: match raw.status.as_str() {
                "paid" => MoneyState::Succeeded,
                "open" => MoneyState::Pending,
                _ => MoneyState::None,
            },
            status: raw.status,
            amount_paid: raw.amount_paid,
            currency: raw.currency,
            invoice: raw.invoice,
            payment_intent,
            charge,
            paid_at: raw.status_transitions.and_then(|transitions| transitions.paid_at),
            created: raw.created,
        }
    }
}
