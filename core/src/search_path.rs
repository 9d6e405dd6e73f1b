//! Where unqualified names are looked up while we act as another role.

/// A `search_path` with the temporary schema last.
///
/// A path that does not name `pg_temp` searches it first, for types and relations: whoever called us could then put a table
/// in the place of an app's, or a domain whose CHECK runs his code in the place of a type.
#[must_use]
pub fn with_temporary_last(path: &str) -> String {
    let is_temporary = |name: &&str| {
        let name = name.trim();
        name.eq_ignore_ascii_case("pg_temp") || name == "\"pg_temp\""
    };
    let mut names: Vec<&str> =
        path.split(',').filter(|name| !name.trim().is_empty()).filter(|name| !is_temporary(name)).collect();
    names.push(if names.is_empty() { "pg_temp" } else { " pg_temp" });
    names.join(",")
}

#[cfg(test)]
mod tests {
    use super::with_temporary_last;

    #[test]
    fn the_temporary_schema_is_last_and_named_once() {
        for (path, expected) in [
            ("\"$user\", public", "\"$user\", public, pg_temp"),
            ("", "pg_temp"),
            ("\"\"", "\"\", pg_temp"),
            ("app, pg_temp", "app, pg_temp"),
            ("pg_temp, app", " app, pg_temp"),
            ("app, \"pg_temp\"", "app, pg_temp"),
            ("PG_TEMP", "pg_temp"),
            ("\"a,b\", app", "\"a,b\", app, pg_temp"),
        ] {
            assert_eq!(with_temporary_last(path), expected, "{path}");
        }
    }
}
