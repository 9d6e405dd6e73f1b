//! Our statements are planned as if every table were large. A plan is kept for the life of a backend, and may be made while the
//! tables are empty: then reading an index from end to end looks as good as looking something up in it, and goes on so when they
//! have grown.
#![allow(unsafe_code)]

use std::cell::Cell;

use pgrx::prelude::*;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting, PgList};

/// A table that is smaller is planned as one of so many rows and pages.
const TUPLES: f64 = 1_000_000.0;
const PAGES: u32 = 20_000;
/// The same of its indexes.
const INDEX_PAGES: u32 = 4_000;
const INDEX_HEIGHT: i32 = 2;

static FOR_EXPLAIN: GucSetting<bool> = GucSetting::<bool>::new(false);

thread_local! {
    /// Whether one of our statements is being planned.
    static PLANNING: Cell<bool> = const { Cell::new(false) };
    static NEXT_HOOK: Cell<pg_sys::get_relation_info_hook_type> = const { Cell::new(None) };
}

/// Defines the setting, and takes part in planning; called once, when the library is loaded.
pub(crate) fn watch_planning() {
    GucRegistry::define_bool_guc(
        c"payments.plan_for_large_tables",
        c"Plans every statement of the session as the extension plans its own: as if each table had a million rows.",
        c"For EXPLAIN.",
        &FOR_EXPLAIN,
        GucContext::Suset,
        GucFlags::default(),
    );
    // SAFETY: a global of this backend; whoever was there before is called by ours.
    unsafe {
        NEXT_HOOK.set(pg_sys::get_relation_info_hook);
        pg_sys::get_relation_info_hook = Some(enlarge);
    }
}

/// Plans for large tables until it is dropped.
pub(crate) struct ForLargeTables(bool);

impl ForLargeTables {
    pub(crate) fn begin() -> Self {
        Self(PLANNING.replace(true))
    }
}

impl Drop for ForLargeTables {
    fn drop(&mut self) {
        PLANNING.set(self.0);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn enlarge(
    root: *mut pg_sys::PlannerInfo,
    table: pg_sys::Oid,
    is_parent: bool,
    rel: *mut pg_sys::RelOptInfo,
) {
    // SAFETY: the planner's own description of the table, which is complete but for what hooks add; the arguments are passed on.
    unsafe {
        if let Some(next) = NEXT_HOOK.get() {
            next(root, table, is_parent, rel);
        }
        if !PLANNING.get() && !FOR_EXPLAIN.get() {
            return;
        }
        (*rel).tuples = (*rel).tuples.max(TUPLES);
        (*rel).pages = (*rel).pages.max(PAGES);
        for index in PgList::<pg_sys::IndexOptInfo>::from_pg((*rel).indexlist).iter_ptr() {
            (*index).tuples = (*index).tuples.max(TUPLES);
            (*index).pages = (*index).pages.max(INDEX_PAGES);
            (*index).tree_height = (*index).tree_height.max(INDEX_HEIGHT);
        }
    }
}
