//! What must hold before a function of ours does its work.

use crate::pg::catalog::{function_name, function_named};
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
    if function_name(MARK.get()).is_some_and(|name| name == c"outer_role") {
        return;
    }
    match function_named("payments.outer_role()") {
        Some(function) => MARK.set(function),
        None => crate::error::Error::NotInstalled.raise(),
    }
}
