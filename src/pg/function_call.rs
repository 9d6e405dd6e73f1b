//! Calling a function of the app's by its number.
#![allow(unsafe_code)]

use pgrx::prelude::*;
use pgrx::{FromDatum, IntoDatum};

/// Calls a function `(text, text) returns boolean` for each of the second arguments; its null is false. It is called by its number, so
/// that it is the one that was looked at before, whatever has its name by now.
pub(crate) fn call_for_each(function: pg_sys::Oid, first: &str, seconds: &[&str]) -> Vec<bool> {
    const ROOM: usize = size_of::<pg_sys::FunctionCallInfoBaseData>() + 2 * size_of::<pg_sys::NullableDatum>();
    // SAFETY: the call's description has room for two arguments, and all of it lives in the current memory context. The function is
    // called as the server calls one, with its errors turned into panics.
    unsafe {
        let info = pg_sys::palloc0(size_of::<pg_sys::FmgrInfo>()).cast::<pg_sys::FmgrInfo>();
        pg_sys::fmgr_info(function, info);
        let Some(called) = (*info).fn_addr else { return Vec::new() };
        let call = pg_sys::palloc0(ROOM).cast::<pg_sys::FunctionCallInfoBaseData>();
        (*call).flinfo = info;
        (*call).fncollation = pg_sys::DEFAULT_COLLATION_OID;
        (*call).nargs = 2;
        let args = (*call).args.as_mut_slice(2);
        args[0].value = first.into_datum().unwrap_or(pg_sys::Datum::from(0));
        seconds
            .iter()
            .map(|second| {
                pgrx::check_for_interrupts!();
                args[1].value = (*second).into_datum().unwrap_or(pg_sys::Datum::from(0));
                (*call).isnull = false;
                let answer = pg_sys::ffi::pg_guard_ffi_boundary(|| called(call));
                bool::from_datum(answer, (*call).isnull) == Some(true)
            })
            .collect()
    }
}
