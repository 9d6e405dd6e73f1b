//! JSON text before it is parsed: how deep it nests, and what neither `jsonb` nor `text` can store.

use std::borrow::Cow;

/// The deepest nesting that is read; the limit of `serde_json`.
pub const MAX_DEPTH: usize = 128;

/// The text nests deeper than [`MAX_DEPTH`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooDeep;

/// How many characters a number may have before it becomes a string. Its exponent may have two digits. More can
/// overflow a double.
const MAX_NUMBER: usize = 300;

/// The text in a form that the server can store. Escaped NULs and lone surrogates are JSON, but neither `text` nor
/// `jsonb` can store them: they become U+FFFD. A number that neither can store becomes a string. Nearly every text is
/// returned as it is.
///
/// # Errors
/// [`TooDeep`], before a recursive reader sees the text.
pub fn readable(body: &str) -> Result<Cow<'_, str>, TooDeep> {
    let bytes = body.as_bytes();
    let mut replaced: Vec<Unstorable> = Vec::new();
    let (mut depth, mut in_string, mut at) = (0_usize, false, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                at += escape(bytes, at, &mut replaced);
                continue;
            }
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(TooDeep);
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            b'0'..=b'9' if !in_string => {
                at += number(bytes, at, &mut replaced);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    Ok(if replaced.is_empty() { Cow::Borrowed(body) } else { Cow::Owned(substitute(body, &replaced)) })
}

/// What is replaced.
enum Unstorable {
    /// The `\uXXXX` at this place, which is no character.
    Escape(usize),
    /// The number between these places.
    Number(usize, usize),
}

/// The length of the number at `at`, without its sign; adds it to `replaced` if it can't be stored.
fn number(bytes: &[u8], at: usize, replaced: &mut Vec<Unstorable>) -> usize {
    let part = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
    let length = bytes[at..].iter().take_while(part).count();
    let text = &bytes[at..at + length];
    let power = text.iter().position(|byte| byte.eq_ignore_ascii_case(&b'e')).map(|e| &text[e + 1..]);
    let is_too_large = power.is_some_and(|power| {
        let digits = power.iter().skip_while(|byte| matches!(byte, b'+' | b'-' | b'0'));
        digits.count() > 2
    });
    if is_too_large || length > MAX_NUMBER {
        let from = if at > 0 && bytes[at - 1] == b'-' { at - 1 } else { at };
        replaced.push(Unstorable::Number(from, at + length));
    }
    length
}

/// The length of the escape at `at`; adds it to `replaced` if it is no character.
fn escape(bytes: &[u8], at: usize, replaced: &mut Vec<Unstorable>) -> usize {
    match code_unit(bytes, at) {
        None => 2,
        Some(0xD800..=0xDBFF) if matches!(code_unit(bytes, at + 6), Some(0xDC00..=0xDFFF)) => 12,
        Some(0 | 0xD800..=0xDFFF) => {
            replaced.push(Unstorable::Escape(at));
            6
        }
        Some(_) => 6,
    }
}

fn code_unit(bytes: &[u8], at: usize) -> Option<u32> {
    let escape = bytes.get(at..at + 6)?;
    if !escape.starts_with(b"\\u") {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(&escape[2..]).ok()?, 16).ok()
}

