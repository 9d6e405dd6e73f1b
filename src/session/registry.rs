//! The registry of subject types, kept by each backend. Whoever registers a type or forgets one makes its policies on the
//! session tables anew, in the same transaction; so a change of `checkout_sessions` is the word that what is kept is old.

use std::cell::RefCell;
use std::rc::Rc;

use serde::Deserialize;

use crate::db;
use crate::kept::{Kept, kept};

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
    static TYPES: RefCell<Kept<String, Option<Rc<SubjectType>>>> = RefCell::default();
}

/// How a type of subject was registered; `None` where nobody said.
pub(super) fn registered(kind: &str) -> Option<Rc<SubjectType>> {
    kept(&TYPES, &[db::our_table(c"checkout_sessions")], kind.to_owned(), |kind| {
        let found = db::look_up(REGISTERED, &[kind]);
        let found = found.first().and_then(Option::as_deref).and_then(|row| serde_json::from_str(row).ok());
        (found.map(Rc::new), true)
    })
}
