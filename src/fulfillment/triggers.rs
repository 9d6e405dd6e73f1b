//! The trigger functions. Each first checks that it was called by a trigger that it is made for: on another table it gives nothing. They
//! do not know of each other: the second one finds the decisions that the first saved, and has nothing to do.
#![allow(unsafe_code)]

use std::collections::BTreeMap;

use payments_core::Subject;
use pgrx::prelude::*;
use pgrx::{AllocatedByRust, WhoAllocated};

use super::changed_rows::{
    Decided, changed_subjects, changed_subscriptions, payments_to_decide, returned_of_subscriptions,
};
use super::target_kind::{PAID_FOR, TargetKind};
use super::targets::targets;
use super::{dispatch, notices, order, period, returned, sessions, subscription};
use crate::own_trigger::{TriggerFailed, Tuple, column, is_after_on, misplaced, nothing, require_row};
use crate::pg::guc::SearchPath;
use crate::pg::statement::{query, text};
use crate::pg::trigger_rows;
use crate::pg::{cache, trigger_row};
use crate::{definer, projection_lock};

/// Gives what payments bought, to all attached tables: what `payments.attach` puts onto `payments.payment_history`.
///
/// An AFTER INSERT OR UPDATE trigger of `payments.payment_history`, of a row or of a statement with transition tables; SQLSTATE
/// 39P01 anywhere else.
#[pg_trigger(
    sql = "create function payments.project_payments() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn project_payments<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<Tuple<'a, impl WhoAllocated + use<'a>>>, TriggerFailed> {
    const NAME: &str = "project_payments";
    require(trigger, NAME, &["payment_history"]);
    let returned = returned_of_subscriptions(trigger);
    let given = on_payments(trigger, NAME, &PAID_FOR)?;
    let told = notices::failing_of_another(trigger);
    if returned.is_empty() && told.is_empty() {
        return Ok(given);
    }
    as_definer(|| {
        returned::review(&returned);
        notices::give_about(&told);
    })
}

/// Pays the order that a payment's checkout session names (`metadata.order_id`), or says in `payments.fulfillments` why not.
///
/// An AFTER INSERT OR UPDATE trigger of `payments.payment_history`, of a row or of a statement with transition tables; SQLSTATE
/// 39P01 anywhere else.
#[pg_trigger(
    sql = "create function payments.project_order() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn project_order<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<Tuple<'a, impl WhoAllocated + use<'a>>>, TriggerFailed> {
    on_payments(trigger, "project_order", &[TargetKind::Orders])
}

/// Grants the credits that a payment's prices give, and takes back what its refunds and disputes cost.
///
/// An AFTER INSERT OR UPDATE trigger of `payments.payment_history`, of a row or of a statement with transition tables; SQLSTATE
/// 39P01 anywhere else.
#[pg_trigger(
    sql = "create function payments.project_credits() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn project_credits<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<Tuple<'a, impl WhoAllocated + use<'a>>>, TriggerFailed> {
    on_payments(trigger, "project_credits", &[TargetKind::CreditLedger])
}

/// Adds the jobs that a payment gives rise to: one when it is paid, one when its money is gone back; and those of notices.
///
/// An AFTER trigger of `payments.payment_history` or `payments.notices`, of a row or of a statement with transition tables; SQLSTATE
/// 39P01 anywhere else.
#[pg_trigger(
    sql = "create function payments.project_fulfillment_job() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn project_fulfillment_job<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<Tuple<'a, impl WhoAllocated + use<'a>>>, TriggerFailed> {
    const NAME: &str = "project_fulfillment_job";
    require(trigger, NAME, &["payment_history", "notices"]);
    if trigger.table_name().is_ok_and(|table| table == "payment_history") {
        return on_payments(trigger, NAME, &[TargetKind::FulfillmentJobs]);
    }
    let changed = notices::changed(trigger);
    if changed.is_empty() { nothing() } else { as_definer(|| notices::give(&changed)) }
}

