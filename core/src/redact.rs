//! Finds and removes what looks like one of Stripe's secrets. A session must not store one, and a message must not
//! quote one.

use serde_json::Value;

const PREFIXES: [&str; 7] = ["sk_live_", "sk_test_", "sk_org_", "rk_live_", "rk_test_", "rk_", "whsec_"];
/// How many letters or digits must follow `rk_`, because other names begin with `rk_` too.
const LONG_ENOUGH: usize = 8;
/// How many letters or digits must follow another prefix within a word, such as in `desk_live_music`.
const LONG_ENOUGH_WITHIN_A_WORD: usize = 16;
/// How often a text is percent-decoded: enough for a URL within a URL within a URL.
const DEPTH: usize = 3;

/// Whether a text contains what looks like a Stripe secret key, restricted key or webhook secret, percent-encoded or
/// not.
#[must_use]
pub fn looks_secret(text: &str) -> bool {
    if find(text).is_some() {
        return true;
    }
    let mut decoded = text.to_owned();
    for _ in 0..DEPTH {
        match percent_decoded(&decoded) {
            Some(next) => decoded = next,
            None => return false,
        }
        if find(&decoded).is_some() {
            return true;
        }
    }
    false
}

/// Whether any key or value of a JSON text looks like a secret, after its escapes are decoded. A text that can't be
/// parsed is checked as it is.
#[must_use]
pub fn json_looks_secret(text: &str) -> bool {
    serde_json::from_str(text).map_or_else(|_| looks_secret(text), |value| holds_secret(&value))
}

fn holds_secret(value: &Value) -> bool {
    match value {
        Value::String(text) => looks_secret(text),
        Value::Array(items) => items.iter().any(holds_secret),
        Value::Object(fields) => fields.iter().any(|(key, value)| looks_secret(key) || holds_secret(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The JSON text with every secret removed from its keys and values; `None` if there is none. A text that can't be
/// parsed becomes an empty object.
#[must_use]
pub fn json_without_secrets(text: &str) -> Option<String> {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => holds_secret(&value).then(|| clean(value).to_string()),
        Err(_) => looks_secret(text).then(|| "{}".to_owned()),
    }
}

fn clean(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(without_secrets(&text)),
        Value::Array(items) => items.into_iter().map(clean).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (without_secrets(&key), clean(value))).collect(),
        other => other,
    }
}

/// Whether a text has a client secret: `cs_…_secret_…` of a checkout session, `pi_…_secret_…` of a payment intent. Only
/// the payer's browser should have it.
#[must_use]
pub fn has_client_secret(text: &str) -> bool {
    text.contains("_secret_")
}

/// The JSON text without `client_secret`, at any depth; `None` if there is none, or if the text is not JSON.
#[must_use]
pub fn json_without_client_secrets(text: &str) -> Option<String> {
    if !text.contains(CLIENT_SECRET) {
        return None;
    }
    let mut value = serde_json::from_str::<Value>(text).ok()?;
    remove_client_secrets(&mut value).then(|| value.to_string())
}

const CLIENT_SECRET: &str = "client_secret";

fn remove_client_secrets(value: &mut Value) -> bool {
    let mut found = false;
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| found |= remove_client_secrets(item)),
        Value::Object(fields) => {
            found = fields.remove(CLIENT_SECRET).is_some();
            fields.values_mut().for_each(|field| found |= remove_client_secrets(field));
        }
        _ => {}
    }
    found
}

/// The text with every secret removed.
#[must_use]
pub fn without_secrets(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut done = 0;
    while let Some((start, end)) = find_from(text, done) {
        clean.push_str(&text[done..start]);
        clean.push_str("[removed]");
        done = end;
    }
    clean.push_str(&text[done..]);
    // A secret that appears only after decoding can't be cut out, so the whole text is removed.
    if looks_secret(&clean) { "[removed]".to_owned() } else { clean }
}

/// Where the first secret begins and ends.
fn find(text: &str) -> Option<(usize, usize)> {
    find_from(text, 0)
}

fn find_from(text: &str, from: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    (from..bytes.len())
        .filter(|start| matches!(bytes[*start], b's' | b'r' | b'w' | b'S' | b'R' | b'W'))
        .find_map(|start| length_at(bytes, start).map(|length| (start, start + length)))
}

