//! Credits: how many a payment gives, and how many of them are gone again, as absolute targets.

use std::collections::BTreeMap;

use super::benefit::{self, Benefit, PendingReason};
use super::decision::{FulfillmentDecision, FulfillmentState};
use super::grant::{Entry, Grant, Plan, Purchased, Repeat, Write, listed};
use super::money::Money;
use super::prior::PriorFulfillment;
use super::record::Record;

/// What the ledger should say of one benefit of one payment, and what has to be written to get there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credits {
    /// Credits to grant now; 0 where they were granted before.
    pub grant: i64,
    /// The change of what is taken back: negative takes more, positive gives back.
    pub change: i64,
    /// The reason of that change in the ledger: `refund` or `dispute`.
    pub reason: &'static str,
    /// What will have been taken back in total.
    pub taken_back: i64,
    /// The fulfillment's state and why.
    pub decision: FulfillmentDecision,
}

/// How many of `granted` credits are gone: all where nothing is left of the money, else `floor(granted × refunded / amount)` and
/// `floor(granted × lost / amount)`.
#[must_use]
pub fn taken_back(granted: i64, money: &Money) -> i64 {
    if money.is_fully_returned() {
        return granted;
    }
    let amount = i128::from(money.amount.unwrap_or(0));
    if amount <= 0 {
        return 0;
    }
    let share = |part: i64| i128::from(granted) * i128::from(part) / amount;
    let taken = share(money.refunded()) + share(money.lost());
    i64::try_from(taken).map_or(granted, |taken| taken.min(granted))
}

/// Decides for `due` credits of which `granted` were granted and `taken` taken back before.
#[must_use]
pub fn decide(due: i64, granted: i64, taken: i64, money: &Money) -> Credits {
    let target = taken_back(due, money);
    let change = taken - target;
    let disputed = money.lost() > 0 || (change > 0 && money.dispute_status.as_deref() == Some("won"));
    let decision = if money.is_fully_returned() {
        FulfillmentDecision::because(FulfillmentState::Reversed, money.return_reason())
    } else if let Some(reason) = money.unclear_loss() {
        FulfillmentDecision::because(FulfillmentState::NeedsReview, reason)
    } else if target > 0 {
        let part = money.part_returned().unwrap_or_default();
        FulfillmentDecision::because(
            FulfillmentState::Applied,
            format!("{target} of {due} credits were taken back: {part}"),
        )
    } else {
        FulfillmentDecision::applied()
    };
    Credits {
        grant: due - granted,
        change,
        reason: if disputed { "dispute" } else { "refund" },
        taken_back: target,
        decision,
    }
}

/// Credits of one benefit: due, and what the ledger has of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditGrant {
    item: String,
    benefit_source: String,
    due: i64,
    granted: i64,
    taken_back: i64,
    /// For how long, and until when: none is for good.
    lasts: Option<String>,
    expires_at: Option<i64>,
}

impl CreditGrant {
    fn record(&self, decision: FulfillmentDecision) -> Record {
        Record {
            benefit_source: Some(self.benefit_source.clone()),
            amount_due: Some(self.due),
            duration: self.lasts.clone(),
            expires_at: self.expires_at,
            ..Record::new(&self.item, decision)
        }
    }

    fn source(&self, purchase: &Purchased<'_>) -> String {
        format!("{}:{}", purchase.source, self.benefit_source)
    }

    /// The lines that bring the ledger to what was decided.
    fn entries(&self, purchase: &Purchased<'_>, decision: &Credits) -> Vec<Entry> {
        let source = self.source(purchase);
        let mut entries = Vec::new();
        if decision.grant != 0 {
            let (source, reason, repeat) = match self.granted {
                0 => (source.clone(), "purchase", Repeat::GrantAgain),
                granted if granted > self.due => {
                    (format!("{source}:less:{granted}-{}", self.due), "adjustment", Repeat::Numbered)
                }
                granted => (format!("{source}:more:{granted}-{}", self.due), "purchase", Repeat::Same),
            };
            let expires_at = self.expires_at.filter(|_| decision.grant > 0);
            entries.push(Entry { delta: decision.grant, reason, source, repeat, expires_at });
        }
        if decision.change != 0 {
            let source = format!("{source}:{}:{}-{}", decision.reason, self.taken_back, decision.taken_back);
            let repeat = Repeat::Numbered;
            let (delta, reason) = (decision.change, decision.reason);
            entries.push(Entry { delta, reason, source, repeat, expires_at: None });
        }
        entries
    }