/// Gives the entitlements of a payment's prices, and ends them when its money goes back; and those of a subscription.
///
/// An AFTER trigger of `payments.payment_history`, `payments.subscriptions` or `payments.subscription_items`, of a row or of a
/// statement with transition tables; SQLSTATE 39P01 anywhere else.
#[pg_trigger(
    sql = "create function payments.project_entitlements() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn project_entitlements<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<Tuple<'a, impl WhoAllocated + use<'a>>>, TriggerFailed> {
    const NAME: &str = "project_entitlements";
    require(trigger, NAME, &["payment_history", "subscriptions", "subscription_items"]);
    if trigger.table_name().is_ok_and(|table| table == "payment_history") {
        return on_payments(trigger, NAME, &[TargetKind::UserEntitlements]);
    }
    let changed = changed_subscriptions(trigger);
    if changed.is_empty() { nothing() } else { as_definer(|| give_subscriptions(&changed)) }
}

/// Writes the best of a subject's subscriptions as its billing status.
///
/// An AFTER trigger of `payments.subscriptions` or `payments.subscription_items`, of a row or of a statement with transition tables;
/// SQLSTATE 39P01 anywhere else.
#[pg_trigger(
    sql = "create function payments.project_billing_status() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn project_billing_status<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<Tuple<'a, impl WhoAllocated + use<'a>>>, TriggerFailed> {
    require(trigger, "project_billing_status", &["subscriptions", "subscription_items"]);
    let changed = changed_subscriptions(trigger);
    let subjects = changed_subjects_of(trigger);
    if changed.is_empty() {
        return nothing();
    }
    as_definer(|| write_billing_status(&subjects.unwrap_or_else(|| subscription::subjects_of(&changed))))
}

/// Gives what subscriptions give, to all attached tables: what `payments.attach` puts onto `payments.subscriptions` and
/// `payments.subscription_items`.
///
/// An AFTER trigger of these, of a row or of a statement with transition tables; SQLSTATE 39P01 anywhere else.
#[pg_trigger(
    sql = "create function payments.project_subscriptions() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn project_subscriptions<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<Tuple<'a, impl WhoAllocated + use<'a>>>, TriggerFailed> {
    require(trigger, "project_subscriptions", &["subscriptions", "subscription_items"]);
    let subjects = changed_subjects_of(trigger);
    if subjects.is_none() && projection_lock::is_projecting() {
        return nothing(); // The projection writes the subscription of such items in the same statement.
    }
    let changed = changed_subscriptions(trigger);
    let told = if subjects.is_some() { notices::of_another_subject(trigger) } else { Vec::new() };
    if changed.is_empty() {
        return nothing(); // A statement's trigger is called where no row was written, too.
    }
    as_definer(|| {
        give_subscriptions(&changed);
        if subjects.is_some() {
            period::give_all(&changed);
        }
        write_billing_status(&subjects.unwrap_or_else(|| subscription::subjects_of(&changed)));
        returned::review(&changed);
        notices::give_about(&told);
    })
}

/// Gives what a payment bought when its local session becomes known after it.
///
/// An AFTER INSERT OR UPDATE row trigger of `payments.checkout_sessions`; SQLSTATE 39P01 anywhere else.
#[pg_trigger(
    sql = "create function payments.project_late_session() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn project_late_session<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<Tuple<'a, impl WhoAllocated + use<'a>>>, TriggerFailed> {
    require_row(trigger, "project_late_session", "checkout_sessions", ATTACH);
    let ids = |row: &Tuple<_>| [column(row, "stripe_checkout_session_id"), column(row, "stripe_payment_intent_id")];
    let Some(new) = trigger.new() else { return nothing() };
    // A subscription's first invoice may have been paid before anybody knew whose checkout it was.
    let is_completed = column(&new, "mode").as_deref() == Some("subscription")
        && completed(&new)
        && !trigger.old().is_some_and(|old| completed(&old));
    if is_completed {
        definer::write(SearchPath::Ordinary, || refuse_order(&new));
    }
    let (was, is) = (trigger.old().map(|old| ids(&old)), ids(&new));
    if projection_lock::is_projecting() {
        // The payment that is projected is given when its row is written; one that was written before, of a session that has
        // just got this row from another, is given now.
        if let ([Some(session), _], Some(environment)) = (&is, column(&new, "environment"))
            && (is_completed || was.is_none_or(|was| was[0] != is[0]))
        {
            return as_definer(|| sessions::give_payment_of(&environment, session));
        }
    } else if is.iter().any(Option::is_some)
        && (was.is_none_or(|was| was != is) || has_new_answer(trigger.old().as_ref(), &new))
        && let Ok(Some(session)) = trigger_row::get::<pgrx::Uuid, _>(&new, "id")
    {
        return as_definer(|| sessions::give_session(&PAID_FOR, &session.to_string()));
    }
    nothing()
}

