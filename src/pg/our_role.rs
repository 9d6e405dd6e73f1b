//! The roles of the extension: who owns its tables, who reads and writes them, who writes whose rights are used.
#![allow(unsafe_code)]

use pgrx::prelude::*;

/// Who writes our tables.
pub(crate) fn definer() -> pg_sys::Oid {
    // SAFETY: a look-up in the server's caches; raises where the definer is gone.
    unsafe { pg_sys::get_role_oid(c"payments_definer".as_ptr(), false) }
}

/// Who writes what decides whose rights are used: attached tables, types of subjects, trusted roles. No app has a trigger there, so
/// that none can say what only an owner or a superuser may say.
pub(crate) fn registrar() -> pg_sys::Oid {
    // SAFETY: as above.
    unsafe { pg_sys::get_role_oid(c"payments_registrar".as_ptr(), false) }
}

/// Who owns them.
pub(crate) fn owner() -> pg_sys::Oid {
    // SAFETY: as above.
    unsafe { pg_sys::get_role_oid(c"payments_owner".as_ptr(), false) }
}

/// Whether a definer is one of those that our code runs as.
pub(crate) fn is_ours(other: pg_sys::Oid) -> bool {
    other == definer() || other == registrar()
}
