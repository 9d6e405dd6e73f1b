//! Fetches the lists that purchases wait for: the line items of a completed session, and the lines of a long invoice.

use std::time::Duration;

use super::context::Context;
use crate::database::calls::Read;
use crate::metrics::Activity;
use crate::stripe::list;

/// Longer than it takes to fetch a list of many pages. A list that could not be fetched is retried after its lease.
const LEASE: Duration = Duration::from_secs(300);
const BATCH: i32 = 10;
/// The interval between polls. A poll finds lists whose fetch failed, and lists of events that another process
/// received.
const POLL_INTERVAL: Duration = Duration::from_secs(30);
/// How long to wait after a notification. Deliveries come in bursts, and one claim is enough for a burst.
const BURST_DELAY: Duration = Duration::from_millis(200);

/// Fetches the lists that purchases wait for, until the bridge shuts down.
pub async fn run(context: Context) {
    let mut faults = 0;
    while !context.shutdown.is_requested() {
        match context.database.claim_reads(BATCH, LEASE).await {
            Ok(reads) => {
                faults = 0;
                let may_have_more = !reads.is_empty();
                for read in reads {
                    if context.shutdown.is_requested() {
                        return;
                    }
                    fetch(&context, &read).await;
                }
                if may_have_more {
                    continue;
                }
                tokio::select! {
                    () = context.reads_wait.notified() => {}
                    () = tokio::time::sleep(POLL_INTERVAL) => {}
                    () = context.shutdown.requested() => return,
                }
                context.shutdown.sleep(BURST_DELAY).await;
            }
            Err(fault) => {
                let wait = context.report_fault(Activity::Reads, &fault, faults);
                faults += 1;
                context.shutdown.sleep(wait).await;
            }
        }
    }
}

async fn fetch(context: &Context, read: &Read) {
    let environment = read.environment;
    let Some(stripe) = context.stripe(environment) else {
        tracing::warn!(%environment, path = read.path, "a purchase waits for a list, but there is no {environment} key");
        context.metrics.read(environment, "no_key");
        return;
    };
    let as_of = list::fetch_start();
    // A shutdown does not wait for the retries. The list is claimed again after its lease.
    let list = tokio::select! {
        list = list::all_pages(stripe, &read.path, &read.params) => list,
        () = context.shutdown.requested() => return,
    };
    let synced = match list {
        Ok(list) => context.database.sync_objects(environment, &format!("[{list}]"), as_of).await,
        Err(reason) => {
            tracing::warn!(%environment, path = read.path, "cannot fetch a list that a purchase waits for: {reason}");
            context.metrics.read(environment, "refused");
            return;
        }
    };
    match synced {
        Ok(synced) if synced.failed == 0 => {
            tracing::info!(%environment, path = read.path, waits = read.reason, "fetched");
            context.metrics.read(environment, "fetched");
            context.metrics.succeeded(environment, Activity::Reads);
        }
        Ok(_) => {
            tracing::error!(%environment, path = read.path, "the database cannot read a list that a purchase waits for");
            context.metrics.read(environment, "failed");
        }
        Err(fault) => {
            let _ = context.report_fault(Activity::Reads, &fault, 0);
            context.metrics.read(environment, "failed");
        }
    }
}
