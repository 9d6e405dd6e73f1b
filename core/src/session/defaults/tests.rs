#![allow(clippy::needless_pass_by_value, reason = "a test writes its values where it passes them")]

use super::allowed::{Field, Kind, PARAMETERS};
use super::*;
use serde_json::{Value, json};

mod carts;
mod custom_fields;

/// Intervals as a test writes them: seconds.
fn seconds(text: &str) -> Option<i64> {
    text.strip_suffix(" s")?.parse().ok()
}

fn refused(params: &Value) -> DefaultsRefusal {
    check(params, &seconds).expect_err("it must be refused")
}

fn passes(params: &Value) -> bool {
    check(params, &seconds).is_ok()
}

/// A value of each kind that Stripe takes, and one that it does not take.
fn examples(kind: &Kind) -> (Value, Value) {
    match kind {
        Kind::Flag => (true.into(), "true".into()),
        Kind::Word(words) => (words.split(' ').next().into(), "no such word".into()),
        Kind::Text(longest) => ("x".repeat(*longest).into(), "x".repeat(longest + 1).into()),
        Kind::Plain(longest) => ("x".repeat(*longest).into(), "x-y".into()),
        Kind::Statement(longest) => ("x".repeat(*longest).into(), "x*y".into()),
        Kind::Id(prefix) => (format!("{prefix}1").into(), format!("{prefix}1 2").into()),
        Kind::Currency => ("usd".into(), "USD".into()),
        Kind::Number(least, most) => ((*least).into(), (most + 1).into()),
        Kind::Interval(least, most) => (format!("{least} s").into(), format!("{} s", most + 1).into()),
        Kind::List(_, of) | Kind::Distinct(_, _, of) => (json!([examples(of).0]), json!([])),
        Kind::Object(fields) | Kind::CustomField(fields) => (object(fields), json!([])),
        Kind::OneOf(fields) => (json!({fields[0].name: examples(&fields[0].kind).0}), object(fields)),
        Kind::ByCurrency(of) => (json!({"eur": examples(of).0}), json!({"EUR": examples(of).0})),
    }
}

fn object(fields: &[Field]) -> Value {
    let is_custom_field =
        fields.iter().any(|field| field.name == "label") && fields.iter().any(|field| field.name == "dropdown");
    let all = fields.iter().filter(|field| !is_custom_field || !["numeric", "text"].contains(&field.name));
    all.map(|field| (field.name.to_owned(), examples(&field.kind).0)).collect::<serde_json::Map<_, _>>().into()
}

/// Each value within an example, by its path, with what it may be.
fn visit(path: &[String], kind: &'static Kind, at: &mut dyn FnMut(&[String], &'static Kind)) {
    at(path, kind);
    let within = |name: &str| path.iter().cloned().chain([name.to_owned()]).collect::<Vec<_>>();
    match kind {
        Kind::List(_, of) | Kind::Distinct(_, _, of) => visit(&within("0"), of, at),
        Kind::ByCurrency(of) => visit(&within("eur"), of, at),
        Kind::Object(fields) | Kind::CustomField(fields) => {
            fields.iter().for_each(|field| visit(&within(field.name), &field.kind, at));
        }
        Kind::OneOf(fields) => visit(&within(fields[0].name), &fields[0].kind, at),
        _ => {}
    }
}

fn replaced(value: &Value, path: &[String], with: &Value) -> Option<Value> {
    let mut changed = value.clone();
    *changed.pointer_mut(&path.iter().fold(String::new(), |path, name| path + "/" + name))? = with.clone();
    Some(changed)
}

