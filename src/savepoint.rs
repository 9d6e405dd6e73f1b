//! Subtransactions: all of some work or nothing of it, and why; or nothing of it in any case.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::panic::AssertUnwindSafe;

use pgrx::pg_sys::PgTryBuilder;
use pgrx::pg_sys::panic::{CaughtError, ErrorReportWithLevel};
use pgrx::prelude::*;

/// Why a savepoint was rolled back.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// The error's SQLSTATE; XX000 where it was one that pgrx does not know.
    pub(crate) sqlstate: String,
    /// Its message.
    pub(crate) message: String,
    /// Its DETAIL.
    pub(crate) detail: Option<String>,
    /// Whether the server itself raised it, and not a RAISE of somebody's function that chose its SQLSTATE.
    by_server: bool,
}

impl Failure {
    /// Something that is known beforehand to fail.
    pub(crate) fn because(sqlstate: &str, message: impl Into<String>) -> Self {
        Self { sqlstate: sqlstate.into(), message: message.into(), detail: None, by_server: false }
    }

    /// Whether it says nothing of the work itself.
    fn must_abort(&self) -> bool {
        self.by_server && ["57", "40", "53"].iter().any(|class| self.sqlstate.starts_with(class))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {}", self.sqlstate, self.message)?;
        self.detail.as_ref().map_or(Ok(()), |detail| write!(out, " ({detail})"))
    }
}

/// Runs `work` in a subtransaction: all that it did stays, or, where it raised, nothing of it.
///
/// Errors that say nothing of the work itself (a cancel, a shutdown, a deadlock, a serialization failure, a resource that
/// ran out) are raised again: they must abort the whole transaction, so that it is tried again. A function of the app's that
/// raises with such a code of its own choice is no reason to lose a payment.
pub(crate) fn savepoint<T>(work: impl FnOnce() -> T) -> Result<T, Failure> {
    subtransaction(work).map_err(|caught| {
        let failure = failure_of(&caught);
        if failure.must_abort() || failure.message == AGAIN {
            caught.rethrow();
        }
        failure
    })
}

/// The message by which work asks to be done again otherwise: no savepoint within it keeps that.
pub(crate) const AGAIN: &str = "payments: this needs the whole projection to itself";

/// The same for work that may ask to be done again: then nothing of it stays, and there is no outcome.
pub(crate) fn first_try<T>(work: impl FnOnce() -> T) -> Option<Result<T, Failure>> {
    match subtransaction(work) {
        Ok(done) => Some(Ok(done)),
        Err(caught) => match failure_of(&caught) {
            failure if failure.message == AGAIN => None,
            failure if failure.must_abort() => caught.rethrow(),
            failure => Some(Err(failure)),
        },
    }
}

/// Work that may ask to be done again, without a savepoint for any other error: that is raised again.
pub(crate) fn unless_again<T>(work: impl FnOnce() -> T) -> Option<T> {
    match subtransaction(work) {
        Ok(done) => Some(done),
        Err(caught) if failure_of(&caught).message == AGAIN => None,
        Err(caught) => caught.rethrow(),
    }
}

#[allow(clippy::result_large_err, reason = "the error is pgrx's own, and lives no longer than who asks for it")]
fn subtransaction<T>(work: impl FnOnce() -> T) -> Result<T, CaughtError> {
    // SAFETY: the pattern of PL/pgSQL's exception blocks: context and owner are put back on either exit.
    let (context, owner) = unsafe { (pg_sys::CurrentMemoryContext, pg_sys::CurrentResourceOwner) };
    unsafe {
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(context);
    }
    let outcome = noting_codes(|| {
        PgTryBuilder::new(AssertUnwindSafe(|| Ok(work()))).catch_rust_panic(Err).catch_others(Err).execute()
    });
    unsafe {
        match outcome {
            Ok(_) => pg_sys::ReleaseCurrentSubTransaction(),
            Err(_) => pg_sys::RollbackAndReleaseCurrentSubTransaction(),
        }
        pg_sys::MemoryContextSwitchTo(context);
        pg_sys::CurrentResourceOwner = owner;
    }
    outcome
}

fn failure_of(caught: &CaughtError) -> Failure {
    let report: &ErrorReportWithLevel = match caught {
        CaughtError::PostgresError(report) | CaughtError::ErrorReport(report) => report,
        CaughtError::RustPanic { ereport, .. } => ereport,
    };
    let known = report.sql_error_code();
    let code = match LAST_CODE.get() {
        raised if raised != 0 && known == PgSqlErrorCode::ERRCODE_INTERNAL_ERROR => raised,
        _ => known as i32,
    };
    Failure {
        sqlstate: sqlstate(code),
        message: report.message().to_owned(),
        detail: report.detail().map(ToOwned::to_owned),
        // Languages have a message domain of their own; that of the server is "postgres15-15" and the like.
        by_server: report.domain().is_none_or(|domain| domain.starts_with("postgres")),
    }
}

thread_local! {
    /// The code of what was reported last, as the server packs it; 0 where nothing was.
    static LAST_CODE: Cell<i32> = const { Cell::new(0) };
}

/// Notes the code of every report while `work` runs: an app may raise with any, and pgrx knows only those of the server.
fn noting_codes<T>(work: impl FnOnce() -> T) -> T {
    unsafe extern "C-unwind" fn note(_: *mut std::ffi::c_void) {
        // SAFETY: the server calls this while it reports something.
        LAST_CODE.set(unsafe { pg_sys::geterrcode() });
    }
    LAST_CODE.set(0);
    // SAFETY: the callback is taken off again below, before it goes out of scope; `work` does not unwind past here.
    unsafe {
        let mut callback = pg_sys::ErrorContextCallback {
            previous: pg_sys::error_context_stack,
            callback: Some(note),
            arg: std::ptr::null_mut(),
        };
        pg_sys::error_context_stack = &raw mut callback;
        let outcome = work();
        pg_sys::error_context_stack = callback.previous;
        outcome
    }
}

/// The five characters of an error code (`MAKE_SQLSTATE` of the server packs six bits for each).
fn sqlstate(packed: i32) -> String {
    (0..5).map(|place| char::from(u8::try_from((packed >> (6 * place)) & 0x3F).unwrap_or(0) + b'0')).collect()
}

/// Runs `work` in a subtransaction and undoes all that it did; its result stays.
pub(crate) fn undone<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: as in `savepoint`.
    let (context, owner) = unsafe { (pg_sys::CurrentMemoryContext, pg_sys::CurrentResourceOwner) };
    unsafe {
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(context);
    }
    let result = work();
    unsafe {
        pg_sys::RollbackAndReleaseCurrentSubTransaction();
        pg_sys::MemoryContextSwitchTo(context);
        pg_sys::CurrentResourceOwner = owner;
    }
    result
}
