//! What workers do with jobs: claim, finish, fail. The public functions around these are in `sql/schema/jobs.sql`.

use pgrx::prelude::*;

use super::target::Target;
use super::target_kind::TargetKind;
use super::targets;
use crate::error::OrRaise;
use crate::pg::guc::SearchPath;
use crate::pg::statement::{template, text};
use crate::{definer, trust};

const MARK_JOBS_DEAD: &str = template!("fulfillment_workers", "mark_jobs_dead");
const CLAIM_JOBS: &str = template!("fulfillment_workers", "claim_jobs");
const FINISH_JOB: &str = template!("fulfillment_workers", "finish_job");
const FAIL_JOB: &str = template!("fulfillment_workers", "fail_job");

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
    let taken = table.write_or_raise(|| {
        table.run(MARK_JOBS_DEAD, &[ATTEMPTS.into()]);
        table.run(CLAIM_JOBS, &[n.max(0).into(), LEASE.into()]).1
    });
    pgrx::JsonB(taken.and_then(|jobs| serde_json::from_str(&jobs).ok()).unwrap_or_default())
}

/// Marks a job as done; whether it was there to be finished.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn finish_job(id: &str) -> bool {
    trust::require_admin().or_raise();
    definer::write(SearchPath::Pinned, || {
        let table = table();
        table.write_or_raise(|| table.run(FINISH_JOB, &[text(id)]).0 > 0)
    })
}

/// Says that a job did not work: it comes again after 10 seconds, 20, 40, … at most an hour, and is dead after 8 attempts.
/// Whether it was claimed.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn fail_job(id: &str, error: &str) -> bool {
    trust::require_admin().or_raise();
    definer::write(SearchPath::Pinned, || {
        let table = table();
        table.write_or_raise(|| table.run(FAIL_JOB, &[text(id), text(error), ATTEMPTS.into()]).0 > 0)
    })
}
