//! Where unqualified names are looked up while we act as another role.

/// A `search_path` with the system's schema first and the temporary one last.
///
/// A path that does not name `pg_temp` searches it first, for types and relations: whoever called us could then put a table
/// in the place of an app's, or a domain whose CHECK runs his code in the place of a type. One that names `pg_catalog`
/// searches it there only, and whoever may create in a schema before it could do the same.
#[must_use]
pub fn with_system_first_and_temporary_last(path: &str) -> String {
    let is = |name: &str, schema: &str| {
        let name = name.trim();
        name.eq_ignore_ascii_case(schema) || name.strip_prefix('"').and_then(|n| n.strip_suffix('"')) == Some(schema)
    };
    let keeps_its_place = |name: &&str| !(is(name, "pg_temp") || is(name, "pg_catalog") || name.trim().is_empty());
    let mut names: Vec<&str> = path.split(',').filter(keeps_its_place).collect();
    names.push(if names.is_empty() { "pg_temp" } else { " pg_temp" });
    names.join(",")
}

#[cfg(test)]
mod tests {
    use super::with_system_first_and_temporary_last;

    #[test]
    fn the_systems_schema_is_first_and_the_temporary_one_last() {
        for (path, expected) in [
            ("\"$user\", public", "\"$user\", public, pg_temp"),
            ("", "pg_temp"),
            ("\"\"", "\"\", pg_temp"),
            ("app, pg_temp", "app, pg_temp"),
            ("pg_temp, app", " app, pg_temp"),
            ("app, \"pg_temp\"", "app, pg_temp"),
            ("PG_TEMP", "pg_temp"),
            ("app, pg_catalog", "app, pg_temp"),
            ("\"pg_catalog\", app", " app, pg_temp"),
            ("\"a,b\", app", "\"a,b\", app, pg_temp"),
        ] {
            assert_eq!(with_system_first_and_temporary_last(path), expected, "{path}");
        }
    }
}
