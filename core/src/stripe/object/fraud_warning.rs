//! Early fraud warnings. Source: <https://docs.stripe.com/api/radar/early_fraud_warnings/object>.

use serde::{Deserialize, Serialize};

use super::{Unreadable, read, reference};

/// A card issuer's warning that a charge may be fraud.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FraudWarning {
    /// `issfr_…`.
    pub id: String,
    /// `ch_…`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub charge: Option<String>,
    /// `pi_…`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payment_intent: Option<String>,
    /// `made_with_stolen_card`, `misc`…
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fraud_type: Option<String>,
    /// Whether the charge was neither disputed nor fully refunded at the time of the snapshot.
    pub actionable: bool,
    /// When Stripe made it, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub created: Option<i64>,
}

#[derive(Deserialize)]
struct RawFraudWarning {
    id: String,
    #[serde(default, deserialize_with = "reference")]
    charge: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    payment_intent: Option<String>,
    fraud_type: Option<String>,
    actionable: Option<bool>,
    created: Option<i64>,
}

impl FraudWarning {
    /// Reads a warning's JSON text.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let raw: RawFraudWarning = read("early fraud warning", text)?;
        Ok(Self {
            id: raw.id,
            charge: raw.charge,
            payment_intent: raw.payment_intent,
            fraud_type: raw.fraud_type,
            actionable: raw.actionable.unwrap_or(true),
            created: raw.created,
        })
    }
}
