//! Refunds, from events of refunds and of charges. Source: <https://docs.stripe.com/api/refunds/object>.

use serde::{Deserialize, Serialize};

use super::money_state::MoneyState;
use super::{Unreadable, read, reference};

/// A refund, as far as a payment needs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refund {
    /// `re_…`.
    pub id: String,
    /// `pending`, `requires_action`, `succeeded`, `failed` or `canceled`.
    pub status: String,
    /// Whether the money was returned.
    pub state: MoneyState,
    /// In minor units of `currency`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub amount: Option<i64>,
    /// Lower-case ISO code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub currency: Option<String>,
    /// `ch_…`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub charge: Option<String>,
    /// `pi_…`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payment_intent: Option<String>,
    /// Why it was refunded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// When Stripe made it, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub created: Option<i64>,
}

#[derive(Deserialize)]
struct RawRefund {
    id: String,
    status: Option<String>,
    amount: Option<i64>,
    currency: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    charge: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    payment_intent: Option<String>,
    reason: Option<String>,
    created: Option<i64>,
}

impl Refund {
    /// Reads the object of a `refund.*` or `charge.refund.updated` event, or of a backfill.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let raw: RawRefund = read("refund", text)?;
        // In old API versions, a refund that was never pending has no status.
        let status = raw.status.unwrap_or_else(|| "succeeded".to_owned());
        let state = match status.as_str() {
            "succeeded" => MoneyState::Succeeded,
            "failed" | "canceled" => MoneyState::Failed,
            _ => MoneyState::Pending,
        };
        Ok(Self {
            id: raw.id,
            status,
            state,
            amount: raw.amount,
            currency: raw.currency,
            charge: raw.charge,
            payment_intent: raw.payment_intent,
            reason: raw.reason,
            created: raw.created,
        })
    }
}
