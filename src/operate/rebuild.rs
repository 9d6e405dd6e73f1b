//! Rebuild and verify: derives every row again from what is stored, and mends or reports those that differ.

use payments_core::stripe::event::Environment;
use payments_core::stripe::event_type::ObjectKind;
use pgrx::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::OrRaise;
use crate::pg::guc::{self, SearchPath};
use crate::pg::savepoint;
use crate::pg::statement::{query, text};
use crate::precondition::{self, environment_of};
use crate::project::reassign::follow_changed_mappings;
use crate::project::{customer_mapping, mirror, payment, payment_group, payment_row, subscription_history};
use crate::projection_lock::with_exclusive;
use crate::{definer, trust};

query!(ALL_GROUP_IDS, "operate_rebuild", "all_group_ids");
query!(ALL_MIRRORED, "operate_rebuild", "all_mirrored");
query!(ROWS_OF_GROUP, "operate_rebuild", "rows_of_group");
query!(ROWS_OF_OBJECT, "operate_rebuild", "rows_of_object");
query!(ROWS_OF_MAPPINGS, "operate_rebuild", "rows_of_mappings");

/// How many groups or objects are between two notices of progress.
const PROGRESS: usize = 50_000;

#[derive(Deserialize)]
struct Object {
    object_id: String,
    object_type: String,
}

/// One row as it is stored: where, which, and its columns.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Row {
    relation: String,
    key: String,
    row: Map<String, Value>,
}

/// One column that differs.
type Difference = (String, String, String, Option<String>, Option<String>);

/// Derives every row of an environment again from its facts; rows that are right stay untouched.
///
/// Returns how many groups of facts and mirrored objects were derived. Nothing else is projected meanwhile.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn rebuild_projections(environment: Option<&str>) -> i64 {
    trust::require_admin().or_raise();
    let environment = environment_of(environment).or_raise();
    precondition::require_read_committed().or_raise();
    let rebuild = || {
        let mut done = 0;
        for object in objects(environment) {
            derive_object(environment, &object);
            progress(&mut done, "objects and groups derived");
        }
        customer_mapping::settle_all(environment);
        for group_id in group_ids(environment) {
            payment::refold(environment, &group_id);
            progress(&mut done, "objects and groups derived");
        }
        follow_changed_mappings();
        i64::try_from(done).unwrap_or(i64::MAX)
    };
    definer::write(SearchPath::Ordinary, || with_exclusive(rebuild))
}

/// Names every row and column that differs from what its facts say: none, on a healthy database. Changes nothing.
///
/// `derived` is null in the column of a row that its facts do not give at all; `stored` where the row is missing.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity, reason = "the columns of a SQL function")]
fn verify_projections(
    environment: Option<&str>,
) -> TableIterator<
    'static,
    (
        name!(relation, String),
        name!(key, String),
        name!(column_name, String),
        name!(stored, Option<String>),
        name!(derived, Option<String>),
    ),
> {
    trust::require_admin().or_raise();
    let environment = environment_of(environment).or_raise();
    precondition::require_read_committed().or_raise();
    let mut found: Vec<Difference> = Vec::new();
    let verify = || {
        let mut done = 0;
        for object in objects(environment) {
            let rows = || ROWS_OF_OBJECT.all(&[text(environment.name()), text(object.object_id.as_str())]);
            compare(&mut found, rows, || derive_object(environment, &object));
            progress(&mut done, "objects and groups verified");
        }
        let mapped = || ROWS_OF_MAPPINGS.all(&[text(environment.name())]);
        compare(&mut found, mapped, || customer_mapping::settle_all(environment));
        for group_id in group_ids(environment) {
            let ids = payment_row::ids(&payment_group::facts_of(environment, &group_id));
            let rows = || ROWS_OF_GROUP.all(&[text(environment.name()), ids.clone().into()]);
            compare(&mut found, rows, || payment::refold(environment, &group_id));
            progress(&mut done, "objects and groups verified");
        }
    };
    definer::write(SearchPath::Ordinary, || with_exclusive(verify));
    TableIterator::new(found)
}

fn objects(environment: Environment) -> Vec<Object> {
    ALL_MIRRORED.all(&[text(environment.name())])
}

fn group_ids(environment: Environment) -> Vec<String> {
    ALL_GROUP_IDS.all(&[text(environment.name())])
}

fn progress(done: &mut usize, what: &str) {
    *done += 1;
    if (*done).is_multiple_of(PROGRESS) {
        pgrx::notice!("{done} {what}");
    }
}

fn derive_object(environment: Environment, object: &Object) {
    let Some(kind) = ObjectKind::named(&object.object_type) else { return };
    if kind == ObjectKind::Coupon {
        return; // What it takes shows in the changes of subscriptions only.
    }
    let snapshots = mirror::mirrored(environment, &object.object_id);
    if kind == ObjectKind::Subscription && snapshots.is_empty() {
        return subscription_history::derive(environment, &object.object_id, None);
    }
    if let Err(unreadable) = mirror::write(environment, kind, &object.object_id, &snapshots) {
        pgrx::warning!("{}: {unreadable}", object.object_id);
    }
}

/// Derives rows again in a savepoint that is rolled back, with triggers off, and notes where they came out otherwise.
fn compare(found: &mut Vec<Difference>, rows: impl Fn() -> Vec<Row>, derive: impl Fn()) {
    let stored = rows();
    let derived = savepoint::rolled_back(|| {
        guc::without_triggers();
        derive();
        rows()
    });
    for before in &stored {
        let after = derived.iter().find(|row| row.relation == before.relation && row.key == before.key);
        let empty = Map::new();
        differences(found, before, &before.row, after.map_or(&empty, |after| &after.row));
    }
    for after in derived.iter().filter(|row| stored.iter().all(|b| (&b.relation, &b.key) != (&row.relation, &row.key)))
    {
        differences(found, after, &Map::new(), &after.row);
    }
}

fn differences(found: &mut Vec<Difference>, of: &Row, stored: &Map<String, Value>, derived: &Map<String, Value>) {
    let shown = |value: Option<&Value>| match value {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
    };
    let mut columns: Vec<&String> = stored.keys().chain(derived.keys()).collect();
    columns.sort();
    columns.dedup();
    for column in columns {
        let (was, is) = (shown(stored.get(column)), shown(derived.get(column)));
        if was != is {
            found.push((of.relation.clone(), of.key.clone(), column.clone(), was, is));
        }
    }
}
