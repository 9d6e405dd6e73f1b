//! Back-fill: Stripe's own objects, as its API returns them, through the same projection as events.

use payments_core::snapshot::SYNC;
use payments_core::stripe::event::{Environment, Malformed};
use payments_core::stripe::event_type::ObjectKind;
use payments_core::stripe::json_text::{TooDeep, readable};
use pgrx::JsonB;
use pgrx::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::{Error, OrRaise};
use crate::pg::guc::{self, SearchPath};
use crate::pg::jsonb::Jsonb;
use crate::pg::savepoint::{self, Failure};
use crate::pg::statement::{json as as_json, query, text};
use crate::precondition::{self, environment_of};
use crate::project::dispatch::project;
use crate::project::incoming::Incoming;
use crate::projection_lock::with_exclusive;
use crate::{clock, definer, trust};

query!(UPDATE_SYNC_OUTCOME, "operate_backfill", "update_sync_outcome");

/// How many objects are between two notices of progress.
const PROGRESS: usize = 10_000;

/// What is read of an object before its kind is known.
#[derive(Deserialize)]
struct Named {
    object: Option<String>,
    id: Option<String>,
}

#[derive(Default)]
struct Counts {
    by_type: Map<String, Value>,
    failed: usize,
    ignored: usize,
    first_error: Option<String>,
}

/// Back-fills from Stripe: an array of API objects or list pages (or one of either), through the same projection as
/// webhooks, so that missing history is repaired. What is given counts as looked at now: newer than any event so far.
///
/// Returns counts by object type, with `failed`, `ignored` and `error`; the same is kept in `stripe_connections`.
///
/// # Errors
/// 22023: the argument is not an object or an array, or an object says the other livemode (nothing is written then). 22032: it
/// nests too deep.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn sync_stripe_objects(environment: Option<&str>, objects: Option<Jsonb>) -> JsonB {
    back_fill(environment, objects, None)
}

/// The same of what was fetched earlier, `as_of` then: what webhooks told since goes before it.
///
/// # Errors
/// As above; 22023 too: `as_of` is in the future or before 1970.
#[pg_extern(name = "sync_stripe_objects")]
#[search_path(pg_catalog, pg_temp)]
fn sync_stripe_objects_as_of(
    environment: Option<&str>,
    objects: Option<Jsonb>,
    as_of: Option<TimestampWithTimeZone>,
) -> JsonB {
    back_fill(environment, objects, as_of)
}

fn back_fill(environment: Option<&str>, objects: Option<Jsonb>, as_of: Option<TimestampWithTimeZone>) -> JsonB {
    trust::require_admin().or_raise();
    let environment = environment_of(environment).or_raise();
    let given = read(&objects.ok_or(Error::Missing("objects")).or_raise().0).or_raise();
    let now = clock::now();
    let looked = as_of.map_or(now, seconds);
    if !(0..=now).contains(&looked) {
        Error::Argument(
            "objects cannot have been fetched then",
            format!("as_of is {looked} in Unix seconds, which is later than now or before Stripe."),
            "Pass the time at which the objects were fetched, or leave it out.",
        )
        .raise();
    }
    precondition::require_read_committed().or_raise();
    let mut objects = Vec::new();
    flatten(given, &mut objects).or_raise();
    for object in &objects {
        same_livemode(environment, object).or_raise();
    }
    guc::commit_durably();
    let work = || {
        let mut counts = Counts::default();
        let total = objects.len();
        for (done, object) in objects.into_iter().enumerate() {
            sync_one(environment, looked, &object, &mut counts);
            if (done + 1) % PROGRESS == 0 {
                pgrx::notice!("{} of {total} objects", done + 1);
            }
        }
        let summary = summary(&counts);
        UPDATE_SYNC_OUTCOME.execute(&[text(environment.name()), as_json(&summary)]);
        summary
    };
    JsonB(definer::write(SearchPath::Ordinary, || with_exclusive(work)))
}

fn read(objects: &str) -> Result<Value, Error> {
    let readable =
        readable(objects).map_err(|TooDeep| Error::Body(Malformed::NotJson("it nests deeper than 128".to_owned())))?;
    serde_json::from_str(&readable).map_err(|error| Error::Body(Malformed::NotJson(error.to_string())))
}