    /// The line that takes back what stands of an earlier grant.
    fn withheld(&self, purchase: &Purchased<'_>) -> Option<Entry> {
        let (granted, taken) = (self.granted, self.taken_back);
        (granted > taken).then(|| Entry {
            delta: taken - granted,
            reason: "adjustment",
            source: format!("{}:withheld:{taken}-{granted}", self.source(purchase)),
            repeat: Repeat::Numbered,
            expires_at: None,
        })
    }
}

impl Grant for CreditGrant {
    fn of(benefits: &[Benefit]) -> (Vec<Self>, BTreeMap<String, PendingReason>) {
        let of = |source: &str| {
            benefits.iter().find(|benefit| benefit.credits.is_some() && benefit.source.as_deref() == Some(source))
        };
        listed(benefit::credits(benefits.iter()), |benefit_source, due| Self {
            item: format!("credits:{benefit_source}"),
            lasts: of(&benefit_source).and_then(|benefit| benefit.duration.clone()),
            expires_at: of(&benefit_source).and_then(|benefit| benefit.expires_at),
            benefit_source,
            due,
            granted: 0,
            taken_back: 0,
        })
    }

    fn promised(prior: &PriorFulfillment) -> Option<Self> {
        Some(Self {
            item: prior.item.clone(),
            benefit_source: prior.benefit_source.clone()?,
            due: prior.amount_due?,
            granted: prior.granted.unwrap_or(0),
            taken_back: prior.amount_reversed.unwrap_or(0),
            lasts: prior.duration.clone(),
            expires_at: prior.expires_at,
        })
    }

    fn item(&self) -> &str {
        &self.item
    }

    fn carry_on(&mut self, before: &Self) {
        (self.granted, self.taken_back) = (before.granted, before.taken_back);
    }

    fn add(grants: &mut Vec<Self>, more: Self) {
        match grants.iter_mut().find(|grant| grant.benefit_source == more.benefit_source) {
            Some(grant) => grant.due = grant.due.saturating_add(more.due),
            None => grants.push(more),
        }
    }

    /// All that one payment changes in a ledger is written together.
    fn give(purchase: &Purchased<'_>, grants: Vec<Self>, withdrawn: &[Self], plan: &mut Plan) {
        let mut entries = Vec::new();
        let mut records = Vec::new();
        for grant in withdrawn {
            match grant.withheld(purchase) {
                Some(entry) => {
                    entries.push(entry);
                    records.push(grant.record(FulfillmentDecision::applied()).deleted());
                }
                None => plan.decided.push(grant.item.clone()),
            }
        }
        if let Some(reason) = purchase.money.withheld() {
            // What was granted before that was known is taken back, and the record is as if it had never been.
            let decision = purchase.money.needs_review(&reason);
            entries.extend(grants.iter().filter_map(|grant| grant.withheld(purchase)));
            records.extend(grants.iter().map(|grant| grant.record(decision.clone())));
        } else if let Some(reason) = purchase.no_holder.or_else(|| {
            let lapses = grants.iter().any(|grant| grant.expires_at.is_some());
            purchase.no_lapse.filter(|_| lapses)
        }) {
            let decision = purchase.money.needs_review(reason);
            records.extend(grants.iter().map(|grant| grant.record(decision.clone())));
        } else {
            for grant in &grants {
                let decision = decide(grant.due, grant.granted, grant.taken_back, purchase.money);
                entries.extend(grant.entries(purchase, &decision));
                records.push(Record {
                    granted: Some(grant.due),
                    amount_reversed: Some(decision.taken_back),
                    ..grant.record(decision.decision)
                });
            }
        }
        if entries.is_empty() {
            plan.records.extend(records);
        } else {
            plan.writes.push((Write::Credits(entries), records));
        }
    }

