//! Money of a subscription that went back while the subscription goes on: a person decides what that means.

use super::decision::{FulfillmentDecision, FulfillmentState};
use super::money::Money;

/// The review of an invoice: needed if money of it went back and its subscription gives access.
#[must_use]
pub fn of_invoice(money: &Money, gives_access: bool) -> Option<FulfillmentDecision> {
    let reason = match money.unclear_loss() {
        Some(_) => "a dispute of it was lost in another currency".to_owned(),
        None => money.part_returned()?,
    };
    let next = "the subscription goes on: cancel it at Stripe, or leave it if that is meant";
    gives_access.then(|| FulfillmentDecision::because(FulfillmentState::NeedsReview, format!("{reason}, and {next}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(money: &Money, gives_access: bool) -> Option<String> {
        of_invoice(money, gives_access).map(|decision| {
            assert_eq!(decision.state, FulfillmentState::NeedsReview);
            decision.reason.unwrap_or_default()
        })
    }

    #[test]
    fn a_person_is_asked_while_the_subscription_gives_access() {
        let paid =
            Money { status: "succeeded".into(), is_subscription_invoice: true, amount: Some(2000), ..Money::default() };
        let refunded = Money { status: "refunded".into(), amount_refunded: Some(2000), ..paid.clone() };
        let asked = reason(&refunded, true);
        assert!(
            asked.is_some_and(|reason| reason.starts_with("2000 of 2000 was refunded, and the subscription goes on"))
        );
        assert_eq!((reason(&refunded, false), reason(&paid, true)), (None, None));
        let lost = Money { dispute_status: Some("lost".into()), amount_lost: Some(500), ..paid };
        assert!(reason(&lost, true).is_some_and(|reason| reason.starts_with("500 of 2000 was lost to a dispute, and")));
        let elsewhere = Money { amount_lost: Some(0), lost_in_other_currency: true, ..lost };
        assert!(reason(&elsewhere, true).is_some_and(|reason| reason.contains("in another currency")));
    }
}