fn substitute(body: &str, replaced: &[Unstorable]) -> String {
    let mut text = String::with_capacity(body.len());
    let mut from = 0;
    for one in replaced {
        match *one {
            Unstorable::Escape(at) => {
                text.push_str(&body[from..at]);
                text.push_str("\\ufffd");
                from = at + 6;
            }
            Unstorable::Number(start, end) => {
                text.push_str(&body[from..start]);
                text.extend(["\"", &body[start..end], "\""]);
                from = end;
            }
        }
    }
    text.push_str(&body[from..]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_stored_becomes_a_replacement_character() {
        assert_eq!(readable(r#"{"a":"x\u0000y"}"#).unwrap(), r#"{"a":"x\ufffdy"}"#);
        assert_eq!(readable(r#"{"a":"\ud83d"}"#).unwrap(), r#"{"a":"\ufffd"}"#);
        assert_eq!(readable(r#"{"a":"\udc00\ud83d"}"#).unwrap(), r#"{"a":"\ufffd\ufffd"}"#);
        for same in [r#"{"a":"\ud83d\udcb3"}"#, r#"{"a":"\\u0000"}"#, r#"{"a":"\"\u0041"}"#, "{}", "\\", "\"\\u00"] {
            assert!(matches!(readable(same), Ok(Cow::Borrowed(text)) if text == same), "{same}");
        }
    }

    #[test]
    fn a_number_that_cannot_be_stored_becomes_a_string() {
        assert_eq!(readable(r#"{"a":-1e999999,"b":[1.5E+12345]}"#).unwrap(), r#"{"a":"-1e999999","b":["1.5E+12345"]}"#);
        let long = "7".repeat(301);
        assert_eq!(readable(&format!("[{long}]")).unwrap(), format!("[\"{long}\"]"));
        for same in ["[1e99,-1e-099,123456789012345678901234567890]", "\"1e9999\"", "[1e", "-"] {
            assert!(matches!(readable(same), Ok(Cow::Borrowed(text)) if text == same), "{same}");
        }
    }

    #[test]
    fn depth_is_bounded_outside_strings() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(readable(&nested(128)).is_ok());
        assert_eq!(readable(&nested(129)), Err(TooDeep));
        assert!(readable(&format!("\"{}\"", nested(500))).is_ok());
    }

    /// The text after [`readable`]; `None` if it is returned as it is.
    fn changed(text: &str) -> Option<String> {
        match readable(text).unwrap() {
            Cow::Borrowed(same) => {
                assert_eq!(same, text);
                None
            }
            Cow::Owned(changed) => Some(changed),
        }
    }

    #[test]
    fn the_longest_number_has_300_characters_and_an_exponent_two_digits() {
        let digits = |count: usize| format!("[{}]", "7".repeat(count));
        assert_eq!(changed(&digits(300)), None);
        assert_eq!(changed(&digits(301)), Some(format!("[\"{}\"]", "7".repeat(301))));
        for same in ["[1e99]", "[1e+99]", "[1E-99]", "[1e0099]", "[-1.5e99]", "[1e]"] {
            assert_eq!(changed(same), None, "{same}");
        }
        assert_eq!(changed("[1e100,2]").as_deref(), Some("[\"1e100\",2]"));
        assert_eq!(changed("[1E+0100]").as_deref(), Some("[\"1E+0100\"]"));
        // The sign belongs to the number, another character does not.
        assert_eq!(changed("[-1e100]").as_deref(), Some("[\"-1e100\"]"));
        assert_eq!(changed("1e100").as_deref(), Some("\"1e100\""));
        assert_eq!(changed("{\"a\":1e100}").as_deref(), Some("{\"a\":\"1e100\"}"));
    }

    #[test]
    fn surrogates_stand_in_pairs_of_high_and_low() {
        for same in
            [r#""\ud800\udc00""#, r#""\udbff\udfff""#, r#""\ud7ff""#, r#""\ue000""#, r#""\u0001""#, r#""\n\u0020""#]
        {
            assert_eq!(changed(same), None, "{same}");
        }
        for (text, shown) in [
            (r#""\ud800x""#, r#""\ufffdx""#),
            (r#""\ud800\u0041""#, r#""\ufffd\u0041""#),
            (r#""\ud800\ue000""#, r#""\ufffd\ue000""#),
            (r#""\ud800\ud800\udc00""#, r#""\ufffd\ud800\udc00""#),
            (r#""\udfff""#, r#""\ufffd""#),
            (r#""\udbff""#, r#""\ufffd""#),
            (r#""a\u0000b\u0000c""#, r#""a\ufffdb\ufffdc""#),
            (r#"["\u0000",1e100,"\u0000"]"#, r#"["\ufffd","1e100","\ufffd"]"#),
        ] {
            assert_eq!(changed(text).as_deref(), Some(shown), "{text}");
        }
        // These are no escapes, because they are not whole or not in a string.
        for same in [r#""\u00""#, r#""\u00g0""#, r#""\\u0000""#, r"\u0000", r#""\"\u00"#] {
            assert_eq!(changed(same), None, "{same}");
        }
    }

    #[test]
    fn depth_counts_objects_and_what_is_closed_again() {
        assert_eq!(readable(&"{".repeat(129)), Err(TooDeep));
        assert!(readable(&"{".repeat(128)).is_ok());
        assert!(readable(&"[]".repeat(500)).is_ok());
        assert!(readable(&"{}".repeat(500)).is_ok());
        assert!(readable(&format!("]]]{}", "[".repeat(128))).is_ok());
        assert_eq!(readable(&format!("]]]{}", "[".repeat(129))), Err(TooDeep));
        // A bracket in a string neither opens nor closes.
        assert_eq!(readable(&format!("\"]\"{}", "[\"]\"".repeat(129))), Err(TooDeep));
    }
}