/// Whether Stripe's answer to a session's request was recorded after the session's webhook.
fn has_new_answer<A: WhoAllocated, B: WhoAllocated>(old: Option<&Tuple<A>>, new: &Tuple<B>) -> bool {
    let is_told = |answer: Option<pgrx::JsonB>| answer.is_some_and(|answer| answer.0.get("line_items").is_some());
    let was_told = |old: &Tuple<A>| is_told(trigger_row::get(old, "raw").ok().flatten());
    completed(new) && old.is_some_and(|old| !was_told(old)) && is_told(trigger_row::get(new, "raw").ok().flatten())
}

fn completed<A: WhoAllocated>(row: &Tuple<A>) -> bool {
    column(row, "status").as_deref() == Some("completed")
}

/// Saves that a subscription's session pays no order, if it names one.
fn refuse_order<A: WhoAllocated>(session: &Tuple<A>) {
    let metadata: Option<pgrx::JsonB> = trigger_row::get(session, "metadata").ok().flatten();
    let order_id = metadata.as_ref().and_then(|metadata| metadata.0.get("order_id")).and_then(|id| id.as_str());
    let id: Option<pgrx::Uuid> = trigger_row::get(session, "id").ok().flatten();
    if let Some(((environment, id), order_id)) = column(session, "environment").zip(id).zip(order_id) {
        order::refuse_subscription(&environment, &id.to_string(), order_id);
    }
}

/// Decides what waited for a price's product when that becomes known.
///
/// An AFTER INSERT OR UPDATE row trigger of `payments.prices`; SQLSTATE 39P01 anywhere else.
#[pg_trigger(
    sql = "create function payments.project_late_price() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn project_late_price<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<Tuple<'a, impl WhoAllocated + use<'a>>>, TriggerFailed> {
    require_row(trigger, "project_late_price", "prices", ATTACH);
    // Its product says what it gives, the rest what a line of it costs, and whether it is paid once.
    let said = |row: &Tuple<_>| {
        let unit_amount: Option<i64> = trigger_row::get(row, "unit_amount").ok().flatten();
        let words = ["stripe_product_id", "currency", "billing_scheme", "type"].map(|name| column(row, name));
        (words, unit_amount)
    };
    if let Some(new) = trigger.new()
        && said(&new) != ([const { None }; 4], None)
        && trigger.old().is_none_or(|old| said(&old) != said(&new))
        && let Some((environment, price)) = column(&new, "environment").zip(column(&new, "stripe_price_id"))
    {
        return as_definer(|| sessions::give_price(&environment, &price));
    }
    nothing()
}

/// Makes every backend read anew what it keeps of a table: the attachments, what prices give, or who is a guest.
///
/// An AFTER trigger of `payments_registry.attachments`, `payments.benefits`, `payments.prices` and `payments.granted_roles`; before a statement it notes that what this
/// transaction reads may be undone. SQLSTATE 39P01 on any other table.
#[pg_trigger(
    sql = "create function payments.invalidate_caches() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn invalidate_caches<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<Tuple<'a, impl WhoAllocated + use<'a>>>, TriggerFailed> {
    const TABLES: [(&str, &str); 4] = [
        ("payments_registry", "attachments"),
        ("payments", "benefits"),
        ("payments", "prices"),
        ("payments", "granted_roles"),
    ];
    let ours = trigger
        .table_schema()
        .and_then(|schema| Ok((schema, trigger.table_name()?)))
        .is_ok_and(|(schema, table)| TABLES.contains(&(schema.as_str(), table.as_str())));
    match trigger.relid() {
        Ok(relation) if ours && trigger.event().fired_after() => cache::invalidate(relation),
        Ok(_) if ours => cache::mark_uncommitted(),
        _ => misplaced(
            "invalidate_caches",
            "It invalidates something only as a trigger of payments_registry.attachments, payments.benefits, prices or granted_roles.",
            ATTACH,
        ),
    }
    nothing()
}

