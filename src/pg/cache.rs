//! Caches of rows, which a backend keeps until the table is invalidated. PostgreSQL sends that invalidation with every change of the table's
//! definition, and `invalidate` sends it when rows change.
#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::Hash;

use pgrx::prelude::*;

use crate::pg::transaction::is_read_committed;

/// How many values of one kind are kept. A full cache is emptied.
const CAPACITY: usize = 1000;

/// Values of one kind.
pub(crate) struct Cache<K, V> {
    as_of: u64,
    values: HashMap<K, V>,
}

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self { as_of: 0, values: HashMap::new() }
    }
}

thread_local! {
    /// The tables that something kept was read from, or is about.
    static WATCHED: RefCell<Vec<pg_sys::Oid>> = const { RefCell::new(Vec::new()) };
    /// How often one of these changed.
    static CHANGES: Cell<u64> = const { Cell::new(0) };
    /// How often anything did: what was read while that happened is not kept.
    static ALL_CHANGES: Cell<u64> = const { Cell::new(0) };
    static WATCHING: Cell<bool> = const { Cell::new(false) };
    /// The last subtransaction of the present transaction in which something read was kept; 0 where none was.
    static READ_IN: Cell<pg_sys::SubTransactionId> = const { Cell::new(0) };
    /// The last transaction that wrote rows of which nobody is told: what it reads may be undone with it, and is not kept.
    static UNCOMMITTED: Cell<Option<pg_sys::TransactionId>> = const { Cell::new(None) };
}

/// The value of `key` that was read from these tables; found, where that is not known. What `find` returns is kept if it says so.
///
/// It is read under a new snapshot, not that of the running query: no invalidation would come for a change in between. Under repeatable
/// read, which must not see such changes, and in parallel queries, nothing is kept.
pub(crate) fn cached<K: Eq + Hash + 'static, V: Clone + 'static>(
    all: &RefCell<Cache<K, V>>,
    tables: &[pg_sys::Oid],
    key: K,
    find: impl FnOnce(&K) -> (V, bool),
) -> V {
    // SAFETY: a global of this backend.
    if !is_read_committed() || unsafe { pg_sys::IsInParallelMode() } {
        return find(&key).0;
    }
    // SAFETY: what the server does itself before it opens a table.
    unsafe { pg_sys::AcceptInvalidationMessages() };
    if all.borrow().as_of != CHANGES.get() {
        *all.borrow_mut() = Cache { as_of: CHANGES.get(), values: HashMap::new() };
    }
    if let Some(known) = all.borrow().values.get(&key) {
        return known.clone();
    }
    watch(tables);
    let before = ALL_CHANGES.get();
    // SAFETY: the snapshot is taken off again at once, or by the abort where `find` raises.
    unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot()) };
    let (value, keep) = find(&key);
    // SAFETY: takes off the snapshot that was pushed above.
    unsafe { pg_sys::PopActiveSnapshot() };
    let sure = UNCOMMITTED.get().is_none_or(|unsure| unsure != transaction());
    if keep && sure && before == ALL_CHANGES.get() {
        let mut all = all.borrow_mut();
        if all.values.len() >= CAPACITY {
            all.values.clear();
        }
        all.values.insert(key, value.clone());
        // SAFETY: a global of this backend.
        READ_IN.set(READ_IN.get().max(unsafe { pg_sys::GetCurrentSubTransactionId() }));
    }
    value
}

/// Watches tables: an invalidation of one of them empties the caches.
pub(crate) fn watch(tables: &[pg_sys::Oid]) {
    WATCHED.with_borrow_mut(|watched| {
        for table in tables {
            if !watched.contains(table) {
                watched.push(*table);
            }
        }
    });
    if WATCHING.replace(true) {
        return;
    }
    let nothing = pg_sys::Datum::from(0);
    // SAFETY: the functions have the types that the server calls, and live as long as the library.
    unsafe {
        pg_sys::CacheRegisterRelcacheCallback(Some(table_changed), nothing);
        let schemas = i32::try_from(pg_sys::SysCacheIdentifier::NAMESPACEOID).unwrap_or_default();
        pg_sys::CacheRegisterSyscacheCallback(schemas, Some(schema_changed), nothing);
    }
}

unsafe extern "C-unwind" fn table_changed(_: pg_sys::Datum, table: pg_sys::Oid) {
    ALL_CHANGES.set(ALL_CHANGES.get().wrapping_add(1));
    if table == pg_sys::InvalidOid || WATCHED.with_borrow(|watched| watched.contains(&table)) {
        CHANGES.set(CHANGES.get().wrapping_add(1));
    }
}

unsafe extern "C-unwind" fn schema_changed(_: pg_sys::Datum, _: i32, _: u32) {
    ALL_CHANGES.set(ALL_CHANGES.get().wrapping_add(1));
    CHANGES.set(CHANGES.get().wrapping_add(1));
}

/// Empties the caches if something was kept since this subtransaction began, because what was read in it may be rolled back with it. The
/// numbers of subtransactions grow, so those of its own savepoints are larger.
pub(crate) fn subtransaction_aborted(subtransaction: pg_sys::SubTransactionId) {
    if READ_IN.get() >= subtransaction {
        READ_IN.set(0);
        CHANGES.set(CHANGES.get().wrapping_add(1));
    }
}

/// What was read in it stays.
pub(crate) fn transaction_committed() {
    READ_IN.set(0);
}

/// Notes that this transaction may insert rows. An INSERT sends no invalidation, because no backend keeps that a row is missing.
pub(crate) fn mark_uncommitted() {
    // SAFETY: the caller is about to write, so that a number may be given.
    UNCOMMITTED.set(Some(unsafe { pg_sys::GetTopTransactionId() }));
}

fn transaction() -> pg_sys::TransactionId {
    // SAFETY: a global of this backend.
    unsafe { pg_sys::GetTopTransactionIdIfAny() }
}

/// Tells every backend that a table's rows changed, when the change commits.
pub(crate) fn invalidate(table: pg_sys::Oid) {
    // SAFETY: queues an invalidation message for a relation that exists.
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(table) };
}
