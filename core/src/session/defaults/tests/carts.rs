//! Of several line items in one cart.

use serde_json::{Value, json};

use super::{get, merged, request, with_prices};

#[test]
fn a_price_has_the_last_word_whatever_the_order_of_the_items() {
    let (a, b) = (
        json!({"price": "a", "recurring": false, "params": {"locale": "de", "custom_text": {"submit": {"message": "a"}}}}),
        json!({"price": "b", "recurring": false, "params": {"locale": "fr", "submit_type": "book"}}),
    );
    let defaults = json!({"locale": "en", "billing_address_collection": "required", "custom_text": {"after_submit": {"message": "x"}}});
    let one = with_prices("payment", defaults.clone(), &json!([a, b]));
    assert_eq!(one, with_prices("payment", defaults, &json!([b, a])));
    assert_eq!(
        (&one["locale"], &one["submit_type"], &one["billing_address_collection"]),
        (&json!("fr"), &json!("book"), &json!("required"))
    );
    assert_eq!(one["custom_text"], json!({"after_submit": {"message": "x"}, "submit": {"message": "a"}}));
}

#[test]
fn an_offer_of_one_price_is_no_other_prices() {
    let offers = |defaults: Value, prices: Value| {
        let params = with_prices("payment", defaults, &prices);
        (params.get("allow_promotion_codes").cloned(), params.get("discounts").cloned())
    };
    let price = |id: &str, params: Value| json!({"price": id, "recurring": false, "params": params});
    let (plain, cheap) = (price("a", json!({})), price("b", json!({"discounts": [{"coupon": "half"}]})));
    let half = Some(json!([{"coupon": "half"}]));
    assert_eq!(offers(json!({}), json!([cheap])), (None, half.clone()));
    assert_eq!(offers(json!({}), json!([cheap, cheap])), (None, half));
    assert_eq!(offers(json!({}), json!([plain, cheap])), (None, None));
    assert_eq!(offers(json!({"allow_promotion_codes": true}), json!([plain])), (Some(json!(true)), None));
    assert_eq!(offers(json!({"allow_promotion_codes": true}), json!([plain, cheap])), (None, None));
    // A price's own discount takes the place of the environment's codes, and the other way round: Stripe takes one of them.
    assert_eq!(offers(json!({"allow_promotion_codes": true}), json!([cheap])).0, None);
    let codes = price("c", json!({"allow_promotion_codes": true}));
    assert_eq!(offers(json!({"discounts": [{"coupon": "x"}]}), json!([codes])), (Some(json!(true)), None));
}

/// What is sent of a cart of two, in either order, as `(of the dear one, of the cheap one)` beside what the environment says.
fn carted(mode: &str, defaults: Value, dear: Value, cheap: Value) -> Value {
    let price = |id: &str, params: &Value| json!({"price": id, "recurring": mode == "subscription", "params": params});
    let of = |first: &Value, last: &Value| {
        with_prices(mode, defaults.clone(), &json!([price("a", first), price("b", last)]))
    };
    let sent = of(&dear, &cheap);
    assert_eq!(sent, of(&cheap, &dear), "which of the two has the later id must not matter");
    sent
}

