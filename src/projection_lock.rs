//! The lock on the whole projection: shared by events that project beside each other, exclusive for work that needs more locks
//! than can be taken in order.

use std::cell::Cell;

use pgrx::prelude::*;

use crate::pg::catalog;
use crate::pg::savepoint::{self, Failure};
use crate::pg::slot::slot;
use crate::pg::statement::query;
use crate::project::changed_mappings;

query!(LOCK_PROJECTION, "projection_lock", "lock_projection");

/// Waits for whoever has the whole projection to itself (query `lock_projection`), and keeps the next one waiting.
pub(crate) fn lock_shared() {
    catalog::lock_relation(catalog::payments_table(c"fact_links"), pg_sys::RowExclusiveLock);
}

/// How the present work of this backend holds the projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum ProjectionLock {
    /// Nothing is projected.
    #[default]
    None,
    /// Beside other work.
    Shared,
    /// Alone: what runs waits, and what comes waits.
    Exclusive,
}

#[derive(Default)]
struct Held(Cell<ProjectionLock>);

fn held() -> &'static Cell<ProjectionLock> {
    &slot::<Held>().0
}

/// What the hold was before, which it is again on every exit.
pub(crate) struct Before(ProjectionLock);

impl Drop for Before {
    fn drop(&mut self) {
        held().set(self.0);
    }
}

fn with_lock<T>(hold: ProjectionLock, work: impl FnOnce() -> T) -> T {
    let _outer = changed_mappings::Outer::set_aside();
    let _before = Before(held().replace(hold));
    work()
}

/// Whether a webhook or a backfill is being projected, so that what a trigger sees is its doing.
pub(crate) fn is_projecting() -> bool {
    held().get() != ProjectionLock::None
}

/// Whether the work has the whole projection to itself.
pub(crate) fn is_exclusive() -> bool {
    held().get() == ProjectionLock::Exclusive
}

/// For work that needs more locks than may be taken in order: goes on where it is alone, else does all again alone.
pub(crate) fn require_exclusive() {
    if !is_exclusive() {
        savepoint::restart_exclusive();
    }
}

/// Does `work` in a savepoint beside other work; where it turns out to need the whole projection, again alone.
pub(crate) fn shared_then_exclusive<T>(mut work: impl FnMut() -> T) -> Result<T, Failure> {
    savepoint::try_shared(|| with_lock(ProjectionLock::Shared, &mut work))
        .unwrap_or_else(|| savepoint::savepoint(|| with_exclusive(work)))
}

/// The same for what follows from somebody's own statement, which fails where the work does. Within other work of the
/// projection it is part of that.
pub(crate) fn run_nested(mut work: impl FnMut()) {
    if is_projecting() {
        work();
    } else if savepoint::catch_needs_exclusive(|| with_lock(ProjectionLock::Shared, &mut work)).is_none() {
        with_exclusive(work);
    }
}

/// Locks the whole projection until the end of the transaction: what runs is waited for, and what comes waits.
pub(crate) fn lock_exclusive() {
    LOCK_PROJECTION.execute(&[]);
}

/// Does `work` with the whole projection locked.
pub(crate) fn with_exclusive<T>(work: impl FnOnce() -> T) -> T {
    lock_exclusive();
    with_lock(ProjectionLock::Exclusive, work)
}
