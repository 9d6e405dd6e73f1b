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
    /// Why it is not known what it bought, if so.
    #[serde(skip)]
    pub unknown_goods: Option<String>,
    /// What lost disputes took of it; `None` where it is not known how much, as of a row that a backend wrote: then all.
    #[serde(default)]
    pub amount_lost: Option<i64>,
    /// Whether a lost dispute took something in another currency, which nobody can compare.
    #[serde(default)]
    pub lost_in_other_currency: bool,
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

    /// Whether a dispute took money of it.
    #[must_use]
    pub fn lost_dispute(&self) -> bool {
        self.dispute_status.as_deref().is_some_and(|status| status == "lost" || status.starts_with("appeal_"))
    }

    /// What disputes took, never more than came.
    #[must_use]
    pub fn lost(&self) -> i64 {
        let amount = self.amount.unwrap_or(0).max(0);
        if self.lost_dispute() { self.amount_lost.map_or(amount, |lost| lost.clamp(0, amount)) } else { 0 }
    }

    /// What went back by refunds and disputes, never more than came.
    #[must_use]
    pub fn returned(&self) -> i64 {
        self.refunded().saturating_add(self.lost()).min(self.amount.unwrap_or(0).max(0))
    }

    /// `amount_refunded` of an order: what was refunded, and, while something of the payment is left, what disputes took.
    #[must_use]
    pub fn refunded_of_order(&self) -> i64 {
        if self.is_fully_returned() { self.refunded() } else { self.returned() }
    }

    /// Why a person must look at a lost dispute.
    #[must_use]
    pub fn unclear_loss(&self) -> Option<&'static str> {
        (self.lost_dispute() && self.lost_in_other_currency)
            .then_some("a dispute of it was lost in another currency: decide what that takes back")
    }

    /// What of it went back, in words; `None` where nothing did.
    #[must_use]
    pub fn part_returned(&self) -> Option<String> {
        let amount = self.amount.unwrap_or(0);
        match (self.refunded(), self.lost()) {
            (0, 0) => None,
            (refunded, 0) => Some(format!("{refunded} of {amount} was refunded")),
            (0, lost) => Some(format!("{lost} of {amount} was lost to a dispute")),
            (refunded, lost) => Some(format!("{refunded} of {amount} was refunded, {lost} was lost to a dispute")),
        }
    }

    /// Why it buys nothing although it arrived: less was received than was asked for.
    #[must_use]
    pub fn too_little(&self) -> Option<String> {
        let shortfall = self.shortfall.filter(|shortfall| *shortfall > 0)?;
        Some(format!("{shortfall} less was received than the checkout session asked for"))
    }

    /// Why it buys nothing although it arrived: less was received than was asked for, or it is not known what was bought.
    #[must_use]
    pub fn withheld(&self) -> Option<String> {
        self.too_little().or_else(|| self.unknown_goods.clone())
    }

    /// Whether nothing of it is left to buy anything: refunded in full, lost to a dispute, or a subscription's.
    #[must_use]
    pub fn is_fully_returned(&self) -> bool {
        self.is_subscription_invoice
            || (self.lost_dispute() && self.amount_lost.is_none())
            || self.status == "refunded"
            || (self.amount > Some(0) && Some(self.returned()) == self.amount)
    }

    /// The decision on something that cannot be given now: it needs review, unless all the money went back.
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
        // Nobody knows how much it was, nor how much of it a dispute took: then all.
        let lost = Money { dispute_status: Some("lost".into()), status: "succeeded".into(), ..Money::default() };
        assert!(lost.is_fully_returned());
    }

    fn of(status: &str) -> Money {
        Money { status: status.into(), amount: Some(1000), ..Money::default() }
    }

    #[test]
    fn money_arrived_whatever_went_back_since() {
        for status in ["succeeded", "partially_refunded", "refunded"] {
            assert!(of(status).arrived(), "{status}");
        }
        for status in ["pending", "failed", "", "Succeeded"] {
            assert!(!of(status).arrived(), "{status}");
        }
    }

    #[test]
    fn nothing_is_left_for_one_of_three_reasons() {
        let lost = || Some("lost".to_owned());
        let subscriptions = || Money { is_subscription_invoice: true, ..of("succeeded") };
        for (gone, reason) in [
            (of("refunded"), "the payment was refunded in full"),
            (Money { dispute_status: lost(), ..of("succeeded") }, "the money was lost to a dispute"),
            (subscriptions(), "the payment is a subscription's, which gives by itself"),
            // The last explains the most.
            (
                Money { dispute_status: lost(), ..subscriptions() },
                "the payment is a subscription's, which gives by itself",
            ),
        ] {
            assert!(gone.is_fully_returned(), "{reason}");
            assert_eq!(gone.return_reason(), reason);
            // So no person needs to look.
            let skipped = FulfillmentDecision::because(FulfillmentState::Skipped, format!("too odd; {reason}"));
            assert_eq!(gone.needs_review("too odd"), skipped);
        }
        for dispute in ["won", "needs_response"] {
            let there = Money { dispute_status: Some(dispute.into()), ..of("succeeded") };
            assert!(!there.is_fully_returned() && !there.lost_dispute(), "{dispute}");
            let reviewed = FulfillmentDecision::because(FulfillmentState::NeedsReview, "too odd");
            assert_eq!(there.needs_review("too odd"), reviewed);
        }
    }

    #[test]
    fn a_dispute_takes_its_own_part() {
        let lost = |amount_lost, refunded| Money {
            dispute_status: Some("lost".into()),
            amount_lost,
            amount_refunded: Some(refunded),
            ..of("succeeded")
        };
        assert_eq!((lost(Some(250), 0).lost(), lost(Some(250), 0).returned()), (250, 250));
        assert!(!lost(Some(250), 0).is_fully_returned());
        // Refunds and disputes add up, and never to more than came.
        assert!(lost(Some(250), 750).is_fully_returned() && lost(Some(900), 750).is_fully_returned());
        assert_eq!((lost(Some(900), 750).returned(), lost(Some(5000), 0).lost()), (1000, 1000));
        // How much is not known of a row that a backend wrote.
        assert!(lost(None, 0).is_fully_returned() && lost(None, 0).lost() == 1000);
        assert_eq!(Money { amount_lost: Some(250), ..of("succeeded") }.lost(), 0);
        assert_eq!((lost(Some(250), 100).refunded_of_order(), lost(Some(900), 100).refunded_of_order()), (350, 100));
        let appeal = Money { dispute_status: Some("appeal_under_review".into()), ..lost(Some(250), 0) };
        assert_eq!(appeal.lost(), 250);
        let elsewhere = |lost| Money { lost_in_other_currency: true, ..lost };
        assert!(lost(Some(0), 0).unclear_loss().is_none() && elsewhere(lost(Some(1), 0)).unclear_loss().is_some());
        assert!(elsewhere(of("succeeded")).unclear_loss().is_none());
        let told = |amount_lost, refunded| lost(amount_lost, refunded).part_returned();
        assert_eq!(told(Some(0), 0), None);
        assert_eq!(told(Some(0), 100).as_deref(), Some("100 of 1000 was refunded"));
        assert_eq!(told(Some(250), 0).as_deref(), Some("250 of 1000 was lost to a dispute"));
        assert_eq!(told(Some(250), 100).as_deref(), Some("100 of 1000 was refunded, 250 was lost to a dispute"));
    }

    #[test]
    fn too_little_is_any_amount_less_than_was_asked_for() {
        let too_little = |shortfall| Money { shortfall, ..of("succeeded") }.too_little();
        assert_eq!(too_little(Some(1)).as_deref(), Some("1 less was received than the checkout session asked for"));
        assert_eq!((too_little(Some(0)), too_little(Some(-1)), too_little(None)), (None, None, None));
    }

    #[test]
    fn a_subtotal_that_is_no_whole_number_is_unknown() {
        let subtotal = |more: &str| {
            let row = format!(r#"{{"status": "succeeded", "paid_at": 1{more}}}"#);
            serde_json::from_str::<Money>(&row).map(|money| money.subtotal).unwrap()
        };
        assert_eq!(subtotal(r#", "subtotal": 2500"#), Some(2500));
        for unknown in ["", r#", "subtotal": null"#, r#", "subtotal": "2500""#, r#", "subtotal": 1.5"#] {
            assert_eq!(subtotal(unknown), None, "{unknown}");
        }
    }
}
