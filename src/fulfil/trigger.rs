//! The trigger functions. Each first makes sure that it was called by the trigger it is made for: on somebody else's table
//! it gives nothing.
#![allow(unsafe_code)]

use pgrx::heap_tuple::PgHeapTuple;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AllocatedByRust, WhoAllocated};

use super::first::give_or_fulfil;
use super::purchase::{Version, of_version};
use super::{Kind, PAID_FOR, bulk, known, order, retry, subscription};
use crate::db::Path;
use crate::{definer, kept, row};

type Row<'a, A> = PgHeapTuple<'a, A>;

/// Pays the order that a payment's checkout session names (`metadata.order_id`), or says in `payments.fulfillments` why not.
///
/// An AFTER INSERT OR UPDATE row trigger of `payments.payment_history`; SQLSTATE 39P01 anywhere else.
#[pg_trigger(
    sql = "create function payments.project_order() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn project_order<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<Row<'a, impl WhoAllocated + use<'a>>>, TriggerFailed> {
    on_payment(trigger, "project_order", Kind::Orders)
}

/// Grants the credits that a payment's prices give, and takes back what its refunds and disputes cost.
///
/// An AFTER INSERT OR UPDATE row trigger of `payments.payment_history`; SQLSTATE 39P01 anywhere else.
#[pg_trigger(
    sql = "create function payments.project_credits() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn project_credits<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<Row<'a, impl WhoAllocated + use<'a>>>, TriggerFailed> {
    on_payment(trigger, "project_credits", Kind::CreditLedger)
}

/// Gives the entitlements of a payment's prices, and ends them when its money goes back; and those of a subscription.
///
/// An AFTER row trigger of `payments.payment_history`, `payments.subscriptions` and `payments.subscription_items`; SQLSTATE
/// 39P01 anywhere else.
#[pg_trigger(
    sql = "create function payments.project_entitlements() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn project_entitlements<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<Row<'a, impl WhoAllocated + use<'a>>>, TriggerFailed> {
    let table = trigger.table_name().unwrap_or_default();
    if table == "payment_history" {
        return on_payment(trigger, "project_entitlements", Kind::UserEntitlements);
    }
    require(trigger, "project_entitlements", &["subscriptions", "subscription_items"]);
    let id = |row: &Row<_>| column(row, "environment").zip(column(row, "stripe_subscription_id"));
    let mut subscriptions: Vec<(String, String)> =
        [trigger.old().and_then(|row| id(&row)), trigger.new().and_then(|row| id(&row))]
            .into_iter()
            .flatten()
            .collect();
    subscriptions.dedup();
    as_definer(|| {
        for (environment, subscription) in subscriptions {
            subscription::fulfil_entitlements(&environment, &subscription);
        }
    })
}

/// Gives what many payments of one statement bought at its first row, as far as that is usual; the rest is left to the triggers
/// that are called for each of them.
///
/// An AFTER INSERT row trigger of `payments.payment_history` with a transition table `written`, or an AFTER UPDATE one with `was`
/// beside it; SQLSTATE 39P01 anywhere else.
#[pg_trigger(
    sql = "create function payments.project_all() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn project_all<'a>(trigger: &'a PgTrigger<'a>) -> Result<Option<Row<'a, impl WhoAllocated + use<'a>>>, TriggerFailed> {
    require(trigger, "project_all", &["payment_history"]);
    if let Some(version) = trigger.new().and_then(|new| version(trigger, &new)) {
        return as_definer(|| bulk::give_all(trigger, &version, || kinds_of(trigger, is_like_ours)));
    }
    nothing()
}

/// Adds the jobs that a payment gives rise to: one when it is paid, one when its money is gone back.
///
/// An AFTER INSERT OR UPDATE row trigger of `payments.payment_history`; SQLSTATE 39P01 anywhere else.
#[pg_trigger(
    sql = "create function payments.project_fulfillment_job() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn project_fulfillment_job<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<Row<'a, impl WhoAllocated + use<'a>>>, TriggerFailed> {
    on_payment(trigger, "project_fulfillment_job", Kind::FulfillmentJobs)
}

