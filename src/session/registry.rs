//! The registry of subject types, kept by each backend. Whoever registers a type or forgets one makes its policies on the
//! session tables anew, in the same transaction; so a change of `checkout_sessions` is the word that what is kept is old.
#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use pgrx::prelude::*;
use serde::Deserialize;

use crate::db;

const REGISTERED: &str = include_str!("../../sql/statement/registered_subject_type.sql");

/// How an app said who may bill for a type of subject.
#[derive(Debug, Deserialize)]
pub(super) struct SubjectType {
    pub(super) members: Option<u32>,
    pub(super) subject_column: Option<String>,
    pub(super) user_column: Option<String>,
    pub(super) role_column: Option<String>,
    pub(super) roles: Option<Vec<String>>,
    pub(super) predicate: Option<String>,
}

thread_local! {
    static KNOWN: RefCell<HashMap<String, Option<Rc<SubjectType>>>> = RefCell::new(HashMap::new());
    /// The table whose changes are watched for.
    static WATCHED: Cell<Option<pg_sys::Oid>> = const { Cell::new(None) };
    /// Counts changes: what was read while one came in is not kept.
    static CHANGES: Cell<u64> = const { Cell::new(0) };
    static WATCHING: Cell<bool> = const { Cell::new(false) };
}

/// How a type of subject was registered; `None` where nobody said.
pub(super) fn registered(kind: &str) -> Option<Rc<SubjectType>> {
    watch();
    if let Some(known) = KNOWN.with(|known| known.borrow().get(kind).cloned()) {
        return known;
    }
    let before = CHANGES.get();
    let found = db::look_up(REGISTERED, &[kind]);
    let found = found.first().and_then(Option::as_deref).and_then(|row| serde_json::from_str(row).ok()).map(Rc::new);
    if before == CHANGES.get() {
        KNOWN.with(|known| known.borrow_mut().insert(kind.to_owned(), found.clone()));
    }
    found
}

/// Asks the server, once in a backend's life, to be told when a relation changes.
fn watch() {
    WATCHED.set(Some(db::our_table(c"checkout_sessions")));
    if !WATCHING.replace(true) {
        // SAFETY: the function has the type that the server calls, and lives as long as the library.
        unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(relation_changed), pg_sys::Datum::from(0)) };
    }
}

unsafe extern "C-unwind" fn relation_changed(_: pg_sys::Datum, relation: pg_sys::Oid) {
    if relation == pg_sys::InvalidOid || WATCHED.get() == Some(relation) {
        CHANGES.set(CHANGES.get().wrapping_add(1));
        KNOWN.with(|known| known.borrow_mut().clear());
    }
}
