"""attached.py: renders the templates of sql/query for the tables that are attached in a database."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import queries  # noqa: E402  scripts/queries.py

# The transition tables of a trigger, which exist only while it runs, under the names that our queries use.
TRANSITION_TABLES = ("written", "was")


def tables(connection):
    """Yields the attached tables, with the types of their columns."""
    for kind, oid, relation, columns, numbered in connection.execute(
        "select kind, target::oid::bigint, relation, columns, numbered from payments_registry.attachments order by relation"
    ).fetchall():
        types = dict(connection.execute(
            """select quote_ident(a.attname), format('%%I.%%I', n.nspname, t.typname) from pg_attribute a join pg_type t on t.oid = a.atttypid
                 join pg_namespace n on n.oid = t.typnamespace where a.attrelid = %s::bigint::oid""", (oid,)).fetchall())
        yield {"kind": kind, "relation": relation, "columns": columns, "types": types, "numbered": numbered}


def served(query, table, parts):
    """Whether a template is for tables of this kind, which must have all columns that it names."""
    columns = queries.columns_of(query, parts)
    return "target" in columns and columns - {"target"} <= set(table["columns"])


def templates(connection, found):
    """Yields the statement of each template for each table that it is for."""
    parts = queries.fragments(found)
    for table in tables(connection):
        for query in found:
            if query.kind == "template" and served(query, table, parts):
                yield query, table, queries.render(query, table, parts)


def make_transition_tables(connection, schema):
    connection.execute(f"create schema {schema}")
    for name in TRANSITION_TABLES:
        connection.execute(f"create table {schema}.{name} (like payments.payment_history)")
