//! The one door to the server's SPI: prepared statements, typed rows, savepoints, and acting as a table's owner.
#![allow(unsafe_code)]

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;

use pgrx::datum::DatumWithOid;
use pgrx::prelude::*;
use pgrx::{FromDatum, IntoDatum};
use serde::de::DeserializeOwned;

pub(crate) use crate::jsonb::Jsonb;
use crate::plan;
pub(crate) use crate::plan::{booleans_array, json, jsonb, numbers_array, text, texts_array};
pub(crate) use crate::savepoint::{Failure, again, first_try, savepoint, savepoint_of_app, undone, unless_again};

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

/// Where our own functions look up what they do not qualify.
const PINNED_PATH: &std::ffi::CStr = c"pg_catalog, pg_temp";

thread_local! {
    static ORDINARY_PATH: OnceCell<std::ffi::CString> = const { OnceCell::new() };
    /// The owner of the table that is written to, while that is so.
    static ACTING: Cell<pg_sys::Oid> = const { Cell::new(pg_sys::InvalidOid) };
    static LOOK_UPS: RefCell<HashMap<String, pg_sys::SPIPlanPtr>> = RefCell::new(HashMap::new());
}

impl Statement {
    /// Runs it and tells how many rows it touched.
    pub(crate) fn execute(&self, args: &[DatumWithOid]) -> u64 {
        plan::run(self.name, self.sql, args, true).touched
    }

    /// Its first row, if there is one.
    pub(crate) fn one<T: DeserializeOwned>(&self, args: &[DatumWithOid]) -> Option<T> {
        plan::run(self.name, self.sql, args, true).texts.first().map(|text| self.typed(text))
    }

    /// All its rows.
    pub(crate) fn all<T: DeserializeOwned>(&self, args: &[DatumWithOid]) -> Vec<T> {
        plan::run(self.name, self.sql, args, true).texts.iter().map(|text| self.typed(text)).collect()
    }

    /// All its rows, without assigning a transaction id: for functions that a standby or a policy calls.
    pub(crate) fn read<T: DeserializeOwned>(&self, args: &[DatumWithOid]) -> Vec<T> {
        plan::run(self.name, self.sql, args, false).texts.iter().map(|text| self.typed(text)).collect()
    }

    fn typed<T: DeserializeOwned>(&self, text: &str) -> T {
        typed(text, self.name)
    }
}

fn typed<T: DeserializeOwned>(row: &str, statement: &str) -> T {
    serde_json::from_str(row)
        .unwrap_or_else(|error| pgrx::error!("statement {statement} returned a row of another shape: {error}"))
}

/// Runs a statement whose text is only known at run time (its target table is the app's); its plan is kept like a file's.
/// Tells how many rows it touched, and its first value.
pub(crate) fn kept(sql: &str, args: &[DatumWithOid]) -> (u64, Option<String>) {
    let ran = plan::run(sql, sql, args, true);
    (ran.touched, ran.texts.into_iter().next())
}

/// The rows of such a statement, as those of a file's.
pub(crate) fn rows<T: DeserializeOwned>(sql: &str, args: &[DatumWithOid]) -> Vec<T> {
    plan::run(sql, sql, args, true).texts.iter().map(|text| typed(text, sql)).collect()
}

/// The first column of what a statement finds, without assigning a transaction id; its plan is kept.
pub(crate) fn read(sql: &str, args: &[DatumWithOid]) -> Vec<String> {
    plan::run(sql, sql, args, false).texts
}

/// Runs a statement whose text is only known at run time (its target table is the app's), unprepared.
pub(crate) fn dynamic(sql: &str, args: &[DatumWithOid]) -> Option<String> {
    Spi::connect_mut(|client| {
        let rows = client.update(sql, None, args)?;
        if rows.is_empty() { Ok(None) } else { rows.first().get_one::<String>() }
    })
    .unwrap_or_else(|error: pgrx::spi::Error| pgrx::error!("{error}"))
}

