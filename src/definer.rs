//! Owner, runner and code are three. `payments_owner` owns the tables and runs fixed DDL of ours and nothing else.
//! `payments_definer` reads and writes the tables, and so is whom an app's trigger on them runs as; it owns nothing that it
//! could alter. `payments_registrar` alone writes whose rights are used. The functions belong to the superuser who installed them, and take the definer's place only here, inside C.
//!
//! A function of SQL or PL/pgSQL that needs the definer's rights stands behind a C function of its name: `explain(text)` asks
//! whether the caller is an admin, switches, and calls `explain_body(text)`, which nobody may execute by himself.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::{CStr, CString};

use pgrx::prelude::*;

use crate::db::{self, Path};
use crate::error::{Error, OrRaise};
use crate::{deferred, trust};

/// Who writes our tables.
pub(crate) fn role() -> pg_sys::Oid {
    // SAFETY: a look-up in the server's caches; raises where the role is gone.
    unsafe { pg_sys::get_role_oid(c"payments_definer".as_ptr(), false) }
}

/// Who writes what decides whose rights are used: attached tables, types of subjects, trusted roles. No app has a trigger there, so
/// that none can say what only an owner or a superuser may say.
fn registrar() -> pg_sys::Oid {
    // SAFETY: as above.
    unsafe { pg_sys::get_role_oid(c"payments_registrar".as_ptr(), false) }
}

/// Who owns them.
fn owner() -> pg_sys::Oid {
    // SAFETY: as above.
    unsafe { pg_sys::get_role_oid(c"payments_owner".as_ptr(), false) }
}

/// Reads our tables. Assigns no transaction id, so that a standby and a policy can do it.
pub(crate) fn read<T>(work: impl FnOnce() -> T) -> T {
    db::as_ours(role(), Path::Pinned, work)
}

/// Writes our tables. What is deferred there, and on tables that reference them, is checked at once: it would otherwise run at
/// the commit, outside of this operation, with somebody else's rights. What the caller had put off so far fires before we switch.
pub(crate) fn write<T>(path: Path, work: impl FnOnce() -> T) -> T {
    write_as(role(), path, work)
}

fn write_as<T>(role: pg_sys::Oid, path: Path, work: impl FnOnce() -> T) -> T {
    if is_inside() {
        return db::as_ours(role, path, work);
    }
    deferred::check_at_once();
    let result = db::as_ours(role, path, work);
    deferred::put_off_again();
    result
}

/// Whether the present code was called by ours, from inside of such an operation.
pub(crate) fn is_inside() -> bool {
    let mut user = pg_sys::InvalidOid;
    let mut context = 0;
    // SAFETY: globals of this backend.
    unsafe { pg_sys::GetUserIdAndSecContext(&raw mut user, &raw mut context) };
    context & pg_sys::SECURITY_RESTRICTED_OPERATION as i32 != 0 && is_ours(user)
}

/// Whether a role is one of those that our code runs as.
pub(crate) fn is_ours(other: pg_sys::Oid) -> bool {
    other == role() || other == registrar()
}

/// Whether DDL of ours runs.
pub(crate) fn is_owner() -> bool {
    db::current_role() == owner()
}

/// Raises 42501 unless the caller is our own code, or a superuser: for functions that our SQL calls, and nobody else should.
pub(crate) fn require_inside() {
    if !is_inside() && !db::is_superuser(db::current_role()) {
        Error::Internal.raise();
    }
}

/// Runs DDL of ours as the owner of the tables.
pub(crate) fn run_ddl(statements: &[String]) {
    db::as_ours(owner(), Path::Pinned, || {
        for statement in statements {
            db::dynamic(statement, &[]);
        }
    });
}

