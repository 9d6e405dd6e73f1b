//! Who is trusted: superusers, and whom `grant_role()` has recorded. Never a privilege, which somebody may have granted for
//! another reason (GRANT ALL on all tables of a schema is a usual step before it is exposed).

use std::cell::RefCell;
use std::rc::Rc;

use pgrx::prelude::*;
use serde::Deserialize;

use crate::error::Error;
use crate::pg::cache::{Cache, cached};
use crate::pg::catalog::{payments_table, registry_table};
use crate::pg::slot::slot;
use crate::pg::statement::{query, text};
use crate::pg::{grant, our_role, role};
use crate::{definer, precondition};

query!(RECORDED_ROLES, "trust", "recorded_roles");
query!(ROLE_GRANTS, "trust", "role_grants");
query!(APP_TABLE_GRANTS, "trust", "app_table_grants");
query!(APP_TABLE_REVOKES, "trust", "app_table_revokes");
query!(ROLE_REVOKES, "trust", "role_revokes");
query!(UNBACKED_GRANTS, "trust", "unbacked_grants");

/// A role that was recorded, and as what.
#[derive(Deserialize)]
struct Recorded {
    role: u32,
    as_: String,
}

/// The roles that were recorded.
#[derive(Default)]
struct Roles(RefCell<Cache<(), Rc<[Recorded]>>>);

fn recorded() -> Rc<[Recorded]> {
    let table = payments_table(c"granted_roles");
    if table == pg_sys::InvalidOid {
        // While a dump is being restored, its table is still to come.
        return Rc::new([]);
    }
    cached(&slot::<Roles>().0, &[table], (), |()| (definer::read(|| RECORDED_ROLES.read(&[])).into(), true))
}

/// Whether a role is, or inherits from, one that was recorded as one of these.
fn is_recorded(role: pg_sys::Oid, as_: &[&str]) -> bool {
    recorded()
        .iter()
        .filter(|recorded| as_.contains(&recorded.as_.as_str()))
        .any(|recorded| role::has_privileges_of(role, pg_sys::Oid::from(recorded.role)))
}

/// Whether a role is a trusted backend. What an app's trigger on our tables runs as can do what an admin can, and no more.
pub(crate) fn is_admin(role: pg_sys::Oid) -> bool {
    role::is_superuser(role) || our_role::is_ours(role) || is_recorded(role, &["admin"])
}

/// Whether a role that logs in has checked who the caller is before it sets claims.
pub(crate) fn is_gateway(role: pg_sys::Oid) -> bool {
    role::is_superuser(role) || is_recorded(role, &["admin", "gateway"])
}

/// Refuses everyone but an admin.
pub(crate) fn require_admin() -> Result<(), Error> {
    let role = role::current_role();
    if is_admin(role) { Ok(()) } else { Err(Error::NotRecorded { role: role::role_name(role), as_: "admin" }) }
}

/// Refuses everyone but who may post webhooks, or an admin.
pub(crate) fn require_webhook() -> Result<(), Error> {
    let role = role::current_role();
    if is_admin(role) || is_recorded(role, &["webhook"]) {
        return Ok(());
    }
    Err(Error::NotRecorded { role: role::role_name(role), as_: "webhook" })
}

/// Whether a role is a trusted backend; for our own SQL.
#[pg_extern(stable)]
#[search_path(pg_catalog, pg_temp)]
fn is_admin_role(role: &str) -> bool {
    role::role_named(role).is_some_and(is_admin)
}

/// Whether the present role is a trusted backend; for the policies of the app's tables.
#[pg_extern(stable, parallel_safe)]
#[search_path(pg_catalog, pg_temp)]
fn acting_role_is_admin() -> bool {
    precondition::require_extension();
    is_admin(role::current_role())
}

/// Gives a role what it was recorded as, or takes it back.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn change_grants(role: pg_sys::Oid, as_: &str, give: bool) {
    definer::require_inside();
    let statement = if give { &ROLE_GRANTS } else { &ROLE_REVOKES };
    let (functions, others): (Vec<String>, Vec<String>) = statement
        .all::<String>(&[role.into(), text(as_)])
        .into_iter()
        .partition(|statement| statement.contains(" execute on function "));
    grant::run_function_grants(&functions);
    definer::run_ddl(&others);
}

/// A GRANT or REVOKE on one of the app's tables, and whose that is.
#[derive(Deserialize)]
struct AppTableGrant {
    owner: u32,
    statement: String,
}

/// Gives a role what it may do with the tables that `create_app_tables()` made, or takes it back, as their owners, who let in whoever
/// is recorded.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn change_app_table_grants(role: pg_sys::Oid, as_: &str, give: bool) {
    definer::require_inside();
    // What an installation's script grants would be missing in a dump; and those tables keep what was granted before it.
    if grant::is_installing() || registry_table(c"attachments") == pg_sys::InvalidOid {
        return;
    }
    let statement = if give { &APP_TABLE_GRANTS } else { &APP_TABLE_REVOKES };
    for change in statement.all::<AppTableGrant>(&[role.into(), text(as_)]) {
        grant::run_grants_as(pg_sys::Oid::from(change.owner), &[change.statement]);
    }
}

/// The REVOKEs of what row security does not cover and no record backs.
pub(crate) fn unbacked_grants() -> Vec<String> {
    UNBACKED_GRANTS.all(&[])
}