#[test]
fn every_parameter_takes_what_stripe_takes_and_nothing_else() {
    let mut looked_at = 0;
    for field in PARAMETERS {
        let (good, _) = examples(&field.kind);
        let params = json!({field.name: good});
        assert_eq!(check(&params, &seconds), Ok(()), "{params}");
        visit(&[field.name.to_owned()], &field.kind, &mut |path, kind| {
            let (_, bad) = examples(kind);
            for bad in [bad, Value::Null] {
                let Some(changed) = replaced(&params, path, &bad) else { return };
                let refusal = refused(&changed);
                assert!(refusal.detail.contains(&path[0]), "{refusal:?}");
                assert!(refusal.detail.ends_with('.') && refusal.hint.ends_with('.'), "{refusal:?}");
                looked_at += 1;
            }
        });
    }
    assert!(looked_at > 150, "{looked_at}");
}

#[test]
fn each_of_several_ways_to_say_it_is_checked() {
    let ways = PARAMETERS.iter().filter_map(|field| match &field.kind {
        Kind::List(_, Kind::OneOf(ways)) => Some(ways.iter().map(|way| (field.name, way))),
        _ => None,
    });
    for (name, way) in ways.flatten() {
        let params = json!({name: [{way.name: examples(&way.kind).0}]});
        assert_eq!(check(&params, &seconds), Ok(()), "{params}");
        let path = [name, "0", way.name].map(ToOwned::to_owned);
        visit(&path, &way.kind, &mut |path, kind| {
            let changed = replaced(&params, path, &examples(kind).1).expect("it is in the example");
            assert!(refused(&changed).detail.contains(way.name), "{changed}");
        });
    }
}

#[test]
fn a_text_has_lines_but_nothing_else_that_cannot_be_seen() {
    let message = |text: &str| json!({"custom_text": {"submit": {"message": text}}});
    assert!(passes(&message("Thank you.\nSee you soon.")));
    for wrong in ["a\tb", "a\u{7f}b", "a\rb", " ", "\n"] {
        assert!(!passes(&message(wrong)), "{wrong:?}");
    }
}

#[test]
fn a_refusal_names_the_fields_that_there_are() {
    let hint = |params: &Value| refused(params).hint;
    assert_eq!(hint(&json!({"automatic_tax": true})), "Stripe takes an object of enabled.");
    assert_eq!(hint(&json!({"discounts": [{}]})), "Stripe takes an object of one of coupon, promotion_code.");
}

#[test]
fn no_object_takes_a_key_that_is_not_named() {
    for field in PARAMETERS {
        let (good, _) = examples(&field.kind);
        visit(&[field.name.to_owned()], &field.kind, &mut |path, kind| {
            let params = json!({field.name: good.clone()});
            let (Kind::Object(_) | Kind::CustomField(_)) = kind else { return };
            for name in ["metadata", "on_behalf_of", "transfer_data", "application_fee_amount", "account", "url"] {
                let pointer = path.iter().fold(String::new(), |path, name| path + "/" + name);
                let mut changed = params.clone();
                let Some(Value::Object(there)) = changed.pointer_mut(&pointer) else { return };
                there.insert(name.to_owned(), json!({}));
                let refusal = refused(&changed);
                assert_eq!(refusal.message, "checkout defaults cannot hold this parameter", "{changed}");
                assert!(refusal.detail.ends_with(&format!(".{name}.")), "{refusal:?}");
            }
        });
    }
}

#[test]
fn what_the_row_says_and_whose_money_it_is_are_not_said_here() {
    for name in [
        "mode",
        "line_items",
        "optional_items",
        "metadata",
        "client_reference_id",
        "customer",
        "customer_account",
        "customer_email",
        "success_url",
        "cancel_url",
        "return_url",
        "currency",
        "expires_at",
        "payment_method_types",
        "on_behalf_of",
        "transfer_data",
        "application_fee_amount",
        "setup_intent_data",
        "expand",
        "payment_method_options",
    ] {
        let refusal = refused(&json!({name: "x"}));
        assert_eq!(refusal.detail, format!("Parameter {name}."));
        assert!(refusal.hint.starts_with("Allowed there: adaptive_pricing, after_expiration, "), "{refusal:?}");
    }
    for data in ["subscription_data", "payment_intent_data"] {
        for name in
            ["metadata", "on_behalf_of", "transfer_data", "application_fee_percent", "trial_end", "description2"]
        {
            assert_eq!(refused(&json!({data: {name: 1}})).detail, format!("Parameter {data}.{name}."));
        }
    }
    assert_eq!(
        refused(&json!({"automatic_tax": {"enabled": true, "liability": {"type": "self"}}})).detail,
        "Parameter automatic_tax.liability."
    );
    assert_eq!(refused(&json!([])).detail, "Parameter params is [].");
}

