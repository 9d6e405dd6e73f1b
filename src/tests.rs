//! What only a server can tell of the sources: that every statement prepares, that rows are named as columns are, and that
//! the savepoint and the ways to act as somebody else keep what they promise.

#![allow(clippy::unwrap_used, reason = "a test stops where it finds something else than it expects")]

use std::fs;
use std::path::Path;

use payments_core::payment::fold::Payment;
use payments_core::stripe::object::customer::Customer;
use payments_core::stripe::object::price::Price;
use payments_core::stripe::object::product::Product;
use payments_core::stripe::object::subscription::Snapshot;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use serde::Serialize;

use crate::db;

/// The parameters' types, as a statement's first lines tell them: `$1 environment text, $2 keys text[]`. One that names no type
/// is of the type that follows.
fn parameter_types(head: &str) -> Vec<String> {
    const TYPES: [&str; 11] =
        ["jsonb", "text[]", "uuid[]", "uuid", "boolean", "bigint", "interval", "integer", "timestamptz", "oid", "text"];
    let mut types: Vec<String> = Vec::new();
    let mut following = "text".to_owned();
    for told in head.split('$').skip(1).collect::<Vec<_>>().into_iter().rev() {
        let mut words = told.split(|c: char| !(c.is_alphanumeric() || "[]_".contains(c)));
        if let Some(named) = words.rfind(|word| TYPES.contains(word)) {
            named.clone_into(&mut following);
        }
        types.insert(0, following.clone());
    }
    types
}

fn columns(table: &str) -> Vec<String> {
    let query = format!(
        "select array_agg(attname::text) from pg_attribute where attrelid = '{table}'::regclass and attnum > 0 and not attisdropped"
    );
    Spi::get_one::<Vec<String>>(&query).unwrap().unwrap()
}

fn is_named_as<T: Serialize>(row: &T, table: &str) {
    let columns = columns(table);
    let row = serde_json::to_value(row).unwrap();
    for field in row.as_object().unwrap().keys() {
        assert!(columns.contains(field), "{table} has no column {field}");
    }
}

#[pg_schema]
mod tests {
    use super::*;

    #[pg_test]
    fn every_statement_prepares() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/statement");
        let (mut prepared, mut refused) = (0, Vec::new());
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let sql = fs::read_to_string(&path).unwrap();
            assert!(sql.starts_with(&format!("-- {name}:")), "{name} does not say on its first line what it does");
            if sql.contains("\nlock table") {
                continue;
            }
            let head: String = sql.lines().take_while(|line| line.starts_with("--")).collect::<Vec<_>>().join(" ");
            let types = parameter_types(&head).join(", ");
            let types = if types.is_empty() { String::new() } else { format!("({types})") };
            let outcome = db::savepoint(|| Spi::run(&format!("prepare s_{name} {types} as {sql}")).unwrap());
            refused.extend(outcome.err().map(|failure| format!("{name} {types}: {failure}")));
            prepared += 1;
        }
        assert!(refused.is_empty(), "{}", refused.join("; "));
        assert!(prepared > 50, "only {prepared} statements were found");
    }

    #[pg_test]
    fn rows_are_named_as_their_columns() {
        is_named_as(&Payment::default(), "payments.payment_history");
        is_named_as(&Customer::read(r#"{"id": "cus_1"}"#, false).unwrap(), "payments.customers");
        is_named_as(&Product::read(r#"{"id": "prod_1"}"#, false).unwrap(), "payments.products");
        is_named_as(&Price::read(r#"{"id": "price_1"}"#, false).unwrap(), "payments.prices");
        let text = r#"{"id": "sub_1", "items": {"data": [{"id": "si_1", "price": {"id": "price_1"}}]}}"#;
        let subscription = Snapshot::read(text, false, "insforge_").unwrap();
        is_named_as(&subscription.row, "payments.subscriptions");
        is_named_as(&subscription.items[0], "payments.subscription_items");
    }

    #[pg_test]
    fn a_savepoint_keeps_all_or_nothing() {
        Spi::run("create temp table kept (n int)").unwrap();
        let kept = db::savepoint(|| Spi::run("insert into kept values (1)").unwrap());
        assert!(kept.is_ok());
        let failed = db::savepoint(|| {
            Spi::run("insert into kept values (2)").unwrap();
            Spi::run("select 1 / 0").unwrap();
        });
        assert_eq!(failed.unwrap_err().sqlstate, "22012");
        assert_eq!(Spi::get_one::<i64>("select sum(n) from kept").unwrap(), Some(1));
    }

    #[pg_test(error = "canceling statement due to user request")]
    fn a_savepoint_does_not_swallow_a_cancel() {
        let _ = db::savepoint(|| {
            ErrorReport::new(PgSqlErrorCode::ERRCODE_QUERY_CANCELED, "canceling statement due to user request", "test")
                .report(PgLogLevel::ERROR);
        });
    }

    #[pg_test]
    fn acting_as_an_owner_is_restricted_and_undone() {
        Spi::run("create role shop_owner").unwrap();
        Spi::run("create table public.shop (n int); alter table public.shop owner to shop_owner").unwrap();
        let shop = Spi::get_one::<pg_sys::Oid>("select 'public.shop'::regclass::oid").unwrap().unwrap();
        let user = || Spi::get_one::<String>("select current_user::text").unwrap().unwrap();
        let before = user();
        assert_eq!(db::as_owner_of(shop, user).as_deref(), Some("shop_owner"));
        let refused = db::savepoint(|| db::as_owner_of(shop, || Spi::run("set role postgres").unwrap()));
        assert_eq!(refused.unwrap_err().sqlstate, "42501");
        assert_eq!(user(), before);
    }

    #[pg_test]
    fn what_is_answered_is_committed_durably() {
        Spi::run("set synchronous_commit = off").unwrap();
        Spi::run("select payments.set_webhook_secret('test', 'whsec_durable')").unwrap();
        Spi::run(
            "select payments.receive_stripe_webhook('test', s.payload, s.signature) from payments.sign_test_event(
               '{\"id\": \"evt_1\", \"object\": \"event\", \"type\": \"ping\", \"created\": 1, \"livemode\": false,
                 \"data\": {\"object\": {\"id\": \"x_1\"}}}') s",
        )
        .unwrap();
        assert_eq!(Spi::get_one::<String>("show synchronous_commit").unwrap().as_deref(), Some("on"));
        assert_eq!(Spi::get_one::<bool>("select payments.stored_event_verifies('test', 'evt_1')").unwrap(), Some(true));
    }
}
