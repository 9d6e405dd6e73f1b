//! What the triggers on our own tables call: what was written by others is derived like what we write.

use std::collections::BTreeMap;

use payments_core::Subject;
use pgrx::WhoAllocated;
use pgrx::prelude::*;

use crate::definer;
use crate::error::OrRaise;
use crate::own_trigger::{TriggerFailed, Tuple, column, is_after_on, misplaced, nothing, require_row};
use crate::pg::guc::SearchPath;
use crate::pg::trigger_rows::{self, Column, Row};
use crate::precondition::environment_of;
use crate::project::changed_mappings::{self, ChangedMapping};
use crate::project::local_session::lock_session_lookup;
use crate::project::payment::{adopt_named, refold, settle_family};
use crate::project::payment_group;
use crate::project::reassign::follow_changed_mappings;
use crate::projection_lock::{self, require_exclusive};

/// What the trigger on `checkout_sessions` calls for a row that learned from elsewhere which Stripe session is its: what was said
/// of that so far is derived again.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn session_linked(environment: &str, stripe_checkout_session_id: &str) {
    definer::require_inside();
    let environment = environment_of(Some(environment)).or_raise();
    let follow = || {
        lock_session_lookup(environment, stripe_checkout_session_id);
        if let Some(group_id) = payment_group::group_of(environment, stripe_checkout_session_id) {
            require_exclusive();
            refold(environment, &group_id);
        }
        settle_family(environment, stripe_checkout_session_id);
        follow_changed_mappings();
    };
    definer::write(SearchPath::Ordinary, || projection_lock::run_nested(follow));
}

/// Waits for whoever has the whole projection, and keeps the next one waiting: for what locks a row that a projection may write, and
/// then tells the projection of it.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn lock_projection_shared() {
    definer::require_inside();
    projection_lock::lock_shared();
}

/// Derives what follows from a mapping that came, went or changed: the customer's earlier payments and subscriptions go with it. A
/// projection that is at work derives that itself, once its own rows are written.
///
/// An AFTER row trigger of `payments.stripe_customer_mappings`; SQLSTATE 39P01 anywhere else.
#[pg_trigger(
    sql = "create function payments.follow_mapping() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn follow_mapping<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<Tuple<'a, impl WhoAllocated + use<'a>>>, TriggerFailed> {
    require_row(trigger, "follow_mapping", "stripe_customer_mappings", "Do not put it on another table.");
    let (old, new) = (trigger.old(), trigger.new());
    let customer = |row: &Tuple<_>| column(row, "stripe_customer_id");
    // A mapping without an evidence is an admin's own.
    let is_own = |row: &Tuple<_>| column(row, "evidence_event_id").is_none();
    if let Some(old) = &old
        && new.as_ref().is_none_or(|new| customer(new) != customer(old))
    {
        changed(old, new.is_none() && is_own(old));
    }
    if let Some(new) = &new {
        changed(new, is_own(new));
    }
    nothing()
}

/// Notes a mapping that came or went, and derives what follows where nothing is projected that will do so. Where it is an admin's
/// own, the claims around it are resolved again.
fn changed<A: WhoAllocated>(row: &Tuple<A>, by_admin: bool) {
    let text = |name| column(row, name).unwrap_or_default();
    let environment = environment_of(column(row, "environment").as_deref()).or_raise();
    let subject = Subject { subject_type: text("subject_type"), subject_id: text("subject_id") };
    let changed = ChangedMapping { environment, subject, customer: text("stripe_customer_id"), by_admin };
    if projection_lock::is_projecting() {
        changed_mappings::note(changed);
        return;
    }
    let follow = || {
        projection_lock::lock_shared();
        changed_mappings::note(changed.clone());
        follow_changed_mappings();
    };
    definer::write(SearchPath::Ordinary, || projection_lock::run_nested(follow));
}

/// Takes in the payments that a backend wrote after a refund, a dispute or another object of Stripe's had named them.
///
/// An AFTER INSERT OR UPDATE trigger of `payments.payment_history`, of a row or of a statement with transition tables; SQLSTATE 39P01
/// anywhere else.
#[pg_trigger(
    sql = "create function payments.adopt_payments() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn adopt_payments<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<Tuple<'a, impl WhoAllocated + use<'a>>>, TriggerFailed> {
    if !is_after_on(trigger, &["payment_history"]) || !trigger_rows::are_visible(trigger) {
        misplaced(
            "adopt_payments",
            "It is made for an AFTER INSERT OR UPDATE trigger of payments.payment_history.",
            "Leave it there.",
        );
    }
    if projection_lock::is_projecting() {
        return nothing();
    }
    let written = ids_of_payments(trigger);
    if written.is_empty() {
        return nothing();
    }
    let follow = || {
        for (environment, ids) in &written {
            adopt_named(environment_of(Some(environment)).or_raise(), ids.clone());
        }
        follow_changed_mappings();
    };
    definer::write(SearchPath::Ordinary, || projection_lock::run_nested(follow));
    nothing()
}

/// Stripe's ids that a statement wrote into payments, by environment.
fn ids_of_payments(trigger: &PgTrigger) -> BTreeMap<String, Vec<String>> {
    let names = [c"stripe_payment_intent_id", c"stripe_checkout_session_id", c"stripe_invoice_id", c"stripe_charge_id"];
    let columns = trigger_rows::columns(trigger, names);
    let [environment, kind] = trigger_rows::columns(trigger, [c"environment", c"type"]);
    let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
    trigger_rows::visit(trigger, |old, new| {
        let Some(new) = new else { return };
        let is_new = |column: &&Column| old.is_none_or(|old| new.differs(old, **column));
        let is_return = |new: &Row| new.get(kind).is_some_and(|kind: String| kind == "refund" || kind == "dispute");
        let Some(environment) = new.get::<String>(environment).filter(|_| !is_return(new)) else { return };
        ids.entry(environment)
            .or_default()
            .extend(columns.iter().filter(is_new).filter_map(|column| new.get::<String>(*column)));
    });
    ids.retain(|_, ids| !ids.is_empty());
    ids
}