#[test]
fn numbers_and_intervals_have_both_their_ends() {
    let trial = |days: Value| json!({"subscription_data": {"trial_period_days": days}});
    assert!(passes(&trial(1.into())) && passes(&trial(730.into())));
    for wrong in [json!(0), json!(731), json!(1.5), json!("7"), json!(-1)] {
        assert!(!passes(&trial(wrong)));
    }
    let expiry = |text: &str| json!({"expires_after": text});
    assert!(passes(&expiry("1800 s")) && passes(&expiry("86400 s")));
    for wrong in ["1799 s", "86401 s", "soon"] {
        assert_eq!(
            refused(&expiry(wrong)).hint,
            "Stripe takes an interval from 30 minutes to 24 hours, such as \"1 hour\"."
        );
    }
    assert!(!passes(&json!({"expires_after": 3600})));
}

#[test]
fn what_goes_together_goes_together() {
    assert!(
        refused(&json!({"allow_promotion_codes": false, "discounts": [{"coupon": "c"}]})).message.contains("exclude")
    );
    assert!(!passes(&json!({"discounts": [{"coupon": "c"}, {"coupon": "d"}]})));
    assert!(!passes(&json!({"excluded_payment_method_types": ["card", "card"]})));
    assert!(passes(&json!({"allowed_payment_method_types": ["link"]})));
    assert!(!passes(&json!({"excluded_payment_method_types": ["link"]})));
    assert_eq!(refused(&json!({"automatic_tax": {}})).detail, "Parameter automatic_tax.enabled.");
}

#[test]
fn a_refusal_shows_no_secret() {
    let refusal = refused(&json!({"locale": "sk_live_abcdefghijk"}));
    assert_eq!(refusal.detail, "Parameter locale is \"[removed]\".");
    assert_eq!(refused(&json!({"sk_live_abcdefghijk": 1})).detail, "Parameter [removed].");
}

const NEW: &str = "2026-10-28.endive";

fn request(mode: &str, defaults: Value, change: impl FnOnce(&mut Value)) -> Value {
    let mut request = json!({
        "version": NEW, "defaults": defaults, "prices": [{"price": "price_1", "recurring": mode == "subscription", "params": {}}],
        "row": {"mode": mode, "line_items": [], "success_url": "s", "cancel_url": "c", "metadata": {"k": "v"}},
        "customer": null, "customer_email": null, "has_subject": true, "currency": null, "may_have_trial": true, "now": 1000,
    });
    change(&mut request);
    let request: CheckoutRequest = serde_json::from_value(request).expect("a request");
    merge(&request)
}

fn merged(mode: &str, defaults: Value) -> Value {
    request(mode, defaults, |_| {})
}

/// A parameter of the request, where it is there.
fn get<'a>(params: &'a Value, pointer: &str) -> Option<&'a Value> {
    params.pointer(pointer)
}

#[test]
fn what_the_mode_forbids_is_left_out() {
    let all = object(PARAMETERS);
    let (paid, subscribed) = (merged("payment", all.clone()), merged("subscription", all));
    for name in ["payment_method_collection", "subscription_data"] {
        assert!(paid.get(name).is_none() && subscribed.get(name).is_some(), "{name}");
    }
    for name in ["invoice_creation", "customer_creation", "payment_intent_data", "shipping_options", "submit_type"] {
        assert!(paid.get(name).is_some() && subscribed.get(name).is_none(), "{name}");
    }
    assert_eq!(get(&paid, "/payment_intent_data/metadata/k"), Some(&json!("v")));
    assert_eq!(get(&paid, "/payment_intent_data/capture_method"), Some(&json!("automatic")));
    assert_eq!(get(&subscribed, "/subscription_data/metadata/k"), Some(&json!("v")));
}

