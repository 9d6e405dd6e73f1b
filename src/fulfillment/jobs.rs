//! Jobs: an outbox in the app's database for what happens outside of it. Written with the payment, notified at the commit.

use std::rc::Rc;

use payments_core::fulfillment::decision::FulfillmentDecision;
use payments_core::fulfillment::jobs::{RETURNED, SUCCEEDED};
use payments_core::fulfillment::record::Record;
use serde_json::json;

use super::purchase::Purchase;
use super::record::{failed, save};
use super::target::Target;
use super::target_kind::TargetKind;
use super::targets::targets;
use crate::pg::savepoint::Failure;
use crate::pg::statement::{Rows, query, template, text};

query!(NOTIFY_JOBS, "fulfillment_jobs", "notify_jobs");
query!(DELETE_JOB_FULFILLMENT, "fulfillment_jobs", "delete_job_fulfillment");

const ADD_JOBS: &str = template!("fulfillment_jobs", "add_jobs");
const FIND_JOB: &str = template!("fulfillment_jobs", "find_job");
const UPDATE_JOB_ORDER: &str = template!("fulfillment_jobs", "update_job_order");
const UPDATE_JOB_PAYLOAD: &str = template!("fulfillment_jobs", "update_job_payload");
const DELETE_UNSTARTED_JOB: &str = template!("fulfillment_jobs", "delete_unstarted_job");

/// A job on its way to a table.
pub(super) struct NewJob<'a> {
    pub(super) kind: &'static str,
    pub(super) purchase: &'a Purchase,
    /// The order that the payment pays. A worker is not told of an order that another payment pays, or that belongs to somebody else.
    pub(super) order_id: Option<&'a str>,
}

/// Adds jobs that are not there yet; raises where one is not there afterwards.
pub(super) fn add_all(target: &Target, jobs: &[NewJob]) {
    let payloads: Vec<String> = jobs.iter().map(payload).collect();
    let rows = Rows::new(jobs.len())
        .texts(jobs.iter().map(|job| Some(job.kind)))
        .texts(jobs.iter().map(|job| Some(job.purchase.source.as_str())))
        .texts(payloads.iter().map(|payload| Some(payload.as_str())));
    if usize::try_from(target.run_rows(ADD_JOBS, &rows).0) == Ok(jobs.len()) {
        return;
    }
    let is_there =
        |job: &NewJob| target.run(FIND_JOB, &[text(job.kind), text(job.purchase.source.as_str())]).1.is_some();
    if !jobs.iter().all(is_there) {
        target.raise_no_effect();
    }
}

fn payload(job: &NewJob) -> String {
    let purchase = job.purchase;
    json!({
        "environment": purchase.environment,
        "stripe_checkout_session_id": purchase.stripe_checkout_session_id,
        "order_id": job.order_id,
        "user_id": purchase.user(),
        "subject_type": purchase.subject_type,
        "subject_id": purchase.subject_id,
        "amount": purchase.money.amount,
        "currency": purchase.money.currency,
        "line_items": purchase.bought(),
    })
    .to_string()
}

/// Adds one job of a notice, if it is not there yet; fails where it is not there afterwards.
pub(super) fn add(target: &Target, source: &str, kind: &str, payload: &str) -> Result<(), Failure> {
    target.try_write(|| {
        let rows = Rows::new(1).texts([Some(kind)]).texts([Some(source)]).texts([Some(payload)]);
        if target.run_rows(ADD_JOBS, &rows).0 == 0 && target.run(FIND_JOB, &[text(kind), text(source)]).1.is_none() {
            target.raise_no_effect();
        }
    })
}

/// Updates the payload of a notice's job, unless a worker has begun it.
pub(super) fn update_payload(target: &Target, source: &str, kind: &str, payload: &str) -> Result<(), Failure> {
    target.try_write(|| {
        target.run(UPDATE_JOB_PAYLOAD, &[text(kind), text(source), text(payload)]);
    })
}

/// Deletes a job, unless a worker has begun it. Returns whether it was deleted.
pub(super) fn delete_if_unstarted(target: &Target, source: &str, kind: &str) -> bool {
    target
        .try_write(|| target.run(DELETE_UNSTARTED_JOB, &[text(kind), text(source)]).0)
        .is_ok_and(|deleted| deleted > 0)
}

/// Deletes the decision on a job that was deleted.
pub(super) fn forget(environment: &str, source: &str, target: &Target, kind: &str) {
    DELETE_JOB_FULFILLMENT.execute(&[text(environment), text(source), text(target.relation.as_str()), text(kind)]);
}

/// Wakes the workers of jobs of this kind when the transaction commits.
pub(super) fn notify(kind: &str) {
    NOTIFY_JOBS.one::<bool>(&[text(kind)]);
}

/// Updates the orders in the jobs of payments, unless a worker has begun them.
pub(super) fn update_orders(changed: &[(Rc<Purchase>, bool)]) {
    for (purchase, pays) in changed {
        let order_id = purchase.order_id.as_deref().filter(|_| *pays);
        for target in targets(TargetKind::FulfillmentJobs).iter() {
            for job in [SUCCEEDED, RETURNED] {
                update_order(target, purchase, job, order_id);
            }
        }
    }
}

fn update_order(target: &Target, purchase: &Purchase, job: &str, order_id: Option<&str>) {
    if purchase.prior_on(TargetKind::FulfillmentJobs, target).all(|prior| prior.item != job) {
        return;
    }
    let args = [text(job), text(purchase.source.as_str()), text(order_id)];
    if let Err(failure) = target.try_write(|| target.run(UPDATE_JOB_ORDER, &args).0) {
        let record = failed(Record::new(job, FulfillmentDecision::applied()), &failure);
        save(&[purchase.decided(TargetKind::FulfillmentJobs, target, record)]);
    }
}

/// Deletes a job that is out of date, because a refund failed or a dispute was won, unless a worker has begun it. Returns whether it was
/// deleted.
pub(super) fn delete_unstarted(target: &Target, purchase: &Purchase, job: &str) -> bool {
    let is_deleted = delete_if_unstarted(target, &purchase.source, job);
    if is_deleted {
        forget(&purchase.environment, &purchase.source, target, job);
    }
    is_deleted
}
