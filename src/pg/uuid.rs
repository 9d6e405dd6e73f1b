//! Uuids as the server writes them.

use pgrx::Uuid;

/// Whether a text is a uuid as the server writes it.
pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

/// The uuid of such a text.
pub(crate) fn uuid(text: &str) -> Uuid {
    let mut bytes = [0; 16];
    let hex: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks(2)) {
        *byte = std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()).unwrap_or_default();
    }
    Uuid::from_bytes(bytes)
}
