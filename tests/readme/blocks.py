"""Runs the ```sql blocks of a page: blocks.py PAGE DATABASE.

In a block, '-- → a | b' after a query is what its first row shows, and '-- ✗ 42501' is the SQLSTATE that the statements
before it, back to the last such mark, end with.
"""

import re
import sys

import psycopg

MARK = re.compile(r"^\s*-- (→|✗) (.*)$", re.M)


def blocks(text):
    for match in re.finditer(r"^```sql\n(.*?)^```", text, re.S | re.M):
        yield text[: match.start()].count("\n") + 2, match[1]


def steps(block):
    """(statements, mark, value) in order; the last may have no mark."""
    start = 0
    for match in MARK.finditer(block):
        yield block[start:match.start()], match[1], match[2].strip()
        start = match.end()
    if block[start:].strip():
        yield block[start:], None, None


def shown(cursor):
    while cursor.nextset():
        pass
    row = cursor.fetchone() if cursor.description else None
    return " | ".join("" if value is None else text(value) for value in row) if row else "(no rows)"


def text(value):
    return {True: "t", False: "f"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def run(connection, statements, mark, value):
    try:
        cursor = connection.execute(statements)
        found = shown(cursor) if mark == "→" else None
    except psycopg.Error as error:
        if mark == "✗":
            return None if error.sqlstate == value else f"expected {value}, got {error.sqlstate}: {error}"
        return f"{error.sqlstate}: {error}"
    if mark == "✗":
        return f"expected {value}, and it succeeded"
    if mark == "→" and found != value:
        return f"expected {value}, found {found}"
    return None


def main(page, database):
    count = failed = 0
    with psycopg.connect(dbname=database, autocommit=True, options="-c timezone=UTC") as connection:
        for line, block in blocks(open(page, encoding="utf-8").read()):
            for statements, mark, value in steps(block):
                problem = run(connection, statements, mark, value)
                count += 1
                if problem:
                    failed += 1
                    print(f"line {line}: {problem}\n{statements.strip()}")
    print(f"# {count} steps of {page.rsplit('/', 1)[-1]}, {failed} failed")
    return count > 0 and failed == 0


if __name__ == "__main__":
    sys.exit(0 if main(*sys.argv[1:]) else 1)