#[test]
fn an_expiry_is_a_time_that_stripe_takes_a_little_later() {
    let at = |after: i64| merged("payment", json!({"expires_after": after}))["expires_at"].as_i64();
    assert_eq!(at(3600), Some(4600));
    assert_eq!(at(1800), Some(1000 + 31 * 60));
    assert_eq!(at(86_400), Some(1000 + 86_340));
    assert!(merged("payment", json!({"expires_after": 3600})).get("expires_after").is_none());
}

#[test]
fn who_has_a_customer_is_no_new_one() {
    let defaults = json!({"customer_creation": "if_required", "customer_update": {"shipping": "auto"}});
    let known = |defaults: &Value| {
        request("payment", defaults.clone(), |r| {
            (r["customer"], r["customer_email"]) = (json!("cus_1"), json!("a@b.de"));
        })
    };
    let with = known(&defaults);
    assert_eq!((with.get("customer_creation"), with.get("customer_email")), (None, None));
    assert_eq!(with["customer_update"], json!({"shipping": "auto"}));
    let without = request("payment", defaults.clone(), |r| r["customer_email"] = json!("a@b.de"));
    assert_eq!((without.get("customer"), without.get("customer_update")), (None, None));
    assert_eq!((&without["customer_email"], &without["customer_creation"]), (&json!("a@b.de"), &json!("always")));
    let guest = request("payment", defaults, |r| r["has_subject"] = json!(false));
    assert_eq!(guest["customer_creation"], "if_required");
    // Taxes and tax ids of a customer have to be saved with it.
    let taxes = json!({"automatic_tax": {"enabled": true}, "tax_id_collection": {"enabled": true}, "customer_update": {"name": "never"}});
    assert_eq!(known(&taxes)["customer_update"], json!({"address": "auto", "name": "auto"}));
    let ships = json!({"automatic_tax": {"enabled": true}, "shipping_address_collection": {"allowed_countries": ["DE"]},
                       "customer_update": {"address": "never", "shipping": "never"}});
    assert_eq!(known(&ships)["customer_update"], json!({"address": "never", "shipping": "auto"}));
    assert!(known(&json!({"automatic_tax": {"enabled": false}})).get("customer_update").is_none());
}

#[test]
fn a_page_is_shown_in_the_words_of_the_version() {
    let of = |version: &str, ui_mode: &str| {
        let params = request("payment", json!({"ui_mode": ui_mode}), |r| r["version"] = version.into());
        let urls = (
            params.get("success_url").is_some(),
            params.get("cancel_url").is_some(),
            params.get("return_url").is_some(),
        );
        (params.get("ui_mode").and_then(Value::as_str).map(ToOwned::to_owned), urls)
    };
    let (page, part) = ((true, true, false), (false, false, true));
    for version in [NEW, "2026-03-25.dahlia", "2025-03-31.basil"] {
        assert_eq!(of(version, "hosted"), (None, page));
        assert_eq!(of(version, "hosted_page"), (None, page));
    }
    for (ui_mode, old, new) in [
        ("form", "form", "form"),
        ("embedded", "embedded", "embedded_page"),
        ("elements", "custom", "elements"),
        ("embedded_page", "embedded", "embedded_page"),
        ("custom", "custom", "elements"),
    ] {
        assert_eq!(of("2026-03-24.clover", ui_mode), (Some(old.to_owned()), part));
        assert_eq!(of("2026-03-25.dahlia", ui_mode), (Some(new.to_owned()), part));
    }
    let mut all = object(PARAMETERS);
    all["ui_mode"] = "elements".into();
    let params = merged("payment", all);
    for name in ["after_expiration", "custom_fields", "custom_text", "submit_type"] {
        assert!(params.get(name).is_none(), "{name}");
    }
    assert_eq!(params["tax_id_collection"], json!({"enabled": true}));
}

