//! What only a server can tell of the sources: that rows are named as columns are, and that the savepoint and the ways to act as
//! somebody else keep what they promise. That every query can be prepared is for `tests/queries`.

#![allow(clippy::unwrap_used, reason = "a test stops where it finds something else than it expects")]

use payments_core::payment::context::Context;
use payments_core::payment::fact::{Fact, PaymentObject};
use payments_core::payment::fold::{Payment, fold};
use payments_core::stripe::event_type::ObjectKind;
use payments_core::stripe::object::customer::Customer;
use payments_core::stripe::object::payment_method::PaymentMethod;
use payments_core::stripe::object::price::Price;
use payments_core::stripe::object::product::Product;
use payments_core::stripe::object::subscription::SubscriptionSnapshot;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use serde::Serialize;

use crate::pg::role::RoleScope;
use crate::pg::{catalog, role, savepoint};

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
    #[allow(clippy::wildcard_imports, reason = "the tests are of this very file")]
    use super::*;

    #[pg_test]
    fn rows_are_named_as_their_columns() {
        is_named_as(&Payment::default(), "payments.payment_history");
        is_named_as(&Customer::read(r#"{"id": "cus_1"}"#, false).unwrap(), "payments.customers");
        is_named_as(&Product::read(r#"{"id": "prod_1"}"#, false).unwrap(), "payments.products");
        is_named_as(&Price::read(r#"{"id": "price_1"}"#, false).unwrap(), "payments.prices");
        let method = PaymentMethod::read(r#"{"id": "pm_1"}"#, None, &serde_json::Map::new()).unwrap();
        is_named_as(&method, "payments.payment_methods");
        let invoice = PaymentObject::read(ObjectKind::Invoice, r#"{"id": "in_1"}"#, None, "").unwrap().unwrap();
        let fact = Fact {
            event_id: "evt_1".to_owned(),
            created: 1,
            rank: 0,
            previous: serde_json::Map::new(),
            object: invoice,
        };
        is_named_as(&fold(&[fact], &Context::default()).invoices[0], "payments.invoices");
        let text = r#"{"id": "sub_1", "items": {"data": [{"id": "si_1", "price": {"id": "price_1"}}]}}"#;
        let subscription = SubscriptionSnapshot::read(text, false, "insforge_").unwrap();
        is_named_as(&subscription.row, "payments.subscriptions");
        is_named_as(&subscription.items[0], "payments.subscription_items");
    }

    #[pg_test]
    fn a_savepoint_keeps_all_or_nothing() {
        Spi::run("create temp table kept (n int)").unwrap();
        let kept = savepoint::savepoint(|| Spi::run("insert into kept values (1)").unwrap());
        assert!(kept.is_ok());
        let failed = savepoint::savepoint(|| {
            Spi::run("insert into kept values (2)").unwrap();
            Spi::run("select 1 / 0").unwrap();
        });
        assert_eq!(failed.unwrap_err().sqlstate, "22012");
        assert_eq!(Spi::get_one::<i64>("select sum(n) from kept").unwrap(), Some(1));
    }

    #[pg_test(error = "canceling statement due to user request")]
    fn a_savepoint_does_not_swallow_a_cancel() {
        let _ = savepoint::savepoint(|| Spi::run("select pg_cancel_backend(pg_backend_pid()), pg_sleep(10)").unwrap());
    }

    #[pg_test]
    fn what_only_says_that_it_was_cancelled_is_an_error_like_others() {
        let said = savepoint::savepoint(|| {
            ErrorReport::new(PgSqlErrorCode::ERRCODE_QUERY_CANCELED, "canceling statement due to user request", "test")
                .report(PgLogLevel::ERROR);
        });
        assert_eq!(said.unwrap_err().sqlstate, "57014");
    }

    #[pg_test]
    fn acting_as_an_owner_is_restricted_and_undone() {
        Spi::run("create role shop_owner").unwrap();
        Spi::run("create table public.shop (n int); alter table public.shop owner to shop_owner").unwrap();
        let shop = Spi::get_one::<pg_sys::Oid>("select 'public.shop'::regclass::oid").unwrap().unwrap();
        let owner = catalog::owner_of(shop).unwrap();
        let user = || Spi::get_one::<String>("select current_user::text").unwrap().unwrap();
        let before = user();
        assert_eq!(role::with_role(owner, RoleScope::Writing, user), "shop_owner");
        let refused = savepoint::savepoint(|| {
            role::with_role(owner, RoleScope::Writing, || Spi::run("set role postgres").unwrap());
        });
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
