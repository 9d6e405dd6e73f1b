//! Charges. Source: <https://docs.stripe.com/api/charges/object>.

use serde::{Deserialize, Serialize};

use super::money_state::MoneyState;
use super::{Metadata, Origin, Unreadable, or_default, read, reference};

/// A charge, as far as a payment needs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Charge {
    /// `ch_…` or `py_…`.
    pub id: String,
    /// `succeeded`, `pending` or `failed`.
    pub status: String,
    /// What the snapshot means for the money; an authorization without capture is pending.
    pub state: MoneyState,
    /// In minor units of `currency`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub amount: Option<i64>,
    /// Captured, in minor units of `currency`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub amount_captured: Option<i64>,
    /// The sum of all refunds that count at the time of the snapshot, in minor units of `currency`.
    pub amount_refunded: i64,
    /// Whether the whole charge is refunded.
    #[serde(default)]
    pub refunded: bool,
    /// Lower-case ISO code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub currency: Option<String>,
    /// `cus_…`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub customer: Option<String>,
    /// The billing e-mail, otherwise `receipt_email`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub email: Option<String>,
    /// As the app wrote it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<String>,
    /// `pi_…`; a charge made without an intent has none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payment_intent: Option<String>,
    /// `in_…`; in API versions up to 2025-02-24 only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub invoice: Option<String>,
    /// What `stripe_request` wrote into the intent's metadata, which Stripe copies.
    #[serde(skip_serializing_if = "Origin::is_empty", default)]
    pub origin: Origin,
    /// When Stripe made it, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub created: Option<i64>,
}

#[derive(Deserialize)]
struct RawCharge {
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    status: String,
    captured: Option<bool>,
    amount: Option<i64>,
    amount_captured: Option<i64>,
    amount_refunded: Option<i64>,
    refunded: Option<bool>,
    currency: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    customer: Option<String>,
    billing_details: Option<Billing>,
    receipt_email: Option<String>,
    description: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    payment_intent: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    invoice: Option<String>,
    #[serde(default)]
    metadata: Metadata,
    created: Option<i64>,
}

#[derive(Deserialize)]
struct Billing {
    email: Option<String>,
}

impl Charge {
    /// Reads the object of a `charge.*` event, or of a backfill.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(text: &str, prefix: &str) -> Result<Self, Unreadable> {
        let raw: RawCharge = read("charge", text)?;
        let state = match raw.status.as_str() {
            "succeeded" if raw.captured != Some(false) => MoneyState::Succeeded,
            "failed" => MoneyState::Failed,
            _ => MoneyState::Pending,
        };
        Ok(Self {
            id: raw.id,
            state,
            status: raw.status,
            amount: raw.amount,
            amount_captured: raw.amount_captured,
            amount_refunded: raw.amount_refunded.unwrap_or(0),
            refunded: raw.refunded.unwrap_or(false),
            currency: raw.currency,
            customer: raw.customer,
            email: raw.billing_details.and_then(|billing| billing.email).or(raw.receipt_email),
            description: raw.description,
            payment_intent: raw.payment_intent,
            invoice: raw.invoice,
            origin: Origin::read(&raw.metadata, prefix),
            created: raw.created,
        })
    }

    /// The part of `amount_refunded` that was never captured, in minor units: a whole authorization that was released,
    /// or the rest of one that was captured in part.
    #[must_use]
    pub fn released(&self) -> i64 {
        match self.amount_captured {
            _ if self.state != MoneyState::Succeeded => self.amount_refunded,
            Some(captured) if captured > 0 => {
                let rest = (self.amount.unwrap_or(0) - captured).max(0);
                if self.amount_refunded >= rest { rest } else { 0 }
            }
            _ => 0,
        }
    }

    /// What was charged, in minor units of `currency`.
    #[must_use]
    pub fn charged(&self) -> Option<i64> {
        self.amount_captured.filter(|captured| *captured > 0).or(self.amount)
    }
}
