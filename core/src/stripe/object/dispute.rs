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
    /// The part of `amount` that was reinstated, in the same units.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub reinstated: i64,
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

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(amount: &i64) -> bool {
    *amount == 0
}

/// A movement of the account's balance. Its amount is the principal, without fees.
#[derive(Deserialize)]
struct BalanceTransaction {
    amount: Option<i64>,
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
    balance_transactions: Option<Vec<serde_json::Value>>,
}

/// The part of a disputed amount that was reinstated. It is the same share as in the balance transactions, because
/// those are in the account's currency, which may differ.
fn reinstated(amount: i64, transactions: &[serde_json::Value]) -> i64 {
    let moved = transactions.iter().filter_map(|one| BalanceTransaction::deserialize(one).ok()?.amount);
    let (back, taken): (Vec<i64>, Vec<i64>) = moved.partition(|amount| *amount > 0);
    let sum = |amounts: &[i64]| amounts.iter().map(|amount| i128::from(*amount).abs()).sum::<i128>();
    match sum(&taken) {
        0 => 0,
        taken => i64::try_from(i128::from(amount) * sum(&back).min(taken) / taken).unwrap_or(0),
    }
}

impl Dispute {
    /// Whether the money is gone: the dispute was lost, and an appeal has not changed that.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.status == "lost" || self.status.starts_with("appeal_")
    }

    /// What it took, in minor units of its currency.
    #[must_use]
    pub fn lost(&self) -> i64 {
        if self.is_lost() { (self.amount.unwrap_or(0) - self.reinstated).max(0) } else { 0 }
    }

    /// Reads the object of a `charge.dispute.*` event, or of a backfill.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let raw: RawDispute = read("dispute", text)?;
        Ok(Self {
            id: raw.id,
            status: raw.status.unwrap_or_else(|| "needs_response".to_owned()),
            amount: raw.amount,
            reinstated: reinstated(raw.amount.unwrap_or(0), raw.balance_transactions.as_deref().unwrap_or_default()),
            currency: raw.currency,
            charge: raw.charge,
            payment_intent: raw.payment_intent,
            reason: raw.reason,
            created: raw.created,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Dispute;

    fn dispute(status: &str, moved: &str) -> Dispute {
        let text = format!(r#"{{"id": "du_1", "status": "{status}", "amount": 500, "balance_transactions": {moved}}}"#);
        Dispute::read(&text).unwrap()
    }

    #[test]
    fn what_is_lost_is_what_was_taken_and_not_reinstated() {
        let taken = r#"[{"amount": -500, "fee": 1500, "net": -2000}]"#;
        let in_part = r#"[{"amount": -500, "fee": 1500}, {"amount": 200}]"#;
        // The account's currency differs from the payment's.
        let converted = r#"[{"amount": -460}, {"amount": 230}]"#;
        let all = r#"[{"amount": -500}, {"amount": 700}, "txn_1", {"amount": null}]"#;
        for (status, moved, lost) in [
            ("lost", "null", 500),
            ("lost", "[]", 500),
            ("lost", taken, 500),
            ("lost", in_part, 300),
            ("lost", converted, 250),
            ("lost", all, 0),
            ("appeal_under_review", taken, 500),
            ("won", taken, 0),
            ("needs_response", taken, 0),
            ("warning_closed", "[]", 0),
            ("prevented", "[]", 0),
        ] {
            assert_eq!(dispute(status, moved).lost(), lost, "{status} {moved}");
        }
    }

    #[test]
    fn what_was_reinstated_is_kept_with_the_fact() {
        for (moved, kept) in [(r#"[{"amount": -500}, {"amount": 200}]"#, Some(200)), ("[]", None)] {
            let stored = serde_json::to_value(dispute("lost", moved)).unwrap();
            assert_eq!(stored.get("reinstated").and_then(serde_json::Value::as_i64), kept, "{moved}");
            assert_eq!(serde_json::from_value::<Dispute>(stored).unwrap(), dispute("lost", moved));
        }
    }
}
