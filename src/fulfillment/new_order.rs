//! Orders that a backend makes: written into the app's own table, as its owner, with what the catalog says that they cost.

use payments_core::fulfillment::new_order::{OrderItem, new_order};
use payments_core::session::{AskedItem, line_items};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

use super::target::Target;
use super::target_kind::TargetKind;
use super::targets::{first, targets};
use crate::error::{Error, OrRaise};
use crate::pg::jsonb::Jsonb;
use crate::pg::savepoint::ok_or_none;
use crate::pg::statement::{query, template, text};
use crate::precondition::environment_of;
use crate::price_names::price_ids;
use crate::{definer, pg};

query!(CATALOG_PRICES, "fulfillment_new_order", "catalog_prices");

const INSERT_ORDER: &str = template!("fulfillment_new_order", "insert_order");
const ORDER_CURRENCY: &str = template!("fulfillment_new_order", "order_currency");

/// Makes a pending order and returns its id.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::needless_pass_by_value, reason = "as the server passes it")]
fn insert_order(
    environment: Option<&str>,
    line_items: Option<Jsonb>,
    user_id: Option<&str>,
    subject_type: Option<&str>,
    subject_id: Option<&str>,
    orders: Option<pg_sys::Oid>,
) -> Option<String> {
    definer::require_inside();
    let environment = environment_of(environment).or_raise().name();
    if subject_type.is_none() != subject_id.is_none() {
        let detail = "One of subject_type and subject_id is null, the other is not.".to_owned();
        Error::Argument("subject_type and subject_id go together", detail, "Pass both, or neither.").raise();
    }
    let order = new_order(&priced(environment, line_items.as_ref().map(|given| given.0.as_str())))
        .unwrap_or_else(|refusal| Error::Argument(refusal.message, refusal.detail, refusal.hint).raise());
    let target = orders.map_or_else(only_table, attached);
    for (column, value) in [("user_id", user_id), ("subject_id", subject_id)] {
        if value.is_some_and(|value| !target.can_name(column, value)) {
            let detail = format!("Column {column} of {} cannot hold {:?}.", target.relation, value.unwrap_or_default());
            Error::Argument("order cannot be of this user or subject", detail, "Pass the id as the app stores it.")
                .raise();
        }
    }
    let line_items = order.line_items.to_string();
    let args = [
        text("pending"),
        text(environment),
        text(user_id),
        text(subject_type),
        text(subject_id),
        order.amount.into(),
        text(order.currency.as_str()),
        text(line_items.as_str()),
    ];
    target.write_or_raise(|| {
        let (_, id) = target.run(INSERT_ORDER, &args);
        if id.is_none() {
            target.raise_no_effect();
        }
        id
    })
}

/// The line items, with what the catalog knows of their prices.
fn priced(environment: &'static str, given: Option<&str>) -> Vec<OrderItem> {
    let asked: Vec<AskedItem> = line_items(given).map_err(Error::from).or_raise();
    let prices = price_ids(Some(environment), &asked).map_err(Error::from).or_raise();
    let known = CATALOG_PRICES.read(&[text(environment), prices.clone().into()]);
    let items = prices.into_iter().zip(asked).zip(known);
    items
        .map(|((price, asked), known)| OrderItem {
            price,
            quantity: i64::try_from(asked.quantity).unwrap_or(i64::MAX),
            known,
        })
        .collect()
}

/// The one table that is attached as orders.
fn only_table() -> Target {
    let there: Vec<Target> = targets(TargetKind::Orders).iter().filter(|target| target.is_there()).cloned().collect();
    if there.len() > 1 {
        let names: Vec<&str> = there.iter().map(|target| target.relation.as_str()).collect();
        let detail = format!("They are: {}.", names.join(", "));
        Error::Argument("several tables are attached as orders", detail, "Name one of them in the argument orders.")
            .raise();
    }
    first(TargetKind::Orders)
}

/// The table that was named, if it is attached.
fn attached(table: pg_sys::Oid) -> Target {
    let all = targets(TargetKind::Orders);
    all.iter().find(|target| target.oid() == table && target.is_there()).cloned().unwrap_or_else(|| {
        ErrorReport::new(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            "table is not attached as orders",
            "payments",
        )
        .set_detail(format!("Table {}.", pg::catalog::qualified_name(table).unwrap_or_default()))
        .set_hint("Call payments.attach('orders', …) with it.")
        .report(PgLogLevel::ERROR);
        unreachable!("an error was raised")
    })
}

/// The currency of an order that a session names, in lower case; null where there is none, or where none of these ids owns it (all do
/// for a backend, which passes none). What fails in the app's table says nothing.
#[pg_extern]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::needless_pass_by_value, reason = "as the server passes them")]
fn order_currency(order_id: Option<&str>, owners: Option<Vec<String>>) -> Option<String> {
    definer::require_inside();
    let order_id = order_id?;
    targets(TargetKind::Orders).iter().filter(|target| target.is_there() && target.has("currency")).find_map(|target| {
        let key = target.key("id", order_id)?;
        let found = ok_or_none(|| {
            target.read_as_owner(|| target.read(ORDER_CURRENCY, &[text(key.as_str()), owners.clone().into()]))
        })
        .flatten()?;
        let currency = found.trim().to_ascii_lowercase();
        (currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_lowercase())).then_some(currency)
    })
}
