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
    // SAFETY: look-ups in the server's caches; the statements are our own GRANT and REVOKE, which the parser made.
    unsafe {
        let Some(of_ours) = catalog::function_named("payments.outer_role()") else { Error::NotInstalled.raise() };
        let superuser =
            pgrx::pg_catalog::pg_proc::PgProc::new(of_ours).map_or(pg_sys::InvalidOid, |one| one.proowner());
        role::with_role(superuser, RoleScope::Ours(SearchPath::Pinned), || {
            for statement in statements {
                let text = CString::new(statement.as_str()).unwrap_or_default();
                let parsed = pg_sys::pg_parse_query(text.as_ptr());
                let first = pg_sys::list_nth(parsed, 0).cast::<pg_sys::RawStmt>();
                pg_sys::ExecuteGrantStmt((*first).stmt.cast());
                pg_sys::CommandCounterIncrement();
            }
        });
    }
}
