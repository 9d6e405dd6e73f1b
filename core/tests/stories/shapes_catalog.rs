//! Customers, subscriptions with their items, products, prices, entitlements.

use payments_core::stripe::object::customer::Customer;
use payments_core::stripe::object::entitlements::Summary;
use payments_core::stripe::object::price::Price;
use payments_core::stripe::object::product::Product;
use payments_core::stripe::object::subscription::SubscriptionSnapshot;
use serde_json::{Value, json};

use crate::make::{PREFIX, with};

fn subscription(more: Value) -> SubscriptionSnapshot {
    let object = with(
        json!({
            "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "active",
            "cancel_at_period_end": false, "cancel_at": null, "canceled_at": null, "trial_start": null, "trial_end": null,
            "latest_invoice": "in_1", "metadata": {"insforge_subject_type": "team", "insforge_subject_id": "team_1"},
        }),
        more,
    );
    SubscriptionSnapshot::read(&object.to_string(), false, PREFIX).unwrap()
}

fn items(data: Value) -> Value {
    json!({"object": "list", "data": data, "has_more": false})
}

#[test]
fn a_subscriptions_period_in_both_shapes() {
    let price = json!({"id": "price_1", "product": "prod_1"});
    let old = subscription(json!({
        "current_period_start": 100, "current_period_end": 200,
        "items": items(json!([{"id": "si_1", "price": price, "plan": {"id": "price_1"}, "quantity": 3}])),
    }));
    let new = subscription(json!({
        "items": items(json!([
            {"id": "si_1", "price": price, "quantity": 3, "current_period_start": 150, "current_period_end": 180},
            {"id": "si_2", "price": {"id": "price_2", "product": {"id": "prod_2"}}, "current_period_start": 100, "current_period_end": 200},
        ])),
    }));
    for read in [&old, &new] {
        assert_eq!((read.row.current_period_start, read.row.current_period_end), (Some(100), Some(200)));
        assert_eq!(read.row.stripe_customer_id.as_deref(), Some("cus_1"));
        assert_eq!(read.subject.as_ref().unwrap().subject_id, "team_1");
        let item = &read.items[0];
        assert_eq!(
            (item.stripe_price_id.as_deref(), item.stripe_product_id.as_deref()),
            (Some("price_1"), Some("prod_1"))
        );
        assert_eq!((item.quantity, item.stripe_subscription_id.as_str()), (Some(3), "sub_1"));
        assert_eq!(item.raw["id"], "si_1");
    }
    // A metered item has no quantity.
    assert_eq!((new.items[1].quantity, new.items[1].stripe_product_id.as_deref()), (None, Some("prod_2")));
    assert!(!new.has_more);
    let none = subscription(json!({"items": null}));
    assert_eq!((none.row.current_period_start, none.items.len()), (None, 0));
    let epoch = subscription(
        json!({"items": items(json!([{"id": "si_1", "current_period_start": 0, "current_period_end": 0}]))}),
    );
    assert_eq!((epoch.row.current_period_start, epoch.row.current_period_end), (Some(0), Some(0)));
}

#[test]
fn each_item_has_a_period_in_both_shapes() {
    let ends = |more| {
        let read = subscription(more);
        read.items.into_iter().map(|item| (item.current_period_start, item.current_period_end)).collect::<Vec<_>>()
    };
    let own = json!([{"id": "si_1", "current_period_start": 1, "current_period_end": 2}, {"id": "si_2"}]);
    assert_eq!(ends(json!({"items": items(own.clone())})), [(Some(1), Some(2)), (None, None)]);
    let older = json!({"current_period_start": 3, "current_period_end": 4, "items": items(own)});
    assert_eq!(ends(older), [(Some(1), Some(2)), (Some(3), Some(4))]);
}

#[test]
fn a_paused_collection_is_told_beside_the_status() {
    let pause = json!({"pause_collection": {"behavior": "void", "resumes_at": 7}, "status": "active"});
    let paused = subscription(pause).row;
    assert_eq!((paused.status.as_str(), paused.pause_collection.as_deref()), ("active", Some("void")));
    assert_eq!(paused.pause_resumes_at, Some(7));
    for none in [json!({}), json!({"pause_collection": null})] {
        let row = subscription(none).row;
        assert_eq!((row.pause_collection, row.pause_resumes_at), (None, None));
    }
}

#[test]
fn a_scheduled_cancel_both_ways() {
    let flag = subscription(json!({"cancel_at_period_end": true, "cancel_at": 200, "canceled_at": 150}));
    assert_eq!((flag.row.cancel_at_period_end, flag.row.cancel_at, flag.row.canceled_at), (true, Some(200), Some(150)));
    let flexible =
        subscription(json!({"cancel_at_period_end": false, "cancel_at": 200, "billing_mode": {"type": "flexible"}}));
    assert_eq!((flexible.row.cancel_at_period_end, flexible.row.cancel_at), (false, Some(200)));
    let null = subscription(json!({"cancel_at_period_end": null}));
    assert!(!null.row.cancel_at_period_end);
}

