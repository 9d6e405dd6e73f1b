#!/usr/bin/env python3
"""lint-paths.py: checks that every name in a query that runs under an app's search_path has its schema.

Such queries are those of sql/query, and those in PL/pgSQL between setting the ordinary path and pinning it again.
Without its schema, an operator, a function or a type of somebody else may match better. Some forms of SQL look up an
operator and cannot name its schema. Values of an app's columns go through the functions of their types, never through a
cast.

Each query is parsed by PostgreSQL's parser (pglast, in the version that pgspot needs). First, it removes single
qualifications from copies, and must notice each one.
"""

import json
import pathlib
import re
import sys

from pglast import ast, parse_plpgsql, parse_sql
from pglast.enums import A_Expr_Kind, SubLinkType
from pglast.visitors import Visitor

import queries
from queries import stand_in

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCHEMAS = ("pg_catalog", "payments")
# PostgreSQL finds a trigger's transition tables before it uses the search_path.
TRANSITION_TABLES = {"written", "was"}
FORMS = {
    A_Expr_Kind.AEXPR_DISTINCT: "is distinct from",
    A_Expr_Kind.AEXPR_NOT_DISTINCT: "is not distinct from",
    A_Expr_Kind.AEXPR_NULLIF: "nullif",
    A_Expr_Kind.AEXPR_IN: "in",
    A_Expr_Kind.AEXPR_LIKE: "like",
    A_Expr_Kind.AEXPR_ILIKE: "ilike",
    A_Expr_Kind.AEXPR_SIMILAR: "similar to",
    A_Expr_Kind.AEXPR_BETWEEN: "between",
    A_Expr_Kind.AEXPR_NOT_BETWEEN: "not between",
    A_Expr_Kind.AEXPR_BETWEEN_SYM: "between symmetric",
    A_Expr_Kind.AEXPR_NOT_BETWEEN_SYM: "not between symmetric",
}
# These have their own grammar since 16; 15 looks them up like any function.
NEWER = (
    "JsonObjectConstructor", "JsonArrayConstructor", "JsonArrayQueryConstructor", "JsonObjectAgg", "JsonArrayAgg",
    "JsonParseExpr", "JsonScalarExpr", "JsonSerializeExpr", "JsonFuncExpr", "JsonTable", "MergeSupportFunc",
)
# What ends an expression, besides commas and parentheses.
BETWEEN = ("and", "or", "not", "when", "then", "else", "end", "select", "from", "where", "on", "as", "set", "order", "group", "by", "returning")
TAKES_THE_PATH = "payments.ordinary_search_path()"
PINS_THE_PATH = "'pg_catalog, pg_temp'"


def enum_columns():
    """The columns that may have an enum of the app."""
    text = (ROOT / "sql/schema/attach.sql").read_text()
    found = set(re.findall(r"\('\w+', '(\w+)', (?:true|false), '\{[^}]*\benum\b[^}]*\}'", text))
    assert {"status", "key", "subject_type"} <= found, "attach.sql no longer says which columns may be enums"
    return found


def is_stand_in(name):
    return name.startswith("_") and name.endswith("_")


def names(nodes):
    return [node.sval for node in nodes or () if isinstance(node, ast.String)]


