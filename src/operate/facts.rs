//! What a payment's row was made from.

use std::collections::HashMap;

use payments_core::payment::fact::Fact;
use payments_core::payment::object_history::by_object;
use pgrx::prelude::*;
use pgrx::{JsonB, Uuid};
use serde::Deserialize;
use serde_json::Value;

use crate::error::OrRaise;
use crate::pg::statement::{query, text};
use crate::pg::time::at_unix_seconds;
use crate::{definer, trust};

query!(FACTS_OF_PAYMENT, "operate_facts", "facts_of_payment");
query!(SNAPSHOTS_OF_EVENTS, "operate_facts", "snapshots_of_events");

/// An event's object as Stripe sent it.
#[derive(Deserialize)]
struct Snapshot {
    event_id: String,
    object: Value,
}

/// The newest snapshot of each Stripe object behind a row of `payment_history`: what the extension reads of it (`fact`), and the
/// object as Stripe sent it (`snapshot`; null where a backfill told it, or its event was pruned). `event_created_at` is Stripe's time of
/// the event. No row: nothing is known of the payment but its row, which a backend wrote.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity, reason = "the columns of a SQL function")]
fn payment_facts(
    id: Option<Uuid>,
) -> TableIterator<
    'static,
    (
        name!(object_type, String),
        name!(object_id, String),
        name!(event_id, String),
        name!(event_created_at, TimestampWithTimeZone),
        name!(fact, JsonB),
        name!(snapshot, Option<JsonB>),
    ),
> {
    trust::require_admin().or_raise();
    let Some(id) = id.map(|id| id.to_string()) else { return TableIterator::empty() };
    let facts: Vec<Fact> = definer::read(|| FACTS_OF_PAYMENT.read(&[text(id.as_str())]));
    let histories = by_object(&facts);
    let events: Vec<String> = histories.iter().map(|history| history.newest.event_id.clone()).collect();
    let snapshots: Vec<Snapshot> = definer::read(|| SNAPSHOTS_OF_EVENTS.read(&[text(id.as_str()), events.into()]));
    let mut snapshots: HashMap<String, Value> =
        snapshots.into_iter().map(|snapshot| (snapshot.event_id, snapshot.object)).collect();
    let rows: Vec<_> = histories
        .iter()
        .map(|history| {
            let newest = history.newest;
            (
                newest.object.object_type().to_owned(),
                newest.object.object_id().to_owned(),
                newest.event_id.clone(),
                at_unix_seconds(newest.created),
                JsonB(serde_json::to_value(&newest.object).unwrap_or_default()),
                snapshots.remove(&newest.event_id).map(JsonB),
            )
        })
        .collect();
    TableIterator::new(rows)
}
