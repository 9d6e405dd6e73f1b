//! Disputes. Source: <https://docs.stripe.com/api/disputes/object>.

use serde::{Deserialize, Serialize};

use super::{Unreadable, read, reference};

/// A dispute, as far as a payment needs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dispute {
    /// `du_…` or `dp_…`.
    pub id: String,
    /// `warning_needs_response`, `needs_response`, `under_review`, `won`, `lost`…
    pub status: String,
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
    /// The card network's reason.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// When Stripe made it, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub created: Option<i64>,
}

#[derive(Deserialize)]
struct RawDispute {
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

impl Dispute {
    /// Reads the object of a `charge.dispute.*` event, or of a back-fill.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let raw: RawDispute = read("dispute", text)?;
        Ok(Self {
            id: raw.id,
            status: raw.status.unwrap_or_else(|| "needs_response".to_owned()),
            amount: raw.amount,
            currency: raw.currency,
            charge: raw.charge,
            payment_intent: raw.payment_intent,
            reason: raw.reason,
            created: raw.created,
        })
    }
}
