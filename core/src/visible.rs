//! Makes characters visible that could control the terminal on which a text is shown.
//!
//! An admin reads texts with parts that a buyer wrote (a session's metadata, a name). A control character in them could
//! move the cursor, hide a line or change the window's title. A bidirectional one could reorder words.

use std::borrow::Cow;

/// Whether a character controls the terminal or the order of the text: control characters, line and paragraph
/// separators, and characters that embed, override or isolate a direction. The SQL function `payments.visible()` has
/// the same list.
#[must_use]
pub const fn steers(c: char) -> bool {
    matches!(c, '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with `�` in place of each such character.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.contains(steers) { Cow::Owned(text.replace(steers, "\u{fffd}")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_seen_and_the_rest_stays() {
        for c in ['\0', '\x07', '\n', '\x1b', '\x1f', '\x7f', '\u{80}', '\u{9b}', '\u{9f}'] {
            assert!(steers(c), "{c:?}");
        }
        for c in ['\u{2028}', '\u{2029}', '\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}'] {
            assert!(steers(c), "{c:?}");
        }
        for c in [' ', '~', '\u{a0}', 'é', '\u{2027}', '\u{202f}', '\u{2065}', '\u{206a}', '💳'] {
            assert!(!steers(c), "{c:?}");
        }
        assert_eq!(visible("a\x1b[2Jb\u{202e}c\n"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}");
        assert!(matches!(visible("Zoë’s café 💳"), Cow::Borrowed(_)));
    }
}
