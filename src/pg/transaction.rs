//! The present transaction: what it sees, and which one it is.
#![allow(unsafe_code)]

use std::cell::Cell;

use pgrx::prelude::*;

thread_local! {
    /// How often this backend rolled back a transaction or a savepoint: what was read before may have been undone by it, and no
    /// snapshot tells.
    pub(super) static ABORTS: Cell<u64> = const { Cell::new(0) };
}

/// Whether each statement sees what others committed before it, so that what a lock was waited for is seen too.
pub(crate) fn is_read_committed() -> bool {
    // SAFETY: a global of this backend.
    unsafe { pg_sys::XactIsoLevel <= pg_sys::XACT_READ_COMMITTED as i32 }
}

/// Whether other servers may be told of every change to a row.
pub(crate) fn is_wal_logical() -> bool {
    // SAFETY: a setting that only a restart changes.
    unsafe { pg_sys::wal_level >= pg_sys::WalLevel::WAL_LEVEL_LOGICAL as i32 }
}

/// The present transaction, savepoints and all; it gets its number here if it has none. The numbers never come round.
pub(crate) fn current_transaction() -> i64 {
    // SAFETY: the caller writes, so that a number may be given.
    unsafe { pg_sys::GetTopFullTransactionId() }.value.cast_signed()
}

/// What the running query sees: two that are equal see the same, for a snapshot of one transaction only loses who was running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SnapshotId {
    transaction: i64,
    command: u32,
    running: (u32, u32, u32, i32),
    /// How often something was rolled back: after a rollback an equal snapshot sees less.
    aborts: u64,
}

/// What the running query sees now; none where nothing runs.
pub(crate) fn snapshot_id() -> Option<SnapshotId> {
    // SAFETY: an active snapshot stays as long as the query that has it.
    unsafe {
        if !pg_sys::ActiveSnapshotSet() {
            return None;
        }
        let snapshot = &*pg_sys::GetActiveSnapshot();
        let (least, next) = (u32::from(snapshot.xmin), u32::from(snapshot.xmax));
        Some(SnapshotId {
            transaction: pg_sys::GetCurrentTransactionStartTimestamp(),
            command: snapshot.curcid,
            running: (least, next, snapshot.xcnt, snapshot.subxcnt),
            aborts: ABORTS.get(),
        })
    }
}
