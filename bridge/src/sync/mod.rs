//! `sync`: copies Stripe's lists into the database, page by page. An interrupted sync resumes at its last page.

mod progress;
pub mod resource;

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use self::progress::Progress;
use self::resource::{ALL, Related, Resource};
use crate::database::calls::{SyncStep, Synced};
use crate::database::fault::Fault;
use crate::database::pool::Pool;
use crate::stripe::client::Stripe;
use crate::stripe::list::{self, Page};
use crate::stripe::verdict::{Reason, backoff};

const MAX_ATTEMPTS: u32 = 9;

/// Why the sync of a resource failed.
#[derive(Debug, thiserror::Error)]
enum SyncError {
    #[error("{0}")]
    Stripe(Reason),
    #[error(transparent)]
    Database(#[from] Fault),
}

impl From<Reason> for SyncError {
    fn from(reason: Reason) -> Self {
        Self::Stripe(reason)
    }
}

/// Syncs the resources named in `only`, or all if it is empty. Returns whether every object was synced.
///
/// # Errors
/// If a name is unknown, the key belongs to another account, or the database fails.
pub async fn run(database: &Pool, stripe: &Stripe, only: &[String]) -> anyhow::Result<bool> {
    let environment = stripe.environment;
    if let Some(unknown) = only.iter().find(|name| ALL.iter().all(|resource| resource.name != *name)) {
        let known: Vec<_> = ALL.iter().map(|resource| resource.name).collect();
        bail!("unknown resource {unknown}; the resources are {}", known.join(", "));
    }
    let recorded = database.recorded(environment).await.context("cannot read the recorded account")?;
    if let (Some(recorded), Ok(account)) = (recorded.account, stripe.account().await)
        && recorded != account
    {
        bail!("the {environment} key belongs to account {account}, but the database has recorded {recorded}");
    }
    let mut all_synced = true;
    for resource in ALL.iter().filter(|resource| only.is_empty() || only.iter().any(|name| name == resource.name)) {
        let mut progress = Progress::new(resource.name);
        match sync(database, stripe, resource, &mut progress).await {
            Ok(0) => progress.finish("done"),
            Ok(failed) => {
                all_synced = false;
                progress.finish(&format!("done, but {failed} of them could not be read"));
            }
            Err(SyncError::Database(fault)) => {
                progress.finish("synced, then stopped");
                return Err(fault.into());
            }
            Err(SyncError::Stripe(reason)) => {
                all_synced = false;
                progress.finish(&format!("synced, then stopped: {reason}"));
                let why = Some(reason.message.as_str());
                let step = SyncStep { resource: resource.name, cursor: None, objects: 0, finished: false, error: why };
                with_retries(|| database.record_sync(environment, &step)).await?;
            }
        }
    }
    Ok(all_synced)
}

/// Syncs one list, from the start or from where the last sync was interrupted. Returns the number of objects that the
/// database could not read.
async fn sync(
    database: &Pool,
    stripe: &Stripe,
    resource: &Resource,
    progress: &mut Progress,
) -> Result<i64, SyncError> {
    let environment = stripe.environment;
    let mut cursor = with_retries(|| database.sync_position(environment, resource.name)).await?;
    let mut failed = 0;
    loop {
        let as_of = list::fetch_start();
        let page = match next_page(stripe, resource, cursor.as_deref()).await {
            // The object of the cursor was deleted since the interruption, so the sync starts again.
            Err(reason) if reason.is_missing() && cursor.is_some() => {
                cursor = None;
                continue;
            }
            other => other?,
        };
        let last = page.data.last().and_then(|object| list::head(object)).map(|head| head.id);
        let objects = with_related(stripe, resource, &page.data).await?;
        if !objects.is_empty() {
            let objects = format!("[{}]", objects.join(","));
            let synced: Synced = with_retries(|| database.sync_objects(environment, &objects, as_of)).await?;
            failed += synced.failed;
        }
        cursor = last.or(cursor);
        let finished = !page.has_more || page.data.is_empty();
        let count = i64::try_from(page.data.len()).unwrap_or(i64::MAX);
        let step =
            SyncStep { resource: resource.name, cursor: cursor.as_deref(), objects: count, finished, error: None };
        with_retries(|| database.record_sync(environment, &step)).await?;
        progress.add(count.unsigned_abs());
        if finished {
            return Ok(failed);
        }
    }
}

async fn next_page(stripe: &Stripe, resource: &Resource, after: Option<&str>) -> Result<Page, Reason> {
    let mut params = resource.params();
    if let Some(after) = after {
        params["starting_after"] = json!(after);
    }
    list::page(stripe, resource.path, &params).await
}

/// The objects of a page and their related lists, each as JSON.
async fn with_related(stripe: &Stripe, resource: &Resource, page: &[Box<RawValue>]) -> Result<Vec<String>, Reason> {
    let mut objects = Vec::with_capacity(page.len());
    for raw in page {
        if resource.related != Related::PaymentMethods {
            objects.push(raw.get().to_owned());
        }
        let object: Value = serde_json::from_str(raw.get()).unwrap_or_default();
        if let Some((path, params)) = resource.related_list(&object) {
            objects.push(list::all_pages(stripe, &path, &params).await?);
        }
    }
    Ok(objects)
}

/// Calls the database, with retries for a few minutes while it cannot be reached.
async fn with_retries<T>(call: impl AsyncFn() -> Result<T, Fault>) -> Result<T, Fault> {
    let mut attempts = 0;
    loop {
        match call().await {
            Err(fault) if fault.is_transient() && attempts + 1 < MAX_ATTEMPTS => {
                let wait =
                    backoff(attempts, Duration::from_millis(500), Duration::from_secs(30), None, fastrand::f64());
                tracing::warn!(wait_ms = wait.as_millis(), "{fault}");
                tokio::time::sleep(wait).await;
                attempts += 1;
            }
            other => return other,
        }
    }
}
