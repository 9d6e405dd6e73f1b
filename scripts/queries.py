#!/usr/bin/env python3
"""queries.py: reads the files of sql/query. Run by itself, it checks them.

Each file has the queries of one Rust module, separated by empty lines. A query begins with the line `-- name: what it does`. The
comment lines after it continue the text, and name the parameters and their types. A query ends with a semicolon. A template has
names in braces for a table and its columns: `{column}`, its type as `{column:type}`, as text `{column:text}`. A fragment ends
without a semicolon; it is a part of templates, which name it in braces.

queries.py checks that names are unique, that each query says what it does, and that its Rust module uses it.
queries.py lint FOLDER writes copies for sqlfluff: the same lines, with plain names instead of the braces.
"""

import pathlib
import re
import sys
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "sql/query"
HEAD = re.compile(r"-- ([a-z_0-9]+): \S")
BRACES = re.compile(r"\{([a-z_.]+)(?::(type|text))?\}")
TYPES = ("timestamptz[]", "jsonb", "json[]", "json", "text[]", "uuid[]", "bigint[]", "boolean[]", "uuid", "boolean", "bigint", "interval", "integer", "timestamptz", "oid", "text")
USE = re.compile(r'\b(?:query|query_text|template)!\(\s*(?:(?:pub(?:\([^)]*\))?\s+)?\w+\s*,\s*)?"(\w+)"\s*,\s*"(\w+)"\s*,?\s*\)')
ARRAY = re.compile(r"(pg_catalog\.unnest|any )\((?=\$(\d+)::)([^()\[]*)\[\]\)")
# The fragment for the balance, which depends on the attached table: whether its `numbered` is true.
BALANCE = {True: "balance_numbered", False: "balance_summed"}


class Query(NamedTuple):
    file: str
    line: int
    name: str
    text: str

    @property
    def head(self):
        return "\n".join(line for line in self.text.splitlines() if line.startswith("--"))

    @property
    def body(self):
        """The statement that is run, without comment lines and without the semicolon."""
        return "\n".join(line for line in self.text.splitlines() if not line.startswith("--")).removesuffix(";")

    @property
    def kind(self):
        if not self.text.endswith(";"):
            return "fragment"
        return "template" if BRACES.search(self.body) else "query"

    @property
    def place(self):
        return f"sql/query/{self.file}.sql:{self.line}"


def read_file(file, text):
    """The queries of a file. A block without the first line of a query gets an empty name."""
    for found in re.finditer(r"[^\n](?:.|\n(?!\n|\Z))*", text):
        named = HEAD.match(found[0])
        yield Query(file, text.count("\n", 0, found.start()) + 1, named[1] if named else "", found[0])


def read(folder=FOLDER):
    """Every query, including fragments, in the order of files and lines."""
    return [query for path in sorted(folder.glob("*.sql")) for query in read_file(path.stem, path.read_text())]


def parameter_types(query):
    """The types of a query's parameters, from its comment: `$1 environment text, $2 keys text[]`. A parameter without a type has
    that of the next one. Empty if the comment does not name all parameters."""
    types, following = [], "text"
    for told in reversed(query.head.replace("\n--", "").split("$")[1:]):
        words = re.split(r"[^\w\[\]]", told)
        following = next((word for word in reversed(words) if word in TYPES), following)
        types.insert(0, following)
    return types if len(types) == parameter_count(query.body) else []


def types_for(template, table):
    """The types of a template's parameters. Some are types of the table's columns, as in `$1::{id:type}`."""
    types = parameter_types(template)
    for number, column, array in re.findall(r"\$(\d+)::\{([a-z_]+):type\}(\[\])?", template.body):
        if types and column in table["columns"]:
            types[int(number) - 1] = table["types"][table["columns"][column]["column"]] + array
    return types


def of_one_row(sql, types):
    """For a query that takes rows as arrays: its form for a single row, as payments_core::query_file::of_one_row makes it, and
    the types of its parameters. None for any other query."""
    taken = {int(number) for _, number, _ in ARRAY.findall(sql)}
    if not taken or "rows from (" in sql:
        return None
    single = ARRAY.sub(lambda m: f"({m[3]})" if m[1] != "any " else f"any (array[{m[3]}])", sql)
    return single, [kind.removesuffix("[]") if n in taken else kind for n, kind in enumerate(types, 1)]


def parameter_count(sql):
    return max((int(number) for number in re.findall(r"\$(\d+)", sql)), default=0)


def fragments(queries):
    return {query.name: query for query in queries if query.kind == "fragment"}


def fragment_of(placeholder, parts, numbered):
    return parts.get(BALANCE[numbered] if placeholder == "balance" else placeholder)


def columns_of(query, parts, numbered=True):
    """What a template and its fragments name: columns, and `target`, the table."""
    columns = set()
    for name, what in BRACES.findall(query.body):
        if part := fragment_of(name, parts, numbered):
            columns |= columns_of(part, parts, numbered)
        else:
            columns.add(name.rpartition(".")[2])
    return columns


