//! What looks like one of Stripe's secrets. It has no business in a session, and a message that quotes one leaks it.

const PREFIXES: [&str; 6] = ["sk_live_", "sk_test_", "rk_live_", "rk_test_", "rk_", "whsec_"];
/// `rk_` alone begins ordinary words too; a key that long does not.
const LONG_ENOUGH: usize = 16;

/// Whether a text holds something that looks like a Stripe secret key, restricted key or webhook secret.
#[must_use]
pub fn looks_secret(text: &str) -> bool {
    find(text).is_some()
}

/// The text with every such thing taken out.
#[must_use]
pub fn without_secrets(text: &str) -> String {
    let mut rest = text;
    let mut clean = String::with_capacity(text.len());
    while let Some((start, end)) = find(rest) {
        clean.push_str(&rest[..start]);
        clean.push_str("[removed]");
        rest = &rest[end..];
    }
    clean.push_str(rest);
    clean
}

/// Where the first one begins and ends.
fn find(text: &str) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(found) =
        bytes[from..].iter().position(|byte| matches!(byte, b's' | b'r' | b'w' | b'S' | b'R' | b'W'))
    {
        let start = from + found;
        let fresh = start == 0 || !bytes[start - 1].is_ascii_alphanumeric();
        if fresh && let Some(length) = length_at(&bytes[start..]) {
            return Some((start, start + length));
        }
        from = start + 1;
    }
    None
}

fn length_at(bytes: &[u8]) -> Option<usize> {
    let prefix = PREFIXES
        .iter()
        .find(|prefix| bytes.len() >= prefix.len() && bytes[..prefix.len()].eq_ignore_ascii_case(prefix.as_bytes()))?;
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'*');
    let tail = bytes[prefix.len()..].iter().take_while(is_part).count();
    (*prefix != "rk_" || tail >= LONG_ENOUGH).then_some(prefix.len() + tail)
}
