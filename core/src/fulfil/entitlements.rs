//! Entitlements: whether one source (a payment or a subscription) still gives a key, and until when.

use super::{Money, State, Verdict};

/// What the app's row of one key from one source should say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entitlement {
    /// Whether this source gives it.
    pub active: bool,
    /// The fulfilment's state and why.
    pub verdict: Verdict,
}

/// Of a payment: active until the money is wholly gone back. A partial refund leaves it.
#[must_use]
pub fn of_payment(money: &Money) -> Entitlement {
    if money.returned() {
        return Entitlement { active: false, verdict: Verdict::because(State::Reversed, money.way_back()) };
    }
    Entitlement { active: true, verdict: Verdict::applied() }
}

/// Of a subscription: active while its status grants access and its items still hold the price that gives the key.
///
/// `past_due` says whether the benefit goes on while Stripe tries to collect an overdue invoice.
#[must_use]
pub fn of_subscription(status: &str, past_due: bool, item_held: bool) -> Entitlement {
    let active = item_held && (super::billing_status::grants_access(status) || (past_due && status == "past_due"));
    let verdict = if active {
        Verdict::applied()
    } else if item_held {
        Verdict::because(State::Reversed, format!("the subscription is {status}"))
    } else {
        Verdict::because(State::Reversed, "the subscription no longer holds the price that gives it")
    };
    Entitlement { active, verdict }
}

/// The later of two ends; no end is the latest.
#[must_use]
pub fn later(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    one.zip(other).map(|(one, other)| one.max(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_refund_leaves_it() {
        let money = Money {
            status: "partially_refunded".into(),
            amount: Some(10),
            amount_refunded: Some(9),
            ..Money::default()
        };
        assert!(of_payment(&money).active);
        assert!(!of_payment(&Money { status: "refunded".into(), ..money.clone() }).active);
        assert!(!of_payment(&Money { dispute_status: Some("lost".into()), ..money }).active);
    }

    #[test]
    fn past_due_is_a_policy_of_the_benefit() {
        assert!(of_subscription("trialing", false, true).active);
        assert!(!of_subscription("past_due", false, true).active);
        assert!(of_subscription("past_due", true, true).active);
        assert!(!of_subscription("active", true, false).active);
        for status in ["incomplete", "incomplete_expired", "unpaid", "canceled", "paused", "something new"] {
            assert!(!of_subscription(status, true, true).active, "{status}");
        }
    }

    #[test]
    fn without_an_end_is_the_latest_end() {
        assert_eq!(later(None, Some(4)), None);
        assert_eq!(later(Some(3), Some(4)), Some(4));
    }
}