#[test]
fn what_says_how_goes_with_what_is_done() {
    let text = json!({"shipping_address": {"message": "a"}, "terms_of_service_acceptance": {"message": "b"}});
    let sent = |more: Value| {
        let mut defaults = json!({"custom_text": text});
        super::params::overlay(defaults.as_object_mut().expect("an object"), super::params::json_object(more));
        merged("payment", defaults)
    };
    assert_eq!(sent(json!({})).get("custom_text"), None);
    let ships = sent(json!({"shipping_address_collection": {"allowed_countries": ["DE"]}}));
    assert_eq!(ships["custom_text"], json!({"shipping_address": {"message": "a"}}));
    let asks = |word: &str| sent(json!({"consent_collection": {"terms_of_service": word}})).get("custom_text").cloned();
    assert_eq!(asks("required"), Some(json!({"terms_of_service_acceptance": {"message": "b"}})));
    assert_eq!(asks("none"), None);
    let submit = sent(json!({"custom_text": {"submit": {"message": "c"}}}));
    assert_eq!(submit["custom_text"], json!({"submit": {"message": "c"}}));

    let of = |enabled: bool| {
        let invoice = json!({"enabled": enabled, "invoice_data": {"footer": "f"}});
        merged(
            "payment",
            json!({"invoice_creation": invoice, "tax_id_collection": {"enabled": enabled, "required": "if_supported"}}),
        )
    };
    let (on, off) = (of(true), of(false));
    assert!(get(&on, "/invoice_creation/invoice_data").is_some() && get(&on, "/tax_id_collection/required").is_some());
    assert_eq!(
        (&off["invoice_creation"], &off["tax_id_collection"]),
        (&json!({"enabled": false}), &json!({"enabled": false}))
    );
}

#[test]
fn payment_methods_are_named_as_the_version_names_them() {
    let both = json!({"allowed_payment_method_types": ["card", "link", "ideal"], "excluded_payment_method_types": ["ideal"],
                      "payment_method_configuration": "pmc_1"});
    let params = merged("payment", both.clone());
    assert_eq!(params["allowed_payment_method_types"], json!(["card", "link"]));
    assert_eq!((params.get("excluded_payment_method_types"), params.get("payment_method_types")), (None, None));
    assert_eq!(params["payment_method_configuration"], "pmc_1");
    let older = request("payment", both, |r| r["version"] = "2026-09-29.dahlia".into());
    assert_eq!(older["payment_method_types"], json!(["card", "link"]));
    assert_eq!((older.get("allowed_payment_method_types"), older.get("payment_method_configuration")), (None, None));
    let none_left = json!({"allowed_payment_method_types": ["card"], "excluded_payment_method_types": ["card"]});
    assert_eq!(merged("payment", none_left)["allowed_payment_method_types"], json!(["card"]));
    let excluded = json!({"excluded_payment_method_types": ["card"]});
    assert_eq!(merged("payment", excluded)["excluded_payment_method_types"], json!(["card"]));
}

fn with_prices(mode: &str, defaults: Value, prices: &Value) -> Value {
    request(mode, defaults, |r| r["prices"] = prices.clone())
}

#[test]
fn what_the_row_implies_has_the_very_last_word() {
    let params = request("payment", json!({"locale": "de"}), |r| r["currency"] = json!("eur"));
    assert_eq!(
        (&params["currency"], &params["mode"], &params["metadata"]),
        (&json!("eur"), &json!("payment"), &json!({"k": "v"}))
    );
    assert!(merged("payment", json!({})).get("currency").is_none());
}

#[test]
fn a_version_is_a_date_with_a_name() {
    for version in ["2026-10-28.endive", "2024-06-20", "2025-03-31.basil; custom_checkout_beta=v1"] {
        assert!(is_version(version), "{version}");
    }
    for other in
        ["", "endive", "2026-10-28endive", "2026/10/28", "2026-10-28.endive\r\nX: y", "2026-10-2", "2026-10-28.é"]
    {
        assert!(!is_version(other), "{other:?}");
    }
}