/// Writes the best of a subject's subscriptions as its billing status.
///
/// An AFTER INSERT OR UPDATE OR DELETE row trigger of `payments.subscriptions`; SQLSTATE 39P01 anywhere else.
#[pg_trigger(
    sql = "create function payments.project_billing_status() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn project_billing_status<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<Row<'a, impl WhoAllocated + use<'a>>>, TriggerFailed> {
    require(trigger, "project_billing_status", &["subscriptions"]);
    let mut subjects: Vec<(String, String, String)> =
        [trigger.old().and_then(|row| subject_of(&row)), trigger.new().and_then(|row| subject_of(&row))]
            .into_iter()
            .flatten()
            .collect();
    subjects.sort();
    subjects.dedup_by(|one, other| (&one.1, &one.2) == (&other.1, &other.2));
    as_definer(|| {
        for (environment, subject_type, subject_id) in subjects {
            subscription::fulfil_billing_status(&environment, &subject_type, &subject_id);
        }
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
) -> Result<Option<Row<'a, impl WhoAllocated + use<'a>>>, TriggerFailed> {
    require(trigger, "project_late_session", &["checkout_sessions"]);
    let ids = |row: &Row<_>| [column(row, "stripe_checkout_session_id"), column(row, "stripe_payment_intent_id")];
    let Some(new) = trigger.new() else { return nothing() };
    if column(&new, "mode").as_deref() == Some("payment") {
        if ids(&new).iter().any(Option::is_some)
            && trigger.old().is_none_or(|old| ids(&old) != ids(&new))
            && let Ok(Some(session)) = row::get::<pgrx::Uuid, _>(&new, "id")
        {
            return as_definer(|| retry::fulfil_session(&PAID_FOR, &session.to_string()));
        }
    } else if completed(&new) && !trigger.old().is_some_and(|old| completed(&old)) {
        return as_definer(|| refuse_order(&new));
    }
    nothing()
}

fn completed<A: WhoAllocated>(row: &Row<A>) -> bool {
    column(row, "status").as_deref() == Some("completed")
}

/// A subscription's session that names an order leaves a word about it.
fn refuse_order<A: WhoAllocated>(session: &Row<A>) {
    let metadata: Option<pgrx::JsonB> = row::get(session, "metadata").ok().flatten();
    let order_id = metadata.as_ref().and_then(|metadata| metadata.0.get("order_id")).and_then(|id| id.as_str());
    let id: Option<pgrx::Uuid> = row::get(session, "id").ok().flatten();
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
) -> Result<Option<Row<'a, impl WhoAllocated + use<'a>>>, TriggerFailed> {
    require(trigger, "project_late_price", &["prices"]);
    let product = |row: &Row<_>| column(row, "stripe_product_id");
    if let Some(new) = trigger.new()
        && product(&new).is_some()
        && trigger.old().is_none_or(|old| product(&old) != product(&new))
        && let Some((environment, price)) = column(&new, "environment").zip(column(&new, "stripe_price_id"))
    {
        return as_definer(|| retry::fulfil_price(&environment, &price));
    }
    nothing()
}

/// Makes every backend read anew what it keeps of a table: the attachments, what prices give, or who is a guest.
///
/// An AFTER trigger of `payments.attachments`, `payments.benefits`, `payments.prices` and `payments.granted_roles`; before a statement it notes that what this
/// transaction reads may be undone. SQLSTATE 39P01 on any other table.
#[pg_trigger(
    sql = "create function payments.tell_backends() returns trigger language c set search_path = pg_catalog, pg_temp as 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn tell_backends<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<Row<'a, impl WhoAllocated + use<'a>>>, TriggerFailed> {
    const TABLES: [&str; 4] = ["attachments", "benefits", "prices", "granted_roles"];
    let ours = trigger.table_schema().is_ok_and(|schema| schema == "payments")
        && trigger.table_name().is_ok_and(|table| TABLES.contains(&table.as_str()));
    match trigger.relid() {
        Ok(relation) if ours && trigger.event().fired_after() => kept::tell_all(relation),
        Ok(_) if ours => kept::wrote(),
        _ => misplaced(
            "tell_backends",
            "It tells something only as a trigger of payments.attachments, benefits, prices or granted_roles.",
        ),
    }
    nothing()
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
    require(trigger, name, &["payment_history"]);
    if known::targets(kind).is_empty() {
        return nothing();
    }
    let Some(new) = trigger.new() else { return nothing() };
    let changed = || is_purchase(&new) && trigger.old().is_none_or(|old| differs(&old, &new));
    let Some(version) = version(trigger, &new).filter(|version| !bulk::gave(version, kind)) else { return nothing() };
    as_definer(|| {
        if let Some(purchase) = of_version(version, changed) {
            if bulk::gave(&version, Kind::Orders) {
                order::is_settled(&purchase);
            }
            give_or_fulfil(&purchase, kind, || kinds_of(trigger, is_alike));
        }
    })
}

