//! Payment intents. Source: <https://docs.stripe.com/api/payment_intents/object>.

use serde::{Deserialize, Serialize};

use super::money_state::MoneyState;
use super::{Metadata, Origin, Unreadable, or_default, read, reference};

/// A payment intent, as far as a payment needs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// `pi_…`.
    pub id: String,
    /// Stripe's status.
    pub status: String,
    /// What the snapshot means for the money.
    pub state: MoneyState,
    /// Requested, in minor units of `currency`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub amount: Option<i64>,
    /// Received, in minor units of `currency`.
    pub amount_received: i64,
    /// Lower-case ISO code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub currency: Option<String>,
    /// `cus_…`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub customer: Option<String>,
    /// `receipt_email`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub email: Option<String>,
    /// As the app wrote it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<String>,
    /// `in_…`; in API versions up to 2025-02-24 only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub invoice: Option<String>,
    /// `ch_…`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub latest_charge: Option<String>,
    /// What `stripe_request` wrote into its metadata.
    #[serde(skip_serializing_if = "Origin::is_empty", default)]
    pub origin: Origin,
    /// When Stripe made it, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub created: Option<i64>,
}

#[derive(Deserialize)]
struct RawIntent {
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    status: String,
    amount: Option<i64>,
    amount_received: Option<i64>,
    currency: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    customer: Option<String>,
    receipt_email: Option<String>,
    description: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    invoice: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    latest_charge: Option<String>,
    last_payment_error: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    metadata: Metadata,
    created: Option<i64>,
}

impl Intent {
    /// Reads the object of a `payment_intent.*` event, or of a backfill (no event type).
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(text: &str, event_type: Option<&str>, prefix: &str) -> Result<Self, Unreadable> {
        let raw: RawIntent = read("payment intent", text)?;
        let failed = event_type == Some("payment_intent.payment_failed") || raw.last_payment_error.is_some();
        let state = match raw.status.as_str() {
            "succeeded" => MoneyState::Succeeded,
            "canceled" => MoneyState::Failed,
            "requires_payment_method" if failed => MoneyState::Failed,
            _ if event_type == Some("payment_intent.payment_failed") => MoneyState::Failed,
            _ => MoneyState::Pending,
        };
        // If an intent that succeeded does not say what it received, it received all of it.
        let unsaid = raw.amount.filter(|_| state == MoneyState::Succeeded);
        Ok(Self {
            id: raw.id,
            state,
            status: raw.status,
            amount: raw.amount,
            amount_received: raw.amount_received.or(unsaid).unwrap_or(0),
            currency: raw.currency,
            customer: raw.customer,
            email: raw.receipt_email,
            description: raw.description,
            invoice: raw.invoice,
            latest_charge: raw.latest_charge,
            origin: Origin::read(&raw.metadata, prefix),
            created: raw.created,
        })
    }
}
