//! Jobs: an outbox in the app's database for what happens outside of it. Written with the payment, told at the commit.

use payments_core::fulfil::{State, Verdict};
use pgrx::prelude::*;
use serde_json::json;

use super::purchase::Purchase;
use super::target::Target;
use super::{Kind, Record, known, order};
use crate::db::{self, Path, statement, text};
use crate::error::OrRaise;
use crate::{definer, trust};

statement!(NOTIFY_JOBS, "notify_jobs");
statement!(FORGET_PAYMENT_JOB, "forget_payment_job");

/// What a job is called that tells of money that arrived.
const SUCCEEDED: &str = "payment_succeeded";
/// What a job is called that tells of money gone back.
const RETURNED: &str = "payment_returned";

const ADD_JOB: &str = include_str!("../../sql/target/add_job.sql");
const FIND_JOB: &str = include_str!("../../sql/target/find_job.sql");
const RETELL_JOB: &str = include_str!("../../sql/target/retell_job.sql");
const WITHDRAW_JOB: &str = include_str!("../../sql/target/withdraw_job.sql");
const BURY_JOBS: &str = include_str!("../../sql/target/bury_jobs.sql");
const CLAIM_JOBS: &str = include_str!("../../sql/target/claim_jobs.sql");
const FINISH_JOB: &str = include_str!("../../sql/target/finish_job.sql");
const FAIL_JOB: &str = include_str!("../../sql/target/fail_job.sql");

/// After so many attempts a job is dead.
const ATTEMPTS: i32 = 8;
/// A worker that says nothing for so long has lost its job, in seconds.
const LEASE: i32 = 300;

/// Adds the jobs that a payment gives rise to: one when it is paid, one when all of its money is gone back.
pub(super) fn fulfil(purchase: &Purchase) {
    let returned = purchase.money.returned().then_some(RETURNED);
    for target in known::targets(Kind::FulfillmentJobs).iter() {
        if let Some(reason) = purchase.money.too_little() {
            withhold(target, purchase, &reason);
            continue;
        }
        if returned.is_none() {
            withdraw(target, purchase, RETURNED);
        }
        for job in std::iter::once(SUCCEEDED).chain(returned) {
            let known = |given: &super::purchase::Given| given.what == job && given.state == State::Applied;
            if purchase.given(Kind::FulfillmentJobs, target).any(known) {
                continue;
            }
            // An order that another payment holds, or that is somebody else's, is none of the worker's business.
            let order_id = purchase.order_id.as_deref().filter(|_| order::holds(purchase));
            let record = Record::new(purchase, Kind::FulfillmentJobs, target, job, Verdict::applied());
            match target.attempt(|| add(target, job, purchase, order_id)) {
                Ok(()) => {
                    record.keep();
                    NOTIFY_JOBS.one::<bool>(&[text(job)]);
                }
                Err(failure) => record.keep_failure(&failure),
            }
        }
    }
}

/// Says in the jobs of a payment that it holds its order now, or holds it no longer.
pub(super) fn retell(purchase: &Purchase, holds: bool) {
    let order_id = purchase.order_id.as_deref().filter(|_| holds);
    for target in known::targets(Kind::FulfillmentJobs).iter() {
        for job in [SUCCEEDED, RETURNED] {
            if purchase.given(Kind::FulfillmentJobs, target).all(|given| given.what != job) {
                continue;
            }
            let args = [text(job), text(purchase.source.as_str()), text(order_id)];
            if let Err(failure) = target.attempt(|| target.run(RETELL_JOB, &args).0) {
                Record::new(purchase, Kind::FulfillmentJobs, target, job, Verdict::applied()).keep_failure(&failure);
            }
        }
    }
}

/// No worker hears of a payment that is less than was asked for, unless one has already begun.
fn withhold(target: &Target, purchase: &Purchase, reason: &str) {
    withdraw(target, purchase, RETURNED);
    let told = |given: &super::purchase::Given| given.what == SUCCEEDED && given.state == State::Applied;
    if !purchase.given(Kind::FulfillmentJobs, target).any(told) || withdraw(target, purchase, SUCCEEDED) {
        Record::new(purchase, Kind::FulfillmentJobs, target, SUCCEEDED, purchase.needs_review(reason)).keep();
    }
}

/// A refund that failed, or a dispute that was won, takes back the job that told of it, unless a worker has begun it. Whether it was
/// there to be taken back.
fn withdraw(target: &Target, purchase: &Purchase, job: &str) -> bool {
    if !purchase.given(Kind::FulfillmentJobs, target).any(|given| given.what == job) {
        return false;
    }
    let args = [text(job), text(purchase.source.as_str())];
    let withdrawn = target.attempt(|| target.run(WITHDRAW_JOB, &args).0).is_ok_and(|withdrawn| withdrawn > 0);
    if withdrawn {
        let (environment, source) = (purchase.environment.as_str(), purchase.source.as_str());
        let relation = target.relation.as_str();
        FORGET_PAYMENT_JOB.execute(&[text(environment), text(source), text(relation), text(job)]);
    }
    withdrawn
}

fn add(target: &Target, job: &str, purchase: &Purchase, order_id: Option<&str>) {
    let payload = json!({
        "environment": purchase.environment,
        "stripe_checkout_session_id": purchase.stripe_checkout_session_id,
        "order_id": order_id,
        "user_id": purchase.user(),
        "subject_type": purchase.subject_type,
        "subject_id": purchase.subject_id,
        "amount": purchase.money.amount,
        "currency": purchase.money.currency,
        "line_items": purchase.line_items,
    });
    let source = text(purchase.source.as_str());
    if target.run(ADD_JOB, &[text(job), source, db::json(&payload)]).0 == 0
        && target.run(FIND_JOB, &[text(job), text(purchase.source.as_str())]).1.is_none()
    {
        target.had_no_effect();
    }
}

/// The table that workers work on: the first that was attached.
fn table() -> Target {
    Target::first(Kind::FulfillmentJobs)
}

/// What `claim_jobs` of SQL returns, as a JSON array.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn take_jobs(n: i32) -> pgrx::JsonB {
    definer::require_inside();
    let table = table();
    let taken = table.must(|| {
        table.run(BURY_JOBS, &[ATTEMPTS.into()]);
        table.run(CLAIM_JOBS, &[n.max(0).into(), LEASE.into()]).1
    });
    pgrx::JsonB(taken.and_then(|jobs| serde_json::from_str(&jobs).ok()).unwrap_or_default())
}

/// Marks a job as done; whether it was there to be finished.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn finish_job(id: &str) -> bool {
    trust::require_admin().or_raise();
    definer::write(Path::Pinned, || {
        let table = table();
        table.must(|| table.run(FINISH_JOB, &[text(id)]).0 > 0)
    })
}

/// Says that a job did not work: it comes again after 10 seconds, 20, 40, … at most an hour, and is dead after 8 attempts.
/// Whether it was claimed.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn fail_job(id: &str, error: &str) -> bool {
    trust::require_admin().or_raise();
    definer::write(Path::Pinned, || {
        let table = table();
        table.must(|| table.run(FAIL_JOB, &[text(id), text(error), ATTEMPTS.into()]).0 > 0)
    })
}
