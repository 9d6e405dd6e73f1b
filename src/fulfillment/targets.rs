//! The attached tables, kept by each backend until an attachment, or a table that one points to, changes.

use std::cell::RefCell;
use std::rc::Rc;

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

use super::target::Target;
use super::target_kind::TargetKind;
use crate::definer;
use crate::pg::cache::{Cache, cached, watch};
use crate::pg::catalog::registry_table;
use crate::pg::slot::slot;
use crate::pg::statement::{query, text};

query!(FIND_TARGETS, "fulfillment_targets", "find_targets");

/// The attached tables, by kind.
#[derive(Default)]
struct Targets(RefCell<Cache<&'static str, Rc<Vec<Target>>>>);

/// The app's tables of one kind, the first that was attached first.
pub(super) fn targets(kind: TargetKind) -> Rc<Vec<Target>> {
    cached(&slot::<Targets>().0, &[registry_table(c"attachments")], kind.name(), |kind| {
        let found: Rc<Vec<Target>> = Rc::new(definer::read(|| FIND_TARGETS.read(&[text(*kind)])));
        found.iter().for_each(|target| watch(&[target.oid()]));
        (found, true)
    })
}

/// The first table of a kind that is still there.
pub(super) fn first_of(kind: TargetKind) -> Option<Target> {
    targets(kind).iter().find(|target| target.is_there()).cloned()
}

/// The same; raises 55000 where there is none.
pub(super) fn first(kind: TargetKind) -> Target {
    first_of(kind).unwrap_or_else(|| {
        ErrorReport::new(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("no table is attached as {}", kind.name()),
            "payments",
        )
        .set_detail("There is nowhere to read it from or write it to.")
        .set_hint("Call payments.create_app_tables(), or payments.attach(…) with a table of yours.")
        .report(PgLogLevel::ERROR);
        unreachable!("an error was raised")
    })
}