fn on_payments<'a>(
    trigger: &'a PgTrigger<'a>,
    name: &'static str,
    kinds: &[TargetKind],
) -> Result<Option<Tuple<'a, AllocatedByRust>>, TriggerFailed> {
    require(trigger, name, &["payment_history"]);
    let Decided { payments, paid_by, mut subscriptions, mut unpaid, prices } = payments_to_decide(trigger);
    if !kinds.contains(&TargetKind::CreditLedger) || targets(TargetKind::CreditLedger).is_empty() {
        subscriptions.clear();
        unpaid.clear();
    }
    if payments.is_empty() && subscriptions.is_empty() && unpaid.is_empty() {
        return nothing();
    }
    as_definer(|| {
        if !unpaid.is_empty() {
            subscriptions.append(&mut period::crediting(unpaid));
            subscriptions.sort_unstable();
            subscriptions.dedup();
        }
        if !subscriptions.is_empty() {
            period::lock_prices(&prices);
        }
        // Events come of all payments of the account, also of other apps. A payment that a backend writes is a purchase.
        if !payments.is_empty() && (!projection_lock::is_projecting() || paid_by.are_purchases()) {
            dispatch::give(kinds, &payments);
        }
        period::give_all(&subscriptions);
    })
}

/// The same where the rows name them; none where they are items.
fn changed_subjects_of(trigger: &PgTrigger) -> Option<BTreeMap<(String, String), String>> {
    trigger.table_name().is_ok_and(|table| table == "subscriptions").then(|| changed_subjects(trigger))
}

fn give_subscriptions(changed: &[(String, String)]) {
    for (environment, id) in changed {
        subscription::give_entitlements(environment, id);
    }
}

fn write_billing_status(changed: &BTreeMap<(String, String), String>) {
    if targets(TargetKind::BillingStatus).is_empty() {
        return;
    }
    for ((subject_type, subject_id), environment) in changed {
        let subject = Subject { subject_type: subject_type.clone(), subject_id: subject_id.clone() };
        subscription::write_billing_status(environment, &subject);
    }
}

/// Does a trigger's work with the rights that it needs, whoever wrote the row.
fn as_definer<'a>(work: impl FnOnce()) -> Result<Option<Tuple<'a, AllocatedByRust>>, TriggerFailed> {
    definer::write(SearchPath::Ordinary, work);
    nothing()
}

/// The hint for whoever creates such a trigger on another table.
const ATTACH: &str = "Use payments.attach(…) to put it onto a table of yours.";

/// Raises 39P01 unless this is an AFTER trigger of one of these tables in our schema, and sees the rows.
fn require(trigger: &PgTrigger, name: &'static str, tables: &[&str]) {
    if !is_after_on(trigger, tables) {
        let tables = tables.join(", payments.");
        let made_for = format!("It gives something only as an AFTER trigger of payments.{tables}.");
        misplaced(name, &made_for, ATTACH);
    }
    if !trigger_rows::are_visible(trigger) {
        misplaced(
            name,
            "A trigger of a statement sees rows in transition tables only, and this one lacks them.",
            "Make it FOR EACH ROW, or add REFERENCING with OLD TABLE, NEW TABLE or, for an UPDATE, both.",
        );
    }
}

query!(MISSING_PROJECTION_TRIGGERS, "fulfillment_triggers", "missing_projection_triggers");
query!(UNNEEDED_PROJECTION_TRIGGERS, "fulfillment_triggers", "unneeded_projection_triggers");

/// Makes the triggers of a kind on our own tables, where they are missing.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn make_projection_triggers(kind: &str) {
    definer::require_inside();
    definer::run_ddl(&MISSING_PROJECTION_TRIGGERS.all::<String>(&[text(kind)]));
}

/// Drops those of a kind that no attached table needs any more.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
fn drop_projection_triggers(kind: &str) {
    definer::require_inside();
    definer::run_ddl(&UNNEEDED_PROJECTION_TRIGGERS.all::<String>(&[text(kind)]));
}
