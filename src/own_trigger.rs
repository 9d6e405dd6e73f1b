//! What our trigger functions share: each first makes sure that the right trigger called it.

use pgrx::heap_tuple::PgHeapTuple;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AllocatedByRust, WhoAllocated};

use crate::pg::trigger_row;

pub(crate) type Tuple<'a, A> = PgHeapTuple<'a, A>;

/// Our trigger functions never return an error: they raise it.
#[derive(Debug)]
pub(crate) enum TriggerFailed {}

impl std::fmt::Display for TriggerFailed {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {}
    }
}

impl std::error::Error for TriggerFailed {}

/// What an AFTER trigger returns is not looked at.
pub(crate) fn nothing<'a>() -> Result<Option<Tuple<'a, AllocatedByRust>>, TriggerFailed> {
    Ok(None)
}

/// A text column's value, where it has one.
pub(crate) fn column<A: WhoAllocated>(row: &Tuple<A>, name: &'static str) -> Option<String> {
    trigger_row::get(row, name).ok().flatten()
}

/// Raises 39P01 unless this is an AFTER row trigger of this table in our schema.
pub(crate) fn require_row(trigger: &PgTrigger, name: &'static str, table: &str, hint: &str) {
    if !is_after_on(trigger, &[table]) || !trigger.event().fired_for_row() {
        misplaced(name, &format!("It is made for an AFTER row trigger of payments.{table}."), hint);
    }
}

/// Whether it is an AFTER trigger of one of these tables in our schema.
pub(crate) fn is_after_on(trigger: &PgTrigger, tables: &[&str]) -> bool {
    trigger.event().fired_after()
        && trigger.table_schema().is_ok_and(|schema| schema == "payments")
        && trigger.table_name().is_ok_and(|known| tables.contains(&known.as_str()))
}

/// Raises 39P01: the trigger is not one that the function is made for.
pub(crate) fn misplaced(name: &'static str, made_for: &str, hint: &str) {
    ErrorReport::new(
        PgSqlErrorCode::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
        format!("function {name}() was not called by its own trigger"),
        name,
    )
    .set_detail(made_for)
    .set_hint(hint)
    .report(PgLogLevel::ERROR);
}
