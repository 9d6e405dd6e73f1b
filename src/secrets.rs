//! Webhook secrets: set by an admin, read by nobody but `receive`, and never through SQL, so that no statement log, plan
//! or trigger can show one. See `sql/schema/secrets.sql`.
#![allow(unsafe_code)]

use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::prelude::*;
use pgrx::{FromDatum, IntoDatum};
use zeroize::Zeroizing;

use crate::db::{self, statement, text};
use crate::error::{Error, OrRaise};
use crate::webhook::environment_of;
use payments_core::stripe::event::Environment;

statement!(RETIRE_SECRETS, "retire_secrets");

/// A secret's bytes, wiped when dropped.
pub(crate) type Secret = Zeroizing<Vec<u8>>;

/// Sets the signing secret of an environment's webhook endpoint.
///
/// The secrets so far stay valid for `keep_previous`, so that an endpoint's secret can be rolled without losing an event.
/// Give the secret as a bind parameter, so that no log of statements holds it.
///
/// # Errors
/// 22023: the secret is empty or does not begin with `whsec_`. Source: <https://docs.stripe.com/webhooks#roll-endpoint-secrets>.
#[pg_extern(security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn set_webhook_secret(
    environment: Option<&str>,
    secret: Option<&str>,
    keep_previous: default!(Option<Interval>, "'24 hours'"),
) {
    hide_statement_from_log();
    let environment = environment_of(environment).or_raise();
    let secret = usable(secret).or_raise();
    let keep = keep_previous.unwrap_or_else(|| Interval::from_seconds(0.0));
    with_table(pg_sys::RowExclusiveLock, |table| {
        // SAFETY: the table is open; its id is its own.
        let id = unsafe { (*table).rd_id };
        let retired = db::as_owner_of(id, || RETIRE_SECRETS.execute(&[text(environment.name()), keep.into()]));
        if retired.is_some() {
            insert(table, environment, secret);
        }
    });
}

/// Whether an environment has a secret to verify with.
#[pg_extern(security_definer, stable)]
#[search_path(pg_catalog, pg_temp)]
fn has_webhook_secret(environment: Option<&str>) -> bool {
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
    Ok(secret)
}

/// The secrets of an environment that are valid now, newest first.
pub(crate) fn valid(environment: Environment) -> Vec<Secret> {
    // SAFETY: reads the server's clock.
    let now = unsafe { pg_sys::GetCurrentTimestamp() };
    with_table(pg_sys::AccessShareLock, |table| {
        let mut secrets: Vec<(i64, Secret)> = Vec::new();
        // SAFETY: a plain scan with the latest snapshot over a table that this function holds open.
        unsafe {
            let scan = pg_sys::systable_beginscan(
                table,
                pg_sys::InvalidOid,
                false,
                std::ptr::null_mut(),
                0,
                std::ptr::null_mut(),
            );
            loop {
                let tuple = pg_sys::systable_getnext(scan);
                if tuple.is_null() {
                    break;
                }
                let (values, nulls) = deform(table, tuple);
                let of = String::from_datum(values[0], nulls[0]).unwrap_or_default();
                let until = if nulls[3] { i64::MAX } else { values[3].value() as i64 };
                if of == environment.name() && until > now {
                    let secret = String::from_datum(values[1], nulls[1]).unwrap_or_default();
                    secrets.push((values[2].value() as i64, Zeroizing::new(secret.into_bytes())));
                }
            }
            pg_sys::systable_endscan(scan);
        }
        secrets.sort_by_key(|(from, _)| std::cmp::Reverse(*from));
        secrets.into_iter().map(|(_, secret)| secret).collect()
    })
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

fn with_table<T>(lock: u32, work: impl FnOnce(pg_sys::Relation) -> T) -> T {
    let lock = i32::try_from(lock).unwrap_or_default();
    // SAFETY: the names are constants; the relation is closed again, or released by the abort where `work` raises.
    unsafe {
        let schema = pg_sys::get_namespace_oid(c"payments".as_ptr(), false);
        let table = pg_sys::table_open(pg_sys::get_relname_relid(c"webhook_secrets".as_ptr(), schema), lock);
        let result = work(table);
        pg_sys::table_close(table, pg_sys::NoLock as i32);
        result
    }
}

/// An error of this call would write its statement, and so the secret, to the server's log: until the transaction ends,
/// statements of errors are not logged.
pub(crate) fn hide_statement_from_log() {
    unsafe {
        pg_sys::set_config_option(
            c"log_min_error_statement".as_ptr(),
            c"panic".as_ptr(),
            pg_sys::GucContext::PGC_SUSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_LOCAL,
            true,
            0,
            false,
        );
    }
}
