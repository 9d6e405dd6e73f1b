//! The attached tables, kept by each backend until an attachment, or a table that one points to, changes; and who is told of
//! such changes.
#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use pgrx::prelude::*;

use super::target::Target;
use super::{Kind, benefits};
use crate::db::{self, statement, text};

statement!(FIND_TARGETS, "find_targets");

thread_local! {
    static KNOWN: RefCell<HashMap<&'static str, Rc<Vec<Target>>>> = RefCell::new(HashMap::new());
    /// The tables that what is kept was read from, or is about.
    static WATCHED: RefCell<Vec<pg_sys::Oid>> = const { RefCell::new(Vec::new()) };
    static CHANGES: Cell<u64> = const { Cell::new(0) };
    static WATCHING: Cell<bool> = const { Cell::new(false) };
}

/// The app's tables of one kind, the first that was attached first.
pub(super) fn targets(kind: Kind) -> Rc<Vec<Target>> {
    if let Some(known) = KNOWN.with(|known| known.borrow().get(kind.name()).cloned()) {
        return known;
    }
    watch(&[db::our_table(c"attachments")]);
    let before = changes();
    let found: Rc<Vec<Target>> = Rc::new(FIND_TARGETS.read(&[text(kind.name())]));
    if before == changes() {
        found.iter().for_each(|target| watch(&[target.oid()]));
        KNOWN.with(|known| known.borrow_mut().insert(kind.name(), Rc::clone(&found)));
    }
    found
}

/// How many changes this backend was told of: what was read while one came in is not kept.
pub(super) fn changes() -> u64 {
    CHANGES.get()
}

/// What is kept is forgotten when one of these tables changes, or says so (`tell_all`).
pub(super) fn watch(relations: &[pg_sys::Oid]) {
    WATCHED.with_borrow_mut(|watched| {
        for relation in relations {
            if !watched.contains(relation) {
                watched.push(*relation);
            }
        }
    });
    if WATCHING.replace(true) {
        return;
    }
    let nothing = pg_sys::Datum::from(0);
    // SAFETY: the functions have the types that the server calls, and live as long as the library.
    unsafe {
        pg_sys::CacheRegisterRelcacheCallback(Some(relation_changed), nothing);
        let schemas = i32::try_from(pg_sys::SysCacheIdentifier::NAMESPACEOID).unwrap_or_default();
        pg_sys::CacheRegisterSyscacheCallback(schemas, Some(schema_changed), nothing);
    }
}

unsafe extern "C-unwind" fn relation_changed(_: pg_sys::Datum, relation: pg_sys::Oid) {
    let ours = relation == pg_sys::InvalidOid || WATCHED.with(|watched| watched.borrow().contains(&relation));
    CHANGES.set(CHANGES.get().wrapping_add(1));
    if ours {
        forget();
    }
}

unsafe extern "C-unwind" fn schema_changed(_: pg_sys::Datum, _: i32, _: u32) {
    CHANGES.set(CHANGES.get().wrapping_add(1));
    forget();
}

fn forget() {
    KNOWN.with(|known| known.borrow_mut().clear());
    WATCHED.with(|watched| watched.borrow_mut().clear());
    benefits::forget();
}

/// Tells every backend that a table's rows changed, when the change commits.
pub(super) fn tell_all(relation: pg_sys::Oid) {
    // SAFETY: queues an invalidation message for a relation that exists.
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(relation) };
}
