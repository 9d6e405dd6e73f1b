//! Backfill: Stripe's own objects, as its API returns them, through the same projection as events.

use std::borrow::Cow;

use payments_core::snapshot::SYNC;
use payments_core::stripe::event::{Environment, Malformed};
use payments_core::stripe::event_type::ObjectKind;
use payments_core::stripe::json_text::{TooDeep, readable};
use payments_core::stripe::object::invoice_line::invoice_of_path;
use payments_core::stripe::object::line_items::session_of_path;
use pgrx::JsonB;
use pgrx::prelude::*;
use serde_json::{Map, Value, json};

use crate::error::{Error, OrRaise};
use crate::pg::guc::{self, SearchPath};
use crate::pg::jsonb::Jsonb;
use crate::pg::savepoint::{self, Failure};
use crate::pg::statement::{json as as_json, query, text};
use crate::precondition::{self, environment_of};
use crate::project::dispatch::project_all;
use crate::project::incoming::Incoming;
use crate::projection_lock::with_exclusive;
use crate::{clock, definer, trust};

query!(UPDATE_SYNC_OUTCOME, "operate_backfill", "update_sync_outcome");

/// How many objects are projected together.
const TOGETHER: usize = 500;

/// How many objects are between two notices of progress.
const PROGRESS: usize = 10_000;

#[derive(Default)]
struct Counts {
    by_type: Map<String, Value>,
    failed: usize,
    ignored: usize,
    first_error: Option<String>,
}

