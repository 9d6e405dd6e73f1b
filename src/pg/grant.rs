//! GRANT and REVOKE beside event triggers.
#![allow(unsafe_code)]

use std::ffi::CString;

use pgrx::prelude::*;

use crate::error::Error;
use crate::pg::guc::SearchPath;
use crate::pg::role::RoleScope;
use crate::pg::{catalog, role};

/// Grants or revokes on our functions, as the superuser whom they belong to: what anyone else granted, that superuser's REVOKE would
/// not take back. The statements never come near event triggers, whose functions would run as him.
pub(crate) fn run_function_grants(statements: &[String]) {
    let Some(of_ours) = catalog::function_named("payments.outer_role()") else { Error::NotInstalled.raise() };
    let superuser = pgrx::pg_catalog::pg_proc::PgProc::new(of_ours).map_or(pg_sys::InvalidOid, |one| one.proowner());
    run_grants_as(superuser, statements);
}

/// Whether the script of an extension runs.
pub(crate) fn is_installing() -> bool {
    // SAFETY: a global of this backend.
    unsafe { pg_sys::creating_extension }
}

/// Grants or revokes as the owner of what the statements name.
pub(crate) fn run_grants_as(owner: pg_sys::Oid, statements: &[String]) {
    role::with_role(owner, RoleScope::Ours(SearchPath::Pinned), || {
        for statement in statements {
            let text = CString::new(statement.as_str()).unwrap_or_default();
            // SAFETY: the statement is our own GRANT or REVOKE, which the parser made; it lives as long as this call's memory.
            unsafe {
                let parsed = pg_sys::pg_parse_query(text.as_ptr());
                let first = pg_sys::list_nth(parsed, 0).cast::<pg_sys::RawStmt>();
                pg_sys::ExecuteGrantStmt((*first).stmt.cast());
                pg_sys::CommandCounterIncrement();
            }
        }
    });
}