#[test]
fn what_changes_who_pays_what_is_the_environments_where_prices_differ() {
    let two = [
        (
            "/adaptive_pricing",
            json!({"adaptive_pricing": {"enabled": true}}),
            json!({"adaptive_pricing": {"enabled": false}}),
        ),
        (
            "/payment_intent_data/capture_method",
            json!({"payment_intent_data": {"capture_method": "automatic"}}),
            json!({"payment_intent_data": {"capture_method": "manual"}}),
        ),
        (
            "/payment_intent_data/setup_future_usage",
            json!({"payment_intent_data": {"setup_future_usage": "off_session"}}),
            json!({"payment_intent_data": {"setup_future_usage": "on_session"}}),
        ),
        (
            "/payment_method_configuration",
            json!({"payment_method_configuration": "pmc_1"}),
            json!({"payment_method_configuration": "pmc_2"}),
        ),
        (
            "/tax_id_collection",
            json!({"tax_id_collection": {"enabled": false}}),
            json!({"tax_id_collection": {"enabled": true}}),
        ),
        (
            "/shipping_options",
            json!({"shipping_options": [{"shipping_rate": "shr_20"}]}),
            json!({"shipping_options": [{"shipping_rate": "shr_free"}]}),
        ),
        (
            "/shipping_address_collection",
            json!({"shipping_address_collection": {"allowed_countries": ["DE"]}}),
            json!({"shipping_address_collection": {"allowed_countries": ["US"]}}),
        ),
    ];
    for (pointer, strict, lax) in two {
        let of = |defaults: &Value, dear: &Value, cheap: &Value| {
            get(&carted("payment", defaults.clone(), dear.clone(), cheap.clone()), pointer).cloned()
        };
        let (own, other, none) = (strict.pointer(pointer).cloned(), lax.pointer(pointer).cloned(), json!({}));
        assert_eq!(of(&strict, &none, &lax), own, "{pointer}: the environment's");
        assert_eq!(of(&strict, &lax, &lax), other, "{pointer}: of all");
        assert_eq!(of(&lax, &strict, &none), other, "{pointer}: the environment's, whatever it is");
        let ships = pointer.starts_with("/shipping");
        assert_eq!(of(&none, &strict, &none), own.filter(|_| ships), "{pointer}: of one");
    }
    let lax = json!({"subscription_data": {"billing_mode": {"type": "classic"}, "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}}, "trial_period_days": 3}});
    let strict = json!({"subscription_data": {"billing_mode": {"type": "flexible"}, "trial_settings": {"end_behavior": {"missing_payment_method": "cancel"}}, "trial_period_days": 3}});
    let data = carted("subscription", strict.clone(), json!({}), lax)["subscription_data"].clone();
    assert_eq!(
        (&data["billing_mode"], &data["trial_settings"]),
        (&strict["subscription_data"]["billing_mode"], &strict["subscription_data"]["trial_settings"])
    );
}

#[test]
fn what_one_price_asks_for_is_asked_for() {
    let strict = json!({"automatic_tax": {"enabled": true}, "billing_address_collection": "required", "phone_number_collection": {"enabled": true},
                        "consent_collection": {"terms_of_service": "required"}});
    let lax = json!({"automatic_tax": {"enabled": false}, "billing_address_collection": "auto", "phone_number_collection": {"enabled": false},
                     "consent_collection": {"terms_of_service": "none"}});
    for (defaults, dear, cheap) in [
        (strict.clone(), json!({}), lax.clone()),
        (json!({}), strict.clone(), lax.clone()),
        (lax.clone(), strict.clone(), json!({})),
    ] {
        let sent = carted("payment", defaults, dear, cheap);
        for (name, value) in strict.as_object().into_iter().flatten() {
            assert_eq!(sent.get(name), Some(value));
        }
    }
    assert_eq!(carted("payment", strict, lax.clone(), lax)["automatic_tax"], json!({"enabled": false}));
}

#[test]
fn a_page_is_recovered_only_if_each_price_says_so() {
    let recovery = |enabled: bool, codes: Option<bool>| {
        let mut recovery = json!({"enabled": enabled});
        if let Some(codes) = codes {
            recovery["allow_promotion_codes"] = codes.into();
        }
        json!({"after_expiration": {"recovery": recovery}})
    };
    let of =
        |defaults: Value, cheap: Value| carted("payment", defaults, json!({}), cheap).get("after_expiration").cloned();
    let own = |params: Value| params.get("after_expiration").cloned();
    assert_eq!(of(json!({}), recovery(true, Some(true))), None);
    assert_eq!(of(recovery(true, None), recovery(true, Some(true))), own(recovery(true, None)));
    assert_eq!(of(recovery(true, Some(true)), json!({})), own(recovery(true, Some(true))));
    assert_eq!(of(recovery(true, Some(true)), recovery(false, None)), None);
}

#[test]
fn no_payment_method_is_excluded_in_vain() {
    let of = |defaults: Value, dear: Value, cheap: Value| {
        let sent = carted("payment", defaults, dear, cheap);
        let sorted = |name: &str| {
            let mut list = sent.get(name)?.as_array()?.clone();
            list.sort_by_key(ToString::to_string);
            Some(Value::Array(list))
        };
        (sorted("excluded_payment_method_types"), sorted("allowed_payment_method_types"))
    };
    let (excluded, allowed) =
        (|m: Value| json!({"excluded_payment_method_types": m}), |m: Value| json!({"allowed_payment_method_types": m}));
    assert_eq!(
        of(excluded(json!(["klarna"])), json!({}), excluded(json!(["sepa_debit"]))).0,
        Some(json!(["klarna", "sepa_debit"]))
    );
    assert_eq!(of(json!({}), allowed(json!(["card"])), json!({})).1, Some(json!(["card"])));
    assert_eq!(
        of(allowed(json!(["card", "link"])), json!({}), allowed(json!(["klarna", "link"]))).1,
        Some(json!(["link"]))
    );
    assert_eq!(of(allowed(json!(["card"])), json!({}), allowed(json!(["klarna"]))).1, Some(json!(["card"])));
}

#[test]
fn a_payment_method_is_asked_for_unless_nothing_that_recurs_asks_for_one() {
    let none = json!({"payment_method_collection": "if_required"});
    let of = |defaults: Value, cheap: Value| {
        carted("subscription", defaults, json!({}), cheap).get("payment_method_collection").cloned()
    };
    assert_eq!(of(json!({}), none.clone()), Some(json!("always")));
    assert_eq!(of(none.clone(), json!({})), Some(json!("if_required")));
    assert_eq!(of(none.clone(), json!({"payment_method_collection": "always"})), Some(json!("always")));
    let book =
        json!([{"price": "a", "recurring": true, "params": none}, {"price": "b", "recurring": false, "params": {}}]);
    assert_eq!(with_prices("subscription", json!({}), &book)["payment_method_collection"], "if_required");
}

#[test]
fn a_trial_is_the_shortest_of_what_recurs() {
    let trial = |defaults: Value, prices: Value| {
        let params = with_prices("subscription", defaults, &prices);
        (
            get(&params, "/subscription_data/trial_period_days").and_then(Value::as_i64),
            get(&params, "/subscription_data/trial_settings").is_some(),
        )
    };
    let price = |id: &str, recurring: Value, days: Option<i64>| {
        let params = days.map_or(json!({}), |days| json!({"subscription_data": {"trial_period_days": days}}));
        json!({"price": id, "recurring": recurring, "params": params})
    };
    let settings =
        json!({"subscription_data": {"trial_settings": {"end_behavior": {"missing_payment_method": "cancel"}}}});
    let (month, week) = (price("a", json!(true), Some(30)), price("b", json!(true), Some(7)));
    assert_eq!(trial(settings.clone(), json!([month])), (Some(30), true));
    assert_eq!(trial(json!({}), json!([month, week])), (Some(7), false));
    assert_eq!(trial(json!({}), json!([week, month])), (Some(7), false));
    // One that has none spoils it, unless it is paid once.
    assert_eq!(trial(settings.clone(), json!([month, price("c", json!(true), None)])), (None, false));
    assert_eq!(trial(settings.clone(), json!([month, price("c", json!(null), None)])), (None, false));
    assert_eq!(trial(settings, json!([month, price("c", json!(false), None)])), (Some(30), true));
    let everywhere = json!({"subscription_data": {"trial_period_days": 14}});
    assert_eq!(trial(everywhere.clone(), json!([price("c", json!(true), None)])).0, Some(14));
    let none = request("subscription", everywhere, |r| r["may_have_trial"] = json!(false));
    assert_eq!(none["subscription_data"], json!({"metadata": {"k": "v"}}));
    let billing = |kind: &str| json!({"subscription_data": {"billing_mode": {"type": kind, "flexible": {"proration_discounts": "itemized"}}}});
    assert_eq!(
        merged("subscription", billing("classic"))["subscription_data"]["billing_mode"],
        json!({"type": "classic"})
    );
    assert!(get(&merged("subscription", billing("flexible")), "/subscription_data/billing_mode/flexible").is_some());
}
