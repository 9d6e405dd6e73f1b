//! Constraints that can be left to the commit, of our tables, of those that are attached, and of tables that reference either.
//! What such a constraint checks would run after the operation that wrote, with the rights of whoever commits. So it is checked
//! at once while we write.

use std::cell::RefCell;
use std::rc::Rc;

use pgrx::prelude::*;
use serde::Deserialize;

use crate::pg::cache::{Cache, cached, watch};
use crate::pg::catalog::registry_table;
use crate::pg::guc::SearchPath;
use crate::pg::role::RoleScope;
use crate::pg::slot::slot;
use crate::pg::statement::{execute_unprepared, query_text, read, template};
use crate::pg::{our_role, role};

const DEFERRABLE_CONSTRAINTS: &str = query_text!("pg_constraint", "deferrable_constraints");
const IMMEDIATE: &str = template!("pg_constraint", "constraints_immediate");
const DEFERRED: &str = template!("pg_constraint", "constraints_deferred");

#[derive(Default, Deserialize)]
struct Deferrable {
    /// The tables that were looked at: a constraint that one gets is noticed.
    tables: Option<Vec<u32>>,
    /// All such constraints, quoted and qualified, and of these those that are left to the commit unless somebody says otherwise.
    deferrable: Option<Vec<String>>,
    deferred: Option<Vec<String>>,
}

#[derive(Default)]
struct Known(RefCell<Cache<(), Rc<Deferrable>>>);

fn known() -> Rc<Deferrable> {
    let attachments = registry_table(c"attachments");
    if attachments == pg_sys::InvalidOid {
        return Rc::default();
    }
    cached(&slot::<Known>().0, &[attachments], (), |()| {
        let found = role::with_role(our_role::definer(), RoleScope::Ours(SearchPath::Pinned), || {
            read(DEFERRABLE_CONSTRAINTS, &[])
        });
        let found = found.first().map_or_else(Deferrable::default, |row| {
            serde_json::from_str(row).unwrap_or_else(|error| pgrx::error!("constraints have another shape: {error}"))
        });
        let tables: Vec<pg_sys::Oid> = found.tables.iter().flatten().map(|table| pg_sys::Oid::from(*table)).collect();
        watch(&tables);
        (Rc::new(found), true)
    })
}

/// Checks the queued constraints now, and further ones at once, until [`put_off_again`].
pub(crate) fn check_at_once() {
    set(IMMEDIATE, known().deferrable.as_ref());
}

/// Defers the constraints again, as they are declared. What the caller had set with SET CONSTRAINTS is unknown.
pub(crate) fn put_off_again() {
    set(DEFERRED, known().deferred.as_ref());
}

fn set(template: &str, names: Option<&Vec<String>>) {
    if let Some(names) = names {
        execute_unprepared(&template.replace("{constraints}", &names.join(", ")), &[]);
    }
}
