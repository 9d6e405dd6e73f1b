//! What a payment gives, decided without a database: orders, credits, entitlements, billing status.
//!
//! Every decision is a function of the present state (the money as Stripe tells it now, the app's row, what was given
//! before), never of the event that led there. So the order of arrival cannot matter, and deciding again changes nothing.

pub mod billing_status;
pub mod credits;
pub mod entitlements;
pub mod order;
pub mod promise;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use crate::subject::Subject;

/// What became of one thing that a payment should have given; the `state` of a row of `payments.fulfillments`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Given, and it stands.
    Applied,
    /// Given, and taken back because the money went back.
    Reversed,
    /// Not given: a person must look.
    NeedsReview,
    /// Giving it raised an error; `retry_fulfillments` completes it once the cause is mended.
    Failed,
    /// Nothing to give.
    Skipped,
}

impl State {
    /// The state's name, as the column holds it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Reversed => "reversed",
            Self::NeedsReview => "needs_review",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// A state and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// What became of it.
    pub state: State,
    /// Why, in words for a person; none where it is plain.
    pub reason: Option<String>,
}

impl Verdict {
    /// Given, and it stands.
    #[must_use]
    pub fn applied() -> Self {
        Self { state: State::Applied, reason: None }
    }

    /// A state with its reason.
    #[must_use]
    pub fn because(state: State, reason: impl Into<String>) -> Self {
        Self { state, reason: Some(reason.into()) }
    }
}

/// The money of one payment, as Stripe tells it now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Money {
    /// `payment_history.status`.
    pub status: String,
    /// Whether it turned out to be a subscription's invoice, which buys nothing by itself: the subscription gives.
    #[serde(default)]
    pub recurring: bool,
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
    pub fn lost(&self) -> bool {
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
    pub fn returned(&self) -> bool {
        self.recurring
            || self.lost()
            || self.status == "refunded"
            || (self.amount > Some(0) && Some(self.refunded()) == self.amount)
    }

    /// Why nothing of it is left, in words.
    #[must_use]
    pub fn way_back(&self) -> &'static str {
        match (self.recurring, self.lost()) {
            (true, _) => "the payment is a subscription's, which gives by itself",
            (_, true) => "the money was lost to a dispute",
            _ => "the payment was refunded in full",
        }
    }
}

/// One line of a local checkout session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Stripe's price.
    pub price: String,
    /// How many of it.
    pub quantity: i64,
}

/// Line items by price, with how many of each; none where there is anything else among them.
#[must_use]
pub fn items(line_items: &serde_json::Value) -> Option<BTreeMap<String, i64>> {
    let mut items = BTreeMap::new();
    for item in line_items.as_array()? {
        let item = item.as_object()?;
        let price = match (item.get("stripePriceId"), item.get("price")) {
            (Some(price), None) | (None, Some(price)) => price.as_str()?,
            _ => return None,
        };
        let quantity =
            item.get("quantity").map_or(Some(1), serde_json::Value::as_i64).filter(|quantity| *quantity > 0)?;
        let sum: &mut i64 = items.entry(price.to_owned()).or_default();
        *sum = sum.checked_add(quantity)?;
    }
    Some(items)
}

/// Reads a session's `line_items`; what is not a line of `{stripePriceId | price, quantity}` is passed over.
#[must_use]
pub fn lines(line_items: &serde_json::Value) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for item in line_items.as_array().into_iter().flatten() {
        let price = ["stripePriceId", "price"].iter().find_map(|name| item.get(*name)).and_then(|price| price.as_str());
        let quantity = item.get("quantity").map_or(Some(1), serde_json::Value::as_i64);
        let (Some(price), Some(quantity)) = (price, quantity.filter(|quantity| *quantity > 0)) else { continue };
        match lines.iter_mut().find(|line| line.price == price) {
            Some(line) => line.quantity = line.quantity.saturating_add(quantity),
            None => lines.push(Line { price: price.to_owned(), quantity }),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_one_price_add_up_and_strange_ones_are_passed_over() {
        let items = serde_json::json!([
            {"stripePriceId": "price_a", "quantity": 2}, {"price": "price_b"}, {"stripePriceId": "price_a", "quantity": 1},
            {"quantity": 1}, {"price": "price_c", "quantity": 0}, {"price": "price_c", "quantity": -4}, 7, null,
        ]);
        let read: Vec<(String, i64)> = lines(&items).into_iter().map(|line| (line.price, line.quantity)).collect();
        assert_eq!(read, [("price_a".to_owned(), 3), ("price_b".to_owned(), 1)]);
        assert!(lines(&serde_json::json!({"price": "price_a"})).is_empty());
    }

    #[test]
    fn items_are_the_same_in_any_order_and_nothing_strange_is_passed_over() {
        let of = |items: serde_json::Value| super::items(&items);
        let two = of(
            serde_json::json!([{"price": "b"}, {"stripePriceId": "a", "quantity": 2}, {"price": "b", "quantity": 1}]),
        );
        assert_eq!(two, of(serde_json::json!([{"price": "a", "quantity": 2}, {"price": "b", "quantity": 2}])));
        assert!(two.is_some_and(|two| two == BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 2)])));
        for strange in [
            serde_json::json!({"price": "a"}),
            serde_json::json!([{"price": "a"}, 7]),
            serde_json::json!([{"price": "a", "stripePriceId": "b"}]),
            serde_json::json!([{"price": "a", "quantity": 0}]),
            serde_json::json!([{"price": "a", "quantity": 1.5}]),
            serde_json::json!([{"price": "a", "quantity": null}]),
            serde_json::json!([{"name": "a book"}]),
        ] {
            assert_eq!(of(strange.clone()), None, "{strange}");
        }
    }

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
        assert!(money("succeeded", Some(1000)).returned());
        assert!(!money("partially_refunded", Some(999)).returned());
        assert!(!Money { amount: Some(0), status: "succeeded".into(), ..Money::default() }.returned());
    }
}
