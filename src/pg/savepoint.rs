//! Subtransactions: some work is kept as a whole, or rolled back with the reason; or it is rolled back in any case.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::panic::AssertUnwindSafe;

use pgrx::pg_sys::PgTryBuilder;
use pgrx::pg_sys::panic::{CaughtError, ErrorReport, ErrorReportWithLevel};
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
    /// Where the server itself raised it; `None` where a RAISE of somebody's function did, or another module.
    raised_in: Option<String>,
}

/// The server's functions that raise what must not be swallowed: a cancel or a shutdown, a deadlock, a conflict with recovery. A
/// module that passes on what another server said may raise the same codes, and that says nothing about this server.
const INTERRUPTS: [&str; 4] =
    ["ProcessInterrupts", "DeadLockReport", "ProcessRecoveryConflictInterrupt", "ProcessRecoveryConflictInterrupts"];
/// Those that find the disk full.
const DISK_FULL: [&str; 5] = ["mdextend", "mdzeroextend", "XLogFileInitInternal", "XLogFileInit", "BufFileDumpBuffer"];

impl Failure {
    /// A failure that is known without trying.
    pub(crate) fn because(sqlstate: &str, message: impl Into<String>) -> Self {
        Self { sqlstate: sqlstate.into(), message: message.into(), detail: None, raised_in: None }
    }

    fn raised_by(&self, functions: &[&str]) -> bool {
        self.raised_in.as_deref().is_some_and(|raised_in| functions.contains(&raised_in))
    }

    /// Whether it says nothing of the work itself, even where that is an app's.
    fn is_interrupt(&self) -> bool {
        self.raised_by(&INTERRUPTS) && ["57", "40"].iter().any(|class| self.sqlstate.starts_with(class))
            || self.raised_by(&DISK_FULL) && self.sqlstate == "53100"
    }

    /// Whether it says nothing of the work itself, where that is ours.
    fn must_abort(&self) -> bool {
        self.is_interrupt()
            || self.raised_in.is_some() && ["53", "40"].iter().any(|class| self.sqlstate.starts_with(class))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {}", self.sqlstate, self.message)?;
        self.detail.as_ref().map_or(Ok(()), |detail| write!(out, " ({detail})"))
    }
}

thread_local! {
    /// Whether work has asked to run again with the exclusive lock. It is no part of an error, so it does not matter what an app's code
    /// raises or catches. The value is the start time of the transaction that asked, so that it ends with that transaction.
    static NEEDS_EXCLUSIVE: Cell<Option<i64>> = const { Cell::new(None) };
}

fn needs_exclusive() -> bool {
    // SAFETY: a global of this backend.
    NEEDS_EXCLUSIVE.get().is_some_and(|began| began == unsafe { pg_sys::GetCurrentTransactionStartTimestamp() })
}

/// Rolls back to the [`try_shared`] or [`catch_needs_exclusive`] where the work began, which then runs it again with the exclusive lock.
pub(crate) fn restart_exclusive() -> ! {
    // SAFETY: a global of this backend.
    NEEDS_EXCLUSIVE.set(Some(unsafe { pg_sys::GetCurrentTransactionStartTimestamp() }));
    ErrorReport::new(
        PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
        "this needs the whole projection to itself".to_owned(),
        "payments",
    )
    .report(PgLogLevel::ERROR);
    unreachable!("an error report does not return")
}

/// Runs `work` in a subtransaction: all that it did stays, or, where it raised, nothing of it.
///
/// Errors that say nothing of the work itself (a cancel, a shutdown, a deadlock, a serialization failure, a resource that
/// ran out) are raised again: they must abort the whole transaction, so that it is tried again. A function of the app's that
/// raises with such a code of its own choice is no reason to lose a payment.
pub(crate) fn savepoint<T>(work: impl FnOnce() -> T) -> Result<T, Failure> {
    savepoint_unless(Failure::must_abort, work)
}

/// The same for work on an app's own table: a resource that ran out there fails that work, and no more.
pub(crate) fn savepoint_of_app<T>(work: impl FnOnce() -> T) -> Result<T, Failure> {
    savepoint_unless(Failure::is_interrupt, work)
}

fn savepoint_unless<T>(must_abort: fn(&Failure) -> bool, work: impl FnOnce() -> T) -> Result<T, Failure> {
    match subtransaction(work) {
        Outcome::Done(done) => Ok(done),
        Outcome::NeedsExclusive => restart_exclusive(),
        Outcome::Raised(caught) => {
            let failure = failure_of(&caught);
            if must_abort(&failure) { caught.rethrow() } else { Err(failure) }
        }
    }
}

