//! The table of webhook secrets, read and written beside SQL, so that no statement log, plan or trigger can show one.
#![allow(unsafe_code)]

use payments_core::stripe::event::Environment;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;
use pgrx::{FromDatum, IntoDatum};
use zeroize::Zeroizing;

use crate::error::Error;

/// A secret's bytes, wiped when dropped.
pub(crate) type Secret = Zeroizing<Vec<u8>>;

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

/// Since when, and until when, the secrets of an environment that are valid now are so, in the server's microseconds.
pub(crate) fn terms(environment: Environment) -> Vec<(i64, Option<i64>)> {
    // SAFETY: reads the server's clock.
    let now = unsafe { pg_sys::GetCurrentTimestamp() };
    with_table(pg_sys::AccessShareLock, |table| {
        let mut terms = Vec::new();
        each_row(table, |row, _| {
            if row.environment == environment.name() && row.until > now {
                terms.push((row.from, (row.until < i64::MAX).then_some(row.until)));
            }
        });
        terms
    })
}

/// Lets an environment's secrets so far end at `until`; those that have ended are forgotten, and so is the new one's own
/// earlier row.
pub(crate) fn retire(table: pg_sys::Relation, environment: Environment, secret: &str, until: i64) {
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
    // SAFETY: the arrays have a place for each attribute of the table's descriptor.
    unsafe { pg_sys::heap_deform_tuple(tuple, (*table).rd_att, values.as_mut_ptr(), nulls.as_mut_ptr()) };
    (values, nulls)
}

pub(crate) fn insert(table: pg_sys::Relation, environment: Environment, secret: &str) {
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
/// webhooks waiting. Rows are versions of the server's, so that a scan needs no lock; our own writers take turns by one of our locks.
pub(crate) fn with_table<T>(lock: u32, work: impl FnOnce(pg_sys::Relation) -> T) -> T {
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
