//! Finds one query in a file of queries.
//!
//! Queries are separated by an empty line, and contain none. Each begins with the line `-- name: what it does` and ends
//! with a semicolon. A fragment, which is a part of other queries, ends without one.

/// The query of this name, without its semicolon. At compile time a missing name is a compile error.
///
/// # Panics
/// If the file has no query of this name.
#[must_use]
pub const fn find<'a>(file: &'a str, name: &str) -> &'a str {
    let text = file.as_bytes();
    let mut start = 0;
    loop {
        assert!(start < text.len(), "the file has no query of this name");
        let end = end_of_query(text, start);
        if begins_with(text, start, b"-- ")
            && begins_with(text, start + 3, name.as_bytes())
            && begins_with(text, start + 3 + name.len(), b": ")
        {
            let (before_end, _) = file.split_at(without_semicolon(text, end));
            return before_end.split_at(start).1;
        }
        start = end;
        while start < text.len() && text[start] == b'\n' {
            start += 1;
        }
    }
}

/// The empty line after a query, or the end of the file.
const fn end_of_query(text: &[u8], start: usize) -> usize {
    let mut end = start;
    while end < text.len() && !(text[end] == b'\n' && (end + 1 == text.len() || text[end + 1] == b'\n')) {
        end += 1;
    }
    end
}

const fn without_semicolon(text: &[u8], end: usize) -> usize {
    if end > 0 && text[end - 1] == b';' { end - 1 } else { end }
}

const fn begins_with(text: &[u8], start: usize, part: &[u8]) -> bool {
    if text.len() < start + part.len() {
        return false;
    }
    let mut at = 0;
    while at < part.len() {
        if text[start + at] != part[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Turns a query for many rows, which takes an array for each column, into one for a single row, which takes plain
/// values. `pg_catalog.unnest($1::bigint[])` becomes `($1::bigint)`, and `any ($1::bigint[])` becomes
/// `any (array[$1::bigint])`. The result is the same, with less work for the server.
#[must_use]
pub fn of_one_row(query: &str) -> String {
    const UNNEST: &str = "pg_catalog.unnest(";
    const ANY: &str = "any (";
    let mut parts = query.split("[])").peekable();
    let mut single = String::with_capacity(query.len());
    while let Some(part) = parts.next() {
        let (unnest, any) = (part.rfind(UNNEST), part.rfind(ANY));
        match parts.peek().and(unnest.max(any)) {
            Some(place) if unnest == Some(place) => {
                single.extend([&part[..place], "(", &part[place + UNNEST.len()..], ")"]);
            }
            Some(place) => single.extend([&part[..place + ANY.len()], "array[", &part[place + ANY.len()..], "])"]),
            None => single.extend([part, parts.peek().map_or("", |_| "[])")]),
        }
    }
    single
}

#[cfg(test)]
mod tests {
    use super::{find, of_one_row};

    #[test]
    fn a_query_of_one_row_unnests_nothing() {
        let many = "select pg_catalog.unnest($1::{id:type}[]) as a, unnest2($2::text[]) where t.a = any ($1::{id:type}[]) and b";
        let one = "select ($1::{id:type}) as a, unnest2($2::text[]) where t.a = any (array[$1::{id:type}]) and b";
        assert_eq!(of_one_row(many), one);
        assert_eq!(of_one_row("select 1"), "select 1");
    }

    const FILE: &str = "-- add: adds.\n-- $1 id text\ninsert into t\n-- two: no name\nvalues ($1);\n\n\
                        -- add_two: adds two\nselect ';' as é;\n\n\n-- part: a fragment\n'a', 1\n\n-- last: ends the file\nselect 1;\n";

    #[test]
    fn a_query_is_found_by_its_whole_name() {
        assert_eq!(find(FILE, "add"), "-- add: adds.\n-- $1 id text\ninsert into t\n-- two: no name\nvalues ($1)");
        assert_eq!(find(FILE, "add_two"), "-- add_two: adds two\nselect ';' as é");
    }

    #[test]
    fn a_fragment_has_no_semicolon_to_lose() {
        assert_eq!(find(FILE, "part"), "-- part: a fragment\n'a', 1");
    }

    #[test]
    fn the_last_query_ends_with_its_file() {
        assert_eq!(find(FILE, "last"), "-- last: ends the file\nselect 1");
        assert_eq!(find("-- a: b\nselect 1", "a"), "-- a: b\nselect 1");
        assert_eq!(find("-- a: b\nselect 1;", "a"), "-- a: b\nselect 1");
    }

    #[test]
    fn it_is_found_while_compiling() {
        const LAST: &str = find(FILE, "last");
        assert!(LAST.ends_with("select 1"));
    }

    #[test]
    #[should_panic(expected = "no query of this name")]
    fn a_name_within_a_query_names_none() {
        let _ = find(FILE, "two");
    }

    #[test]
    #[should_panic(expected = "no query of this name")]
    fn a_part_of_a_name_names_none() {
        let _ = find(FILE, "add_");
    }

    #[test]
    #[should_panic(expected = "no query of this name")]
    fn a_file_that_ends_within_a_name_has_none() {
        let _ = find("-- ad", "add");
    }

    #[test]
    fn a_query_may_end_where_its_name_does() {
        assert_eq!(find("-- add: ", "add"), "-- add: ");
    }

    #[test]
    #[should_panic(expected = "no query of this name")]
    fn an_empty_file_has_none() {
        let _ = find("", "add");
    }
}
