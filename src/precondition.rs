//! What must hold before a function of ours does its work.

use std::cell::Cell;

use payments_core::stripe::event::Environment;
use pgrx::prelude::*;

use crate::error::Error;
use crate::pg::catalog::{function_name, function_named};
use crate::pg::statement::query;
use crate::pg::transaction::is_read_committed;

query!(LIVE_APPROVAL, "precondition", "live_approval");

/// The environment that an argument names.
pub(crate) fn environment_of(name: Option<&str>) -> Result<Environment, Error> {
    name.and_then(Environment::parse).ok_or_else(|| Error::Environment(name.map(ToOwned::to_owned)))
}

/// Whether an admin has approved taking real money. Reads with the rights of whoever runs it.
pub(crate) fn is_live_approved() -> bool {
    LIVE_APPROVAL.read::<bool>(&[]) == [true]
}

/// Under repeatable read a delivery could not see what another wrote while it waited, and would lose it.
pub(crate) fn require_read_committed() -> Result<(), Error> {
    if is_read_committed() { Ok(()) } else { Err(Error::Isolation) }
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
        None => Error::NotInstalled.raise(),
    }
}