    fn revoke(purchase: &Purchased<'_>, plan: &mut Plan) {
        let granted = purchase.prior.iter().filter_map(|prior| Self::promised(prior)).filter(|grant| grant.granted > 0);
        Self::give(purchase, granted.map(|grant| Self { due: grant.granted, ..grant }).collect(), &[], plan);
        let tried = purchase.prior.iter().filter(|prior| prior.is_open() && prior.granted.unwrap_or(0) == 0);
        plan.records.extend(tried.map(|prior| Record::test_refused(Some(prior))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn money(amount: i64, refunded: i64, dispute: Option<&str>) -> Money {
        let status = if refunded == 0 {
            "succeeded"
        } else if refunded == amount {
            "refunded"
        } else {
            "partially_refunded"
        };
        Money {
            status: status.into(),
            amount: Some(amount),
            amount_refunded: Some(refunded),
            dispute_status: dispute.map(Into::into),
            ..Money::default()
        }
    }

    #[test]
    fn a_third_refunded_takes_back_the_floor_of_a_third() {
        let first = decide(100, 0, 0, &money(1000, 333, None));
        assert_eq!((first.grant, first.change, first.reason, first.taken_back), (100, -33, "refund", 33));
        let reason = "33 of 100 credits were taken back: 333 of 1000 was refunded";
        assert_eq!(first.decision, FulfillmentDecision::because(FulfillmentState::Applied, reason));
    }

    #[test]
    fn after_a_won_dispute_a_refund_is_a_refund() {
        let part = decide(100, 100, 0, &money(1000, 500, Some("won")));
        assert_eq!((part.change, part.reason), (-50, "refund"));
        let back = decide(100, 100, 50, &money(1000, 0, Some("needs_response")));
        assert_eq!((back.change, back.reason), (50, "refund"));
    }

    #[test]
    fn a_dispute_of_a_part_takes_that_part() {
        let lost =
            |amount_lost, refunded| Money { amount_lost: Some(amount_lost), ..money(2000, refunded, Some("lost")) };
        let quarter = decide(100, 100, 0, &lost(500, 0));
        assert_eq!((quarter.change, quarter.reason, quarter.taken_back), (-25, "dispute", 25));
        let reason = "25 of 100 credits were taken back: 500 of 2000 was lost to a dispute";
        assert_eq!(quarter.decision, FulfillmentDecision::because(FulfillmentState::Applied, reason));
        assert_eq!(taken_back(100, &lost(500, 1000)), 75);
        assert_eq!(taken_back(100, &lost(1500, 1000)), 100);
        let unclear = decide(100, 100, 0, &Money { lost_in_other_currency: true, ..lost(0, 0) });
        assert_eq!((unclear.change, unclear.decision.state), (0, FulfillmentState::NeedsReview));
    }

    #[test]
    fn a_lost_dispute_takes_all_and_a_won_one_gives_back() {
        let lost = decide(100, 100, 0, &money(1000, 0, Some("lost")));
        assert_eq!((lost.grant, lost.change, lost.reason), (0, -100, "dispute"));
        assert_eq!(lost.decision.state, FulfillmentState::Reversed);
        let won = decide(100, 100, 100, &money(1000, 0, Some("won")));
        assert_eq!((won.change, won.reason), (100, "dispute"));
        assert_eq!(won.decision, FulfillmentDecision::applied());
    }

    #[test]
    fn what_a_subscriptions_payment_gave_by_mistake_is_taken_back_once() {
        let is_subscription_invoice = |dispute| Money { is_subscription_invoice: true, ..money(1000, 0, dispute) };
        let taken = decide(100, 100, 0, &is_subscription_invoice(None));
        assert_eq!((taken.grant, taken.change, taken.taken_back), (0, -100, 100));
        assert_eq!(decide(100, 100, 100, &is_subscription_invoice(Some("lost"))).change, 0);
    }

    #[test]
    fn an_open_dispute_takes_nothing() {
        assert_eq!(decide(100, 100, 0, &money(1000, 0, Some("needs_response"))).change, 0);
    }

    #[test]
    fn nothing_was_charged_so_nothing_is_taken_back() {
        assert_eq!(decide(10, 0, 0, &money(0, 0, None)).taken_back, 0);
        let unknown = Money { status: "succeeded".into(), ..Money::default() };
        assert_eq!(decide(10, 0, 0, &unknown).taken_back, 0);
    }

    #[test]
    fn twelve_digits_do_not_overflow() {
        assert_eq!(taken_back(i64::MAX, &money(999_999_999_999, 999_999_999_998, None)), 9_223_372_036_845_552_434);
    }

    proptest! {
        #[test]
        fn any_road_leads_to_the_same_balance(
            due in 1i64..1_000_000,
            amount in 1i64..1_000_000_000_000,
            stops in prop::collection::vec((0.0f64..=1.0, 0u8..4), 0..8),
            last in (0.0f64..=1.0, 0u8..4),
        ) {
            let stand = |(share, dispute): (f64, u8)| {
                #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
                let refunded = (amount as f64 * share) as i64;
                money(amount, refunded.min(amount), [None, Some("lost"), Some("won"), Some("needs_response")][usize::from(dispute)])
            };
            let (mut balance, mut granted, mut taken) = (0, 0, 0);
            for stop in stops.iter().chain([&last, &last]) {
                let step = decide(due, granted, taken, &stand(*stop));
                balance += step.grant + step.change;
                granted += step.grant;
                taken = step.taken_back;
                prop_assert!(balance >= 0 && balance <= due);
            }
            let straight = decide(due, 0, 0, &stand(last));
            prop_assert_eq!(balance, straight.grant + straight.change);
            prop_assert_eq!(decide(due, granted, taken, &stand(last)).change, 0);
        }
    }
}
