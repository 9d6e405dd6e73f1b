//! The one door to the server's SPI: prepared statements, typed rows, savepoints, and acting as a table's owner.
#![allow(unsafe_code)]

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use pgrx::datum::DatumWithOid;
use pgrx::pg_sys::PgTryBuilder;
use pgrx::pg_sys::panic::{CaughtError, ErrorReportWithLevel};
use pgrx::prelude::*;
use pgrx::spi::OwnedPreparedStatement;
use pgrx::{IntoDatum, PgOid};
use serde::de::DeserializeOwned;

/// One file of `sql/statement`, prepared at its first use and kept for the life of the backend.
///
/// A statement that returns rows returns one column of JSON, which serde turns into the row's type.
pub(crate) struct Statement {
    /// The file's name, by which its kept plan is found.
    pub(crate) name: &'static str,
    /// The file's text.
    pub(crate) sql: &'static str,
}

/// Declares a [`Statement`] from `sql/statement/<file>.sql`.
macro_rules! statement {
    ($name:ident, $file:literal) => {
        static $name: $crate::db::Statement = $crate::db::Statement {
            name: $file,
            sql: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/statement/", $file, ".sql")),
        };
    };
}
pub(crate) use statement;

thread_local! {
    static PLANS: RefCell<HashMap<&'static str, Rc<OwnedPreparedStatement>>> = RefCell::new(HashMap::new());
    static TARGET_PLANS: RefCell<HashMap<String, Rc<OwnedPreparedStatement>>> = RefCell::new(HashMap::new());
    static READ_PLANS: RefCell<HashMap<String, Rc<OwnedPreparedStatement>>> = RefCell::new(HashMap::new());
    static ORDINARY_PATH: OnceCell<std::ffi::CString> = const { OnceCell::new() };
}

impl Statement {
    /// Runs it and tells how many rows it touched.
    pub(crate) fn execute(&self, args: &[DatumWithOid]) -> u64 {
        self.run(args, |_| unsafe { pg_sys::SPI_processed })
    }

    /// Its first row, if there is one.
    pub(crate) fn one<T: DeserializeOwned>(&self, args: &[DatumWithOid]) -> Option<T> {
        self.texts(args).first().map(|text| self.typed(text))
    }

    /// All its rows.
    pub(crate) fn all<T: DeserializeOwned>(&self, args: &[DatumWithOid]) -> Vec<T> {
        self.texts(args).iter().map(|text| self.typed(text)).collect()
    }

    /// All its rows, without assigning a transaction id: for functions that a standby or a policy calls.
    pub(crate) fn read<T: DeserializeOwned>(&self, args: &[DatumWithOid]) -> Vec<T> {
        read(self.sql, args).iter().map(|text| self.typed(text)).collect()
    }

    fn typed<T: DeserializeOwned>(&self, text: &str) -> T {
        serde_json::from_str(text)
            .unwrap_or_else(|error| pgrx::error!("statement {} returned a row of another shape: {error}", self.name))
    }

    fn texts(&self, args: &[DatumWithOid]) -> Vec<String> {
        self.run(args, |rows| {
            let mut texts = Vec::with_capacity(rows.len());
            for row in rows {
                if let Ok(Some(text)) = row.get_datum_by_ordinal(1).and_then(pgrx::spi::SpiHeapTupleDataEntry::value) {
                    texts.push(text);
                }
            }
            texts
        })
    }

    fn run<T>(&self, args: &[DatumWithOid], read: impl FnOnce(pgrx::spi::SpiTupleTable) -> T) -> T {
        let result = Spi::connect_mut(|client| -> Result<T, pgrx::spi::Error> {
            let known = PLANS.with(|plans| plans.borrow().get(self.name).cloned());
            let plan = if let Some(plan) = known {
                plan
            } else {
                let types: Vec<PgOid> = args.iter().map(|arg| PgOid::from(arg.oid())).collect();
                let plan = Rc::new(client.prepare_mut(self.sql, &types)?.keep());
                PLANS.with(|plans| plans.borrow_mut().insert(self.name, Rc::clone(&plan)));
                plan
            };
            Ok(read(client.update(&*plan, None, args)?))
        });
        result.unwrap_or_else(|error| pgrx::error!("statement {}: {error}", self.name))
    }
}