/// The kinds whose triggers will be called for the same change of a row, because they are like this one.
fn kinds_of(trigger: &PgTrigger, alike: fn(&pg_sys::Trigger, &pg_sys::Trigger) -> bool) -> Vec<Kind> {
    // SAFETY: the server keeps the relation open, with its triggers described, while it calls one of them.
    unsafe {
        let data = trigger.trigger_data();
        let (this, all) = (&*data.tg_trigger, &*(*data.tg_relation).trigdesc);
        let ours = pg_sys::get_func_namespace(this.tgfoid);
        let count = usize::try_from(all.numtriggers).unwrap_or_default();
        std::slice::from_raw_parts(all.triggers, count)
            .iter()
            .filter(|other| alike(this, other) && pg_sys::get_func_namespace(other.tgfoid) == ours)
            .filter_map(|other| {
                let name = pg_sys::get_func_name(other.tgfoid);
                (!name.is_null()).then(|| std::ffi::CStr::from_ptr(name).to_bytes()).and_then(kind_of)
            })
            .collect()
    }
}

fn is_alike(this: &pg_sys::Trigger, other: &pg_sys::Trigger) -> bool {
    (other.tgtype, other.tgenabled, other.tgnattr) == (this.tgtype, this.tgenabled, this.tgnattr)
        && other.tgqual.is_null() == this.tgqual.is_null()
}

/// Whether the other one was made by `payments.attach` too: under its function's name, and under the same condition.
fn is_like_ours(this: &pg_sys::Trigger, other: &pg_sys::Trigger) -> bool {
    // SAFETY: the server's own description of a trigger, and a function's name as a copy.
    let named_so = unsafe {
        let function = pg_sys::get_func_name(other.tgfoid);
        !function.is_null() && std::ffi::CStr::from_ptr(function) == std::ffi::CStr::from_ptr(other.tgname)
    };
    let never = pg_sys::TRIGGER_TYPE_BEFORE | pg_sys::TRIGGER_TYPE_INSTEAD;
    let events = u32::from(other.tgtype.cast_unsigned());
    let wanted = u32::from(this.tgtype.cast_unsigned());
    let conditions = [this.tgqual, other.tgqual].map(|condition| {
        // SAFETY: the server's own text of a condition.
        (!condition.is_null()).then(|| unsafe { std::ffi::CStr::from_ptr(condition) }.to_string_lossy().into_owned())
    });
    let [one, two] = conditions.map(|condition| condition.map(|condition| without_places(&condition)));
    named_so
        && one == two
        && other.tgenabled == this.tgenabled
        && events & wanted == wanted
        && events & never == 0
        && other.tgnattr == 0
}

