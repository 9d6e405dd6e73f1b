//! Reads every story of the corpus as the extension reads it, and compares the rows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use payments_core::mirror::{ObjectSnapshot, items, newest_and_undecided};
use payments_core::payment::fact::Fact;
use payments_core::payment::fold::Payment;
use payments_core::stripe::event::Event;
use payments_core::stripe::event_type::{EventType, rank};
use payments_core::stripe::object::customer::Customer;
use payments_core::stripe::object::price::Price;
use payments_core::stripe::object::product::Product;
use payments_core::stripe::object::subscription::SubscriptionSnapshot;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::convergence::Store;
use crate::make::{PREFIX, heard};

/// Times are in seconds since the beginning of the stories.
const BEGINNING: i64 = 1_752_000_000;

fn stories() -> BTreeMap<String, Vec<Event>> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/corpus/stories"));
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let is_story = |path: &PathBuf| path.extension().is_some_and(|e| e == "json" || e == "jsonl");
    let story = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let events = serde_json::Deserializer::from_str(&text).into_iter::<Box<RawValue>>();
        (name, events.map(|event| Event::parse(event.unwrap().get().as_bytes()).unwrap()).collect())
    };
    files.map(|file| file.unwrap().path()).filter(is_story).map(story).collect()
}

/// A row as a line: type, status, amount, refunded amount, currency, times, e-mail, subject, ids.
fn line(row: &Payment) -> String {
    let mut line = format!("{} {}", row.payment_type, row.status);
    let mut add = |what: &str, value: Option<String>| {
        if let Some(value) = value {
            line.push_str(&format!(" {what}{value}"));
        }
    };
    let since = |time: Option<i64>| time.map(|time| (time - BEGINNING).to_string());
    add("", row.amount.map(|amount| amount.to_string()));
    add("-", row.amount_refunded.filter(|back| *back > 0).map(|back| back.to_string()));
    add("", row.currency.clone());
    add("paid+", since(row.paid_at));
    add("failed+", since(row.failed_at));
    add("refunded+", since(row.refunded_at));
    add("", row.customer_email_snapshot.as_ref().map(|email| email.replace("@example.com", "@")));
    add("", row.subject_type.as_ref().zip(row.subject_id.as_ref()).map(|(kind, id)| format!("{kind}:{id}")));
    let named = [
        ("cs", row.stripe_checkout_session_id.is_some()),
        ("pi", row.stripe_payment_intent_id.is_some()),
        ("in", row.stripe_invoice_id.is_some()),
        ("ch", row.stripe_charge_id.is_some()),
        ("sub", row.stripe_subscription_id.is_some()),
        ("price", row.stripe_price_id.is_some()),
    ];
    let named: Vec<&str> = named.into_iter().filter(|(_, is_named)| *is_named).map(|(what, _)| what).collect();
    format!("{line} | {}", named.join(" "))
}

fn lines<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Vec<String> {
    let mut store = Store::default();
    facts.into_iter().for_each(|fact| store.hear(fact));
    let folded: Vec<_> = store.rows().into_values().collect();
    let rows = folded.iter().flat_map(|f| f.payment.iter().chain(&f.refunds).chain(&f.disputes));
    let mut lines: Vec<String> = rows.map(line).collect();
    lines.sort();
    lines
}

