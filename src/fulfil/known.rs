//! The attached tables, kept by each backend until an attachment, or a table that one points to, changes.

use std::cell::RefCell;
use std::rc::Rc;

use super::Kind;
use super::target::Target;
use crate::db::{our_table, statement, text};
use crate::definer;
use crate::kept::{Kept, kept, watch};

statement!(FIND_TARGETS, "find_targets");

thread_local! {
    static TARGETS: RefCell<Kept<&'static str, Rc<Vec<Target>>>> = RefCell::default();
}

/// The app's tables of one kind, the first that was attached first.
pub(super) fn targets(kind: Kind) -> Rc<Vec<Target>> {
    kept(&TARGETS, &[our_table(c"attachments")], kind.name(), |kind| {
        let found: Rc<Vec<Target>> = Rc::new(definer::read(|| FIND_TARGETS.read(&[text(*kind)])));
        found.iter().for_each(|target| watch(&[target.oid()]));
        (found, true)
    })
}
