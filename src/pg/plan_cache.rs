//! Cached plans: a statement is prepared at its first use and its plan kept for the life of the backend.
//!
//! One generic plan each, made for large tables ([`crate::pg::large_tables`]) and without sequential scans: a plan made while the
//! tables are empty would else scan them, and go on so through a long transaction that fills them. For the same reason the
//! statements ask for an environment by `(environment = $1) is true`, which no index knows: it names half of a table. Only our own
//! statements are planned so; what an app's trigger runs is planned as ever.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::CString;

use pgrx::FromDatum;
use pgrx::datum::DatumWithOid;
use pgrx::prelude::*;

use crate::pg::large_tables::ForLargeTables;

thread_local! {
    static PLANS: RefCell<HashMap<String, pg_sys::SPIPlanPtr>> = RefCell::new(HashMap::new());
}

/// What a statement came to.
pub(crate) struct QueryResult {
    /// How many rows it affected.
    pub(crate) rows_affected: u64,
    /// The first column of the rows that it returned, where that is text and not null.
    pub(crate) values: Vec<String>,
}

/// Runs `sql`, whose plan is kept under `key` as long as its arguments are of the same types. A statement that does not write
/// assigns no transaction id, so that a standby or a policy can run it.
pub(crate) fn run(key: &str, sql: &str, args: &[DatumWithOid], writes: bool) -> QueryResult {
    // SAFETY: the connection is closed again below, or by the abort where a statement raises.
    unsafe { pg_sys::SPI_connect() };
    let (plan, new) = kept(key, sql, args);
    make_ready(plan, new);
    let mut values: Vec<pg_sys::Datum> =
        args.iter().map(|arg| arg.datum().map_or(pg_sys::Datum::from(0), pgrx::datum::Datum::sans_lifetime)).collect();
    let nulls: Vec<std::ffi::c_char> =
        args.iter().map(|arg| if arg.datum().is_some() { b' ' } else { b'n' } as std::ffi::c_char).collect();
    // SAFETY: values and nulls are as many as the plan's parameters, which were prepared from arguments of these types.
    let ran = unsafe {
        pg_sys::SPI_tuptable = std::ptr::null_mut();
        let outcome = pg_sys::SPI_execute_plan(plan, values.as_mut_ptr(), nulls.as_ptr(), !writes, 0);
        if outcome == pg_sys::SPI_OK_REWRITTEN as i32 {
            forget(key);
        }
        QueryResult { rows_affected: pg_sys::SPI_processed, values: texts(pg_sys::SPI_tuptable) }
    };
    // SAFETY: closes the connection that was opened above; what is returned was copied out of it.
    unsafe { pg_sys::SPI_finish() };
    ran
}

/// The plan of a statement, and whether it is new.
fn kept(key: &str, sql: &str, args: &[DatumWithOid]) -> (pg_sys::SPIPlanPtr, bool) {
    if let Some(plan) = PLANS.with(|plans| plans.borrow().get(key).copied()).filter(|plan| fits(*plan, args)) {
        return (plan, false);
    }
    let text = CString::new(sql).unwrap_or_default();
    let mut types: Vec<pg_sys::Oid> = args.iter().map(DatumWithOid::oid).collect();
    let count = i32::try_from(types.len()).unwrap_or_default();
    let options = pg_sys::CURSOR_OPT_GENERIC_PLAN as i32;
    // SAFETY: the text ends with a NUL and the types are as many as told; a kept plan outlives the connection.
    let plan = unsafe {
        let plan = pg_sys::SPI_prepare_cursor(text.as_ptr(), count, types.as_mut_ptr(), options);
        if plan.is_null() || pg_sys::SPI_keepplan(plan) != 0 {
            pgrx::error!("a statement could not be prepared: {key}");
        }
        plan
    };
    PLANS.with(|plans| plans.borrow_mut().insert(key.to_owned(), plan));
    (plan, true)
}

/// Whether a plan takes arguments of these types. An app's type may go and come again under its old name.
fn fits(plan: pg_sys::SPIPlanPtr, args: &[DatumWithOid]) -> bool {
    // SAFETY: a kept plan, which tells of each of its parameters; there is no type where it has fewer.
    let kind_of = |place: usize| unsafe { pg_sys::SPI_getargtypeid(plan, i32::try_from(place).unwrap_or(i32::MAX)) };
    args.iter().enumerate().all(|(place, arg)| kind_of(place) == arg.oid())
}

