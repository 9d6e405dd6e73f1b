//! What must hold before one of our functions does its work.

use std::cell::Cell;

use payments_core::stripe::event::Environment;
use pgrx::prelude::*;

use crate::error::Error;
use crate::pg::catalog::{function_name, function_named};
use crate::pg::slot::slot;
use crate::pg::statement::query;
use crate::pg::transaction::is_read_committed;

query!(LIVE_APPROVAL, "precondition", "live_approval");

/// The environment that an argument names.
pub(crate) fn environment_of(name: Option<&str>) -> Result<Environment, Error> {
    name.and_then(Environment::parse).ok_or_else(|| Error::Environment(name.map(ToOwned::to_owned)))
}

/// Refuses what asks for real money, or tells of it, until an admin has approved that. Reads with the rights of whoever runs it.
pub(crate) fn require_live_approval(environment: Option<&str>) -> Result<(), Error> {
    let is_live = environment == Some(Environment::Live.name());
    if is_live && LIVE_APPROVAL.read::<bool>(&[]) != [true] { Err(Error::LiveNotApproved) } else { Ok(()) }
}

/// Under repeatable read a delivery could not see what another wrote while it waited, and would lose it.
pub(crate) fn require_read_committed() -> Result<(), Error> {
    if is_read_committed() { Ok(()) } else { Err(Error::Isolation) }
}

/// One of our functions. It is gone if the extension was dropped.
struct Mark(Cell<pg_sys::Oid>);

impl Default for Mark {
    fn default() -> Self {
        Self(Cell::new(pg_sys::InvalidOid))
    }
}

/// Raises 55000 where the extension was dropped: the functions that policies call outlive it.
pub(crate) fn require_extension() {
    let mark = &slot::<Mark>().0;
    if function_name(mark.get()).is_some_and(|name| name == c"outer_role") {
        return;
    }
    match function_named("payments.outer_role()") {
        Some(function) => mark.set(function),
        None => Error::NotInstalled.raise(),
    }
}
