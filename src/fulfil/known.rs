//! The attached tables, kept by each backend until an attachment, or a table that one points to, changes.
#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use pgrx::prelude::*;

use super::Kind;
use super::target::Target;
use crate::db::{self, statement, text};

statement!(FIND_TARGETS, "find_targets");

thread_local! {
    static KNOWN: RefCell<HashMap<&'static str, Rc<Vec<Target>>>> = RefCell::new(HashMap::new());
    static WATCHED: RefCell<Vec<pg_sys::Oid>> = const { RefCell::new(Vec::new()) };
    /// Counts invalidations: what was read while one came in is not kept.
    static CHANGES: Cell<u64> = const { Cell::new(0) };
    static WATCHING: Cell<bool> = const { Cell::new(false) };
}

/// The app's tables of one kind, the first that was attached first.
pub(super) fn targets(kind: Kind) -> Rc<Vec<Target>> {
    watch();
    if let Some(known) = KNOWN.with(|known| known.borrow().get(kind.name()).cloned()) {
        return known;
    }
    let before = CHANGES.get();
    let found: Rc<Vec<Target>> = Rc::new(FIND_TARGETS.read(&[text(kind.name())]));
    if before == CHANGES.get() {
        WATCHED.with(|watched| {
            let mut watched = watched.borrow_mut();
            watched.push(attachments());
            watched.extend(found.iter().map(Target::oid));
        });
        KNOWN.with(|known| known.borrow_mut().insert(kind.name(), Rc::clone(&found)));
    }
    found
}

fn attachments() -> pg_sys::Oid {
    db::our_table(c"attachments")
}

/// Registers with the server, once in a backend's life, to be told when a relation or schema changes.
fn watch() {
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
}

/// Tells every backend that the attachments changed, when the change commits.
pub(super) fn tell_all() {
    // SAFETY: queues an invalidation message for a relation that exists.
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(attachments()) };
}
