//! Fetches the lists that purchases wait for: the line items of a completed session, the rest of a long invoice.

use std::time::Duration;

use super::context::Context;
use crate::database::calls::Read;
use crate::metrics::Activity;
use crate::stripe::list;

/// Longer than a list of many pages takes. A list that could not be fetched is handed out again after it.
const LEASE: Duration = Duration::from_secs(300);
const AT_ONCE: i32 = 10;
/// What no delivery told of: reads that failed, and events that another process took.
const POLL: Duration = Duration::from_secs(30);
/// Deliveries come in bursts; one look is enough for many.
const GATHER: Duration = Duration::from_millis(200);

/// Fetches what purchases wait for, for as long as the bridge runs.
pub async fn run(context: Context) {
    let mut faults = 0;
    while !context.shutdown.has_begun() {
        match context.database.claim_reads(AT_ONCE, LEASE).await {
            Ok(reads) => {
                faults = 0;
                let more = !reads.is_empty();
                for read in reads {
                    if context.shutdown.has_begun() {
                        return;
                    }
                    fetch(&context, &read).await;
                }
                if more {
                    continue;
                }
                tokio::select! {
                    () = context.reads_wait.notified() => {}
                    () = tokio::time::sleep(POLL) => {}
                    () = context.shutdown.begun() => return,
                }
                context.shutdown.sleep(GATHER).await;
            }
            Err(fault) => {
                let wait = context.fault(Activity::Reads, &fault, faults);
                faults += 1;
                context.shutdown.sleep(wait).await;
            }
        }
    }
}

async fn fetch(context: &Context, read: &Read) {
    let environment = read.environment;
    let Some(stripe) = context.stripe(environment) else {
        tracing::warn!(%environment, path = read.path, "a purchase waits for a list, and the bridge has no {environment} key");
        context.metrics.read(environment, "no_key");
        return;
    };
    let as_of = list::began_now();
    // The end of the bridge does not wait for the tries: the list is handed out again.
    let list = tokio::select! {
        list = list::whole(stripe, &read.path, &read.params) => list,
        () = context.shutdown.begun() => return,
    };
    let synced = match list {
        Ok(list) => context.database.sync_objects(environment, &format!("[{list}]"), as_of).await,
        Err(reason) => {
            tracing::warn!(%environment, path = read.path, "cannot fetch what a purchase waits for: {reason}");
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
            tracing::error!(%environment, path = read.path, "the database could not read a list that a purchase waits for");
            context.metrics.read(environment, "failed");
        }
        Err(fault) => {
            let _ = context.fault(Activity::Reads, &fault, 0);
            context.metrics.read(environment, "failed");
        }
    }
}