/// The same for work that may ask to be done again: then nothing of it stays, and there is no outcome.
pub(crate) fn try_shared<T>(work: impl FnOnce() -> T) -> Option<Result<T, Failure>> {
    NEEDS_EXCLUSIVE.set(None);
    match subtransaction(work) {
        Outcome::Done(done) => Some(Ok(done)),
        Outcome::NeedsExclusive => {
            NEEDS_EXCLUSIVE.set(None);
            None
        }
        Outcome::Raised(caught) => {
            let failure = failure_of(&caught);
            if failure.must_abort() { caught.rethrow() } else { Some(Err(failure)) }
        }
    }
}

/// Work that may ask to be done again, without a savepoint for any other error: that is raised again.
pub(crate) fn catch_needs_exclusive<T>(work: impl FnOnce() -> T) -> Option<T> {
    NEEDS_EXCLUSIVE.set(None);
    match subtransaction(work) {
        Outcome::Done(done) => Some(done),
        Outcome::NeedsExclusive => {
            NEEDS_EXCLUSIVE.set(None);
            None
        }
        Outcome::Raised(caught) => caught.rethrow(),
    }
}

/// How a subtransaction ended: all of it stays, or nothing.
#[allow(clippy::large_enum_variant, reason = "the error is pgrx's own, and lives no longer than who asks for it")]
enum Outcome<T> {
    Done(T),
    /// It asked to run again, whether or not the error was caught on the way.
    NeedsExclusive,
    Raised(CaughtError),
}

#[allow(clippy::result_large_err, reason = "as above")]
fn subtransaction<T>(work: impl FnOnce() -> T) -> Outcome<T> {
    // SAFETY: the pattern of PL/pgSQL's exception blocks: context and owner are put back on either exit.
    let (context, owner) = unsafe { (pg_sys::CurrentMemoryContext, pg_sys::CurrentResourceOwner) };
    // SAFETY: begins what the block below ends on either exit.
    unsafe {
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(context);
    }
    let outcome = noting_codes(|| {
        PgTryBuilder::new(AssertUnwindSafe(|| Ok(work()))).catch_rust_panic(Err).catch_others(Err).execute()
    });
    let outcome = match outcome {
        _ if needs_exclusive() => Outcome::NeedsExclusive,
        Ok(done) => Outcome::Done(done),
        Err(caught) => Outcome::Raised(caught),
    };
    // SAFETY: ends the subtransaction that began above, and puts context and owner back.
    unsafe {
        match outcome {
            Outcome::Done(_) => pg_sys::ReleaseCurrentSubTransaction(),
            Outcome::NeedsExclusive | Outcome::Raised(_) => pg_sys::RollbackAndReleaseCurrentSubTransaction(),
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
        raised_in: report
            .domain()
            .is_none_or(|domain| domain.starts_with("postgres"))
            .then(|| report.function_name().unwrap_or_default().to_owned()),
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
pub(crate) fn sqlstate(packed: i32) -> String {
    (0..5).map(|place| char::from(u8::try_from((packed >> (6 * place)) & 0x3F).unwrap_or(0) + b'0')).collect()
}

/// Runs `work` in a subtransaction and undoes all that it did; its result stays.
pub(crate) fn rolled_back<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: as in `savepoint`.
    let (context, owner) = unsafe { (pg_sys::CurrentMemoryContext, pg_sys::CurrentResourceOwner) };
    // SAFETY: begins what is rolled back below, or with the outer (sub)transaction where `work` raises.
    unsafe {
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(context);
    }
    let result = work();
    // SAFETY: ends the subtransaction that began above, and puts context and owner back.
    unsafe {
        pg_sys::RollbackAndReleaseCurrentSubTransaction();
        pg_sys::MemoryContextSwitchTo(context);
        pg_sys::CurrentResourceOwner = owner;
    }
    result
}

/// Runs `work`, and says nothing where it raised. In a parallel query, which has no savepoints, the error itself passes: what
/// calls this is not for one, but an app may have called a function of its own safe that asks it.
pub(crate) fn ok_or_none<T>(work: impl FnOnce() -> T) -> Option<T> {
    // SAFETY: reads a global of this backend.
    if unsafe { pg_sys::IsInParallelMode() } { Some(work()) } else { savepoint(work).ok() }
}
