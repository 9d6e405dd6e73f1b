//! The text of a body before it is parsed: how deep it nests, and what no `jsonb` or `text` can hold.

use std::borrow::Cow;

/// The deepest nesting that is read, as in `serde_json`.
pub const MAX_DEPTH: usize = 128;

/// The body nests deeper than [`MAX_DEPTH`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooDeep;

/// The body as it can be read: every escaped NUL and every lone surrogate, which JSON can write but `text` of the server
/// and `jsonb` cannot hold, is shown as U+FFFD. Nearly every body is returned as it is.
///
/// # Errors
/// [`TooDeep`], before any recursive reader sees it.
pub fn readable(body: &str) -> Result<Cow<'_, str>, TooDeep> {
    let bytes = body.as_bytes();
    let mut replaced: Vec<usize> = Vec::new();
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
            _ => {}
        }
        at += 1;
    }
    Ok(if replaced.is_empty() { Cow::Borrowed(body) } else { Cow::Owned(substitute(body, &replaced)) })
}

/// The length of the escape at `at`; notes in `replaced` a `\uXXXX` that stands for no character.
fn escape(bytes: &[u8], at: usize, replaced: &mut Vec<usize>) -> usize {
    match code_unit(bytes, at) {
        None => 2,
        Some(0xD800..=0xDBFF) if matches!(code_unit(bytes, at + 6), Some(0xDC00..=0xDFFF)) => 12,
        Some(0 | 0xD800..=0xDFFF) => {
            replaced.push(at);
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

fn substitute(body: &str, replaced: &[usize]) -> String {
    let mut text = String::with_capacity(body.len());
    let mut from = 0;
    for &at in replaced {
        text.push_str(&body[from..at]);
        text.push_str("\\ufffd");
        from = at + 6;
    }
    text.push_str(&body[from..]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_held_is_shown() {
        assert_eq!(readable(r#"{"a":"x\u0000y"}"#).unwrap(), r#"{"a":"x\ufffdy"}"#);
        assert_eq!(readable(r#"{"a":"\ud83d"}"#).unwrap(), r#"{"a":"\ufffd"}"#);
        assert_eq!(readable(r#"{"a":"\udc00\ud83d"}"#).unwrap(), r#"{"a":"\ufffd\ufffd"}"#);
        for same in [r#"{"a":"\ud83d\udcb3"}"#, r#"{"a":"\\u0000"}"#, r#"{"a":"\"\u0041"}"#, "{}", "\\", "\"\\u00"] {
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
}