class Judge(Visitor):
    def __init__(self, sql, enums):
        super().__init__()
        self.sql, self.enums, self.found, self.ctes = sql, enums, [], set()

    def find(self, node, what, location=None):
        location = location if location is not None else getattr(node, "location", None)
        self.found.append((location or 0, what))

    def qualified(self, node, words, what, location=None):
        if len(words) == 1 and not is_stand_in(words[0]):
            self.find(node, f"{what} {words[0]} without its schema", location)
        elif len(words) > 1 and words[0] not in SCHEMAS:
            self.find(node, f"{what} {'.'.join(words)} of another schema", location)

    def visit_CommonTableExpr(self, ancestors, node):
        self.ctes.add(node.ctename)

    def visit_A_Expr(self, ancestors, node):
        if node.kind in FORMS:
            self.find(node, f"{FORMS[node.kind]} looks up an operator and can't say which")
        else:
            self.qualified(node, names(node.name), "operator")
        if isinstance(node.lexpr, ast.RowExpr):
            self.find(node, "a comparison of rows looks up operators and can't say which")

    def visit_SubLink(self, ancestors, node):
        if node.subLinkType in (SubLinkType.ANY_SUBLINK, SubLinkType.ALL_SUBLINK):
            if not node.operName:
                self.find(node, "in (select …) looks up an operator and can't say which")
            else:
                self.qualified(node, names(node.operName), "operator")
            if isinstance(node.testexpr, ast.RowExpr):
                self.find(node, "a comparison of rows looks up operators and can't say which")

    def visit_CaseExpr(self, ancestors, node):
        if node.arg:
            self.find(node, "case … when looks up an operator and can't say which")

    def visit_JoinExpr(self, ancestors, node):
        if node.isNatural or node.usingClause:
            self.find(node, "a join by names looks up operators and can't say which")

    def visit_SortBy(self, ancestors, node):
        if node.useOp:
            self.qualified(node, names(node.useOp), "operator")

    def visit_CollateClause(self, ancestors, node):
        self.qualified(node, names(node.collname), "collation")

    def visit_FuncCall(self, ancestors, node):
        self.qualified(node, names(node.funcname), "function")
        if names(node.funcname)[-1].startswith(("json", "to_json", "row_to_json")):
            for value in node.args or ():
                if isinstance(value, ast.ColumnRef) and self.may_be_an_enum(value):
                    self.find(value, "an enum goes to JSON through whichever cast there is: write {column:text}")

    def visit_TypeName(self, ancestors, node):
        words = names(node.names)
        # json has its own grammar only since 16.
        if words == ["pg_catalog", "json"] and not self.sql.startswith("pg_catalog", node.location):
            words = ["json"]
        self.qualified(node, words, "type")

    def visit_TypeCast(self, ancestors, node):
        words = names(node.typeName.names)
        to_the_apps = len(words) == 1 and is_stand_in(words[0])
        if to_the_apps and not isinstance(node.arg, (ast.ParamRef, ast.A_Const)):
            self.find(node, "a value is cast to a type of the app's: give it as a parameter, or in a list of columns")
        if isinstance(node.arg, ast.ColumnRef) and self.may_be_an_enum(node.arg):
            self.find(node, "an enum is cast by whichever cast there is: write {column:text}")

    def visit_LockingClause(self, ancestors, node):
        # It names tables of the FROM clause.
        self.ctes.update(table.relname for table in node.lockedRels or ())

    def visit_RangeVar(self, ancestors, node):
        name = node.relname
        if not node.schemaname and not is_stand_in(name) and name not in self.ctes | TRANSITION_TABLES:
            self.find(node, f"relation {name} without its schema")

    def may_be_an_enum(self, column):
        name = names(column.fields)[-1] if names(column.fields) else ""
        return is_stand_in(name) and name[1:-1] in self.enums

    def visit(self, ancestors, node):
        if type(node).__name__ in NEWER:
            self.find(node, f"{type(node).__name__} is a function of whichever schema in PostgreSQL 15")


def parsed(sql):
    """The tree, its text, and the length of what was added before it, because some templates are only parts of a
    statement."""
    for before, after in (("", ""), ("select pg_catalog.json_build_object(", "\n)")):
        try:
            return parse_sql(before + sql + after), before + sql + after, len(before)
        except Exception as error:
            refused = error
    raise refused


