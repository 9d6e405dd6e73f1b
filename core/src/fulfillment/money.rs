//! The money of one payment, and what of it is left.

use serde::Deserialize;

use super::decision::{FulfillmentDecision, FulfillmentState};

/// The money of one payment, as Stripe tells it now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Money {
    /// `payment_history.status`.
    pub status: String,
    /// Whether it turned out to be a subscription's invoice, which buys nothing by itself: the subscription gives.
    #[serde(default)]
    pub is_subscription_invoice: bool,
    /// What was charged, in the currency's smallest unit.
    pub amount: Option<i64>,
    /// The price of the goods before discounts and tax, where Stripe told it.
    #[serde(default, deserialize_with = "whole_number")]
    pub subtotal: Option<i64>,
    /// What went back, in total.
    pub amount_refunded: Option<i64>,
    /// How much less was received than the checkout session asked for, in the currency in which it was charged.
    #[serde(default)]
    pub shortfall: Option<i64>,
    /// Lower-case ISO code.
    pub currency: Option<String>,
    /// `lost`, `won`, or Stripe's word for a dispute that is open.
    pub dispute_status: Option<String>,
    /// When it was paid, according to Stripe, in microseconds since 1970.
    pub paid_at: i64,
}

/// A number as Stripe's object has it; anything else there is no number, and no error.
fn whole_number<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<i64>, D::Error> {
    serde_json::Value::deserialize(value).map(|value| value.as_i64())
}

impl Money {
    /// Whether the money ever arrived.
    #[must_use]
    pub fn arrived(&self) -> bool {
        matches!(self.status.as_str(), "succeeded" | "partially_refunded" | "refunded")
    }

    /// What went back by refunds, never more than came.
    #[must_use]
    pub fn refunded(&self) -> i64 {
        let amount = self.amount.unwrap_or(0).max(0);
        if self.status == "refunded" {
            return amount;
        }
        self.amount_refunded.unwrap_or(0).clamp(0, amount)
    }

    /// Whether a dispute took the money.
    #[must_use]
    pub fn lost_dispute(&self) -> bool {
        self.dispute_status.as_deref() == Some("lost")
    }

    /// Why it buys nothing although it arrived: less was received than was asked for.
    #[must_use]
    pub fn too_little(&self) -> Option<String> {
        let shortfall = self.shortfall.filter(|shortfall| *shortfall > 0)?;
        Some(format!("{shortfall} less was received than the checkout session asked for"))
    }

    /// Whether nothing of it is left to buy anything: refunded in full, lost to a dispute, or a subscription's.
    #[must_use]
    pub fn is_fully_returned(&self) -> bool {
        self.is_subscription_invoice
            || self.lost_dispute()
            || self.status == "refunded"
            || (self.amount > Some(0) && Some(self.refunded()) == self.amount)
    }

    /// What can't be given as things are: a person must look, unless the money is gone back anyway.
    #[must_use]
    pub fn needs_review(&self, reason: &str) -> FulfillmentDecision {
        if self.is_fully_returned() {
            return FulfillmentDecision::because(
                FulfillmentState::Skipped,
                format!("{reason}; {}", self.return_reason()),
            );
        }
        FulfillmentDecision::because(FulfillmentState::NeedsReview, reason)
    }

    /// Why nothing of it is left, in words.
    #[must_use]
    pub fn return_reason(&self) -> &'static str {
        match (self.is_subscription_invoice, self.lost_dispute()) {
            (true, _) => "the payment is a subscription's, which gives by itself",
            (_, true) => "the money was lost to a dispute",
            _ => "the payment was refunded in full",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refund_never_exceeds_what_came() {
        let money = |status: &str, refunded| Money {
            status: status.into(),
            amount: Some(1000),
            amount_refunded: refunded,
            ..Money::default()
        };
        assert_eq!(money("succeeded", Some(5000)).refunded(), 1000);
        assert_eq!(money("succeeded", Some(-5)).refunded(), 0);
        assert_eq!(money("refunded", None).refunded(), 1000);
        assert!(money("succeeded", Some(1000)).is_fully_returned());
        assert!(!money("partially_refunded", Some(999)).is_fully_returned());
        assert!(!Money { amount: Some(0), status: "succeeded".into(), ..Money::default() }.is_fully_returned());
    }
}