/// Backfills from Stripe: an array of API objects or list pages (or one of either), through the same projection as
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
        for (done, together) in objects.chunks(TOGETHER).enumerate() {
            sync_all(environment, looked, together, &mut counts);
            if (done + 1) % (PROGRESS / TOGETHER) == 0 {
                pgrx::notice!("{} of {} objects", (done + 1) * TOGETHER, objects.len());
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
        Value::Object(page) if part_of(&page).is_some() => add_lines(page, into),
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

/// Of a list page that has no objects of its own: which kind of parts it holds, and of which object.
fn part_of(page: &Map<String, Value>) -> Option<(ObjectKind, &str)> {
    let is_list = page.get("object").and_then(Value::as_str) == Some("list");
    let url = page.get("url").and_then(Value::as_str).filter(|_| is_list)?;
    let of_session = session_of_path(url).map(|session| (ObjectKind::LineItems, session));
    of_session.or_else(|| invoice_of_path(url).map(|invoice| (ObjectKind::InvoiceLines, invoice)))
}

/// Keeps a page of such parts whole. One that follows another of the same object continues it.
fn add_lines(mut page: Map<String, Value>, into: &mut Vec<Value>) -> Result<(), Error> {
    let before = into.last_mut().and_then(Value::as_object_mut);
    if let Some(before) = before.filter(|before| part_of(before).is_some() && part_of(before) == part_of(&page)) {
        if let (Some(Value::Array(items)), Some(Value::Array(more))) = (before.get_mut("data"), page.remove("data")) {
            items.extend(more);
        }
        before.insert("has_more".to_owned(), page.remove("has_more").unwrap_or(Value::Bool(false)));
        return Ok(());
    }
    into.push(Value::Object(page));
    Ok(())
}

fn same_livemode(environment: Environment, object: &Value) -> Result<(), Error> {
    let livemode = object.get("livemode").and_then(Value::as_bool);
    if livemode.is_some_and(|livemode| livemode != environment.livemode()) {
        return Err(Error::Livemode {
            event_id: object.get("id").and_then(Value::as_str).unwrap_or("of a backfill").to_owned(),
            event_type: name(object),
            livemode: livemode == Some(true),
            environment: environment.name(),
        });
    }
    Ok(())
}

/// Projects objects together. If something fails, all is rolled back and each half is tried again, until only the one that fails is left
/// out.
fn sync_all(environment: Environment, looked: i64, objects: &[Value], counts: &mut Counts) {
    let snapshots: Vec<Vec<(ObjectKind, Incoming)>> =
        objects.iter().map(|object| snapshots(environment, looked, object)).collect();
    let outcomes = savepoint::savepoint(|| project_each(environment, &snapshots));
    match outcomes {
        Ok(outcomes) => objects.iter().zip(outcomes).for_each(|(object, outcome)| counts.add(object, outcome)),
        Err(Failure { sqlstate, message, .. }) if objects.len() == 1 => {
            counts.add(&objects[0], Some(Err(format!("{sqlstate}: {message}"))));
        }
        Err(_) => {
            let (first, second) = objects.split_at(objects.len() / 2);
            sync_all(environment, looked, first, counts);
            sync_all(environment, looked, second, counts);
        }
    }
}

/// The outcome of each object, of which each comes with those that it embeds; `None` for an object that is not backfilled.
fn project_each(
    environment: Environment,
    snapshots: &[Vec<(ObjectKind, Incoming)>],
) -> Vec<Option<Result<(), String>>> {
    let mut projected = project_all(environment, snapshots.iter().flatten()).into_iter();
    let outcome = |of_object: &Vec<_>| {
        let outcomes: Vec<_> = projected.by_ref().take(of_object.len()).collect();
        let all: Result<(), _> = outcomes.into_iter().collect();
        (!of_object.is_empty()).then(|| all.map_err(|unreadable| unreadable.to_string()))
    };
    snapshots.iter().map(outcome).collect()
}

/// An object, and those that the API embeds in it and that speak for themselves (a charge's refunds, an invoice's payments).
fn snapshots(environment: Environment, looked: i64, object: &Value) -> Vec<(ObjectKind, Incoming<'static>)> {
    let of_text = |key: &str| object.get(key).and_then(Value::as_str);
    let page = object.as_object().and_then(part_of).map(|(kind, _)| kind);
    let of_object = || ObjectKind::in_back_fill(&name(object)).filter(|_| of_text("id").is_some());
    let Some(kind) = page.or_else(of_object) else {
        return Vec::new();
    };
    let snapshot = |kind, object: &Value| {
        let incoming = Incoming {
            environment,
            event_id: SYNC,
            event_type: None,
            created: looked,
            object: Cow::Owned(object.to_string()),
            previous: None,
            deleted: object.get("deleted").and_then(Value::as_bool) == Some(true),
        };
        (kind, incoming)
    };
    let embedded = match kind {
        ObjectKind::Charge => Some(("refunds", ObjectKind::Refund)),
        ObjectKind::Invoice => Some(("payments", ObjectKind::InvoicePayment)),
        _ => None,
    };
    let inner = embedded.into_iter().flat_map(|(list, kind)| {
        let data = object.get(list).and_then(|list| list.get("data")).and_then(Value::as_array);
        data.into_iter().flatten().map(move |object| (kind, object))
    });
    let inner = inner.map(|(kind, object)| snapshot(kind, object));
    std::iter::once(snapshot(kind, object)).chain(inner).collect()
}

/// Its type, by Stripe's name.
fn name(object: &Value) -> String {
    if let Some((kind, _)) = object.as_object().and_then(part_of) {
        return kind.name().to_owned();
    }
    object.get("object").and_then(Value::as_str).unwrap_or("unknown").to_owned()
}

impl Counts {
    /// Counts one object by its outcome; `None` for an object that is not backfilled.
    fn add(&mut self, object: &Value, outcome: Option<Result<(), String>>) {
        match outcome {
            None => self.ignored += 1,
            Some(Ok(())) => {
                let count = self.by_type.entry(name(object)).or_insert(json!(0));
                *count = json!(count.as_u64().unwrap_or(0) + 1);
            }
            Some(Err(error)) => {
                self.failed += 1;
                let id = object.get("id").and_then(Value::as_str).unwrap_or_default();
                self.first_error.get_or_insert_with(|| format!("{id}: {error}"));
            }
        }
    }
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
