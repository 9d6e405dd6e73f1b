"""Runs the ```sql blocks of a page: blocks.py PAGE DATABASE.

In a block, '-- → a | b' after a query is its first row, another such line below is the next row, and '-- ✗ 42501' is the
SQLSTATE of the statements before it, back to the previous mark. `blocks.py --self-test` checks that wrong marks are noticed.
"""

import re
import sys

import psycopg

MARK = re.compile(r"^\s*-- (→|✗) (.*)$", re.M)


def blocks(text):
    """Yields (line, SQL) for each block."""
    for match in re.finditer(r"^```sql\n(.*?)^```", text, re.S | re.M):
        yield text[: match.start()].count("\n") + 2, match[1]


def steps(block):
    """Returns (statements, mark, values) in order. The last may have no mark. Successive arrows are rows of one query."""
    start, found = 0, []
    for match in MARK.finditer(block):
        statements = block[start:match.start()]
        if statements.strip() or match[1] != "→" or not found:
            found.append((statements, match[1], []))
        found[-1][2].append(match[2].strip())
        start = match.end()
    if block[start:].strip():
        found.append((block[start:], None, []))
    return found


def shown(cursor, count):
    """Returns the first rows of the last result."""
    while cursor.nextset():
        pass
    rows = cursor.fetchmany(count) if cursor.description else []
    return [" | ".join("" if value is None else text(value) for value in row).strip() for row in rows] or ["(no rows)"]


def text(value):
    return {True: "t", False: "f"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def run(connection, statements, mark, values):
    """Returns what is wrong with a step, or None."""
    try:
        cursor = connection.execute(statements)
        found = shown(cursor, len(values)) if mark == "→" else None
    except psycopg.Error as error:
        if mark == "✗":
            return None if [error.sqlstate] == values else f"expected {values}, got {error.sqlstate}: {error}"
        return f"{error.sqlstate}: {error}"
    if mark == "✗":
        return f"expected {values}, and it succeeded"
    if mark == "→" and found != values:
        return f"expected {values}, found {found}"
    return None


def problems(connection, page):
    """Returns (number of steps, [(line, problem, statements)]) for the text of a page."""
    count, found = 0, []
    for line, block in blocks(page):
        for statements, mark, values in steps(block):
            problem = run(connection, statements, mark, values)
            count += 1
            if problem:
                found.append((line, problem, statements.strip()))
    return count, found


def self_test():
    wrong = ["select 1;\n-- → 2\n", "select 1;\n-- ✗ 22012\n", "select 1 / 0;\n-- ✗ 42501\n", "select 1 / 0;\n", "select no;\n-- → 1\n",
             "values (1), (2);\n-- → 1\n-- → 3\n", "values (1);\n-- → 1\n-- → 1\n"]
    right = ["select 1, true, null;\n-- → 1 | t | \n", "select 1 / 0;\n-- ✗ 22012\n", "select 1 where false;\n-- → (no rows)\n",
             "values (1), (2), (3);\n-- → 1\n-- → 2\n"]
    with psycopg.connect(dbname="postgres", autocommit=True) as connection:
        for block in wrong + right:
            count, found = problems(connection, f"words\n```sql\n{block}```\n")
            if (count, bool(found)) != (1, block in wrong):
                print(f"misjudged: {block}")
                return False
    return True


def main(page, database):
    with psycopg.connect(dbname=database, autocommit=True, options="-c timezone=UTC") as connection:
        with open(page, encoding="utf-8") as file:
            count, found = problems(connection, file.read())
    for line, problem, statements in found:
        print(f"line {line}: {problem}\n{statements}")
    print(f"# {count} steps of {page.rsplit('/', 1)[-1]}, {len(found)} failed")
    return count > 0 and not found


if __name__ == "__main__":
    sys.exit(0 if (self_test() if sys.argv[1:] == ["--self-test"] else main(*sys.argv[1:])) else 1)