/// Grants or revokes on our functions, as the superuser whom they belong to: what anyone else granted, that superuser's REVOKE would
/// not take back. The statements never come near event triggers, whose functions would run as him.
pub(crate) fn run_function_grants(statements: &[String]) {
    // SAFETY: look-ups in the server's caches; the statements are GRANT and REVOKE of ours, which the parser made.
    unsafe {
        let Some(of_ours) = db::function_named("payments.outer_role()") else { Error::NotInstalled.raise() };
        let superuser =
            pgrx::pg_catalog::pg_proc::PgProc::new(of_ours).map_or(pg_sys::InvalidOid, |one| one.proowner());
        db::as_ours(superuser, Path::Pinned, || {
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

thread_local! {
    /// Who called the function whose body was entered last, until that asks.
    static CALLER: Cell<pg_sys::Oid> = const { Cell::new(pg_sys::InvalidOid) };
}

/// The role whose word a call is. A body asks once, before anything else: code of the app's that runs later is told its own role. Only
/// the bodies of `run_…named_…` ask, and only they are told.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
pub(crate) fn outer_role() -> Option<String> {
    let caller = match CALLER.replace(pg_sys::InvalidOid) {
        pg_sys::InvalidOid => db::current_role(),
        caller => caller,
    };
    db::role_name(caller)
}

/// How a public function whose body is SQL or PL/pgSQL is called: for whom, and whether the body asks who that is.
macro_rules! entrance {
    ($(#[$doc:meta])* $name:ident, $finfo:ident, $as:expr, for_admins: $admin:literal, tells: $tells:literal) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// Called by the server alone, as a function of version 1.
        #[unsafe(no_mangle)]
        #[allow(unreachable_pub, reason = "the server finds it by its name")]
        #[pg_guard]
        pub unsafe extern "C-unwind" fn $name(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
            if $admin {
                trust::require_admin().or_raise();
            }
            // SAFETY: the server's own description of the call.
            unsafe { run_body(call, $as, $tells) }
        }

        /// What the server asks before it calls a C function.
        #[unsafe(no_mangle)]
        #[allow(unreachable_pub, reason = "the server finds it by its name")]
        pub extern "C" fn $finfo() -> &'static pg_sys::Pg_finfo_record {
            &VERSION_1
        }
    };
}

entrance!(
    /// For an admin; raises 42501 for anyone else.
    run_for_admin, pg_finfo_run_for_admin, role(), for_admins: true, tells: false
);
entrance!(
    /// For an admin, whose name the body asks for.
    run_for_named_admin, pg_finfo_run_for_named_admin, role(), for_admins: true, tells: true
);
entrance!(
    /// For anyone: the body sees itself to whom it answers.
    run_for_anyone, pg_finfo_run_for_anyone, role(), for_admins: false, tells: false
);
entrance!(
    /// For anyone, whose name the body asks for.
    run_for_named_caller, pg_finfo_run_for_named_caller, role(), for_admins: false, tells: true
);
entrance!(
    /// For an admin, to write what decides whose rights are used.
    run_registry, pg_finfo_run_registry, registrar(), for_admins: true, tells: false
);
entrance!(
    /// The same, where the body asks for the admin's name.
    run_named_registry, pg_finfo_run_named_registry, registrar(), for_admins: true, tells: true
);

pub(crate) static VERSION_1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };

/// The function behind a public one, and how the server calls it.
unsafe fn body_of(function: *mut pg_sys::FmgrInfo) -> *mut pg_sys::FmgrInfo {
    // SAFETY: the memory is that of whoever prepared the call, and is freed with it; the look-ups copy what they return.
    unsafe {
        if !(*function).fn_extra.is_null() {
            return (*function).fn_extra.cast();
        }
        let mut types: *mut pg_sys::Oid = std::ptr::null_mut();
        let mut count = 0;
        pg_sys::get_func_signature((*function).fn_oid, &raw mut types, &raw mut count);
        let name = CStr::from_ptr(pg_sys::get_func_name((*function).fn_oid)).to_string_lossy();
        let body = CString::new(format!("{name}_body")).unwrap_or_default();
        let names = [c"payments", body.as_c_str()].iter().fold(std::ptr::null_mut(), |names, part| {
            pg_sys::lappend(names, pg_sys::makeString(pg_sys::pstrdup(part.as_ptr())).cast())
        });
        let found = pg_sys::LookupFuncName(names, count, types, false);
        let info: *mut pg_sys::FmgrInfo =
            pg_sys::MemoryContextAllocZero((*function).fn_mcxt, size_of::<pg_sys::FmgrInfo>()).cast();
        pg_sys::fmgr_info_cxt(found, info, (*function).fn_mcxt);
        (*info).fn_expr = (*function).fn_expr;
        (*function).fn_extra = info.cast();
        info
    }
}

/// The body is called as the server calls any function. Its errors pass by our frames, which hold nothing that must be dropped: what
/// was set up here is put back by the abort, and which function the call describes by the server, which pins our search path. So the
/// SQLSTATE of an error stays what it is, also where pgrx knows none of that name.
#[allow(clippy::cast_ptr_alignment, reason = "the server's own nodes are aligned for their type")]
unsafe fn run_body(call: pg_sys::FunctionCallInfo, runner: pg_sys::Oid, tells: bool) -> pg_sys::Datum {
    // SAFETY: what the server passes with a call, which stays as long as that; the body takes the same arguments.
    unsafe {
        let public = (*call).flinfo;
        let body = body_of(public);
        let result = (*call).resultinfo.cast::<pg_sys::ReturnSetInfo>();
        if (*body).fn_retset && !result.is_null() {
            // All rows at once, while we are the definer.
            (*result).allowedModes |= pg_sys::SetFunctionReturnMode::SFRM_Materialize_Preferred as i32;
        }
        let caller = if tells { db::current_role() } else { pg_sys::InvalidOid };
        let writes = pg_sys::func_volatile((*body).fn_oid) == pg_sys::PROVOLATILE_VOLATILE as std::ffi::c_char;
        let work = || {
            CALLER.set(caller);
            (*call).flinfo = body;
            let answer = (*body).fn_addr.map_or(pg_sys::Datum::from(0), |function| function(call));
            (*call).flinfo = public;
            CALLER.set(pg_sys::InvalidOid);
            answer
        };
        if writes { write_as(runner, Path::Pinned, work) } else { db::as_ours(runner, Path::Pinned, work) }
    }
}
