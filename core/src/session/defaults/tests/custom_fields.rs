//! Of fields that the app adds to Stripe's page.

use serde_json::{Value, json};

use super::{passes, refused};

fn field(own: &str, more: &Value) -> Value {
    let mut field = json!({"key": "size", "label": {"custom": "Size", "type": "custom"}, "type": own});
    for (name, value) in more.as_object().into_iter().flatten() {
        field[name] = value.clone();
    }
    json!({"custom_fields": [field]})
}

#[test]
fn a_field_has_what_its_type_has() {
    let options = json!({"options": [{"label": "L", "value": "l"}]});
    assert!(passes(&field("text", &json!({}))) && passes(&field("dropdown", &json!({"dropdown": options}))));
    let detail = |own: &str, more: Value| refused(&field(own, &more)).detail;
    assert_eq!(detail("dropdown", json!({})), "Parameter custom_fields[0].dropdown.");
    assert_eq!(detail("text", json!({"dropdown": options})), "Parameter custom_fields[0].dropdown.");
    assert_eq!(detail("numeric", json!({"text": {}})), "Parameter custom_fields[0].text.");
}

#[test]
fn no_two_fields_have_one_key_and_no_two_options_one_value() {
    let named =
        |key: &str, label: &str| json!({"key": key, "label": {"custom": label, "type": "custom"}, "type": "text"});
    let fields = |last: &str| json!({"custom_fields": [named("size", "Size"), named(last, "Another")]});
    assert!(passes(&fields("color")));
    let refusal = refused(&fields("size"));
    assert_eq!(refusal.hint, "Stripe takes a list of 1 to 3 objects, each with another key.");
    let options = |last: &str| {
        let options = json!([{"label": "L", "value": "l"}, {"label": "M", "value": last}]);
        field("dropdown", &json!({"dropdown": {"options": options}}))
    };
    assert!(passes(&options("m")));
    assert_eq!(refused(&options("l")).hint, "Stripe takes a list of 1 to 200 objects, each with another value.");
    // What lacks its key is told so.
    let label = json!({"custom": "x", "type": "custom"});
    let without = json!({"custom_fields": [{"label": label, "type": "text"}, {"label": label, "type": "numeric"}]});
    assert_eq!(refused(&without).detail, "Parameter custom_fields[0].key.");
}

#[test]
fn what_is_chosen_already_can_be_chosen() {
    let options = json!([{"label": "L", "value": "l"}, {"label": "M", "value": "m"}]);
    let chosen = |value: &str| field("dropdown", &json!({"dropdown": {"options": options, "default_value": value}}));
    assert!(passes(&chosen("m")));
    assert_eq!(refused(&chosen("x")).detail, "Parameter custom_fields[0].dropdown.default_value.");
}

#[test]
fn lengths_are_in_their_order_and_what_is_filled_in_has_them() {
    let of = |own: &str, more: Value| field(own, &json!({own: more}));
    assert!(passes(&of("text", json!({"minimum_length": 3, "maximum_length": 3, "default_value": "ab1"}))));
    assert!(passes(&of("numeric", json!({"minimum_length": 1, "default_value": "7"}))));
    let detail = |own: &str, more: Value| refused(&of(own, more)).detail;
    let turned = json!({"minimum_length": 4, "maximum_length": 3});
    assert_eq!(detail("text", turned), "Parameter custom_fields[0].text.minimum_length.");
    for (own, wrong) in [
        ("text", json!({"maximum_length": 2, "default_value": "abc"})),
        ("text", json!({"minimum_length": 4, "default_value": "abc"})),
        ("numeric", json!({"default_value": "7a"})),
    ] {
        assert_eq!(detail(own, wrong), format!("Parameter custom_fields[0].{own}.default_value."));
    }
}

#[test]
fn a_key_is_of_letters_and_digits_and_a_label_is_of_100_characters() {
    let key = |key: &str| json!({"custom_fields": [{"key": key, "label": {"custom": "é".repeat(100), "type": "custom"}, "type": "text"}]});
    assert!(passes(&key("size2")));
    for wrong in ["größe", "a_b", ""] {
        assert!(!passes(&key(wrong)), "{wrong}");
    }
}

#[test]
fn a_statement_has_a_letter_and_none_of_what_banks_cannot_show() {
    let suffix = |text: &str| json!({"payment_intent_data": {"statement_descriptor_suffix": text}});
    assert!(passes(&suffix("ORDER 7")) && passes(&suffix("x")));
    for wrong in ["2026", "A*B", "A<B", "A>B", "it's", "A\"B", "A\\B", "A\nB", "a text that is too long to be"] {
        assert!(!passes(&suffix(wrong)), "{wrong}");
    }
    assert_eq!(
        refused(&suffix("7")).hint,
        "Stripe takes a text of at most 22 characters with a letter, and without < > \\ ' \" *."
    );
}