/// A condition as the server keeps it, without the places at which its parts stood in the statement that made it.
fn without_places(condition: &str) -> String {
    let mut parts = condition.split(":location ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |kept, part| kept + part.trim_start_matches(|c: char| c == '-' || c.is_ascii_digit()))
}

/// The kind that a trigger function of ours serves on payments.
fn kind_of(function: &[u8]) -> Option<Kind> {
    Some(match function {
        b"project_order" => Kind::Orders,
        b"project_credits" => Kind::CreditLedger,
        b"project_entitlements" => Kind::UserEntitlements,
        b"project_fulfillment_job" => Kind::FulfillmentJobs,
        _ => return None,
    })
}

/// Which version of its row a trigger sees; the other triggers of the same change see the same one.
fn version<A: WhoAllocated>(trigger: &PgTrigger, new: &Row<A>) -> Option<Version> {
    let payment = row::get::<pgrx::Uuid, _>(new, "id").ok().flatten()?;
    let updated = trigger.event().fired_by_update();
    // SAFETY: the server keeps the rows that it called the trigger with as long as that runs; an AFTER trigger's are stored.
    unsafe {
        let data = trigger.trigger_data();
        let row = if updated { data.tg_newtuple } else { data.tg_trigtuple };
        let (header, place) = ((*row).t_data, (*row).t_self);
        // A row that its own transaction changed again says no longer which command wrote it.
        let combined = u32::from((*header).t_infomask) & pg_sys::HEAP_COMBOCID != 0;
        let command = if combined { pg_sys::CommandId::MAX } else { (*header).t_choice.t_heap.t_field3.t_cid };
        Some(Version {
            payment: *payment.as_bytes(),
            writer: (*header).t_choice.t_heap.t_xmin.into_inner(),
            command,
            block: (u32::from(place.ip_blkid.bi_hi) << 16) | u32::from(place.ip_blkid.bi_lo),
            item: place.ip_posid,
        })
    }
}

/// Does a trigger's work with the rights that it needs, whoever wrote the row.
fn as_definer<'a>(work: impl FnOnce()) -> Result<Option<Row<'a, AllocatedByRust>>, TriggerFailed> {
    definer::write(Path::Ordinary, work);
    nothing()
}

/// What an AFTER trigger returns is not looked at.
fn nothing<'a>() -> Result<Option<Row<'a, AllocatedByRust>>, TriggerFailed> {
    Ok(None)
}

fn column<A: WhoAllocated>(row: &Row<A>, name: &'static str) -> Option<String> {
    row::get(row, name).ok().flatten()
}

/// Environment, type and id of a subscription's subject.
fn subject_of<A: WhoAllocated>(row: &Row<A>) -> Option<(String, String, String)> {
    Some((column(row, "environment")?, column(row, "subject_type")?, column(row, "subject_id")?))
}

/// Raises 39P01 unless this is an AFTER row trigger of one of these tables of ours.
fn require(trigger: &PgTrigger, name: &'static str, tables: &[&str]) {
    let event = trigger.event();
    let placed = event.fired_after()
        && event.fired_for_row()
        && trigger.table_schema().is_ok_and(|schema| schema == "payments")
        && trigger.table_name().is_ok_and(|known| tables.contains(&known.as_str()));
    if !placed {
        let tables = tables.join(", payments.");
        misplaced(name, &format!("It gives something only as an AFTER row trigger of payments.{tables}."));
    }
}

fn misplaced(name: &'static str, made_for: &str) {
    ErrorReport::new(
        PgSqlErrorCode::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
        format!("function {name}() was not called by its own trigger"),
        name,
    )
    .set_detail(made_for)
    .set_hint("Use payments.attach(…) to put it onto a table of yours.")
    .report(PgLogLevel::ERROR);
}

fn is_purchase<A: WhoAllocated>(row: &Row<A>) -> bool {
    column(row, "type").is_some_and(|kind| ["one_time_payment", "subscription_invoice"].contains(&kind.as_str()))
        && column(row, "status")
            .is_some_and(|status| ["succeeded", "partially_refunded", "refunded"].contains(&status.as_str()))
}

/// Whether anything changed that decides what is given.
fn differs<A: WhoAllocated, B: WhoAllocated>(old: &Row<A>, new: &Row<B>) -> bool {
    let text =
        ["status", "type", "currency", "dispute_status", "stripe_checkout_session_id", "stripe_payment_intent_id"];
    text.iter().any(|name| column(old, name) != column(new, name))
        || ["amount", "amount_refunded", "shortfall"]
            .iter()
            .any(|name| row::get::<i64, _>(old, name).ok() != row::get::<i64, _>(new, name).ok())
        || row::get::<TimestampWithTimeZone, _>(old, "paid_at").ok()
            != row::get::<TimestampWithTimeZone, _>(new, "paid_at").ok()
}