def mixed(sql):
    """The places where sums and products are mixed: operators with a schema all have the same precedence, from the
    left."""
    found, levels = [], [set()]
    blank = re.sub(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", lambda part: " " * len(part[0]), sql, flags=re.S)
    for token in re.finditer(r"operator\(pg_catalog\.(\S+?)\)|[(),;]|\b(?:%s)\b" % "|".join(BETWEEN), blank):
        kind = "sum" if token[1] in ("+", "-") else "product" if token[1] in ("*", "/", "%") else None
        if token[0] == "(":
            levels.append(set())
        elif token[0] == ")":
            levels[:] = levels[:-1] or [set()]
        elif kind:
            levels[-1].add(kind)
            if len(levels[-1]) > 1:
                found.append((token.start(), "sums and products bind alike where the operators have a schema: say which is first by parentheses"))
        elif token[1] is None:
            levels[-1].clear()
    return found


def judge(text, enums):
    """What is wrong in a statement: places and messages."""
    tree, sql, shift = parsed(stand_in(text))
    judging = Judge(sql, enums)
    for statement in tree:
        # A CTE may be used before the visitor reaches its definition.
        gather = Judge(sql, enums)
        gather(statement)
        judging.ctes |= gather.ctes
    for statement in tree:
        judging(statement)
    return [(max(0, place - shift), what) for place, what in judging.found + mixed(sql)]


def line_of(text, place):
    return text.count("\n", 0, place) + 1


def judge_query(query, enums):
    file, line = query.place.rsplit(":", 1)
    return [f"{file}:{int(line) + line_of(query.text, place) - 1}: {what}" for place, what in judge(query.text, enums)]


def expressions(node, state, found):
    """Collects the expressions of a PL/pgSQL function that run under the app's path, in the order of its text."""
    if isinstance(node, list):
        for one in node:
            expressions(one, state, found)
    elif isinstance(node, dict):
        line = node.get("lineno")
        if line is not None:
            state["line"] = line
        if "PLpgSQL_expr" in node and isinstance(node["PLpgSQL_expr"], dict) and "query" in node["PLpgSQL_expr"]:
            query = node["PLpgSQL_expr"]["query"]
            if state["app"]:
                found.append((state["line"], query))
            if TAKES_THE_PATH in query and "set_config" in query:
                state["app"] = True
                state["regions"] += 1
            elif PINS_THE_PATH in query and "set_config" in query:
                state["app"] = False
            return
        for key, one in node.items():
            if key != "datums":
                expressions(one, state, found)


def judge_function(path, line, source, enums):
    """What is wrong in the parts of a PL/pgSQL function that run under the app's path, and how many such parts it has."""
    tree = parse_plpgsql(source)
    state, found = {"app": False, "line": 0, "regions": 0}, []
    expressions(json.loads(tree) if isinstance(tree, str) else tree, state, found)
    body = line_of(source, re.search(r"\$\w*\$", source).start()) - 1
    wrong = [f"{path}: line {line}: a function takes the app's path and does not pin its own again"] if state["app"] else []
    for at, query in found:
        if not re.match(r"\s*(select|insert|update|delete|with)\b", query, re.I):
            query = re.sub(r"^[\w.\[\]]+\s*:?=\s*", "", query)
        wrong += [f"{path}:{line + body + at - 1}: {what}" for _, what in judge(query, enums)]
    return wrong, state["regions"]


def functions(text):
    """The PL/pgSQL functions of a script that set the app's path: the line and the text of each."""
    for found in re.finditer(r"^create (?:or replace )?(?:function|procedure) .*?(\$\w*\$).*?^\1;", text, re.M | re.S | re.I):
        if TAKES_THE_PATH in found[0]:
            yield line_of(text, found.start()), found[0]


def judge_script(path, text, enums):
    wrong, regions = [], 0
    for line, source in functions(text):
        found, parts = judge_function(path, line, source, enums)
        wrong += found
        regions += parts
    taken = len(re.findall(r"set_config\([^;]*" + re.escape(TAKES_THE_PATH), text))
    if regions != taken:
        wrong.append(f"{path}: takes the app's path {taken} times, of which {regions} were read")
    return wrong


def test_itself(texts, scripts, enums):
    """Removes single qualifications. Each must be noticed."""
    blind = []
    for pattern, instead in (
        (r"operator\(pg_catalog\.(\S+?)\)", r"\1"),
        (r"pg_catalog\.(now|json_build_object|to_json|concat)\(", r"\1("),
        (r"::pg_catalog\.(text|uuid|json|jsonb)\b", r"::\1"),
        (r"from payments\.", "from "),
        (r"collate pg_catalog\.", "collate "),
        (r"\{status:text\}", "{status}::pg_catalog.text"),
        (r"'status', \{status:text\}", "'status', {status}"),
        (r"\$1::\{id:type\}", "($1::pg_catalog.text)::{id:type}"),
    ):
        text = next((text for text in texts if re.search(pattern, text)), None)
        if text is None or not judge(re.sub(pattern, instead, text, count=1), enums):
            blind.append(pattern)
    for form in (
        "1 in (2)", "1 not in (2)", "1 in (select 2)", "1 between 2 and 3", "1 is distinct from 2", "1 is not distinct from 2",
        "case 1 when 2 then 3 end", "nullif(1, 2)", "'a' like 'b'", "'a' ilike 'b'", "'a' similar to 'b'",
        "2 operator(pg_catalog.*) 3 operator(pg_catalog.+) 4 operator(pg_catalog.*) 5", "1 operator(pg_catalog.+) now() operator(pg_catalog.*) 2",
        "2 operator(pg_catalog.-) (1) operator(pg_catalog./) 2",
        "(1, 2) operator(pg_catalog.=) (3, 4)", "1 = any (array[2])", "'{}'::json", "json_scalar(1)", "now()",
    ):
        if not judge(f"select {form}", enums):
            blind.append(form)
    if judge("select (2 operator(pg_catalog.*) 3) operator(pg_catalog.+) 4, 5 operator(pg_catalog.*) 6", enums):
        blind.append("the parentheses of a sum of products")
    for join in ("natural join", "join"):
        using = "" if "natural" in join else " using (id)"
        if not judge(f"select from payments.facts a {join} payments.fact_links b{using}", enums):
            blind.append(join)
    first = re.compile(r"(set_config\('search_path', payments.*?)operator\(pg_catalog\.=\)", re.S)
    if not any(judge_script(path, first.sub(r"\1=", text, count=1), enums) for path, text in scripts.items()):
        blind.append("PL/pgSQL")
    return [f"the linter itself does not see: {one}" for one in blind]


def main():
    enums = enum_columns()
    found = queries.read()
    scripts = {path.relative_to(ROOT): path.read_text() for path in sorted((ROOT / "sql/schema").glob("*.sql"))}
    wrong = test_itself([query.text for query in found], scripts, enums)
    for query in found:
        wrong += judge_query(query, enums)
    for path, text in scripts.items():
        wrong += judge_script(path, text, enums)
    print("\n".join(wrong))
    print(f"{len(found)} queries, {sum(len(list(functions(text))) for text in scripts.values())} functions: {len(wrong)} findings")
    sys.exit(1 if wrong or len(found) < 100 else 0)


main()