fn length_at(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = &bytes[start..];
    let prefix = PREFIXES
        .iter()
        .find(|prefix| rest.len() >= prefix.len() && rest[..prefix.len()].eq_ignore_ascii_case(prefix.as_bytes()))?;
    let after = &rest[prefix.len()..];
    let in_one_piece = after.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let within_a_word = start > 0 && bytes[start - 1].is_ascii_alphanumeric();
    let enough = match (*prefix, within_a_word) {
        ("rk_", true) => false,
        ("rk_", false) => in_one_piece >= LONG_ENOUGH,
        (_, true) => in_one_piece >= LONG_ENOUGH_WITHIN_A_WORD,
        (_, false) => true,
    };
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'*');
    enough.then(|| prefix.len() + after.iter().take_while(is_part).count())
}

/// The text percent-decoded once; `None` if nothing in it is encoded.
fn percent_decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut place = 0;
    while place < bytes.len() {
        let mut byte = [0];
        let encoded = bytes.get(place + 1..place + 3).filter(|_| bytes[place] == b'%');
        if encoded.is_some_and(|digits| hex::decode_to_slice(digits, &mut byte).is_ok()) {
            decoded.push(byte[0]);
            place += 3;
        } else {
            decoded.push(bytes[place]);
            place += 1;
        }
    }
    (decoded.len() < bytes.len()).then(|| String::from_utf8_lossy(&decoded).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret() {
        for secret in [
            "sk_live_abc",
            "my key is SK_LIVE_abc",
            "\nsk_live_abcdefghijklmnop",
            "xsk_live_abcdefghijklmnop",
            "rk_live_x",
            "rk_test_x",
            "rk_abcdefgh",
            "RK_51H8zKLabcdefghijk",
            "whsec_x",
            "sk_org_live_x",
            "https://a.b/?k%3Dsk_live_abcdef",
            "https://a.b/?u=https%3A%2F%2Fc.d%2F%3Fk%253Dsk_live_abcdef",
            "%73k_live_abc",
        ] {
            assert!(looks_secret(secret), "{secret}");
        }
    }

    #[test]
    fn words_that_only_look_alike() {
        for harmless in [
            "desk_live_music",
            "task_live_view",
            "disk_test_results_of_the_year",
            "work_item_number_of_the_order",
            "network_abcdefghijklmnopqrstuvwxyz",
            "rk_1",
            "rk_item",
            "sk_liver",
            "price_whsecond",
            "100%25",
            "pk_live_abcdefghijklmnop",
        ] {
            assert!(!looks_secret(harmless), "{harmless}");
        }
    }

    #[test]
    fn json_is_read_as_it_decodes() {
        for secret in [
            r#"{"a":"\nsk_live_abc"}"#,
            r#"{"a\tsk_live_abc":"x"}"#,
            r#"[{"a":["\u0073k_live_abc"]}]"#,
            r#"{"a":"k%3Dsk_live_abc"}"#,
            "sk_live_abc, not json",
        ] {
            assert!(json_looks_secret(secret), "{secret}");
        }
        assert!(!json_looks_secret(r#"{"note":"a desk_live_music\nfestival","n":1,"x":null}"#));
    }

    #[test]
    fn secrets_are_taken_out() {
        assert_eq!(without_secrets("Invalid API Key: sk_test_****abc."), "Invalid API Key: [removed].");
        assert_eq!(without_secrets("sk_live_a, whsec_b"), "[removed], [removed]");
        assert_eq!(without_secrets("xsk_live_abcdefghijklmnop."), "x[removed].");
        assert_eq!(without_secrets("k%3Dsk_live_abc"), "[removed]");
        assert_eq!(without_secrets("nothing"), "nothing");
        assert_eq!(
            json_without_secrets(r#"{"a":["k: sk_live_abc",1],"rk_live_x":null}"#).as_deref(),
            Some(r#"{"[removed]":null,"a":["k: [removed]",1]}"#)
        );
        assert_eq!(json_without_secrets(r#"{"client_secret":"pi_3O_secret_sk2","id":"cs_live_a1"}"#), None);
        assert_eq!(json_without_secrets(r#"{"a":1e400,"b":"sk_live_abc"}"#).as_deref(), Some("{}"));
    }

    #[test]
    fn secrets_of_pages_are_taken_out_at_any_depth() {
        let answer = r#"{"client_secret":"cs_test_a_secret_b","id":"cs_test_a","payment_intent":{"client_secret":"pi_1_secret_c","id":"pi_1"},
                         "list":[{"client_secret":null}]}"#;
        assert!(has_client_secret(answer));
        assert_eq!(
            json_without_client_secrets(answer).as_deref(),
            Some(r#"{"id":"cs_test_a","list":[{}],"payment_intent":{"id":"pi_1"}}"#)
        );
        // One in a list is found too.
        let listed =
            json_without_client_secrets(r#"{"data":[{"client_secret":"cs_test_a_secret_b"},{"id":"cs_test_b"}]}"#);
        assert_eq!(listed.as_deref(), Some(r#"{"data":[{},{"id":"cs_test_b"}]}"#));
        for harmless in [r#"{"id":"cs_test_a"}"#, r#"{"note":"a client_secret"}"#, "client_secret, not json"] {
            assert_eq!(json_without_client_secrets(harmless), None, "{harmless}");
            assert!(!has_client_secret(harmless));
        }
        // A client secret is not an API key, so it is not removed with the keys.
        assert!(!looks_secret(
            "cs_test_a1B2_secret_fidwbEhqYWAnPydgaGdgYWFgYScpJ2lkfGpwcVF8dWAnPyd2bGtiaWAnKSdga2RnaWBVaWRmYG1qaWFgd3YnP3F3cGAl"
        ));
    }

    #[test]
    fn so_many_characters_make_a_key() {
        // `rk_` alone, and any prefix within a word.
        assert!(looks_secret("rk_12345678") && !looks_secret("rk_1234567"));
        assert!(!looks_secret("ark_1234567890123456"));
        assert!(looks_secret("xsk_live_1234567890123456") && !looks_secret("xsk_live_123456789012345"));
        // One piece has neither `_` nor `*`.
        assert!(!looks_secret("rk_1234_5678") && !looks_secret("xsk_live_12345678_12345678"));
        // Other prefixes need nothing after them.
        for prefix in ["sk_live_", "sk_test_", "sk_org_", "rk_live_", "rk_test_", "whsec_"] {
            assert!(looks_secret(prefix) && looks_secret(&prefix.to_uppercase()), "{prefix}");
        }
        assert!(!looks_secret("sk_live") && !looks_secret("whsec"));
    }

    #[test]
    fn a_text_is_decoded_three_times() {
        let encode = |text: &str| text.replace('%', "%25");
        let once = "k%3Dsk%5Flive%5Fabc".to_owned();
        let thrice = encode(&encode(&once));
        assert!(looks_secret(&once) && looks_secret(&encode(&once)) && looks_secret(&thrice));
        assert!(!looks_secret(&encode(&thrice)));
        // What only looks encoded stays as it is.
        for harmless in ["100%", "100%2", "%zz", "%5"] {
            assert!(!looks_secret(harmless) && without_secrets(harmless) == harmless, "{harmless}");
        }
        assert!(looks_secret("%z sk%5flive_") && looks_secret("sk_live%5f"));
    }

    #[test]
    fn a_secret_ends_where_its_characters_end() {
        assert_eq!(without_secrets("sk_live_aB1_*/x"), "[removed]/x");
        assert_eq!(without_secrets("(whsec_abc)"), "([removed])");
        assert_eq!(without_secrets("sk_live_a sk_live_b"), "[removed] [removed]");
        assert_eq!(without_secrets("ü sk_test_é"), "ü [removed]é");
        assert_eq!(without_secrets(""), "");
    }

    #[test]
    fn json_without_a_secret_is_left_alone() {
        for harmless in [r#"{"a":[1,true,null,"b"]}"#, "[]", "not json"] {
            assert!(!json_looks_secret(harmless), "{harmless}");
            assert_eq!(json_without_secrets(harmless), None, "{harmless}");
        }
        assert_eq!(json_without_secrets("whsec_abc, not json").as_deref(), Some("{}"));
        assert_eq!(json_without_secrets(r#"["whsec_abc"]"#).as_deref(), Some(r#"["[removed]"]"#));
    }
}