/// The rows of each story about payments; other stories have none. They were written from the rules, not from the code.
/// Only the database knows mappings, so every subject here comes from metadata.
fn expected(story: &str) -> &'static [&'static str] {
    match story {
        "01-onetime-pi-first"
        | "02-onetime-checkout-first"
        | "48-same-object-new-event-id"
        | "51-connected-account"
        | "54-pi-failed-then-succeeded" => {
            &["one_time_payment succeeded 2000 usd paid+62 buyer@ user:u_1001 | cs pi ch"]
        }
        "04-onetime-receipt-email" | "42-mapping-backfill" => &[
            "one_time_payment succeeded 2000 usd paid+132 buyer@ user:u_1001 | cs pi ch",
            "one_time_payment succeeded 2000 usd paid+62 buyer@ user:u_1001 | cs pi ch",
        ],
        "05-delayed-succeeded" => &["one_time_payment succeeded 4900 eur paid+431999 buyer@ team:team_42 | cs pi ch"],
        "06-delayed-failed" | "07-delayed-failed-async-first" => {
            &["failed_payment failed 4900 eur failed+431999 buyer@ team:team_42 | cs pi ch"]
        }
        "11-sub-lifecycle" => &[
            "subscription_invoice succeeded 1500 usd paid+2592061 owner@ team:team_1 | in sub price",
            "subscription_invoice succeeded 1500 usd paid+61 buyer@ team:team_1 | cs in sub price",
        ],
        "12-sub-checkout-last" => {
            &["subscription_invoice succeeded 1500 usd paid+61 buyer@ team:team_1 | cs in sub price"]
        }
        "13-sub-trial" => &[
            "subscription_invoice succeeded 0 usd paid+61 buyer@ team:team_1 | cs in sub price",
            "subscription_invoice succeeded 1500 usd paid+1209661 buyer@ team:team_1 | in sub price",
        ],
        "14-sub-dunning" => &[
            "subscription_invoice succeeded 1500 usd paid+3192060 owner@ team:team_1 | in sub price",
            "subscription_invoice succeeded 1500 usd paid+61 buyer@ team:team_1 | cs in sub price",
        ],
        "23-sub-subject-via-mapping" => &["subscription_invoice succeeded 1500 usd paid+61 owner@ | in sub price"],
        "24-sub-upgrade-proration" => &[
            "subscription_invoice succeeded 1500 usd paid+61 buyer@ team:team_1 | cs in sub price",
            "subscription_invoice succeeded 3300 usd paid+1061 buyer@ team:team_1 | in sub price",
        ],
        "25-refund-full-charge-first" => &[
            "one_time_payment refunded 2000 -2000 usd paid+62 refunded+5001 buyer@ user:u_1001 | cs pi ch",
            "refund refunded 2000 usd refunded+5001 buyer@ user:u_1001 | cs pi ch",
        ],
        "27-refund-partial" | "35-refund-before-payment-redelivered" => &[
            "one_time_payment partially_refunded 2000 -700 usd paid+62 refunded+5001 buyer@ user:u_1001 | cs pi ch",
            "refund refunded 700 usd refunded+5001 buyer@ user:u_1001 | cs pi ch",
        ],
        "28-refund-two-partials" => &[
            "one_time_payment refunded 2000 -2000 usd paid+62 refunded+5001 buyer@ user:u_1001 | cs pi ch",
            "refund refunded 1300 usd refunded+6001 buyer@ user:u_1001 | cs pi ch",
            "refund refunded 700 usd refunded+5001 buyer@ user:u_1001 | cs pi ch",
        ],
        "31-refund-pending-failed" => &[
            "one_time_payment succeeded 2000 usd paid+62 buyer@ user:u_1001 | cs pi ch",
            "refund failed 2000 usd failed+90000 buyer@ user:u_1001 | cs pi ch",
        ],
        "33-refund-canceled" => &[
            "one_time_payment succeeded 2000 usd paid+62 buyer@ user:u_1001 | cs pi ch",
            "refund canceled 2000 usd failed+6001 buyer@ user:u_1001 | cs pi ch",
        ],
        "39-refund-invoice-with-payments" => &[
            "refund refunded 500 usd refunded+5061 buyer@ team:team_1 | cs pi in ch sub price",
            "subscription_invoice partially_refunded 1500 -500 usd paid+61 refunded+5061 buyer@ team:team_1 | cs pi in ch sub price",
        ],
        "41-guest-no-subject" => &["one_time_payment succeeded 2000 usd paid+62 guest@ | cs pi ch"],
        "47-duplicates" => &[
            "one_time_payment partially_refunded 2000 -100 usd paid+62 refunded+9999 buyer@ user:u_1001 | cs pi ch",
            "refund refunded 100 usd refunded+9999 buyer@ user:u_1001 | cs pi ch",
            "subscription_invoice succeeded 1500 usd paid+61 buyer@ team:team_1 | cs in sub price",
        ],
        "50-unknown-types" => &["dispute needs_response 2000 usd | ch"],
        "53-zero-amount" => &[
            "one_time_payment succeeded 0 usd paid+61 buyer@ user:u_free | cs",
            "one_time_payment succeeded paid+62 | cs",
        ],
        "57-invoice-one-off" => &["one_time_payment succeeded 25000 usd paid+4000 buyer@ | in price"],
        "61-handler-fails-then-retry" => &["one_time_payment succeeded 2000 usd paid+63 buyer@ user:u_1001 | cs pi"],
        "67-sub-incomplete-expired" => {
            &["subscription_invoice failed 1500 usd failed+62 owner@ team:team_1 | in sub price"]
        }
        _ => &[],
    }
}

