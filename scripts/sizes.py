#!/usr/bin/env python3
"""sizes.py: checks that no file of the repository is longer than 500 lines, no function longer than 70 lines, and no line of the
stories for readers (tests/regress, tests/isolation, with their expected output) longer than 120 characters.

Files that a tool writes are left out (lock files, the generated schema, expected output, the stories of Stripe's events), and those
that ANSWERED gives a reason for. Functions are those of Rust, Python and PL/pgSQL, from the line with the name to the last line. A
server's message may be on one line of any length, and so may each line of its DETAIL.
"""

import ast
import pathlib
import re
import subprocess
import sys

from rust_source import closing_brace, code_only

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILE_LINES, FUNCTION_LINES, LINE_CHARACTERS = 500, 70, 120
WRITTEN_BY_TOOLS = re.compile(
    r"(^|/)(Cargo\.lock|package-lock\.json)$|^tests/requirements\.txt$|\.png$|^sql/payments\.sql$|^sql/release/|^tests/corpus/stories/"
    r"|/expected(/|\.out$)")
STORIES = re.compile(r"^tests/(regress|isolation)/.*\.(sql|psql|spec|out)$")
MESSAGE = re.compile(
    r"^(?:(?:ERROR|FATAL|WARNING|NOTICE|INFO|HINT|CONTEXT):  .*|DETAIL:  .*(?:\n[^ (\n].*){0,9}?(?=\nHINT:)|DETAIL:  .*)$", re.M)
# Why each of these may be longer.
ANSWERED = {
    "core/tests/stories/corpus.rs: expected": "a list of stories and their ends",
    "tests/corpus/bought.py: stories": "a list of stories",
    "tests/corpus/generated.py: money": "a list of stories",
    "tests/corpus/generated.py: subjects": "a list of stories",
    "tests/corpus/generated.py": "lists of stories",
    "sql/schema/app_tables.sql: payments.default_table": "the text of each table, in one list",
    "sql/schema/grants.sql: payments.granted_functions": "a list of functions and who may call them",
    "sql/schema/explain.sql: payments.explain": "one union of what is told, in time order",
    "sql/schema/doctor_shape.sql: payments.own_indexes": "a list of indexes",
    "sql/schema/figures.sql: payments.make_figure_views": "the texts of the views, one statement each",
    "sql/schema/review.sql: payments.make_review_views": "the texts of the views, one statement each",
    "sql/schema/attach.sql: payments.attach": "checks in their order, then one insert; a part alone would leave half an attachment",
    "sql/schema/subjects.sql: payments.protect_subject_type": "checks in their order, then one insert",
    "sql/schema/stripe_responses.sql: payments.record_stripe_response": "checks in their order, then one update of each table",
}
RUST_FUNCTION = re.compile(r"\bfn\s+(\w+)[^;{]*\{")
SQL_FUNCTION = re.compile(
    r"^create (?:or replace )?(?:function|procedure)\s+([\w.]+).*?(\$\w*\$).*?\2", re.M | re.S | re.I)


def line(text, place):
    return text.count("\n", 0, place) + 1


def rust_functions(text):
    code = code_only(text)
    for found in RUST_FUNCTION.finditer(code):
        yield found[1], line(code, found.start()), line(code, closing_brace(code, found.end() - 1))


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno


def sql_functions(text):
    for found in SQL_FUNCTION.finditer(text):
        yield found[1], line(text, found.start()), line(text, found.end())


READERS = {".rs": rust_functions, ".py": python_functions, ".sql": sql_functions}


def judge(name, text):
    """What is too long in a file."""
    lines = text.count("\n")
    found = [f"{name}: {lines} lines"] if lines > FILE_LINES and name not in ANSWERED else []
    for function, first, last in READERS.get(pathlib.Path(name).suffix, lambda text: ())(text):
        if last - first + 1 > FUNCTION_LINES and f"{name}: {function}" not in ANSWERED:
            found.append(f"{name}:{first}: {function} has {last - first + 1} lines")
    return found


def judge_lines(name, text):
    """The lines of a story that are too long to read."""
    if not STORIES.search(name):
        return []
    if name.endswith(".out"):
        text = MESSAGE.sub(lambda found: "\n" * found[0].count("\n"), text)
    return [f"{name}:{number}: {len(one)} characters" for number, one in enumerate(text.split("\n"), 1) if len(one) > LINE_CHARACTERS]


def test_itself():
    filler = "\n" * FUNCTION_LINES
    for name, text in (
        ("long.txt", "\n" * (FILE_LINES + 1)),
        ("long.rs", "fn f<'a>(x: &'a str) -> char {" + filler + "'}' }"),
        ("long.py", "def f():" + filler + "    return 1\n"),
        ("long.sql", "create function f() returns void language plpgsql as $$" + filler + "$$;"),
    ):
        shorter = text.replace("\n", "", 2)
        if len(judge(name, text)) != 1 or judge(name, shorter):
            sys.exit(f"sizes.py itself does not see {name}")
    wide = "x" * (LINE_CHARACTERS + 1)
    for name, text, seen in (
        ("tests/regress/sql/wide.sql", f"{wide}\n{wide[1:]}\n", 1),
        ("tests/regress/sql/message.sql", f"HINT:  {wide}\n", 1),
        ("tests/regress/expected/wide.out", f"DETAIL:  {wide}\n {wide}\nHINT:  {wide}\n", 1),
        ("tests/regress/expected/message.out", f"ERROR:  {wide}\nDETAIL:  {wide}\n{wide}\nHINT:  {wide}\n", 0),
    ):
        if len(judge_lines(name, text)) != seen:
            sys.exit(f"sizes.py itself does not see {name} as it is")


def main():
    test_itself()
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    names = [name for name in listed if name and not WRITTEN_BY_TOOLS.search(name) and (ROOT / name).is_file()]
    wrong = [one for name in names for one in judge(name, (ROOT / name).read_text())]
    stories = [name for name in listed if STORIES.search(name) and (ROOT / name).is_file()]
    wrong += [one for name in stories for one in judge_lines(name, (ROOT / name).read_text())]
    print("\n".join(wrong))
    print(f"{len(names)} files: {len(wrong)} findings")
    sys.exit(1 if wrong or not names or not stories else 0)


main()
