//! What only a server can tell of the sources: that every statement prepares, that rows are named as columns are, and that
//! the savepoint and the ways to act as somebody else keep what they promise.

#![allow(clippy::unwrap_used, reason = "a test stops where it finds something else than it expects")]

use std::fs;
use std::path::Path;

use payments_core::payment::fold::Payment;
use payments_core::stripe::object::customer::Customer;
use payments_core::stripe::object::price::Price;
use payments_core::stripe::object::product::Product;
use payments_core::stripe::object::subscription::SubscriptionSnapshot;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use serde::Serialize;

use crate::pg::{catalog, role, savepoint};

/// The parameters' types, as a statement's first lines tell them: `$1 environment text, $2 keys text[]`. One that names no type
/// is of the type that follows.
fn parameter_types(head: &str) -> Vec<String> {
    const TYPES: [&str; 13] = [
        "jsonb",
        "text[]",
        "uuid[]",
        "bigint[]",
        "boolean[]",
        "uuid",
        "boolean",
        "bigint",
        "interval",
        "integer",
        "timestamptz",
        "oid",
        "text",
    ];
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

/// Every query that can be prepared as it is, by its name: templates and their fragments wait for a table (tests/queries).
fn statements() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/query");
    let files = fs::read_dir(folder).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    let queries = files.flat_map(|text| text.split("\n\n").map(|query| query.trim().to_owned()).collect::<Vec<_>>());
    let whole = |query: &String| query.ends_with(';') && !query.contains('{') && !query.contains("\nlock table");
    queries
        .filter(whole)
        .map(|query| {
            let name = query.trim_start_matches("-- ").split(':').next().unwrap_or_default().to_owned();
            (name, query.trim_end_matches(';').to_owned())
        })
        .collect()
}

fn types_of(sql: &str) -> Vec<String> {
    let head: String = sql.lines().take_while(|line| line.starts_with("--")).collect::<Vec<_>>().join(" ");
    parameter_types(&head)
}

/// How many parameters a statement has.
fn parameters(sql: &str) -> usize {
    let numbers = sql.split('$').skip(1).map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    numbers.filter_map(|number| number.parse().ok()).max().unwrap_or(0)
}

/// Where the first lines do not tell the type of each parameter, the statement itself casts them.
fn prepare(name: &str, types: &[String], sql: &str) {
    let told = !types.is_empty() && types.len() == parameters(sql);
    let types = if told { format!("({})", types.join(", ")) } else { String::new() };
    Spi::run(&format!("prepare s_{name} {types} as {sql}")).unwrap();
}

fn plan(explain: &str) -> Vec<String> {
    Spi::connect_mut(|client| {
        let lines = client.update(explain, None, &[]).unwrap();
        lines.map(|line| line.get::<String>(1).unwrap().unwrap()).collect()
    })
}

/// The tables that grow with every event.
const OURS: [&str; 14] = [
    "webhook_events",
    "facts",
    "fact_links",
    "payment_history",
    "checkout_sessions",
    "customer_portal_sessions",
    "customers",
    "products",
    "prices",
    "subscriptions",
    "subscription_items",
    "stripe_customer_mappings",
    "mapping_claims",
    "fulfillments",
];

#[pg_schema]
mod tests {
    #[allow(clippy::wildcard_imports, reason = "the tests are of this very file")]
    use super::*;

    #[pg_test]
    fn every_statement_prepares() {
        let (mut prepared, mut refused) = (0, Vec::new());
        for (name, sql) in statements() {
            assert!(sql.starts_with(&format!("-- {name}:")), "{name} does not say on its first line what it does");
            let types = types_of(&sql);
            let outcome = savepoint::savepoint(|| prepare(&name, &types, &sql));
            refused.extend(outcome.err().map(|failure| format!("{name} {types:?}: {failure}")));
            prepared += 1;
        }
        assert!(refused.is_empty(), "{}", refused.join("; "));
        assert!(prepared > 50, "only {prepared} statements were found");
    }

    /// Plans are kept from when the tables are empty; one that reads a whole table or a whole environment then would go on so.
    #[pg_test]
    fn no_statement_of_the_path_reads_a_whole_table() {
        const READ_ALL_BY_PURPOSE: [&str; 9] = [
            "all_group_ids",
            "all_claims",
            "all_mirrored",
            "count_open_fulfillments",
            "events_to_replay",
            "find_open_fulfillments",
            "find_subscriptions",
            "prune_events",
            "rows_of_mappings",
        ];
        Spi::run("set local enable_seqscan = off; set local plan_cache_mode = force_generic_plan").unwrap();
        for table in OURS {
            Spi::run(&format!("analyze payments.{table}")).unwrap();
        }
        let mut wrong = Vec::new();
        for (name, sql) in statements().into_iter().filter(|(name, _)| !READ_ALL_BY_PURPOSE.contains(&name.as_str())) {
            let types = types_of(&sql);
            prepare(&name, &types, &sql);
            let arguments = vec!["null"; parameters(&sql)].join(", ");
            let arguments = if arguments.is_empty() { arguments } else { format!("({arguments})") };
            let mut ours = false;
            for line in plan(&format!("explain (costs off) execute s_{name}{arguments}")) {
                if line.contains(" Scan ") {
                    ours = OURS.iter().any(|table| line.contains(&format!(" on {table}")));
                }
                if ours && (line.contains("Index Cond: (environment ") || line.contains("Seq Scan on ")) {
                    wrong.push(format!("{name}: {}", line.trim()));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("; "));
    }

    #[pg_test]
    fn rows_are_named_as_their_columns() {
        is_named_as(&Payment::default(), "payments.payment_history");
        is_named_as(&Customer::read(r#"{"id": "cus_1"}"#, false).unwrap(), "payments.customers");
        is_named_as(&Product::read(r#"{"id": "prod_1"}"#, false).unwrap(), "payments.products");
        is_named_as(&Price::read(r#"{"id": "price_1"}"#, false).unwrap(), "payments.prices");
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
        assert_eq!(role::as_user(owner, user), "shop_owner");
        let refused = savepoint::savepoint(|| role::as_user(owner, || Spi::run("set role postgres").unwrap()));
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
