//! Webhook secrets: set by an admin, read by nobody but `receive`, and neither written nor read through SQL, so that no
//! statement log, plan or trigger can show one and nothing of a caller's runs as the table's owner. See
//! `sql/schema/secrets.sql`.
#![allow(unsafe_code)]

use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::prelude::*;
use pgrx::{FromDatum, IntoDatum};
use zeroize::Zeroizing;

use crate::error::{Error, OrRaise};
use crate::webhook::environment_of;
use crate::{db, lock, trust};
use payments_core::stripe::event::Environment;

/// The longest that earlier secrets may stay valid, in months of thirty days.
const MAX_KEEP_MONTHS: i64 = 1200;

/// A secret's bytes, wiped when dropped.
pub(crate) type Secret = Zeroizing<Vec<u8>>;

/// Sets the signing secret of an environment's webhook endpoint.
///
/// The secrets so far stay valid for `keep_previous`, so that an endpoint's secret can be rolled without losing an event.
/// What the server may log of the statement, and how to leave no trace: docs/security.md.
///
/// # Errors
/// 22023: the environment is none, the secret is not usable, or `keep_previous` is negative or longer than a century.
/// Source: <https://docs.stripe.com/webhooks#roll-endpoint-secrets>.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn set_webhook_secret(
    environment: Option<&str>,
    secret: Option<&str>,
    keep_previous: default!(Option<Interval>, "'24 hours'"),
) {
    db::hide_statement_from_log();
    trust::require_admin().or_raise();
    let environment = environment.and_then(Environment::parse).ok_or_else(unnamed_environment).or_raise();
    let secret = usable(secret).or_raise();
    let keep = keep_previous.unwrap_or_else(|| Interval::from_seconds(0.0));
    let until = kept_until(keep).or_raise();
    // Of two who set it at once the second waits, and retires what the first has set.
    lock::exactly(&["webhook secrets"]);
    with_table(pg_sys::RowExclusiveLock, |table| {
        retire(table, environment, secret, until);
        insert(table, environment, secret);
    });
}

/// The arguments may be swapped, so what was given for an environment may be the secret.
fn unnamed_environment() -> Error {
    Error::Argument(
        "environment must be test or live",
        "What was given is not shown, for it may be the secret.".to_owned(),
        "Pass 'test' or 'live', then the secret.",
    )
}

/// Until when the secrets so far are valid.
fn kept_until(keep: Interval) -> Result<i64, Error> {
    let months = i64::from(keep.months()) + i64::from(keep.days()) / 30 + keep.micros() / (30 * 24 * 3_600_000_000);
    let negative = keep.months() < 0 || keep.days() < 0 || keep.micros() < 0;
    if negative || months > MAX_KEEP_MONTHS {
        let given = if negative { "It is negative." } else { "It is longer than a hundred years." };
        return Err(Error::Argument(
            "keep_previous is out of range",
            given.to_owned(),
            "Pass how long the secrets so far stay valid, such as '24 hours'; '0' ends them at once.",
        ));
    }
    // SAFETY: reads the server's clock; the sum is within what a time stamp holds.
    let until = unsafe {
        let now = TimestampWithTimeZone::try_from(pg_sys::GetCurrentTimestamp()).ok();
        let args = [now.into_datum(), keep.into_datum()];
        pgrx::direct_function_call_as_datum(pg_sys::timestamptz_pl_interval, &args)
    };
    Ok(until.map_or(0, |datum| datum.value().cast_signed() as i64))
}

/// Whether an environment has a secret to verify with.
#[pg_extern(stable)]
#[search_path(pg_catalog, pg_temp)]
fn has_webhook_secret(environment: Option<&str>) -> bool {
    trust::require_admin().or_raise();
    let environment = environment_of(environment).or_raise();
    !valid(environment).is_empty()
}

fn usable(secret: Option<&str>) -> Result<&str, Error> {
    let secret = secret.ok_or(Error::Missing("secret"))?;
    if secret.trim().is_empty() {
        return Err(Error::BadSecret("It is empty."));
    }
    if secret.starts_with("sk_") || secret.starts_with("rk_") || secret.starts_with("pk_") {
        return Err(Error::BadSecret("It is an API key, not an endpoint's signing secret."));
    }
    if secret.trim() != secret || !secret.starts_with("whsec_") {
        return Err(Error::BadSecret("It does not begin with whsec_, or has blanks around it."));
    }
    if secret.len() == "whsec_".len() || secret.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(Error::BadSecret("Nothing follows whsec_, or it holds blanks or control characters."));
    }
    Ok(secret)
}

/// The secrets of an environment that are valid now, newest first.
pub(crate) fn valid(environment: Environment) -> Vec<Secret> {
    // SAFETY: reads the server's clock.
    let now = unsafe { pg_sys::GetCurrentTimestamp() };
    with_table(pg_sys::AccessShareLock, |table| {
        let mut secrets: Vec<(i64, Secret)> = Vec::new();
        each_row(table, |row, _| {
            if row.environment == environment.name() && row.until > now {
                secrets.push((row.from, row.secret));
            }
        });
        secrets.sort_by_key(|(from, _)| std::cmp::Reverse(*from));
        secrets.into_iter().map(|(_, secret)| secret).collect()
    })
}

