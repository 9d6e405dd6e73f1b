//! Entitlements: whether one source (a payment or a subscription) still gives a key, and until when.

use std::collections::BTreeMap;

use super::benefit::{self, Benefit, Duration, PendingReason};
use super::billing_status::{Policy, grants_access};
use super::decision::{FulfillmentDecision, FulfillmentState};
use super::grant::{Grant, KeyRow, KeyWrite, Plan, Purchased, Write, listed};
use super::money::Money;
use super::prior::PriorFulfillment;
use super::record::Record;

/// What the app's row of one key from one source should say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entitlement {
    /// Whether this source gives it.
    pub active: bool,
    /// The fulfillment's state and why.
    pub decision: FulfillmentDecision,
}

/// Of a payment: active until the money is wholly gone back. A partial refund leaves it.
#[must_use]
pub fn of_payment(money: &Money) -> Entitlement {
    if money.is_fully_returned() {
        return Entitlement {
            active: false,
            decision: FulfillmentDecision::because(FulfillmentState::Reversed, money.return_reason()),
        };
    }
    let decision = match money.unclear_loss() {
        Some(reason) => FulfillmentDecision::because(FulfillmentState::NeedsReview, reason),
        None => FulfillmentDecision::applied(),
    };
    Entitlement { active: true, decision }
}

/// Of a subscription: active while it grants access by the benefit's policy and its items still hold the price that gives the key.
#[must_use]
pub fn of_subscription(status: &str, is_collection_paused: bool, policy: Policy, item_held: bool) -> Entitlement {
    let active = item_held && grants_access(status, is_collection_paused, policy);
    let decision = if active {
        FulfillmentDecision::applied()
    } else if item_held && is_collection_paused && grants_access(status, false, policy) {
        FulfillmentDecision::because(FulfillmentState::Reversed, "the subscription's collection is paused")
    } else if item_held {
        FulfillmentDecision::because(FulfillmentState::Reversed, format!("the subscription is {status}"))
    } else {
        FulfillmentDecision::because(
            FulfillmentState::Reversed,
            "the subscription no longer holds the price that gives it",
        )
    };
    Entitlement { active, decision }
}

/// A key, and for how long it was promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyGrant {
    key: String,
    duration: Duration,
}

impl KeyGrant {
    fn record(&self, purchase: &Purchased<'_>, decision: FulfillmentDecision) -> Record {
        Record {
            benefit_source: Some(self.duration.source.clone()),
            duration: self.duration.duration.clone(),
            starts_at: Some(purchase.money.paid_at),
            expires_at: self.duration.expires_at,
            ..Record::new(&self.key, decision)
        }
    }

    fn removal(&self) -> Write {
        Write::Key(KeyWrite { key: self.key.clone(), row: None, known: true })
    }
}

impl Grant for KeyGrant {
    fn of(benefits: &[Benefit]) -> (Vec<Self>, BTreeMap<String, PendingReason>) {
        listed(benefit::entitlements(benefits.iter()), |key, duration| Self { key, duration })
    }

    fn promised(prior: &PriorFulfillment) -> Option<Self> {
        if prior.pending().is_some() {
            return None;
        }
        let duration = Duration {
            source: prior.benefit_source.clone()?,
            duration: prior.duration.clone(),
            expires_at: prior.expires_at,
        };
        Some(Self { key: prior.item.clone(), duration })
    }

    fn item(&self) -> &str {
        &self.key
    }

    fn carry_on(&mut self, _before: &Self) {}

    fn add(grants: &mut Vec<Self>, more: Self) {
        match grants.iter_mut().find(|grant| grant.key == more.key) {
            Some(grant) => grant.duration = grant.duration.clone().longer(more.duration),
            None => grants.push(more),
        }
    }

    fn give(purchase: &Purchased<'_>, grants: Vec<Self>, withdrawn: &[Self], plan: &mut Plan) {
        for grant in withdrawn {
            let record = grant.record(purchase, FulfillmentDecision::applied()).deleted();
            plan.writes.push((grant.removal(), vec![record]));
        }
        let now = of_payment(purchase.money);
        let known = !purchase.prior.is_empty();
        for grant in grants {
            if let Some(reason) = purchase.money.withheld() {
                let record = grant.record(purchase, purchase.money.needs_review(&reason));
                // It may have been given before that was known.
                if known { plan.writes.push((grant.removal(), vec![record])) } else { plan.records.push(record) }
            } else if let Some(reason) = purchase.no_holder {
                plan.records.push(grant.record(purchase, purchase.money.needs_review(reason)));
            } else {
                let record = grant.record(purchase, now.decision.clone());
                let row = KeyRow {
                    active: now.active,
                    starts_at: Some(purchase.money.paid_at),
                    expires_at: grant.duration.expires_at,
                };
                let write = Write::Key(KeyWrite { key: grant.key, row: Some(row), known });
                plan.writes.push((write, vec![record]));
            }
        }
    }

    fn revoke(purchase: &Purchased<'_>, plan: &mut Plan) {
        for prior in &purchase.prior {
            // What waits for a person because of a dispute was given, and stands.
            let is_open = prior.is_open() && purchase.money.unclear_loss().is_none();
            match (Self::promised(prior), is_open) {
                (Some(grant), false) if prior.state != FulfillmentState::Skipped => {
                    Self::give(purchase, vec![grant], &[], plan);
                }
                // It may have been given once, and failed to be taken back.
                (Some(grant), true) => plan.writes.push((grant.removal(), vec![Record::test_refused(Some(prior))])),
                (None, true) => plan.records.push(Record::test_refused(Some(prior))),
                _ => {}
            }
        }
    }
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
    fn a_subscription_gives_a_key_by_the_policy_of_its_benefit() {
        let overdue = Policy { past_due: true, ..Policy::default() };
        assert!(of_subscription("trialing", false, Policy::default(), true).active);
        assert!(!of_subscription("past_due", false, Policy::default(), true).active);
        assert!(of_subscription("past_due", false, overdue, true).active);
        assert!(of_subscription("active", true, overdue, true).active);
        assert!(!of_subscription("active", true, Policy { paused: false, ..overdue }, true).active);
        assert!(!of_subscription("active", false, overdue, false).active);
    }

    #[test]
    fn what_a_subscription_no_longer_gives_says_why() {
        let reason = |status, held| of_subscription(status, false, Policy::default(), held).decision.reason;
        let paused = |status| {
            let policy = Policy { paused: false, ..Policy::default() };
            of_subscription(status, true, policy, true).decision.reason
        };
        assert_eq!(paused("active").as_deref(), Some("the subscription's collection is paused"));
        assert_eq!(paused("unpaid").as_deref(), Some("the subscription is unpaid"));
        assert_eq!(reason("active", true), None);
        assert_eq!(reason("unpaid", true).as_deref(), Some("the subscription is unpaid"));
        let gone = "the subscription no longer holds the price that gives it";
        assert_eq!(reason("active", false).as_deref(), Some(gone));
        assert_eq!(reason("unpaid", false).as_deref(), Some(gone));
    }
}
