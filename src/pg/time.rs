//! Times and intervals, as the server adds them.
#![allow(unsafe_code)]

use std::ffi::CString;

use pgrx::IntoDatum;
use pgrx::datum::{DatumWithOid, Interval, TimestampWithTimeZone};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// An interval from now, in the server's microseconds. The interval must be of less than some thousand years.
pub(crate) fn from_now(interval: Interval) -> i64 {
    // SAFETY: reads the server's clock; the sum is within what a time stamp holds.
    let sum = unsafe {
        let now = TimestampWithTimeZone::try_from(pg_sys::GetCurrentTimestamp()).ok();
        let args = [now.into_datum(), interval.into_datum()];
        pgrx::direct_function_call_as_datum(pg_sys::timestamptz_pl_interval, &args)
    };
    sum.map_or(0, |datum| datum.value().cast_signed() as i64)
}

/// Where the server counts from: 2000-01-01, in microseconds since 1970.
const EPOCH: i64 = 946_684_800_000_000;

/// A time in Unix seconds, as the server writes it; the server's epoch where it is beyond what a time stamp holds.
pub(crate) fn at_unix_seconds(seconds: i64) -> TimestampWithTimeZone {
    at_unix_micros(seconds.saturating_mul(1_000_000))
}

/// A time of the server's, in microseconds since 1970.
pub(crate) fn unix_micros(time: TimestampWithTimeZone) -> i64 {
    i64::from(time).saturating_add(EPOCH)
}

/// The same of a time in microseconds since 1970, of which the last is infinity.
pub(crate) fn at_unix_micros(micros: i64) -> TimestampWithTimeZone {
    if micros == i64::MAX {
        return TimestampWithTimeZone::positive_infinity();
    }
    TimestampWithTimeZone::try_from(micros.saturating_sub(EPOCH))
        .unwrap_or_else(|_| TimestampWithTimeZone::positive_infinity())
}

/// A time in microseconds since 1970 as a statement's argument, or NULL.
pub(crate) fn time(micros: Option<i64>) -> DatumWithOid<'static> {
    micros.map_or_else(DatumWithOid::null::<TimestampWithTimeZone>, |micros| at_unix_micros(micros).into())
}

/// A time in Unix seconds as a statement's argument, or NULL.
pub(crate) fn timestamp(seconds: Option<i64>) -> DatumWithOid<'static> {
    seconds.map(checked_at).into()
}

/// A time in Unix seconds. As `to_timestamp()` it raises 22008 where it is beyond what a time stamp holds.
pub(crate) fn checked_at(seconds: i64) -> TimestampWithTimeZone {
    let micros = seconds.checked_mul(1_000_000).and_then(|micros| micros.checked_sub(EPOCH));
    let Some(time) = micros.and_then(|micros| TimestampWithTimeZone::try_from(micros).ok()) else {
        let message = format!("timestamp out of range: {seconds} (Unix seconds)");
        ErrorReport::new(PgSqlErrorCode::ERRCODE_DATETIME_FIELD_OVERFLOW, message, "payments")
            .report(PgLogLevel::ERROR);
        unreachable!("an error report does not return")
    };
    time
}

/// A time in microseconds since 1970 and an interval later, as the server counts it: in UTC, so that no session's time zone
/// matters.
pub(crate) fn later_by(start: i64, interval: &str) -> i64 {
    let written = CString::new(interval).unwrap_or_default();
    // SAFETY: the functions take and return what is given and expected here: an interval by reference, timestamps by value.
    unsafe {
        let words = [written.as_c_str().into_datum(), pg_sys::InvalidOid.into_datum(), (-1_i32).into_datum()];
        let interval = pgrx::direct_function_call_as_datum(pg_sys::interval_in, &words);
        let args = [(start - EPOCH).into_datum(), interval];
        pgrx::direct_function_call::<i64>(pg_sys::timestamp_pl_interval, &args).map_or(start, |end| end + EPOCH)
    }
}
