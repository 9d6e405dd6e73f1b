//! Owner, runner and code are three. `payments_owner` owns the tables and runs our fixed DDL and nothing else.
//! `payments_definer` reads and writes the tables, and an app's trigger on them runs as it; it owns nothing that it
//! could alter. `payments_registrar` alone writes whose rights are used. The functions belong to the superuser who installed them, and take the definer's place only here, inside C.
//!
//! A function of SQL or PL/pgSQL that needs the definer's rights stands behind a C function of its name: `explain(text)` asks
//! whether the caller is an admin, switches, and calls `explain_body(text)`, which nobody may execute by himself.

use pgrx::prelude::*;

use crate::error::Error;
use crate::pg::guc::SearchPath;
use crate::pg::our_role::{self, is_ours, owner};
use crate::pg::role::RoleScope;
use crate::pg::{constraint, role, statement};

/// Reads our tables. Assigns no transaction id, so that a standby and a policy can do it.
pub(crate) fn read<T>(work: impl FnOnce() -> T) -> T {
    role::with_role(our_role::definer(), RoleScope::Ours(SearchPath::Pinned), work)
}

/// Writes our tables. What is deferred there, and on tables that reference them, is checked at once: it would otherwise run at
/// the commit, outside of this operation, with somebody else's rights. What the caller had put off so far fires before we switch.
pub(crate) fn write<T>(path: SearchPath, work: impl FnOnce() -> T) -> T {
    write_as(our_role::definer(), path, work)
}

pub(crate) fn write_as<T>(role: pg_sys::Oid, path: SearchPath, work: impl FnOnce() -> T) -> T {
    if is_inside() {
        return role::with_role(role, RoleScope::Ours(path), work);
    }
    constraint::check_at_once();
    let result = role::with_role(role, RoleScope::Ours(path), work);
    constraint::put_off_again();
    result
}

/// Whether the present code was called by ours, from inside of such an operation.
fn is_inside() -> bool {
    role::restricted_to().is_some_and(is_ours)
}

/// Whether our DDL runs.
pub(crate) fn is_owner() -> bool {
    role::current_role() == owner()
}

/// Raises 42501 unless the caller is our own code, or a superuser: for functions that our SQL calls, and nobody else should.
pub(crate) fn require_inside() {
    if !is_inside() && !role::is_superuser(role::current_role()) {
        Error::Internal.raise();
    }
}

/// Runs our DDL as the owner of the tables.
pub(crate) fn run_ddl(statements: &[String]) {
    role::with_role(owner(), RoleScope::Ours(SearchPath::Pinned), || {
        for statement in statements {
            statement::execute_unprepared(statement, &[]);
        }
    });
}
