//! Owner, runner and code are three. `payments_owner` owns the tables and runs fixed DDL of ours and nothing else.
//! `payments_definer` reads and writes the tables, and so is whom an app's trigger on them runs as; it owns nothing that it
//! could alter. The functions belong to the superuser who installed them, and take the definer's place only here, inside C.
//!
//! A function of SQL or PL/pgSQL that needs the definer's rights stands behind a C function of its name: `explain(text)` asks
//! whether the caller is an admin, switches, and calls `explain_body(text)`, which nobody may execute by himself.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::{CStr, CString};

use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use pgrx::prelude::*;

use crate::db::{self, Path};
use crate::error::{Error, OrRaise};
use crate::{deferred, savepoint, trust};

/// Who writes our tables.
pub(crate) fn role() -> pg_sys::Oid {
    // SAFETY: a look-up in the server's caches; raises where the role is gone.
    unsafe { pg_sys::get_role_oid(c"payments_definer".as_ptr(), false) }
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
    if is_inside() {
        return db::as_ours(role(), path, work);
    }
    savepoint::forget_signals();
    deferred::check_at_once();
    let result = db::as_ours(role(), path, work);
    deferred::put_off_again();
    result
}

/// Whether the present code was called by ours, from inside of such an operation.
pub(crate) fn is_inside() -> bool {
    let mut user = pg_sys::InvalidOid;
    let mut context = 0;
    // SAFETY: globals of this backend.
    unsafe { pg_sys::GetUserIdAndSecContext(&raw mut user, &raw mut context) };
    context & pg_sys::SECURITY_RESTRICTED_OPERATION as i32 != 0 && user == role()
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

thread_local! {
    /// Who called the function whose body was entered last, until that asks.
    static CALLER: Cell<pg_sys::Oid> = const { Cell::new(pg_sys::InvalidOid) };
}

/// The role whose word a call is. A body asks once, before anything else: code of the app's that runs later is told its own role.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
pub(crate) fn outer_role() -> Option<String> {
    let caller = match CALLER.replace(pg_sys::InvalidOid) {
        pg_sys::InvalidOid => db::current_role(),
        caller => caller,
    };
    db::role_name(caller)
}

/// Calls the body of a public function for an admin. Raises 42501 for anyone else.
///
/// # Safety
/// Called by the server alone, as a function of version 1.
#[unsafe(no_mangle)]
#[pg_guard]
pub unsafe extern "C-unwind" fn run_for_admin(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    trust::require_admin().or_raise();
    // SAFETY: the server's own description of the call.
    unsafe { run_body(call) }
}

/// Calls the body of a public function, which sees itself to whom it answers.
///
/// # Safety
/// Called by the server alone, as a function of version 1.
#[unsafe(no_mangle)]
#[pg_guard]
pub unsafe extern "C-unwind" fn run_for_anyone(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: the server's own description of the call.
    unsafe { run_body(call) }
}

pub(crate) static VERSION_1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };

/// What the server asks before it calls a C function.
#[unsafe(no_mangle)]
#[allow(unreachable_pub, reason = "the server finds it by its name")]
pub extern "C" fn pg_finfo_run_for_admin() -> &'static pg_sys::Pg_finfo_record {
    &VERSION_1
}

/// What the server asks before it calls a C function.
#[unsafe(no_mangle)]
#[allow(unreachable_pub, reason = "the server finds it by its name")]
pub extern "C" fn pg_finfo_run_for_anyone() -> &'static pg_sys::Pg_finfo_record {
    &VERSION_1
}

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

/// Puts back which function a call describes, however it ends.
struct Called(pg_sys::FunctionCallInfo, *mut pg_sys::FmgrInfo);

impl Drop for Called {
    fn drop(&mut self) {
        // SAFETY: the call is the caller's, who still holds it.
        unsafe { (*self.0).flinfo = self.1 };
    }
}

unsafe fn run_body(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: what the server passes with a call, which stays as long as that; the body takes the same arguments.
    unsafe {
        let body = body_of((*call).flinfo);
        let result = (*call).resultinfo.cast::<pg_sys::ReturnSetInfo>();
        if (*body).fn_retset && !result.is_null() {
            // All rows at once, while we are the definer.
            (*result).allowedModes |= pg_sys::SetFunctionReturnMode::SFRM_Materialize_Preferred as i32;
        }
        let caller = db::current_role();
        let writes = pg_sys::func_volatile((*body).fn_oid) == pg_sys::PROVOLATILE_VOLATILE as std::ffi::c_char;
        let work = || {
            let _before = Called(call, std::mem::replace(&mut (*call).flinfo, body));
            CALLER.set(caller);
            let answer = pg_guard_ffi_boundary(|| (*body).fn_addr.map(|function| function(call)));
            CALLER.set(pg_sys::InvalidOid);
            answer.unwrap_or(pg_sys::Datum::from(0))
        };
        if writes { write(Path::Pinned, work) } else { read(work) }
    }
}