/// Runs a statement whose text is only known at run time (its target table is the app's); its plan is kept like a file's.
/// Tells how many rows it touched, and its first value.
pub(crate) fn kept(sql: &str, args: &[DatumWithOid]) -> (u64, Option<String>) {
    Spi::connect_mut(|client| {
        let known = TARGET_PLANS.with(|plans| plans.borrow().get(sql).cloned());
        let plan = if let Some(plan) = known {
            plan
        } else {
            let types: Vec<PgOid> = args.iter().map(|arg| PgOid::from(arg.oid())).collect();
            let plan = Rc::new(client.prepare_mut(sql, &types)?.keep());
            TARGET_PLANS.with(|plans| plans.borrow_mut().insert(sql.to_owned(), Rc::clone(&plan)));
            plan
        };
        let rows = client.update(&*plan, None, args)?;
        let touched = unsafe { pg_sys::SPI_processed };
        let value = if rows.is_empty() || rows.columns().is_err() { None } else { rows.first().get_one::<String>()? };
        Ok((touched, value))
    })
    .unwrap_or_else(|error: pgrx::spi::Error| pgrx::error!("{error}"))
}

/// The first column of what a statement finds, without assigning a transaction id; its plan is kept.
pub(crate) fn read(sql: &str, args: &[DatumWithOid]) -> Vec<String> {
    Spi::connect(|client| {
        let known = READ_PLANS.with(|plans| plans.borrow().get(sql).cloned());
        let plan = if let Some(plan) = known {
            plan
        } else {
            let types: Vec<PgOid> = args.iter().map(|arg| PgOid::from(arg.oid())).collect();
            let plan = Rc::new(client.prepare(sql, &types)?.keep());
            READ_PLANS.with(|plans| plans.borrow_mut().insert(sql.to_owned(), Rc::clone(&plan)));
            plan
        };
        let mut texts = Vec::new();
        for row in client.select(&*plan, None, args)? {
            texts.extend(row.get_datum_by_ordinal(1)?.value::<String>()?);
        }
        Ok(texts)
    })
    .unwrap_or_else(|error: pgrx::spi::Error| pgrx::error!("{error}"))
}

/// Runs a statement whose text is only known at run time (its target table is the app's), unprepared.
pub(crate) fn dynamic(sql: &str, args: &[DatumWithOid]) -> Option<String> {
    Spi::connect_mut(|client| {
        let rows = client.update(sql, None, args)?;
        if rows.is_empty() { Ok(None) } else { rows.first().get_one::<String>() }
    })
    .unwrap_or_else(|error: pgrx::spi::Error| pgrx::error!("{error}"))
}

/// Why a savepoint was rolled back.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// The error's SQLSTATE; XX000 where it was one that pgrx does not know.
    pub(crate) sqlstate: String,
    /// Its message.
    pub(crate) message: String,
    /// Its DETAIL.
    pub(crate) detail: Option<String>,
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
/// ran out) are raised again: they must abort the whole transaction, so that it is tried again.
pub(crate) fn savepoint<T>(work: impl FnOnce() -> T) -> Result<T, Failure> {
    // SAFETY: the pattern of PL/pgSQL's exception blocks: context and owner are put back on either exit.
    let (context, owner) = unsafe { (pg_sys::CurrentMemoryContext, pg_sys::CurrentResourceOwner) };
    unsafe {
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(context);
    }
    let outcome = PgTryBuilder::new(AssertUnwindSafe(|| Ok(work()))).catch_rust_panic(Err).catch_others(Err).execute();
    unsafe {
        match outcome {
            Ok(_) => pg_sys::ReleaseCurrentSubTransaction(),
            Err(_) => pg_sys::RollbackAndReleaseCurrentSubTransaction(),
        }
        pg_sys::MemoryContextSwitchTo(context);
        pg_sys::CurrentResourceOwner = owner;
    }
    outcome.map_err(|caught| {
        let failure = failure_of(&caught);
        if ["57", "40", "53"].iter().any(|class| failure.sqlstate.starts_with(class)) {
            caught.rethrow();
        }
        failure
    })
}

fn failure_of(caught: &CaughtError) -> Failure {
    let report: &ErrorReportWithLevel = match caught {
        CaughtError::PostgresError(report) | CaughtError::ErrorReport(report) => report,
        CaughtError::RustPanic { ereport, .. } => ereport,
    };
    Failure {
        sqlstate: sqlstate(report.sql_error_code()),
        message: report.message().to_owned(),
        detail: report.detail().map(ToOwned::to_owned),
    }
}

/// The five characters of an error code (`MAKE_SQLSTATE` of the server packs six bits for each).
fn sqlstate(code: PgSqlErrorCode) -> String {
    let packed = code as i32;
    (0..5).map(|place| char::from(u8::try_from((packed >> (6 * place)) & 0x3F).unwrap_or(0) + b'0')).collect()
}

