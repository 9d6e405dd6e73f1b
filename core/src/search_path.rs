//! Where unqualified names are looked up while the extension acts as another role.

/// A `search_path` with `pg_catalog` first, `pg_temp` last, and without `"$user"`.
///
/// Postgres searches `pg_temp` first for types and relations unless the path names it. The caller could then replace an
/// app's table, or replace a type by a domain whose CHECK runs the caller's code. Postgres searches `pg_catalog` first
/// unless the path names it, so the path does not. `"$user"` would be another schema for each role that the extension
/// acts as.
#[must_use]
pub fn with_system_first_and_temporary_last(path: &str) -> String {
    let is_allowed = |name: &&str| !["pg_temp", "pg_catalog", "$user"].iter().any(|schema| is(name, schema));
    let kept = names(path).into_iter().filter(|name| !name.is_empty()).filter(is_allowed);
    kept.chain(std::iter::once("pg_temp")).collect::<Vec<_>>().join(", ")
}

/// The names in a path, as written there. A comma in quotes is part of a name.
fn names(path: &str) -> Vec<&str> {
    let mut quoted = false;
    path.split(|c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .map(str::trim)
    .collect()
}

fn is(name: &str, schema: &str) -> bool {
    name.eq_ignore_ascii_case(schema) || name.strip_prefix('"').and_then(|n| n.strip_suffix('"')) == Some(schema)
}

#[cfg(test)]
mod tests {
    use super::with_system_first_and_temporary_last;

    #[test]
    fn the_systems_schema_is_first_and_the_temporary_one_last() {
        for (path, expected) in [
            ("public", "public, pg_temp"),
            ("", "pg_temp"),
            ("\"\"", "\"\", pg_temp"),
            ("app, pg_temp", "app, pg_temp"),
            ("pg_temp, app", "app, pg_temp"),
            ("app, \"pg_temp\"", "app, pg_temp"),
            ("PG_TEMP", "pg_temp"),
            ("app, pg_catalog", "app, pg_temp"),
            ("\"pg_catalog\", app", "app, pg_temp"),
            ("\"a,b\", app", "\"a,b\", app, pg_temp"),
            ("\"a,pg_temp,b\", app", "\"a,pg_temp,b\", app, pg_temp"),
            ("\"a\"\",b\"", "\"a\"\",b\", pg_temp"),
        ] {
            assert_eq!(with_system_first_and_temporary_last(path), expected, "{path}");
        }
    }

    #[test]
    fn the_running_roles_own_schema_is_left_out() {
        for (path, expected) in [
            ("\"$user\", public", "public, pg_temp"),
            ("$user, public", "public, pg_temp"),
            ("public,$USER", "public, pg_temp"),
            ("\"$user\"", "pg_temp"),
            ("\"$USER\", public", "\"$USER\", public, pg_temp"),
            ("\"a$user\"", "\"a$user\", pg_temp"),
        ] {
            assert_eq!(with_system_first_and_temporary_last(path), expected, "{path}");
        }
    }
}
