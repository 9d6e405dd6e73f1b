//! Jobs: what workers are told of a payment.

use super::decision::{FulfillmentDecision, FulfillmentState};
use super::money::Money;
use super::prior::PriorFulfillment;

/// What a job is called that tells of money that arrived.
pub const SUCCEEDED: &str = "payment_succeeded";
/// What a job is called that tells of money gone back.
pub const RETURNED: &str = "payment_returned";

/// What becomes of the jobs of one payment in one table.
#[derive(Debug, PartialEq, Eq)]
pub struct Jobs {
    /// Those that are deleted if no worker has begun them.
    pub delete: Vec<&'static str>,
    /// Those that are added.
    pub add: Vec<&'static str>,
    /// What is recorded instead of a job, unless a worker has begun that.
    pub withheld: Option<FulfillmentDecision>,
}

/// One job when money arrived, one when all of it is gone back; none for less than was asked for.
#[must_use]
pub fn plan(money: &Money, prior: &[&PriorFulfillment]) -> Jobs {
    let is_recorded = |job: &str| prior.iter().any(|prior| prior.item == job);
    let is_added = |job: &str| prior.iter().any(|prior| prior.item == job && prior.state == FulfillmentState::Applied);
    let mut jobs = Jobs { delete: Vec::new(), add: Vec::new(), withheld: None };
    if let Some(reason) = money.too_little() {
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