/// Runs `work` with the `search_path` that an ordinary session of this database has, so that the unqualified names in an
/// app's triggers resolve. Our own statements are qualified and depend on no path.
///
/// Where `work` raises, the abort of the (sub)transaction puts the setting back.
pub(crate) fn with_ordinary_search_path<T>(work: impl FnOnce() -> T) -> T {
    let level = unsafe { pg_sys::NewGUCNestLevel() };
    ORDINARY_PATH.with(|path| {
        let path = path.get_or_init(|| {
            let path = ORDINARY_SEARCH_PATH.one::<String>(&[]).unwrap_or_default();
            std::ffi::CString::new(path).unwrap_or_default()
        });
        set_for_nest(c"search_path", path);
    });
    let result = work();
    unsafe { pg_sys::AtEOXact_GUC(true, level) };
    result
}

statement!(ORDINARY_SEARCH_PATH, "ordinary_search_path");

fn set_for_nest(name: &std::ffi::CStr, value: &std::ffi::CStr) {
    unsafe {
        pg_sys::set_config_option(
            name.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_SAVE,
            true,
            0,
            false,
        );
    }
}

/// Runs `work` as the owner of `relation`, in a security-restricted operation with a GUC nest level of its own: a trigger,
/// default, check, policy or rule of that table gains nothing that its owner has not, and leaves no setting behind
/// (what logical replication's apply does since PostgreSQL 16).
///
/// Returns `None` where the relation is gone. Where `work` raises, the abort puts user and settings back.
pub(crate) fn as_owner_of<T>(relation: pg_sys::Oid, work: impl FnOnce() -> T) -> Option<T> {
    let owner = owner_of(relation)?;
    let mut user = pg_sys::InvalidOid;
    let mut context = 0;
    unsafe {
        pg_sys::GetUserIdAndSecContext(&raw mut user, &raw mut context);
        pg_sys::SetUserIdAndSecContext(
            owner,
            context | pg_sys::SECURITY_RESTRICTED_OPERATION as i32 | pg_sys::SECURITY_LOCAL_USERID_CHANGE as i32,
        );
    }
    let result = with_ordinary_search_path(work);
    unsafe { pg_sys::SetUserIdAndSecContext(user, context) };
    Some(result)
}

/// Who owns a relation; `None` where it is gone.
pub(crate) fn owner_of(relation: pg_sys::Oid) -> Option<pg_sys::Oid> {
    unsafe {
        let opened = pg_sys::try_relation_open(relation, pg_sys::AccessShareLock as i32);
        if opened.is_null() {
            return None;
        }
        let owner = (*(*opened).rd_rel).relowner;
        pg_sys::relation_close(opened, pg_sys::NoLock as i32);
        Some(owner)
    }
}

/// A text argument, or NULL.
pub(crate) fn text<'a>(value: impl Into<Option<&'a str>>) -> DatumWithOid<'a> {
    value.into().map_or_else(DatumWithOid::null::<&str>, DatumWithOid::from)
}

/// A value as JSON text, for a statement that casts it.
pub(crate) fn json<T: serde::Serialize + ?Sized>(value: &T) -> DatumWithOid<'static> {
    let written =
        serde_json::to_string(value).unwrap_or_else(|error| pgrx::error!("a row could not be written: {error}"));
    // SAFETY: the datum is a copy in the current memory context; the oid is that of text.
    unsafe { DatumWithOid::new(written.into_datum(), pg_sys::TEXTOID) }
}

/// Under repeatable read a delivery could not see what another wrote while it waited, and would lose it.
pub(crate) fn require_read_committed() -> Result<(), crate::error::Error> {
    // SAFETY: a global of this backend.
    let level = unsafe { pg_sys::XactIsoLevel };
    if level <= pg_sys::XACT_READ_COMMITTED as i32 { Ok(()) } else { Err(crate::error::Error::Isolation) }
}

/// What is answered must be durable, whatever the session has set. A SET clause on the function would be undone before the
/// commit, so the setting is made local to the transaction here.
pub(crate) fn commit_durably() {
    // SAFETY: a global of this backend.
    let wanted = pg_sys::SyncCommitLevel::SYNCHRONOUS_COMMIT_REMOTE_FLUSH as i32;
    if unsafe { pg_sys::synchronous_commit } >= wanted {
        return;
    }
    unsafe {
        pg_sys::set_config_option(
            c"synchronous_commit".as_ptr(),
            c"on".as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_LOCAL,
            true,
            0,
            false,
        );
    }
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

/// Until the subtransaction ends, rows are written without any trigger firing, as in a replica.
pub(crate) fn without_triggers() {
    unsafe {
        pg_sys::set_config_option(
            c"session_replication_role".as_ptr(),
            c"replica".as_ptr(),
            pg_sys::GucContext::PGC_SUSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_LOCAL,
            true,
            0,
            false,
        );
    }
}
