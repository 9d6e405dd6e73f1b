//! What must hold before a function of ours does its work.
#![allow(unsafe_code)]

use crate::pg::catalog::function_named;
use crate::pg::transaction::is_read_committed;

use std::cell::Cell;

use payments_core::stripe::event::Environment;
use pgrx::prelude::*;

use crate::error::Error;

/// The environment that an argument names.
pub(crate) fn environment_of(name: Option<&str>) -> Result<Environment, Error> {
    name.and_then(Environment::parse).ok_or_else(|| Error::Environment(name.map(ToOwned::to_owned)))
}

/// Under repeatable read a delivery could not see what another wrote while it waited, and would lose it.
pub(crate) fn require_read_committed() -> Result<(), crate::error::Error> {
    if is_read_committed() { Ok(()) } else { Err(crate::error::Error::Isolation) }
}

/// Raises 55000 where the extension was dropped: the functions that policies call outlive it.
pub(crate) fn require_extension() {
    thread_local! {
        static MARK: Cell<pg_sys::Oid> = const { Cell::new(pg_sys::InvalidOid) };
    }
    // SAFETY: look-ups in the server's caches; a name that is found is a copy, and null where the function is gone.
    let is_there = |function: pg_sys::Oid| unsafe {
        let name = pg_sys::get_func_name(function);
        !name.is_null() && std::ffi::CStr::from_ptr(name) == c"outer_role"
    };
    if is_there(MARK.get()) {
        return;
    }
    match function_named("payments.outer_role()") {
        Some(function) => MARK.set(function),
        None => crate::error::Error::NotInstalled.raise(),
    }
}