/// Lets an environment's secrets so far end at `until`; those that have ended are forgotten, and so is the new one's own
/// earlier row.
fn retire(table: pg_sys::Relation, environment: Environment, secret: &str, until: i64) {
    // SAFETY: reads the server's clock.
    let now = unsafe { pg_sys::GetCurrentTimestamp() };
    each_row(table, |row, tuple| {
        let of_here = row.environment == environment.name();
        let end = if of_here { row.until.min(until) } else { row.until };
        // SAFETY: the tuple is the scan's present one; no one else writes while the table is locked.
        unsafe {
            if end <= now || (of_here && row.secret.as_slice() == secret.as_bytes()) {
                pg_sys::CatalogTupleDelete(table, &raw mut (*tuple).t_self);
            } else if of_here {
                let (mut values, mut nulls) = deform(table, tuple);
                (values[3], nulls[3]) = (pg_sys::Datum::from(end), false);
                let changed = pg_sys::heap_form_tuple((*table).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
                pg_sys::CatalogTupleUpdate(table, &raw mut (*tuple).t_self, changed);
            }
        }
    });
    // SAFETY: what was retired is so for the rest of this transaction too.
    unsafe { pg_sys::CommandCounterIncrement() };
}

/// A row of the table; times in the server's microseconds.
struct Row {
    environment: String,
    secret: Secret,
    from: i64,
    until: i64,
}

/// Calls `see` for each row of the table, as the latest snapshot shows it.
fn each_row(table: pg_sys::Relation, mut see: impl FnMut(Row, pg_sys::HeapTuple)) {
    // SAFETY: a plain scan over a table that the caller holds open.
    unsafe {
        let (none, no_snapshot, no_keys) = (pg_sys::InvalidOid, std::ptr::null_mut(), std::ptr::null_mut());
        let scan = pg_sys::systable_beginscan(table, none, false, no_snapshot, 0, no_keys);
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            let (values, nulls) = deform(table, tuple);
            let row = Row {
                environment: String::from_datum(values[0], nulls[0]).unwrap_or_default(),
                secret: Zeroizing::new(String::from_datum(values[1], nulls[1]).unwrap_or_default().into_bytes()),
                from: values[2].value().cast_signed() as i64,
                until: if nulls[3] { i64::MAX } else { values[3].value().cast_signed() as i64 },
            };
            see(row, tuple);
        }
        pg_sys::systable_endscan(scan);
    }
}

unsafe fn deform(table: pg_sys::Relation, tuple: pg_sys::HeapTuple) -> ([pg_sys::Datum; 4], [bool; 4]) {
    let mut values = [pg_sys::Datum::from(0); 4];
    let mut nulls = [true; 4];
    unsafe { pg_sys::heap_deform_tuple(tuple, (*table).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr()) };
    (values, nulls)
}

fn insert(table: pg_sys::Relation, environment: Environment, secret: &str) {
    // SAFETY: a row of the table's four columns; the table has no index and no trigger.
    unsafe {
        let now = TimestampWithTimeZone::try_from(pg_sys::GetCurrentTimestamp()).ok().into_datum();
        let mut values = [
            environment.name().into_datum().unwrap_or(pg_sys::Datum::from(0)),
            secret.into_datum().unwrap_or(pg_sys::Datum::from(0)),
            now.unwrap_or(pg_sys::Datum::from(0)),
            pg_sys::Datum::from(0),
        ];
        let mut nulls = [false, false, false, true];
        let tuple = pg_sys::heap_form_tuple((*table).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr());
        pg_sys::simple_heap_insert(table, tuple);
        pg_sys::CommandCounterIncrement();
    }
}

/// Opens the table, whoever has locked it: a role with rights on all tables (`pg_write_all_data`) may do that, and must not keep
/// webhooks waiting. Rows are versions of the server's, so that a scan needs no lock; our own writers take turns by one of ours.
fn with_table<T>(lock: u32, work: impl FnOnce(pg_sys::Relation) -> T) -> T {
    let lock = i32::try_from(lock).unwrap_or_default();
    // SAFETY: the names are constants; the relation is closed again, or released by the abort where `work` raises.
    unsafe {
        let schema = pg_sys::get_namespace_oid(c"payments_secret".as_ptr(), false);
        let relation = pg_sys::get_relname_relid(c"webhook_secrets".as_ptr(), schema);
        if !pg_sys::ConditionalLockRelationOid(relation, lock) {
            pg_sys::AcceptInvalidationMessages();
        }
        let table = pg_sys::RelationIdGetRelation(relation);
        if table.is_null() {
            Error::NotInstalled.raise();
        }
        let result = work(table);
        pg_sys::RelationClose(table);
        result
    }
}