/// Whole Unix seconds.
fn seconds(time: TimestampWithTimeZone) -> i64 {
    const EPOCH_OF_POSTGRES: i64 = 946_684_800;
    i64::from(time).div_euclid(1_000_000) + EPOCH_OF_POSTGRES
}

fn flatten(value: Value, into: &mut Vec<Value>) -> Result<(), Error> {
    match value {
        Value::Array(items) => items.into_iter().try_for_each(|item| flatten(item, into)),
        Value::Object(mut page)
            if matches!(page.get("object").and_then(Value::as_str), Some("list" | "search_result")) =>
        {
            match page.remove("data") {
                None | Some(Value::Null) => Ok(()),
                Some(data) => flatten(data, into),
            }
        }
        object @ Value::Object(_) => {
            into.push(object);
            Ok(())
        }
        _ => Err(Error::Argument(
            "objects must be Stripe API objects",
            "It holds a value that is neither an object nor an array.".to_owned(),
            "Pass an array of API objects, or list pages as Stripe returns them.",
        )),
    }
}

fn same_livemode(environment: Environment, object: &Value) -> Result<(), Error> {
    let livemode = object.get("livemode").and_then(Value::as_bool);
    if livemode.is_some_and(|livemode| livemode != environment.livemode()) {
        return Err(Error::Livemode {
            event_id: object.get("id").and_then(Value::as_str).unwrap_or("of a back-fill").to_owned(),
            livemode: livemode == Some(true),
            environment: environment.name(),
        });
    }
    Ok(())
}

fn sync_one(environment: Environment, now: i64, object: &Value, counts: &mut Counts) {
    let named: Named = serde_json::from_value(object.clone()).unwrap_or(Named { object: None, id: None });
    let name = named.object.clone().unwrap_or_else(|| "unknown".to_owned());
    let Some(kind) = ObjectKind::in_back_fill(&name).filter(|_| named.id.is_some()) else {
        counts.ignored += 1;
        return;
    };
    let outcome = savepoint::savepoint(|| sync_all(environment, now, kind, object));
    let error = match outcome {
        Ok(Ok(())) => None,
        Ok(Err(unreadable)) => Some(unreadable),
        Err(Failure { sqlstate, message, .. }) => Some(format!("{sqlstate}: {message}")),
    };
    if let Some(error) = error {
        counts.failed += 1;
        let id = named.id.unwrap_or_default();
        counts.first_error.get_or_insert_with(|| format!("{id}: {error}"));
        return;
    }
    let count = counts.by_type.entry(name).or_insert(json!(0));
    *count = json!(count.as_u64().unwrap_or(0) + 1);
}

/// An object, and those that the API embeds in it and that speak for themselves (a charge's refunds, an invoice's payments).
fn sync_all(environment: Environment, now: i64, kind: ObjectKind, object: &Value) -> Result<(), String> {
    let text = object.to_string();
    let incoming = Incoming {
        environment,
        event_id: SYNC,
        event_type: None,
        created: now,
        object: &text,
        previous: None,
        deleted: object.get("deleted").and_then(Value::as_bool) == Some(true),
    };
    project(kind, &incoming).map_err(|unreadable| unreadable.to_string())?;
    let embedded = match kind {
        ObjectKind::Charge => ("refunds", ObjectKind::Refund),
        ObjectKind::Invoice => ("payments", ObjectKind::InvoicePayment),
        _ => return Ok(()),
    };
    let inner = object.get(embedded.0).and_then(|list| list.get("data")).and_then(Value::as_array);
    inner.into_iter().flatten().try_for_each(|object| sync_all(environment, now, embedded.1, object))
}

fn summary(counts: &Counts) -> Value {
    let synced: u64 = counts.by_type.values().filter_map(Value::as_u64).sum();
    json!({
        "synced": synced,
        "failed": counts.failed,
        "ignored": counts.ignored,
        "objects": counts.by_type,
        "error": counts.first_error,
    })
}