def render(query, table, parts):
    """A template's statement for an attached table, as `Target` renders it: a line that names a missing column is left out.

    The table is {relation, columns: {name: {column}}, types: {column: its qualified type}, numbered}."""

    def filled(match):
        name, what = match.groups()
        if name == "target":
            return table["relation"]
        if part := fragment_of(name, parts, table["numbered"]):
            return render(part, table, parts)
        alias, _, name = name.rpartition(".")
        quoted = table["columns"][name]["column"]
        reference, kind = (f"{alias}." if alias else "") + quoted, table["types"][quoted]
        if what == "type":
            return kind
        if what == "text" and not kind.startswith("pg_catalog."):
            return f"case when {reference} is not null then pg_catalog.concat({reference}) end"
        return f"{reference}::pg_catalog.text" if what == "text" else reference

    lines = []
    for line in query.body.splitlines():
        try:
            lines.append(BRACES.sub(filled, line))
        except KeyError:
            continue
    return "\n".join(lines)


def stand_in(sql):
    """Replaces the braces by plain names, with each letter at the same place."""
    return re.sub(r"\{([a-z_.]+)(:?)([a-z]*)\}", lambda m: f"_{m[1]}{'_' if m[2] else ''}{m[3]}_", sql)


def lint_copy(text):
    """A file as SQL that sqlfluff can parse, line by line. The first line of a fragment makes it a statement, and ROWS FROM looks
    like a function. A line of a template is left out with its column, so it may be long."""
    lines = text.splitlines()
    for query in reversed(list(read_file("", text))):
        copy = stand_in(query.text).replace(" rows from (", " _rows_from(")
        if query.kind == "fragment":
            copy = "select pg_catalog.json_build_object(" + copy[copy.index("\n"):] + ");"
        if query.kind != "query":
            copy = re.sub(r"^(?!--)(.{120,})$", r"\1 -- noqa: LT05", copy, flags=re.M)
        lines[query.line - 1:query.line - 1 + query.text.count("\n") + 1] = [copy]
    return "\n".join(lines) + "\n"


def modules(source):
    """The queries that each Rust module uses: {module: {(file, name)}}."""
    found = {}
    for path in sorted(source.rglob("*.rs")):
        parts = path.relative_to(source).with_suffix("").parts
        name = "_".join(part for part in parts if part not in ("mod", "lib")) or "lib"
        found.setdefault(name, set()).update(USE.findall(path.read_text()))
    return found


def judge(queries, used):
    """What is wrong in the files. `used` is the result of modules()."""
    wrong, names = [], {}
    named_in_braces = {name for query in queries for name, _ in BRACES.findall(query.body)}
    for query in queries:
        if not query.name:
            wrong.append(f"{query.place}: no line says what it does: -- name: what")
        elif query.name in names:
            wrong.append(f"{query.place}: {query.name} is in {names[query.name]} too")
        elif (query.file, query.name) not in used.get(query.file, ()):
            wrong.append(f"{query.place}: the module {query.file} does not use {query.name}")
        elif query.kind == "fragment" and query.name not in named_in_braces | set(BALANCE.values()):
            wrong.append(f"{query.place}: {query.name} ends without a semicolon, and no template names it")
        if not query.body.strip():
            wrong.append(f"{query.place}: {query.name} has no text")
        names[query.name] = query.place
    return wrong


def test_itself():
    text = "-- add: adds. $1 id, $2 keys\n-- text[], $3 n bigint\ninsert into t select $1, $2, $3;\n\n-- part: one\n'a', {id}\n\nselect 1;\n\n" \
           "-- add: again\nselect from {target} where {id:text} = 'x' and json_build_object({part}) is null;\n"
    queries = list(read_file("a", text))
    many = "select pg_catalog.unnest($1::text[]) as a from t where t.b = any ($2::t[]) and $3 = any ($4)"
    one = "select ($1::text) as a from t where t.b = any (array[$2::t]) and $3 = any ($4)"
    assert of_one_row(many, ["text[]", "t[]", "int", "int[]"]) == (one, ["text", "t", "int", "int[]"]) and of_one_row("select $1", ["int"]) is None
    wrong = judge(queries, {"a": {("a", "add"), ("a", "part")}, "b": set()})
    assert [query.line for query in queries] == [1, 5, 8, 10] and [query.kind for query in queries][:2] == ["query", "fragment"]
    assert parameter_types(queries[0]) == ["text[]", "text[]", "bigint"], parameter_types(queries[0])
    assert len(wrong) == 2 and "no line says" in wrong[0] and "too" in wrong[1], wrong
    assert judge(queries[:2], {"b": {("a", "add"), ("a", "part")}}) and judge(queries[:1], {"a": {("a", "add")}}) == []
    assert columns_of(Query("a", 1, "n", "select {part}, {e.key:text}, {target};"), fragments(queries)) == {"id", "key", "target"}
    assert lint_copy(text).count("\n") == text.count("\n") and "{" not in lint_copy(text)


def main():
    test_itself()
    if len(sys.argv) > 2 and sys.argv[1] == "lint":
        folder = pathlib.Path(sys.argv[2])
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*.sql"):
            path.unlink()
        for path in sorted(FOLDER.glob("*.sql")):
            (folder / path.name).write_text(lint_copy(path.read_text()))
        return
    queries = read()
    wrong = judge(queries, modules(ROOT / "src"))
    print("\n".join(wrong))
    print(f"{len(queries)} queries: {len(wrong)} findings")
    sys.exit(1 if wrong or len(queries) < 100 else 0)


if __name__ == "__main__":
    main()
