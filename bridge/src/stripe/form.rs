//! The form encoding of Stripe's API: `line_items[0][price]=price_1`.
//!
//! Source: <https://docs.stripe.com/api/metadata>, and the requests of Stripe's own libraries.

use std::fmt::Write as _;

use serde_json::Value;

/// Encodes nested JSON parameters as a form. A null becomes an empty value, with which Stripe unsets the parameter.
/// Empty objects and arrays are omitted, as in Stripe's own libraries.
#[must_use]
pub fn encode(params: &Value) -> String {
    let mut form = String::new();
    if let Value::Object(fields) = params {
        for (name, value) in fields {
            append(&mut form, &escape(name), value);
        }
    }
    form
}

fn append(form: &mut String, name: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (inner, value) in fields {
                append(form, &format!("{name}[{}]", escape(inner)), value);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                append(form, &format!("{name}[{index}]"), value);
            }
        }
        Value::Null => pair(form, name, ""),
        Value::Bool(yes) => pair(form, name, if *yes { "true" } else { "false" }),
        Value::Number(number) => pair(form, name, &number.to_string()),
        Value::String(text) => pair(form, name, text),
    }
}

fn pair(form: &mut String, name: &str, value: &str) {
    if !form.is_empty() {
        form.push('&');
    }
    form.push_str(name);
    form.push('=');
    form.push_str(&escape(value));
}

/// Percent-encodes all characters except the unreserved ones of RFC 3986.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::encode;

    #[test]
    fn objects_and_arrays_nest_in_brackets() {
        let params =
            json!({"line_items": [{"price": "price_1", "quantity": 2}, {"price": "price_2"}], "mode": "payment"});
        assert_eq!(
            encode(&params),
            "line_items[0][price]=price_1&line_items[0][quantity]=2&line_items[1][price]=price_2&mode=payment"
        );
    }

    #[test]
    fn values_are_escaped() {
        let params = json!({"a": "x&y=z +ä", "b": true, "c": null, "d": {}, "e": [], "f": 12_345_678_901_234_567_u64,
                            "metadata": {"k[0]&": "v"}});
        assert_eq!(encode(&params), "a=x%26y%3Dz%20%2B%C3%A4&b=true&c=&f=12345678901234567&metadata[k%5B0%5D%26]=v");
    }

    #[test]
    fn the_session_id_template_is_escaped() {
        assert_eq!(
            encode(&json!({"success_url": "https://a.example/?s={CHECKOUT_SESSION_ID}"})),
            "success_url=https%3A%2F%2Fa.example%2F%3Fs%3D%7BCHECKOUT_SESSION_ID%7D"
        );
    }
}
