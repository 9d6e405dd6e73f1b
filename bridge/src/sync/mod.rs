//! `sync`: copies what Stripe has into the database, list by list, page by page. Where it was interrupted it goes on.

mod progress;
pub mod resource;

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use self::progress::Progress;
use self::resource::{ALL, Further, Resource};
use crate::database::calls::{SyncStep, Synced};
use crate::database::fault::Fault;
use crate::database::pool::Pool;
use crate::stripe::client::Stripe;
use crate::stripe::list::{self, Page};
use crate::stripe::verdict::{Reason, backoff};

const DATABASE_TRIES: u32 = 9;

/// What went wrong with a resource.
#[derive(Debug, thiserror::Error)]
enum Wrong {
    #[error("{0}")]
    Stripe(Reason),
    #[error(transparent)]
    Database(#[from] Fault),
}

impl From<Reason> for Wrong {
    fn from(reason: Reason) -> Self {
        Self::Stripe(reason)
    }
}

/// Syncs the named resources, or all. Tells whether everything was.
///
/// # Errors
/// Where a name is unknown, the key is of another account, or the database is gone.
pub async fn run(database: &Pool, stripe: &Stripe, only: &[String]) -> anyhow::Result<bool> {
    let environment = stripe.environment;
    if let Some(unknown) = only.iter().find(|name| ALL.iter().all(|resource| resource.name != *name)) {
        let known: Vec<_> = ALL.iter().map(|resource| resource.name).collect();
        bail!("unknown resource {unknown}; there are {}", known.join(", "));
    }
    let recorded = database.recorded(environment).await.context("the database")?;
    if let (Some(recorded), Ok(account)) = (recorded.account, stripe.account().await)
        && recorded != account
    {
        bail!("the {environment} key belongs to account {account}, and the database's is {recorded}");
    }
    let mut all_well = true;
    for resource in ALL.iter().filter(|resource| only.is_empty() || only.iter().any(|name| name == resource.name)) {
        let mut progress = Progress::new(resource.name);
        match sync(database, stripe, resource, &mut progress).await {
            Ok(0) => progress.end("done"),
            Ok(failed) => {
                all_well = false;
                progress.end(&format!("done, {failed} of them could not be read"));
            }
            Err(Wrong::Database(fault)) => {
                progress.end("so far");
                return Err(fault.into());
            }
            Err(Wrong::Stripe(reason)) => {
                all_well = false;
                progress.end(&format!("so far: {reason}"));
                let why = Some(reason.words.as_str());
                let step = SyncStep { resource: resource.name, cursor: None, objects: 0, finished: false, error: why };
                patiently(|| database.record_sync(environment, &step)).await?;
            }
        }
    }
    Ok(all_well)
}

/// Syncs one list from where it was. Tells how many objects could not be read.
async fn sync(database: &Pool, stripe: &Stripe, resource: &Resource, progress: &mut Progress) -> Result<i64, Wrong> {
    let environment = stripe.environment;
    let mut cursor = patiently(|| database.sync_position(environment, resource.name)).await?;
    let mut failed = 0;
    loop {
        let began = list::began_now();
        let page = match next_page(stripe, resource, cursor.as_deref()).await {
            // The object at which it was interrupted was deleted since.
            Err(reason) if reason.is_missing() && cursor.is_some() => {
                cursor = None;
                continue;
            }
            other => other?,
        };
        let last = page.data.last().and_then(|object| list::head(object)).map(|head| head.id);
        let objects = with_further(stripe, resource, &page.data).await?;
        if !objects.is_empty() {
            let objects = format!("[{}]", objects.join(","));
            let synced: Synced = patiently(|| database.sync_objects(environment, &objects, began)).await?;
            failed += synced.failed;
        }
        cursor = last.or(cursor);
        let finished = !page.has_more || page.data.is_empty();
        let count = i64::try_from(page.data.len()).unwrap_or(i64::MAX);
        let step =
            SyncStep { resource: resource.name, cursor: cursor.as_deref(), objects: count, finished, error: None };
        patiently(|| database.record_sync(environment, &step)).await?;
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

/// The objects of a page, and the lists that belong to them, as JSON.
async fn with_further(stripe: &Stripe, resource: &Resource, page: &[Box<RawValue>]) -> Result<Vec<String>, Reason> {
    let mut objects = Vec::with_capacity(page.len());
    for raw in page {
        if resource.further != Further::PaymentMethods {
            objects.push(raw.get().to_owned());
        }
        let object: Value = serde_json::from_str(raw.get()).unwrap_or_default();
        if let Some((path, params)) = resource.further_list(&object) {
            objects.push(list::whole(stripe, &path, &params).await?);
        }
    }
    Ok(objects)
}

/// Calls the database, and again where it is away for some minutes.
async fn patiently<T>(call: impl AsyncFn() -> Result<T, Fault>) -> Result<T, Fault> {
    let mut tries = 0;
    loop {
        match call().await {
            Err(fault) if fault.is_transient() && tries + 1 < DATABASE_TRIES => {
                let wait = backoff(tries, Duration::from_millis(500), Duration::from_secs(30), None, fastrand::f64());
                tracing::warn!(wait_ms = wait.as_millis(), "{fault}");
                tokio::time::sleep(wait).await;
                tries += 1;
            }
            other => return other,
        }
    }
}
