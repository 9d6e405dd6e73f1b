//! What workers do with jobs: claim, finish, fail. The public functions around these are in `sql/schema/jobs.sql`.

use payments_core::fulfillment::jobs::{RETURNED, plan};
use payments_core::redact::without_secrets;
use pgrx::prelude::*;
use serde_json::Value;

use super::purchase::Purchase;
use super::sessions::payments_of;
use super::target::Target;
use super::target_kind::TargetKind;
use super::{jobs, notices, targets};
use crate::error::OrRaise;
use crate::pg::guc::SearchPath;
use crate::pg::statement::{template, text};
use crate::{definer, trust};

const MARK_JOBS_DEAD: &str = template!("fulfillment_workers", "mark_jobs_dead");
const CLAIM_JOBS: &str = template!("fulfillment_workers", "claim_jobs");
const FINISH_JOB: &str = template!("fulfillment_workers", "finish_job");
const FAIL_JOB: &str = template!("fulfillment_workers", "fail_job");
const DELETE_JOB: &str = template!("fulfillment_workers", "delete_job");

/// After so many attempts a job is dead.
const ATTEMPTS: i32 = 8;
/// A worker that says nothing for so long has lost its job, in seconds.
const LEASE: i32 = 300;

/// The table that workers work on: the first that was attached.
fn table() -> Target {
    targets::first(TargetKind::FulfillmentJobs)
}

/// What `claim_jobs` of SQL returns, as a JSON array.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn take_jobs(n: i32) -> pgrx::JsonB {
    definer::require_inside();
    let table = table();
    let mut taken: Vec<Value> = Vec::new();
    loop {
        let wanted = n.saturating_sub(i32::try_from(taken.len()).unwrap_or(i32::MAX));
        let claimed = claim(&table, wanted);
        let count = claimed.len();
        taken.extend(claimed.into_iter().filter(|job| !end_if_out_of_date(&table, job)));
        // Other jobs may be due instead of those that were deleted.
        if count == 0 || i32::try_from(taken.len()).is_ok_and(|taken| taken >= n) {
            return pgrx::JsonB(Value::Array(taken));
        }
    }
}

fn claim(table: &Target, n: i32) -> Vec<Value> {
    let claimed = table.write_or_raise(|| {
        table.run(MARK_JOBS_DEAD, &[ATTEMPTS.into()]);
        table.run(CLAIM_JOBS, &[n.into(), LEASE.into()]).1
    });
    claimed.and_then(|jobs| serde_json::from_str(&jobs).ok()).unwrap_or_default()
}

/// Deletes a job that was begun and is out of date: its worker would remind a payer who has paid since, or take back goods although the
/// refund failed. Returns whether it is such a job.
fn end_if_out_of_date(table: &Target, job: &Value) -> bool {
    let [Some(id), Some(source), Some(kind), Some(environment)] =
        [&job["id"], &job["source"], &job["kind"], &job["payload"]["environment"]].map(Value::as_str)
    else {
        return false;
    };
    if !notices::is_out_of_date(environment, source, kind) && !is_money_there_again(table, source, kind) {
        return false;
    }
    if table.try_write(|| table.run(DELETE_JOB, &[text(id)]).0).is_ok_and(|deleted| deleted > 0) {
        jobs::forget(environment, source, table, kind);
    }
    true
}

/// Whether a job says that all money of a purchase went back, although some of it is there again. It locks no payment, because an event
/// locks a payment before its jobs.
fn is_money_there_again(table: &Target, source: &str, kind: &str) -> bool {
    let Some(session) = source.strip_prefix("checkout:").filter(|_| kind == RETURNED) else { return false };
    let purchases = Purchase::find_all(&payments_of(vec![session]));
    let is_deleted = |purchase: &Purchase| {
        let prior: Vec<_> = purchase.prior_on(TargetKind::FulfillmentJobs, table).collect();
        plan(&purchase.money, &prior).delete.contains(&RETURNED)
    };
    !purchases.is_empty() && purchases.iter().all(|(_, purchase)| is_deleted(purchase))
}

/// Marks a job as done, and returns whether there was one to finish. An id that is no value of the key's type names no job.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn finish_job(id: &str) -> bool {
    trust::require_admin().or_raise();
    definer::write(SearchPath::Pinned, || {
        let table = table();
        table.can_name("id", id) && table.write_or_raise(|| table.run(FINISH_JOB, &[text(id)]).0 > 0)
    })
}

/// Says that a job did not work: it comes again after 10 seconds, 20, 40, … at most an hour, and is dead after 8 attempts.
/// A job that is out of date, because its invoice was paid or its refund failed, say, is deleted. Returns whether it was claimed.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn fail_job(id: &str, error: &str) -> bool {
    trust::require_admin().or_raise();
    definer::write(SearchPath::Pinned, || {
        let table = table();
        if !table.can_name("id", id) {
            return false;
        }
        let error = without_secrets(error);
        let args = [text(id), text(error.as_str()), ATTEMPTS.into()];
        let (count, failed) = table.write_or_raise(|| table.run(FAIL_JOB, &args));
        if let Some(job) = failed.and_then(|job| serde_json::from_str(&job).ok()) {
            end_if_out_of_date(&table, &job);
        }
        count > 0
    })
}
