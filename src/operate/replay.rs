//! Runs stored events again, and deletes old ones.

use pgrx::JsonB;
use pgrx::datum::Interval;
use pgrx::prelude::*;
use serde::Deserialize;
use serde_json::json;

use crate::error::{Error, OrRaise};
use crate::pg::guc::{self, SearchPath};
use crate::pg::statement::{query, text};
use crate::precondition::{self, environment_of};
use crate::webhook_batch::settle_all;
use crate::webhook_event::{Recorded, lock_events};
use crate::{definer, projection_lock, trust};

query!(EVENTS_TO_REPLAY, "operate_replay", "events_to_replay");
query!(STORED_EVENT, "operate_replay", "stored_event");
query!(PRUNE_EVENTS, "operate_replay", "prune_events");
query!(IS_TOO_SHORT, "operate_replay", "is_too_short");

/// How many events are between two notices of progress.
const PROGRESS: usize = 1_000;

#[derive(Deserialize)]
struct Stored {
    body: String,
}

/// Runs stored events again, oldest first: those that failed (and those left pending), or the chosen ones whatever their
/// status; the rows that they gave before come out the same.
///
/// Returns `{replayed, processed, ignored, failed}`.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn replay_events(environment: Option<&str>, event_ids: default!(Option<Vec<Option<String>>>, "NULL")) -> JsonB {
    trust::require_admin().or_raise();
    let environment = environment_of(environment).or_raise();
    precondition::require_read_committed().or_raise();
    let event_ids = event_ids.map(|ids| without_null(ids).or_raise());
    guc::commit_durably();
    let (mut processed, mut ignored, mut failed) = (0, 0, 0);
    let replayed = definer::write(SearchPath::Ordinary, || {
        let events: Vec<String> = EVENTS_TO_REPLAY.all(&[text(environment.name()), event_ids.into()]);
        lock_events(environment, events.iter().map(String::as_str));
        if !events.is_empty() {
            projection_lock::lock_exclusive();
        }
        for (done, ids) in events.chunks(PROGRESS).enumerate() {
            let stored = |id: &String| STORED_EVENT.one::<Stored>(&[text(environment.name()), text(id.as_str())]);
            let bodies: Vec<Stored> = ids.iter().filter_map(stored).collect();
            let recorded: Vec<Recorded> =
                bodies.iter().filter_map(|stored| Recorded::again(environment, stored.body.as_bytes())).collect();
            failed += bodies.len() - recorded.len();
            for answer in settle_all(environment, recorded) {
                match answer["status"].as_str() {
                    Some("processed") => processed += 1,
                    Some("ignored") => ignored += 1,
                    _ => failed += 1,
                }
            }
            if ids.len() == PROGRESS {
                pgrx::notice!("{} of {} events", (done + 1) * PROGRESS, events.len());
            }
        }
        events.len()
    });
    JsonB(json!({ "replayed": replayed, "processed": processed, "ignored": ignored, "failed": failed }))
}

fn without_null(ids: Vec<Option<String>>) -> Result<Vec<String>, Error> {
    let null = ids.iter().position(Option::is_none);
    null.map_or_else(
        || Ok(ids.into_iter().flatten().collect()),
        |place| {
            let detail = format!("Element {} is null.", place + 1);
            Err(Error::Argument("event_ids must hold no null", detail, "Pass ids of events, such as evt_…."))
        },
    )
}

/// Deletes stored events that were processed or ignored and are older than `older_than` (90 days by default); failed ones
/// stay. The facts stay too, so every row can still be verified and rebuilt. Returns how many were deleted.
///
/// # Errors
/// 22023: less than 30 days, the time in which Stripe lets an event be sent again by hand.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn prune_webhook_events(older_than: default!(Option<Interval>, "'90 days'")) -> i64 {
    trust::require_admin().or_raise();
    let older_than = older_than.ok_or(Error::Missing("older_than")).or_raise();
    if definer::read(|| IS_TOO_SHORT.one::<bool>(&[older_than.into()])) == Some(true) {
        Error::Argument(
            "events of the last 30 days are kept",
            "Stripe lets an event be sent again for 30 days; a pruned one would run twice.".to_owned(),
            "Pass an interval of 30 days or more.",
        )
        .raise();
    }
    let pruned = definer::write(SearchPath::Ordinary, || PRUNE_EVENTS.execute(&[older_than.into()]));
    i64::try_from(pruned).unwrap_or(i64::MAX)
}