#[test]
fn every_story_comes_to_its_rows_in_any_order() {
    let stories = stories();
    assert!(stories.len() >= 34, "the corpus is not all there: {} stories", stories.len());
    let mut wrong = String::new();
    for (name, events) in &stories {
        let facts: Vec<Fact> =
            events.iter().filter(|event| EventType::named(&event.event_type).is_some()).filter_map(heard).collect();
        let came_to = lines(&facts);
        if came_to != expected(name) {
            wrong.push_str(&format!(
                "{name}:\n  {}\nexpected\n  {}\n",
                came_to.join("\n  "),
                expected(name).join("\n  ")
            ));
        }
        assert_eq!(lines(facts.iter().rev()), came_to, "{name} backwards");
        for turn in 0..facts.len() {
            let (late, early) = facts.split_at(turn);
            assert_eq!(lines(early.iter().chain(late).chain(early)), came_to, "{name} from the event {turn} on");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_mirrored_object_is_read_and_ends_in_the_same_snapshot() {
    let mut kinds = BTreeSet::new();
    for (name, events) in stories() {
        let mut objects: BTreeMap<(String, String), Vec<ObjectSnapshot>> = BTreeMap::new();
        for event in &events {
            let deleted = event.event_type.ends_with(".deleted");
            match event.object_type.as_deref() {
                Some("customer") => drop(Customer::read(&event.object, deleted).unwrap()),
                Some("subscription") => drop(SubscriptionSnapshot::read(&event.object, deleted, PREFIX).unwrap()),
                Some("product") => drop(Product::read(&event.object, deleted).unwrap()),
                Some("price") => drop(Price::read(&event.object, deleted).unwrap()),
                _ => continue,
            }
            let key = (event.object_type.clone().unwrap(), event.object_id.clone().unwrap());
            let previous: Map<String, Value> = event
                .previous_attributes
                .as_deref()
                .map(|text| serde_json::from_str(text).unwrap())
                .unwrap_or_default();
            kinds.insert(key.0.clone());
            objects.entry(key).or_default().push(ObjectSnapshot {
                event_id: event.id.clone(),
                created: event.created,
                rank: rank(Some(&event.event_type)),
                deleted,
                previous,
                object: serde_json::from_str(&event.object).unwrap(),
            });
        }
        for ((kind, id), snapshots) in objects {
            let newest = newest_and_undecided(&snapshots).unwrap().0;
            let reversed: Vec<ObjectSnapshot> = snapshots.iter().rev().cloned().collect();
            assert_eq!(newest_and_undecided(&reversed).unwrap().0.object, newest.object, "{name} {id}");
            if kind == "subscription" {
                let count = items(&snapshots, PREFIX).unwrap().len();
                let expected = match name.as_str() {
                    "18-sub-multi-item-removed" => 2,
                    "20-sub-items-has-more" => 10,
                    _ => 1,
                };
                assert_eq!(count, expected, "{name}");
            }
            if name == "44-customers" {
                let customer = Customer::read(&newest.object.to_string(), newest.deleted).unwrap();
                assert!(customer.deleted);
                assert_eq!(customer.email.as_deref(), Some("new@example.com"));
            }
        }
    }
    assert_eq!(Vec::from_iter(kinds), ["customer", "price", "product", "subscription"]);
}
