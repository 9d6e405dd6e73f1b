//! The trigger functions. Each first makes sure that it was called by the trigger it is made for: on somebody else's table
//! it gives nothing.

use pgrx::prelude::*;
use pgrx::heap_tuple::PgHeapTuple;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{AllocatedByRust, WhoAllocated};

use super::{Kind, fulfil_payment};

type Row<'a, A> = PgHeapTuple<'a, A>;

/// Pays the order that a payment's checkout session names (`metadata.order_id`), or says in `payments.fulfillments` why not.
///
/// An AFTER INSERT OR UPDATE row trigger of `payments.payment_history`; SQLSTATE 39P01 anywhere else.
#[pg_trigger(
    sql = "create function payments.project_order() returns trigger language c security definer set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn project_order<'a>(trigger: &'a PgTrigger<'a>) -> Result<Option<Row<'a, impl WhoAllocated + use<'a>>>, TriggerFailed> {
    on_payment(trigger, "project_order", Kind::Orders)
}

/// Grants the credits that a payment's prices give, and takes back what its refunds and disputes cost.
///
/// An AFTER INSERT OR UPDATE row trigger of `payments.payment_history`; SQLSTATE 39P01 anywhere else.
#[pg_trigger(
    sql = "create function payments.project_credits() returns trigger language c security definer set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn project_credits<'a>(trigger: &'a PgTrigger<'a>) -> Result<Option<Row<'a, impl WhoAllocated + use<'a>>>, TriggerFailed> {
    on_payment(trigger, "project_credits", Kind::CreditLedger)
}

/// Gives the entitlements of a payment's prices, and ends them when its money goes back.
///
/// An AFTER INSERT OR UPDATE row trigger of `payments.payment_history`; SQLSTATE 39P01 anywhere else.
#[pg_trigger(
    sql = "create function payments.project_entitlements() returns trigger language c security definer set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn project_entitlements<'a>(trigger: &'a PgTrigger<'a>) -> Result<Option<Row<'a, impl WhoAllocated + use<'a>>>, TriggerFailed> {
    on_payment(trigger, "project_entitlements", Kind::UserEntitlements)
}

/// A trigger function of ours never fails with a value: it raises.
#[derive(Debug)]
pub(crate) enum TriggerFailed {}

impl std::fmt::Display for TriggerFailed {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {}
    }
}

impl std::error::Error for TriggerFailed {}

fn on_payment<'a>(
    trigger: &'a PgTrigger<'a>,
    name: &'static str,
    kind: Kind,
) -> Result<Option<Row<'a, AllocatedByRust>>, TriggerFailed> {
    require(trigger, name, "payment_history");
    if let Some(new) = trigger.new()
        && is_purchase(&new)
        && trigger.old().is_none_or(|old| differs(&old, &new))
        && let Ok(Some(payment)) = new.get_by_name::<pgrx::Uuid>("id")
    {
        fulfil_payment(kind, payment);
    }
    Ok(None)
}

/// Raises 39P01 unless this is an AFTER INSERT OR UPDATE row trigger of `payments.<table>`.
fn require(trigger: &PgTrigger, name: &'static str, table: &str) {
    let event = trigger.event();
    let placed = event.fired_after()
        && event.fired_for_row()
        && (event.fired_by_insert() || event.fired_by_update())
        && trigger.table_schema().is_ok_and(|schema| schema == "payments")
        && trigger.table_name().is_ok_and(|known| known == table);
    if !placed {
        ErrorReport::new(
            PgSqlErrorCode::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
            format!("function {name}() was not called by its own trigger"),
            name,
        )
        .set_detail(format!("It gives something only as an AFTER INSERT OR UPDATE row trigger of payments.{table}."))
        .set_hint("Use payments.attach(…) to put it onto a table of yours.")
        .report(PgLogLevel::ERROR);
    }
}

fn is_purchase<A: WhoAllocated>(row: &Row<A>) -> bool {
    let column = |name| row.get_by_name::<String>(name).ok().flatten();
    column("type").as_deref() == Some("one_time_payment")
        && column("status").is_some_and(|status| ["succeeded", "partially_refunded", "refunded"].contains(&status.as_str()))
}

/// Whether anything changed that decides what is given.
fn differs<A: WhoAllocated, B: WhoAllocated>(old: &Row<A>, new: &Row<B>) -> bool {
    let text = ["type", "status", "currency", "dispute_status", "stripe_checkout_session_id", "stripe_payment_intent_id"];
    let subtotal = |row: Option<pgrx::JsonB>| row.and_then(|raw| raw.0.get("amount_subtotal").cloned());
    text.iter().any(|name| old.get_by_name::<String>(name).ok() != new.get_by_name::<String>(name).ok())
        || ["amount", "amount_refunded"].iter().any(|name| old.get_by_name::<i64>(name).ok() != new.get_by_name::<i64>(name).ok())
        || old.get_by_name::<TimestampWithTimeZone>("paid_at").ok() != new.get_by_name::<TimestampWithTimeZone>("paid_at").ok()
        || subtotal(old.get_by_name("raw").ok().flatten()) != subtotal(new.get_by_name("raw").ok().flatten())
}
