//! Keys of the app's tables, as Postgres prints them.

/// The type of an app's key column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// `uuid`
    Uuid,
    /// `bigint`
    Bigint,
    /// `integer`
    Integer,
    /// `smallint`
    Smallint,
    /// `text` or the like
    Text,
}

impl KeyType {
    /// The type that Postgres calls by this name; of a domain it is the type below.
    #[must_use]
    pub fn of(name: &str) -> Self {
        match name {
            "uuid" => Self::Uuid,
            "bigint" => Self::Bigint,
            "integer" => Self::Integer,
            "smallint" => Self::Smallint,
            _ => Self::Text,
        }
    }
}

/// The key as Postgres would print it, or none where the text is not a key of that type: such an id names no order, and
/// must not raise.
#[must_use]
pub fn key(text: &str, kind: KeyType) -> Option<String> {
    let number = || text.trim_matches(' ').parse::<i64>().ok();
    match kind {
        KeyType::Text => (!text.is_empty() && !text.contains('\0')).then(|| text.to_owned()),
        KeyType::Bigint => number().map(|number| number.to_string()),
        KeyType::Integer => number().and_then(|number| i32::try_from(number).ok()).map(|number| number.to_string()),
        KeyType::Smallint => number().and_then(|number| i16::try_from(number).ok()).map(|number| number.to_string()),
        KeyType::Uuid => uuid(text),
    }
}

/// A uuid as Postgres prints it; none where the text is none.
pub(super) fn uuid(text: &str) -> Option<String> {
    let bare = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    let groups: Vec<&str> = bare.split('-').collect();
    let hyphens_are_right = groups.len() == 1 || groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]);
    let hex: String = groups.concat().to_ascii_lowercase();
    if !hyphens_are_right || hex.len() != 32 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_known_by_the_name_that_postgres_gives_it() {
        let types = [
            ("uuid", KeyType::Uuid),
            ("bigint", KeyType::Bigint),
            ("integer", KeyType::Integer),
            ("smallint", KeyType::Smallint),
            ("text", KeyType::Text),
            ("character varying", KeyType::Text),
        ];
        for (name, kind) in types {
            assert_eq!(KeyType::of(name), kind, "{name}");
        }
    }

    #[test]
    fn keys_are_read_and_never_raise() {
        let id = "d936ca56-6cc9-4608-a940-4bbe0d2abd26";
        for written in [id.to_owned(), id.to_uppercase(), format!("{{{id}}}"), id.replace('-', "")] {
            assert_eq!(key(&written, KeyType::Uuid).as_deref(), Some(id));
        }
        for wrong in [
            "",
            "7",
            "d936ca56",
            &format!("{id}0"),
            &format!("{id}'; drop"),
            "ä936ca56-6cc9-4608-a940-4bbe0d2abd26",
            "\0",
        ] {
            assert_eq!(key(wrong, KeyType::Uuid), None, "{wrong}");
        }
        assert_eq!(key("0042", KeyType::Bigint).as_deref(), Some("42"));
        assert_eq!(key("2147483647", KeyType::Integer).as_deref(), Some("2147483647"));
        assert_eq!(key("2147483648", KeyType::Integer), None);
        assert_eq!(key("-32769", KeyType::Smallint), None);
        for wrong in ["", "4.0", "1e3", "9223372036854775808", "four"] {
            assert_eq!(key(wrong, KeyType::Bigint), None, "{wrong}");
        }
        assert_eq!(key("any thing", KeyType::Text).as_deref(), Some("any thing"));
        assert_eq!(key("nul\0", KeyType::Text), None);
    }
}