/// Runs `work` as `role`, in a security-restricted operation with a GUC nest level of its own (what logical replication's apply
/// does since PostgreSQL 16): code of that role gains nothing that it has not, and no setting that it makes stays.
///
/// Where `work` raises, the abort of the (sub)transaction puts user and settings back.
fn with_role<T>(role: pg_sys::Oid, flags: u32, path: Path, work: impl FnOnce() -> T) -> T {
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
        Path::Ordinary => ordinary_path(search),
        Path::Pinned => search(PINNED_PATH),
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

/// Sets the search path until the nest level ends. Setting it costs look-ups in the catalog, so it is left where it is the same.
fn search(path: &std::ffi::CStr) {
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
fn ordinary_path<T>(with: impl FnOnce(&std::ffi::CStr) -> T) -> T {
    ORDINARY_PATH.with(|known| {
        with(known.get_or_init(|| {
            let path = ORDINARY_SEARCH_PATH.one::<String>(&[]).unwrap_or_default();
            std::ffi::CString::new(payments_core::search_path::with_system_first_and_temporary_last(&path))
                .unwrap_or_default()
        }))
    })
}

statement!(ORDINARY_SEARCH_PATH, "ordinary_search_path");

fn set_for_nest(name: &std::ffi::CStr, value: &std::ffi::CStr) {
    set_option(name, value, pg_sys::GucAction::GUC_ACTION_SAVE);
}

/// Sets a setting for the present nest level, or until the transaction ends, whoever may set it otherwise.
pub(crate) fn set_option(name: &std::ffi::CStr, value: &std::ffi::CStr, how_long: pg_sys::GucAction::Type) {
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
    static HIDDEN: Cell<bool> = const { Cell::new(false) };
}

/// An error would write its statement, and so a secret that it holds, to the server's log: until the transaction ends, statements of
/// errors are not logged, also beyond the nest level of the present operation.
pub(crate) fn hide_statement_from_log() {
    HIDDEN.set(true);
    set_option(c"log_min_error_statement", c"panic", pg_sys::GucAction::GUC_ACTION_LOCAL);
}

/// Runs `work` as a role that is ours, with our own pinned `search_path` or the ordinary one.
pub(crate) fn as_ours<T>(role: pg_sys::Oid, path: Path, work: impl FnOnce() -> T) -> T {
    with_role(role, 0, path, work)
}

/// Runs `work` as the owner of the table that it writes to: a trigger, default, check, policy or rule of that table gains nothing
/// that its owner has not. Our own functions, called from there, take the owner's word and not that of who delivers.
pub(crate) fn as_user<T>(owner: pg_sys::Oid, work: impl FnOnce() -> T) -> T {
    let acting = Acting(ACTING.replace(owner));
    let result = with_role(owner, 0, Path::Ordinary, work);
    drop(acting);
    result
}

/// Reads as the owner of an app's membership table or predicate.
///
/// Rows of that role's own tables are read past their policies, forced ones too, as the server itself does for foreign
/// keys: a policy that asks us whom a row belongs to would otherwise be asked by us again, without end.
pub(crate) fn as_role<T>(role: pg_sys::Oid, path: Path, work: impl FnOnce() -> T) -> T {
    with_role(role, pg_sys::SECURITY_NOFORCE_RLS, path, work)
}

/// Puts back who acted before, however the work ends.
struct Acting(pg_sys::Oid);

impl Drop for Acting {
    fn drop(&mut self) {
        ACTING.set(self.0);
    }
}

/// Runs `work` so that it waits for no lock longer than `limit` milliseconds; a lower limit of the session's stays.
pub(crate) fn waiting_at_most<T>(limit: i32, work: impl FnOnce() -> T) -> T {
    // SAFETY: a global of this backend.
    let before = unsafe { pg_sys::LockTimeout };
    if before > 0 && before <= limit {
        return work();
    }
    let level = unsafe { pg_sys::NewGUCNestLevel() };
    set_for_nest(c"lock_timeout", &std::ffi::CString::new(limit.to_string()).unwrap_or_default());
    let result = work();
    unsafe { pg_sys::AtEOXact_GUC(false, level) };
    result
}

/// Whether a role is a superuser.
pub(crate) fn is_superuser(role: pg_sys::Oid) -> bool {
    // SAFETY: a look-up in the server's caches.
    unsafe { pg_sys::superuser_arg(role) }
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

/// Whether a relation is a view.
pub(crate) fn is_view(relation: pg_sys::Oid) -> bool {
    // SAFETY: a look-up in the server's caches.
    unsafe { pg_sys::get_rel_relkind(relation).cast_unsigned() == pg_sys::RELKIND_VIEW }
}

/// Whether a role may call a function by its name.
pub(crate) fn may_call(role: pg_sys::Oid, function: pg_sys::Oid) -> bool {
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

/// Calls a function `(text, text) returns boolean` for each of the second arguments; its null is false. It is called by its number, so
/// that it is the one that was looked at before, whatever has its name by now.
pub(crate) fn say_of_each(function: pg_sys::Oid, first: &str, seconds: &[&str]) -> Vec<bool> {
    const ROOM: usize = size_of::<pg_sys::FunctionCallInfoBaseData>() + 2 * size_of::<pg_sys::NullableDatum>();
    // SAFETY: the call's description has room for two arguments, and all of it lives in the current memory context. The function is
    // called as the server calls one, with its errors turned into panics.
    unsafe {
        let info = pg_sys::palloc0(size_of::<pg_sys::FmgrInfo>()).cast::<pg_sys::FmgrInfo>();
        pg_sys::fmgr_info(function, info);
        let Some(called) = (*info).fn_addr else { return Vec::new() };
        let call = pg_sys::palloc0(ROOM).cast::<pg_sys::FunctionCallInfoBaseData>();
        (*call).flinfo = info;
        (*call).fncollation = pg_sys::DEFAULT_COLLATION_OID;
        (*call).nargs = 2;
        let args = (*call).args.as_mut_slice(2);
        args[0].value = first.into_datum().unwrap_or(pg_sys::Datum::from(0));
        seconds
            .iter()
            .map(|second| {
                pgrx::check_for_interrupts!();
                args[1].value = (*second).into_datum().unwrap_or(pg_sys::Datum::from(0));
                (*call).isnull = false;
                let answer = pg_sys::ffi::pg_guard_ffi_boundary(|| called(call));
                bool::from_datum(answer, (*call).isnull) == Some(true)
            })
            .collect()
    }
}

/// Under repeatable read a delivery could not see what another wrote while it waited, and would lose it.
pub(crate) fn require_read_committed() -> Result<(), crate::error::Error> {
    if sees_the_newest() { Ok(()) } else { Err(crate::error::Error::Isolation) }
}

/// Whether each statement sees what others committed before it, so that what a lock was waited for is seen too.
pub(crate) fn sees_the_newest() -> bool {
    // SAFETY: a global of this backend.
    unsafe { pg_sys::XactIsoLevel <= pg_sys::XACT_READ_COMMITTED as i32 }
}

/// What is answered must be durable, whatever the session has set. A SET clause on the function would be undone before the
/// commit, so the setting is made local to the transaction here.
pub(crate) fn commit_durably() {
    // SAFETY: a global of this backend.
    let wanted = pg_sys::SyncCommitLevel::SYNCHRONOUS_COMMIT_REMOTE_FLUSH as i32;
    if unsafe { pg_sys::synchronous_commit } >= wanted {
        return;
    }
    set_option(c"synchronous_commit", c"on", pg_sys::GucAction::GUC_ACTION_LOCAL);
}

/// Until the subtransaction ends, rows are written without any trigger firing, as in a replica.
pub(crate) fn without_triggers() {
    set_option(c"session_replication_role", c"replica", pg_sys::GucAction::GUC_ACTION_LOCAL);
}

/// Reads with a statement whose text is only known at run time, prepared once per text, under the snapshot of the query
/// that asks: so it may stand in a policy. Its arguments and its one column are text.
pub(crate) fn look_up(sql: &str, args: &[&str]) -> Vec<Option<String>> {
    Spi::connect(|_| unsafe {
        let known = LOOK_UPS.with(|plans| plans.borrow().get(sql).copied());
        let plan = known.unwrap_or_else(|| {
            let text = std::ffi::CString::new(sql).unwrap_or_default();
            let mut types = vec![pg_sys::TEXTOID; args.len()];
            let plan = pg_sys::SPI_prepare(text.as_ptr(), i32::try_from(args.len()).unwrap_or(0), types.as_mut_ptr());
            pg_sys::SPI_keepplan(plan);
            LOOK_UPS.with(|plans| plans.borrow_mut().insert(sql.to_owned(), plan));
            plan
        });
        let mut values: Vec<pg_sys::Datum> = args.iter().filter_map(|arg| (*arg).into_datum()).collect();
        pg_sys::SPI_execute_plan(plan, values.as_mut_ptr(), std::ptr::null(), true, 0);
        let table = pg_sys::SPI_tuptable;
        (0..usize::try_from(pg_sys::SPI_processed).unwrap_or(0))
            .map(|row| {
                let mut null = false;
                let value = pg_sys::SPI_getbinval(*(*table).vals.add(row), (*table).tupdesc, 1, &raw mut null);
                String::from_datum(value, null)
            })
            .collect()
    })
}

/// What the running query sees: two that are equal see the same, for a snapshot of one transaction only loses who was running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    transaction: i64,
    command: u32,
    running: (u32, u32, u32, i32),
    /// What was rolled back since is seen no longer, though the snapshot says the same.
    aborts: u64,
}

/// What the running query sees now; none where nothing runs.
pub(crate) fn seen() -> Option<Seen> {
    // SAFETY: an active snapshot stays as long as the query that has it.
    unsafe {
        if !pg_sys::ActiveSnapshotSet() {
            return None;
        }
        let snapshot = &*pg_sys::GetActiveSnapshot();
        let (least, next) = (u32::from(snapshot.xmin), u32::from(snapshot.xmax));
        Some(Seen {
            transaction: pg_sys::GetCurrentTransactionStartTimestamp(),
            command: snapshot.curcid,
            running: (least, next, snapshot.xcnt, snapshot.subxcnt),
            aborts: crate::abort::count(),
        })
    }
}

/// Where unqualified names are looked up while we act as another role.
#[derive(Clone, Copy)]
pub(crate) enum Path {
    /// As in an ordinary session of this database, temporary objects last: for code of the app's.
    Ordinary,
    /// In `pg_catalog` only: for code of ours.
    Pinned,
}

/// Runs `work`, and says nothing where it raised. In a parallel query, which has no savepoints, the error itself passes: what
/// calls this is not for one, but an app may have called a function of its own safe that asks it.
pub(crate) fn quietly<T>(work: impl FnOnce() -> T) -> Option<T> {
    if unsafe { pg_sys::IsInParallelMode() } { Some(work()) } else { savepoint(work).ok() }
}

/// The present transaction, savepoints and all; it gets its number here if it has none. The numbers never come round.
pub(crate) fn current_transaction() -> i64 {
    // SAFETY: the caller writes, so that a number may be given.
    unsafe { pg_sys::GetTopFullTransactionId() }.value.cast_signed()
}

/// The role that a statement runs as now.
pub(crate) fn current_role() -> pg_sys::Oid {
    unsafe { pg_sys::GetUserId() }
}

/// The role that logged in; while we act as a table's owner, that one.
pub(crate) fn login_role() -> pg_sys::Oid {
    let owner = ACTING.get();
    if owner == pg_sys::InvalidOid { unsafe { pg_sys::GetSessionUserId() } } else { owner }
}

/// A setting's text, whoever set it; `None` where it is not set.
pub(crate) fn setting(name: &std::ffi::CStr) -> Option<String> {
    unsafe {
        let value = pg_sys::GetConfigOption(name.as_ptr(), true, false);
        if value.is_null() { None } else { Some(std::ffi::CStr::from_ptr(value).to_string_lossy().into_owned()) }
    }
}

/// Raises 55000 where the extension was dropped: the functions that policies call outlive it.
pub(crate) fn require_extension() {
    thread_local! {
        static MARK: Cell<pg_sys::Oid> = const { Cell::new(pg_sys::InvalidOid) };
    }
    // SAFETY: look-ups in the server's caches; a name that is found is a copy, and null where the function is gone.
    let is_there = |function: pg_sys::Oid| unsafe {
        let name = pg_sys::get_func_name(function);
        !name.is_null() && std::ffi::CStr::from_ptr(name) == c"outer_role"
    };
    if is_there(MARK.get()) {
        return;
    }
    match function_named("payments.outer_role()") {
        Some(function) => MARK.set(function),
        None => crate::error::Error::NotInstalled.raise(),
    }
}

/// The function of a signature.
pub(crate) fn function_named(signature: &str) -> Option<pg_sys::Oid> {
    // SAFETY: the function takes a text, and returns a regprocedure or NULL.
    unsafe { pgrx::direct_function_call(pg_sys::to_regprocedure, &[signature.into_datum()]) }
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

/// A relation's name, quoted and qualified.
pub(crate) fn name_of(relation: pg_sys::Oid) -> Option<String> {
    unsafe {
        let name = pg_sys::get_rel_name(relation);
        let schema = pg_sys::get_namespace_name(pg_sys::get_rel_namespace(relation));
        if name.is_null() || schema.is_null() {
            return None;
        }
        let quoted = pg_sys::quote_qualified_identifier(schema, name);
        Some(std::ffi::CStr::from_ptr(quoted).to_string_lossy().into_owned())
    }
}

/// The type of a column, under its domains; `None` where there is no such column.
pub(crate) fn column_type(relation: pg_sys::Oid, column: &str) -> Option<pg_sys::Oid> {
    let column = std::ffi::CString::new(column).ok()?;
    unsafe {
        let number = pg_sys::get_attnum(relation, column.as_ptr());
        (number > 0).then(|| pg_sys::getBaseType(pg_sys::get_atttype(relation, number)))
    }
}

/// A table of ours.
pub(crate) fn our_table(name: &std::ffi::CStr) -> pg_sys::Oid {
    unsafe { pg_sys::get_relname_relid(name.as_ptr(), pg_sys::get_namespace_oid(c"payments".as_ptr(), true)) }
}

/// The `search_path` that a session of this database starts with, without `"$user"` and temporary objects last: our own functions write to our
/// tables under it, so that the app's triggers there find what they find in any session.
#[pg_extern(stable)]
#[search_path(pg_catalog, pg_temp)]
fn ordinary_search_path() -> String {
    ordinary_path(|path| path.to_string_lossy().into_owned())
}
