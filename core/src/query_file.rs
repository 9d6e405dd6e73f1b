//! One query of a file that holds many.
//!
//! Queries are separated by an empty line, and none has one within. Each begins with the line `-- name: what it does` and ends with a
//! semicolon; a fragment, which is a part of other queries, ends without one.

/// The query that is called `name`, without its semicolon; where there is none, the caller does not compile.
///
/// # Panics
/// Where the file has no query of this name.
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

#[cfg(test)]
mod tests {
    use super::find;

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
    fn an_empty_file_has_none() {
        let _ = find("", "add");
    }
}
