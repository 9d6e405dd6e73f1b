//! Jobs: what workers are told of a payment.

use super::decision::{FulfillmentDecision, FulfillmentState};
use super::money::Money;
use super::prior::PriorFulfillment;

/// The kind of a job for a payment whose money arrived.
pub const SUCCEEDED: &str = "payment_succeeded";
/// The kind of a job for a payment whose money went back.
pub const RETURNED: &str = "payment_returned";

/// What becomes of the jobs of one payment in one table.
#[derive(Debug, PartialEq, Eq)]
pub struct Jobs {
    /// Those that are deleted if no worker has begun them.
    pub delete: Vec<&'static str>,
    /// Those that are added.
    pub add: Vec<&'static str>,
    /// The decision instead of a job, unless a worker has begun it.
    pub withheld: Option<FulfillmentDecision>,
}

/// One job when money arrived, one when all of it is gone back; none for less than was asked for.
#[must_use]
pub fn plan(money: &Money, prior: &[&PriorFulfillment]) -> Jobs {
    let is_recorded = |job: &str| prior.iter().any(|prior| prior.item == job);
    let is_added = |job: &str| prior.iter().any(|prior| prior.item == job && prior.state == FulfillmentState::Applied);
    let mut jobs = Jobs { delete: Vec::new(), add: Vec::new(), withheld: None };
    if let Some(reason) = money.withheld() {
        jobs.delete = [RETURNED].into_iter().filter(|job| is_recorded(job)).collect();
        jobs.delete.extend(Some(SUCCEEDED).filter(|job| is_added(job)));
        jobs.withheld = Some(money.needs_review(&reason));
        return jobs;
    }
    let is_returned = money.is_fully_returned();
    jobs.delete.extend(Some(RETURNED).filter(|job| !is_returned && is_recorded(job)));
    let wanted = [Some(SUCCEEDED), is_returned.then_some(RETURNED)];
    jobs.add.extend(wanted.into_iter().flatten().filter(|job| !is_added(job)));
    jobs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(status: &str, shortfall: i64) -> Money {
        Money { status: status.into(), amount: Some(10), shortfall: Some(shortfall), ..Money::default() }
    }

    fn of(money: &Money, prior: &[PriorFulfillment]) -> Jobs {
        plan(money, &prior.iter().collect::<Vec<_>>())
    }

    #[test]
    fn a_payment_is_told_of_once_and_its_return_too() {
        let added = PriorFulfillment::on(SUCCEEDED, FulfillmentState::Applied);
        assert_eq!(of(&money("succeeded", 0), &[]).add, [SUCCEEDED]);
        assert_eq!(of(&money("refunded", 0), &[]).add, [SUCCEEDED, RETURNED]);
        assert!(of(&money("succeeded", 0), std::slice::from_ref(&added)).add.is_empty());
        assert_eq!(of(&money("refunded", 0), &[added]).add, [RETURNED]);
        assert_eq!(
            of(&money("succeeded", 0), &[PriorFulfillment::on(SUCCEEDED, FulfillmentState::Failed)]).add,
            [SUCCEEDED]
        );
    }

    #[test]
    fn a_refund_that_failed_deletes_its_job() {
        let before = [
            PriorFulfillment::on(SUCCEEDED, FulfillmentState::Applied),
            PriorFulfillment::on(RETURNED, FulfillmentState::Applied),
        ];
        assert_eq!(of(&money("succeeded", 0), &before).delete, [RETURNED]);
        assert!(of(&money("refunded", 0), &before).delete.is_empty());
        assert!(of(&money("succeeded", 0), &before[..1]).delete.is_empty());
    }

    #[test]
    fn too_little_money_is_for_a_person() {
        let state = |jobs: &Jobs| jobs.withheld.as_ref().map(|decision| decision.state);
        let new = of(&money("succeeded", 1), &[]);
        assert!(new.delete.is_empty() && new.add.is_empty());
        assert_eq!(state(&new), Some(FulfillmentState::NeedsReview));
        let before = [
            PriorFulfillment::on(SUCCEEDED, FulfillmentState::Applied),
            PriorFulfillment::on(RETURNED, FulfillmentState::Applied),
        ];
        assert_eq!(of(&money("succeeded", 1), &before).delete, [RETURNED, SUCCEEDED]);
        assert!(
            of(&money("succeeded", 1), &[PriorFulfillment::on(SUCCEEDED, FulfillmentState::NeedsReview)])
                .delete
                .is_empty()
        );
        assert_eq!(state(&of(&money("succeeded", 0), &[])), None);
    }
}
