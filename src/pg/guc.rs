//! Settings: those of a nest level, which end with it, and those that hold until the transaction ends.
#![allow(unsafe_code)]

use std::cell::{Cell, OnceCell};

use pgrx::prelude::*;

use crate::pg::statement::query;

/// Where our own functions look up what they do not qualify.
pub(crate) const PINNED_PATH: &std::ffi::CStr = c"pg_catalog, pg_temp";

thread_local! {
    static ORDINARY_PATH: OnceCell<std::ffi::CString> = const { OnceCell::new() };
}

query!(ORDINARY_SEARCH_PATH, "pg_guc", "ordinary_search_path");

/// Where unqualified names are looked up while we act as another role.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SearchPath {
    /// As in an ordinary session of this database, temporary objects last: for code of the app's.
    Ordinary,
    /// In `pg_catalog` only: for our own code.
    Pinned,
}

/// Sets the search path until the nest level ends. Setting it costs look-ups in the catalog, so it is left where it is the same.
pub(crate) fn search(path: &std::ffi::CStr) {
    // SAFETY: a global of this backend, a text that ends with a zero byte.
    let is_set = unsafe {
        !pg_sys::namespace_search_path.is_null() && std::ffi::CStr::from_ptr(pg_sys::namespace_search_path) == path
    };
    if !is_set {
        set_for_nest(c"search_path", path);
    }
}

/// The `search_path` that an ordinary session of this database has, so that the unqualified names in an app's triggers resolve;
/// but temporary objects, which are the caller's, are found last. Our own statements are qualified and depend on no path.
pub(crate) fn ordinary_path<T>(with: impl FnOnce(&std::ffi::CStr) -> T) -> T {
    ORDINARY_PATH.with(|known| {
        with(known.get_or_init(|| {
            let path = ORDINARY_SEARCH_PATH.one::<String>(&[]).unwrap_or_default();
            std::ffi::CString::new(payments_core::search_path::with_system_first_and_temporary_last(&path))
                .unwrap_or_default()
        }))
    })
}

/// The `search_path` that a session of this database starts with, without `"$user"` and temporary objects last: our own functions write to our
/// tables under it, so that the app's triggers there find what they find in any session.
#[pg_extern(stable)]
#[search_path(pg_catalog, pg_temp)]
fn ordinary_search_path() -> String {
    ordinary_path(|path| path.to_string_lossy().into_owned())
}

pub(crate) fn set_for_nest(name: &std::ffi::CStr, value: &std::ffi::CStr) {
    set_option(name, value, pg_sys::GucAction::GUC_ACTION_SAVE);
}

/// Sets a setting for the present nest level, or until the transaction ends, whoever may set it otherwise.
fn set_option(name: &std::ffi::CStr, value: &std::ffi::CStr, how_long: pg_sys::GucAction::Type) {
    // SAFETY: both texts end with a zero byte; the server copies them.
    unsafe {
        pg_sys::set_config_option(
            name.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_SUSET,
            pg_sys::GucSource::PGC_S_SESSION,
            how_long,
            true,
            0,
            false,
        );
    }
}

thread_local! {
    /// Whether the running statement holds a secret, so that its text must not reach the log.
    pub(crate) static HIDDEN: Cell<bool> = const { Cell::new(false) };
}

/// An error would write its statement, and so a secret that it holds, to the server's log: until the transaction ends, statements of
/// errors are not logged, also beyond the nest level of the present operation.
pub(crate) fn hide_statement_from_log() {
    HIDDEN.set(true);
    set_option(c"log_min_error_statement", c"panic", pg_sys::GucAction::GUC_ACTION_LOCAL);
}

/// Runs `work` so that it waits for no lock longer than `limit` milliseconds; a lower limit of the session's stays.
pub(crate) fn with_lock_timeout<T>(limit: i32, work: impl FnOnce() -> T) -> T {
    // SAFETY: a global of this backend.
    let before = unsafe { pg_sys::LockTimeout };
    if before > 0 && before <= limit {
        return work();
    }
    // SAFETY: begins a nest that is ended below, or with the (sub)transaction where `work` raises.
    let level = unsafe { pg_sys::NewGUCNestLevel() };
    set_for_nest(c"lock_timeout", &std::ffi::CString::new(limit.to_string()).unwrap_or_default());
    let result = work();
    // SAFETY: ends the nest that began above; an error ends it with the (sub)transaction.
    unsafe { pg_sys::AtEOXact_GUC(false, level) };
    result
}

/// What is answered must be durable, whatever the session has set. A SET clause on the function would be undone before the
/// commit, so the setting is made local to the transaction here.
pub(crate) fn commit_durably() {
    let wanted = pg_sys::SyncCommitLevel::SYNCHRONOUS_COMMIT_REMOTE_FLUSH as i32;
    // SAFETY: a global of this backend.
    if unsafe { pg_sys::synchronous_commit } >= wanted {
        return;
    }
    set_option(c"synchronous_commit", c"on", pg_sys::GucAction::GUC_ACTION_LOCAL);
}

/// Until the subtransaction ends, rows are written without any trigger firing, as in a replica.
pub(crate) fn without_triggers() {
    set_option(c"session_replication_role", c"replica", pg_sys::GucAction::GUC_ACTION_LOCAL);
}

/// A setting's text, whoever set it; `None` where it is not set.
pub(crate) fn setting(name: &std::ffi::CStr) -> Option<String> {
    // SAFETY: the name ends with a NUL; the value is copied before anything can change it.
    unsafe {
        let value = pg_sys::GetConfigOption(name.as_ptr(), true, false);
        if value.is_null() { None } else { Some(std::ffi::CStr::from_ptr(value).to_string_lossy().into_owned()) }
    }
}

/// Refuses settings of this prefix that nobody has defined.
pub(crate) fn reserve_prefix(prefix: &std::ffi::CStr) {
    // SAFETY: the name ends with a zero byte; the server copies it.
    unsafe { pg_sys::MarkGUCPrefixReserved(prefix.as_ptr()) };
}