/// A rule may leave nothing of a statement. Such a plan depends on no table, so nothing would ever invalidate it.
fn forget(key: &str) {
    if let Some(plan) = PLANS.with(|plans| plans.borrow_mut().remove(key)) {
        // SAFETY: a kept plan that nobody knows any more.
        unsafe { pg_sys::SPI_freeplan(plan) };
    }
}

/// How our statements are planned: without sequential scans, and without compiling them, which a scan that can't be avoided would
/// seem to be worth because of the price that planning puts on it then. Puts both settings back however planning ends.
struct Planning {
    seqscan: bool,
    jit: bool,
    _large: ForLargeTables,
}

impl Planning {
    fn ours() -> Self {
        // SAFETY: globals of this backend.
        unsafe {
            let (seqscan, jit) = (pg_sys::enable_seqscan, pg_sys::jit_enabled);
            let before = Self { seqscan, jit, _large: ForLargeTables::begin() };
            (pg_sys::enable_seqscan, pg_sys::jit_enabled) = (false, false);
            before
        }
    }
}

impl Drop for Planning {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { (pg_sys::enable_seqscan, pg_sys::jit_enabled) = (self.seqscan, self.jit) };
    }
}

/// Plans it now, if it is new or was invalidated since.
fn make_ready(plan: pg_sys::SPIPlanPtr, new: bool) {
    // SAFETY: the plan is kept, and the reference that is taken to its cached plan is released at once.
    unsafe {
        if !new && pg_sys::SPI_plan_is_valid(plan) {
            return;
        }
        let before = Planning::ours();
        let cached = pg_sys::SPI_plan_get_cached_plan(plan);
        drop(before);
        if !cached.is_null() {
            pg_sys::ReleaseCachedPlan(cached, pg_sys::CurrentResourceOwner);
        }
    }
}

unsafe fn texts(table: *mut pg_sys::SPITupleTable) -> Vec<String> {
    // SAFETY: the table is the one that the statement has just filled, and is still connected.
    unsafe {
        if table.is_null() || pg_sys::SPI_gettypeid((*table).tupdesc, 1) != pg_sys::TEXTOID {
            return Vec::new();
        }
        let count = usize::try_from((*table).numvals).unwrap_or_default();
        let rows = std::slice::from_raw_parts((*table).vals, count);
        let value = |row: &pg_sys::HeapTuple| {
            let mut null = false;
            let datum = pg_sys::SPI_getbinval(*row, (*table).tupdesc, 1, &raw mut null);
            String::from_datum(datum, null)
        };
        rows.iter().filter_map(value).collect()
    }
}

/// An array of values of a type. If all values are NULL, the array is, which unnests to NULLs beside the other arrays.
pub(crate) fn array(
    values: impl Iterator<Item = Option<pg_sys::Datum>>,
    element: pg_sys::Oid,
    of: pg_sys::Oid,
) -> DatumWithOid<'static> {
    let values: Vec<Option<pg_sys::Datum>> = values.collect();
    if values.iter().all(Option::is_none) {
        return DatumWithOid::null_oid(of);
    }
    let mut nulls: Vec<bool> = values.iter().map(Option::is_none).collect();
    let mut datums: Vec<pg_sys::Datum> =
        values.into_iter().map(|value| value.unwrap_or(pg_sys::Datum::from(0))).collect();
    let (mut length, mut by_value, mut alignment) = (0, false, 0);
    let (mut count, mut least) = (i32::try_from(datums.len()).unwrap_or_default(), 1);
    // SAFETY: as many values and marks of NULL as told, of the element's type; the array is a copy in the current memory context.
    unsafe {
        pg_sys::get_typlenbyvalalign(element, &raw mut length, &raw mut by_value, &raw mut alignment);
        let made = pg_sys::construct_md_array(
            datums.as_mut_ptr(),
            nulls.as_mut_ptr(),
            1,
            &raw mut count,
            &raw mut least,
            element,
            i32::from(length),
            by_value,
            alignment,
        );
        DatumWithOid::new(pg_sys::Datum::from(made), of)
    }
}
