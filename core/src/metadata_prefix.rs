//! The prefixes of the metadata keys that link Stripe's objects to local rows. Callers may not write such keys.

/// The prefix that is written if no other one is set.
pub const WRITTEN: &str = "payments_";
/// The prefix that existing backends wrote.
const EXISTING: &str = "insforge_";

/// All prefixes that are read and reserved; first `own`, which is the one that is set. The others are always readable,
/// because Stripe's objects may carry them.
pub fn all(own: &str) -> impl Iterator<Item = &str> {
    [own, WRITTEN, EXISTING].into_iter().filter(|prefix| !prefix.is_empty())
}

/// The reserved prefix that a key begins with, in upper or lower case.
#[must_use]
pub fn reserving<'a>(key: &str, own: &'a str) -> Option<&'a str> {
    all(own).find(|prefix| key.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)))
}

/// A key's name without its prefix; `None` if it has none. Upper and lower case differ here.
#[must_use]
pub fn strip<'a>(key: &'a str, own: &str) -> Option<&'a str> {
    all(own).find_map(|prefix| key.strip_prefix(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_prefixes_are_reserved() {
        for key in ["payments_x", "Payments_X", "insforge_x", "INSFORGE_x", "app_x"] {
            assert!(reserving(key, "app_").is_some(), "{key}");
        }
        assert_eq!((reserving("app_x", ""), reserving("payments", "app_"), reserving("p", "")), (None, None, None));
        assert_eq!(reserving("Payments_x", ""), Some("payments_"));
        assert_eq!(
            (strip("app_x", "app_"), strip("insforge_x", "app_"), strip("payments_x", "")),
            (Some("x"), Some("x"), Some("x"))
        );
        // A key in other case is reserved and means nothing.
        assert_eq!((strip("Payments_x", ""), strip("x", "")), (None, None));
    }
}
