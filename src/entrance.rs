//! Functions of SQL and PL/pgSQL that need the definer's rights stand behind a C function of their name: `explain(text)` asks
//! whether the caller is an admin, switches, and calls `explain_body(text)`, which nobody may execute by himself.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::{CStr, CString};

use pgrx::prelude::*;

use crate::definer::{self, write_as};
use crate::error::OrRaise;
use crate::pg::guc::SearchPath;
use crate::pg::our_role::{self, registrar};
use crate::pg::role::RoleScope;
use crate::pg::slot::slot;
use crate::pg::{catalog, role};
use crate::trust;

/// Who called the function whose body was entered last, until that asks.
#[derive(Default)]
struct Caller(Cell<Option<pg_sys::Oid>>);

/// The role that called. A body asks for it once, before anything else, because code of the app that runs later gets its own role. Only the
/// bodies of `run_…named_…` may ask.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
pub(crate) fn outer_role() -> Option<String> {
    role::role_name(slot::<Caller>().0.take().unwrap_or_else(role::current_role))
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
    run_for_admin, pg_finfo_run_for_admin, our_role::definer(), for_admins: true, tells: false
);

entrance!(
    /// For an admin, whose name the body asks for.
    run_for_named_admin, pg_finfo_run_for_named_admin, our_role::definer(), for_admins: true, tells: true
);

entrance!(
    /// For anyone: the body sees itself to whom it answers.
    run_for_anyone, pg_finfo_run_for_anyone, our_role::definer(), for_admins: false, tells: false
);

entrance!(
    /// For anyone, whose name the body asks for.
    run_for_named_caller, pg_finfo_run_for_named_caller, our_role::definer(), for_admins: false, tells: true
);

entrance!(
    /// For an admin, to write what decides whose rights are used.
    run_registry, pg_finfo_run_registry, registrar(), for_admins: true, tells: false
);

entrance!(
    /// The same, where the body asks for the admin's name.
    run_named_registry, pg_finfo_run_named_registry, registrar(), for_admins: true, tells: true
);

/// Takes back what row security does not cover and no record backs, after somebody's GRANT.
///
/// # Safety
/// Called by the server alone, as the function of an event trigger.
#[unsafe(no_mangle)]
#[pg_guard]
pub unsafe extern "C-unwind" fn take_back_grants(_call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: a global of this backend. While a dump is being restored the records are still to come.
    let restoring = !unsafe { pg_sys::row_security };
    if !restoring && !definer::is_owner() && catalog::payments_table(c"granted_roles") != pg_sys::InvalidOid {
        // Under a snapshot of its own: that of the GRANT does not show what it did.
        let unbacked = definer::read(trust::unbacked_grants);
        if !unbacked.is_empty() {
            definer::run_ddl(&unbacked);
        }
    }
    pg_sys::Datum::from(0)
}

/// What the server asks before it calls a C function.
#[unsafe(no_mangle)]
#[allow(unreachable_pub, reason = "the server finds it by its name")]
pub extern "C" fn pg_finfo_take_back_grants() -> &'static pg_sys::Pg_finfo_record {
    &VERSION_1
}

static VERSION_1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };

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
        let caller = tells.then(role::current_role);
        let writes = pg_sys::func_volatile((*body).fn_oid) == pg_sys::PROVOLATILE_VOLATILE as std::ffi::c_char;
        let work = || {
            slot::<Caller>().0.set(caller);
            (*call).flinfo = body;
            let answer = (*body).fn_addr.map_or(pg_sys::Datum::from(0), |function| function(call));
            (*call).flinfo = public;
            slot::<Caller>().0.set(None);
            answer
        };
        if writes {
            write_as(runner, SearchPath::Pinned, work)
        } else {
            role::with_role(runner, RoleScope::Ours(SearchPath::Pinned), work)
        }
    }
}
