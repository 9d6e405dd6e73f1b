//! Roles: who runs now, and acting as another one.
#![allow(unsafe_code)]

use std::cell::Cell;

use pgrx::IntoDatum;
use pgrx::prelude::*;

use crate::pg::guc::{HIDDEN, PINNED_PATH, SearchPath, hide_statement_from_log, ordinary_path, search, set_for_nest};

thread_local! {
    /// The owner of the table that is written to, while that is so.
    static ACTING: Cell<pg_sys::Oid> = const { Cell::new(pg_sys::InvalidOid) };
}

/// Why another role runs, which decides what its code may see.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RoleScope {
    /// One of our roles.
    Ours(SearchPath),
    /// The owner of an app's table, which is written: its triggers, defaults, checks, policies and rules gain nothing that the owner
    /// has not. Our own functions, called from there, take the owner's word and not that of who delivers.
    Writing,
    /// The owner of an app's membership table or predicate, which is asked. Rows of that role's own tables are read past their
    /// policies, forced ones too, as the server itself does for foreign keys: a policy that asks us whom a row belongs to would
    /// otherwise be asked by us again, without end.
    Asking(SearchPath),
}

/// Runs `work` as `role`, in a security-restricted operation with a GUC nest level of its own (what logical replication's apply
/// does since PostgreSQL 16): code of that role gains nothing that it has not, and no setting that it makes stays.
///
/// Where `work` raises, the abort of the (sub)transaction puts user and settings back.
pub(crate) fn with_role<T>(role: pg_sys::Oid, scope: RoleScope, work: impl FnOnce() -> T) -> T {
    match scope {
        RoleScope::Ours(path) => switched(role, 0, path, work),
        RoleScope::Asking(path) => switched(role, pg_sys::SECURITY_NOFORCE_RLS, path, work),
        RoleScope::Writing => {
            let _before = ActingRole(ACTING.replace(role));
            switched(role, 0, SearchPath::Ordinary, work)
        }
    }
}

fn switched<T>(role: pg_sys::Oid, flags: u32, path: SearchPath, work: impl FnOnce() -> T) -> T {
    let mut user = pg_sys::InvalidOid;
    let mut context = 0;
    let always = pg_sys::SECURITY_RESTRICTED_OPERATION | pg_sys::SECURITY_LOCAL_USERID_CHANGE;
    // SAFETY: globals of this backend, put back below or by the abort.
    let level = unsafe {
        pg_sys::GetUserIdAndSecContext(&raw mut user, &raw mut context);
        // How an outer operation reads its own tables is its affair.
        let outer = context & !(pg_sys::SECURITY_NOFORCE_RLS as i32);
        pg_sys::SetUserIdAndSecContext(role, outer | (always | flags) as i32);
        pg_sys::NewGUCNestLevel()
    };
    match path {
        SearchPath::Ordinary => ordinary_path(search),
        SearchPath::Pinned => search(PINNED_PATH),
    }
    // SAFETY: a global of this backend.
    if !unsafe { pg_sys::row_security } {
        // Policies decide, and a session that would rather have an error (as a restore does) gets none for it.
        set_for_nest(c"row_security", c"on");
    }
    let hidden = HIDDEN.replace(false);
    let result = work();
    // SAFETY: what was set up above.
    unsafe {
        pg_sys::AtEOXact_GUC(false, level);
        pg_sys::SetUserIdAndSecContext(user, context);
    }
    if HIDDEN.get() {
        hide_statement_from_log();
    }
    HIDDEN.set(HIDDEN.get() || hidden);
    result
}

/// Puts back who acted before, however the work ends.
struct ActingRole(pg_sys::Oid);

impl Drop for ActingRole {
    fn drop(&mut self) {
        ACTING.set(self.0);
    }
}

/// Whether a role is a superuser.
pub(crate) fn is_superuser(role: pg_sys::Oid) -> bool {
    // SAFETY: a look-up in the server's caches.
    unsafe { pg_sys::superuser_arg(role) }
}

/// Whether a role may call a function by its name.
pub(crate) fn may_execute(role: pg_sys::Oid, function: pg_sys::Oid) -> bool {
    // SAFETY: look-ups in the server's caches.
    let schema = unsafe { pg_sys::get_func_namespace(function) };
    let schema_args = [role.into_datum(), schema.into_datum(), "usage".into_datum()];
    let args = [role.into_datum(), function.into_datum(), "execute".into_datum()];
    // SAFETY: the functions take two oids and a text, and return a boolean.
    unsafe {
        pgrx::direct_function_call::<bool>(pg_sys::has_schema_privilege_id_id, &schema_args) == Some(true)
            && pgrx::direct_function_call::<bool>(pg_sys::has_function_privilege_id_id, &args) == Some(true)
    }
}

/// The role that a statement runs as now.
pub(crate) fn current_role() -> pg_sys::Oid {
    // SAFETY: reads a global of this backend.
    unsafe { pg_sys::GetUserId() }
}

/// The role that logged in; while we act as a table's owner, that one.
pub(crate) fn login_role() -> pg_sys::Oid {
    let owner = ACTING.get();
    // SAFETY: reads a global of this backend.
    if owner == pg_sys::InvalidOid { unsafe { pg_sys::GetSessionUserId() } } else { owner }
}

/// A role's name; `None` where it is gone.
pub(crate) fn role_name(role: pg_sys::Oid) -> Option<String> {
    // SAFETY: the name is a copy in the current memory context.
    unsafe {
        let name = pg_sys::GetUserNameFromId(role, true);
        (!name.is_null()).then(|| std::ffi::CStr::from_ptr(name).to_string_lossy().into_owned())
    }
}

/// The role of a name.
pub(crate) fn role_named(name: &str) -> Option<pg_sys::Oid> {
    let name = std::ffi::CString::new(name).ok()?;
    // SAFETY: a look-up in the server's caches.
    let role = unsafe { pg_sys::get_role_oid(name.as_ptr(), true) };
    (role != pg_sys::InvalidOid).then_some(role)
}

/// The role that runs now, if it does so in a security-restricted operation.
pub(crate) fn restricted_to() -> Option<pg_sys::Oid> {
    let mut user = pg_sys::InvalidOid;
    let mut context = 0;
    // SAFETY: globals of this backend.
    unsafe { pg_sys::GetUserIdAndSecContext(&raw mut user, &raw mut context) };
    (context & pg_sys::SECURITY_RESTRICTED_OPERATION as i32 != 0).then_some(user)
}

/// Whether a role is another one, or inherits its privileges.
pub(crate) fn has_privileges_of(role: pg_sys::Oid, other: pg_sys::Oid) -> bool {
    // SAFETY: a look-up in the server's caches.
    unsafe { pg_sys::has_privs_of_role(role, other) }
}