#[test]
fn older_items_name_a_plan_and_references_can_be_expanded() {
    let read = subscription(json!({
        "customer": {"id": "cus_1", "object": "customer"}, "latest_invoice": {"id": "in_1", "lines": {}},
        "items": items(json!([
            {"id": "si_1", "plan": {"id": "plan_1", "product": "prod_1"}, "metadata": {"a": "b"}},
            {"id": "si_2", "price": "price_2", "metadata": null},
            {"id": "si_3", "price": null, "plan": null},
        ])),
    }));
    let prices: Vec<_> = read.items.iter().map(|item| item.stripe_price_id.as_deref()).collect();
    assert_eq!(prices, [Some("plan_1"), Some("price_2"), None]);
    assert_eq!(read.items[0].metadata["a"], "b");
    assert_eq!(
        (read.row.stripe_customer_id.as_deref(), read.row.latest_invoice_id.as_deref()),
        (Some("cus_1"), Some("in_1"))
    );
    let more = subscription(json!({"items": {"data": [{"id": "si_1"}], "has_more": true}}));
    assert!(more.has_more);
    let trial = subscription(json!({"status": "trialing", "trial_start": 1, "trial_end": 2}));
    assert_eq!((trial.row.status.as_str(), trial.row.trial_start, trial.row.trial_end), ("trialing", Some(1), Some(2)));
    let gone = SubscriptionSnapshot::read(r#"{"id": "sub_1", "deleted": true}"#, true, PREFIX).unwrap();
    assert_eq!(gone.row.status, "canceled");
    // If a snapshot has no status, only a deleted subscription counts as canceled.
    let status = |text: &str, deleted: bool| SubscriptionSnapshot::read(text, deleted, PREFIX).unwrap().row.status;
    assert_eq!(status(r#"{"id": "sub_1", "status": "unpaid"}"#, true), "unpaid");
    assert_eq!(status(r#"{"id": "sub_1"}"#, false), "");
}

#[test]
fn a_customer_is_deleted_by_the_word_of_its_event() {
    let whole = json!({
        "id": "cus_1", "object": "customer", "email": "zoë@example.com", "name": "Zoë 💳", "phone": "+1", "created": 0,
        "metadata": {"plan": "gold"},
    });
    let read = Customer::read(&whole.to_string(), true).unwrap();
    assert!(read.deleted);
    assert_eq!(
        (read.name.as_deref(), read.email.as_deref(), read.phone.as_deref()),
        (Some("Zoë 💳"), Some("zoë@example.com"), Some("+1"))
    );
    assert_eq!((read.stripe_created_at, read.metadata["plan"].as_str()), (Some(0), "gold"));
    let stub = Customer::read(r#"{"id": "cus_1", "object": "customer", "deleted": true}"#, true).unwrap();
    assert_eq!((stub.email, stub.stripe_created_at), (None, None));
}

#[test]
fn products_and_prices() {
    let product = json!({
        "id": "prod_1", "name": "Pro", "description": null, "active": true, "metadata": {},
        "default_price": {"id": "price_1", "object": "price"},
    });
    let read = Product::read(&product.to_string(), false).unwrap();
    assert_eq!((read.name.as_str(), read.active, read.default_price_id.as_deref()), ("Pro", true, Some("price_1")));
    assert!(!Product::read(&product.to_string(), true).unwrap().active);
    assert!(!Product::read(&with(product, json!({"active": false})).to_string(), false).unwrap().active);
    assert_eq!(Product::read(r#"{"id": "prod_1", "name": null, "deleted": true}"#, true).unwrap().name, "");
    let price = json!({
        "id": "price_1", "product": "prod_1", "active": true, "currency": "kwd", "unit_amount": 1500,
        "unit_amount_decimal": "1500", "type": "recurring", "lookup_key": "pro", "billing_scheme": "per_unit",
        "tax_behavior": "exclusive", "recurring": {"interval": "month", "interval_count": 3, "usage_type": "licensed"},
        "metadata": {"k": "v"},
    });
    let read = Price::read(&price.to_string(), false).unwrap();
    assert_eq!(
        (read.unit_amount, read.currency.as_deref(), read.price_type.as_deref()),
        (Some(1500), Some("kwd"), Some("recurring"))
    );
    assert_eq!((read.recurring_interval.as_deref(), read.recurring_interval_count), (Some("month"), Some(3)));
    assert_eq!(
        (read.lookup_key.as_deref(), read.billing_scheme.as_deref(), read.tax_behavior.as_deref()),
        (Some("pro"), Some("per_unit"), Some("exclusive"))
    );
    assert_eq!(
        (read.stripe_product_id.as_deref(), read.active, read.metadata["k"].as_str()),
        (Some("prod_1"), true, "v")
    );
    let tiered =
        json!({"unit_amount": null, "unit_amount_decimal": "0.125", "recurring": null, "product": {"id": "prod_1"}});
    let read = Price::read(&with(price.clone(), tiered).to_string(), false).unwrap();
    assert_eq!(
        (read.unit_amount, read.unit_amount_decimal.as_deref(), read.recurring_interval),
        (None, Some("0.125"), None)
    );
    assert_eq!(read.stripe_product_id.as_deref(), Some("prod_1"));
    assert!(!Price::read(&price.to_string(), true).unwrap().active);
}

#[test]
fn an_entitlement_summary_is_what_a_customer_has_now() {
    let summary = json!({
        "object": "entitlements.active_entitlement_summary", "customer": "cus_1",
        "entitlements": {"object": "list", "has_more": false, "data": [
            {"id": "ent_1", "object": "entitlements.active_entitlement", "feature": "feat_1", "lookup_key": "seats"},
            {"id": "ent_2", "feature": {"id": "feat_2", "lookup_key": "x"}, "lookup_key": "sso"},
        ]},
    });
    let read = Summary::read(&summary.to_string()).unwrap();
    let features: Vec<_> =
        read.entitlements.iter().map(|e| (e.lookup_key.as_str(), e.stripe_feature_id.as_deref())).collect();
    assert_eq!((read.customer.as_str(), features), ("cus_1", vec![("seats", Some("feat_1")), ("sso", Some("feat_2"))]));
    let none = with(summary, json!({"entitlements": {"data": []}, "customer": {"id": "cus_1"}}));
    assert_eq!(Summary::read(&none.to_string()).unwrap().entitlements.len(), 0);
}
