#!/usr/bin/env python3
"""Plants better matches for everything that our statements use, in a schema that an app's path names first. None may be used.

The first part checks how each query is read. The planted schema is before pg_catalog, and every query and every template, with
the names of tables that have enums, becomes the body of a function. PostgreSQL records what it depends on, and that must be
nothing planted; but without any one of the qualifications, it is. The second part checks what is called. The planted functions
write to the server's log while an app's story runs, and the log must have calls only from the app's own trigger. The third part
runs Stripe's stories, which must end as always and call nothing planted.
"""

import os
import pathlib
import re
import sys
import time

import psycopg

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT / "tests/corpus"), str(ROOT / "tests/queries")]

import attached  # noqa: E402  tests/queries
from attached import queries  # noqa: E402

DATABASE = "planting"
PLAIN = "-c search_path=pg_catalog,public -c client_min_messages=error -c timezone=UTC"
PLANTED = "evil, pg_catalog, public"
# Every pair of these types gets every operator that we use.
TYPES = ("bigint", "integer", "smallint", "text", "character varying", "name", "jsonb", "json", "uuid", "boolean", "numeric",
         "double precision", "timestamptz", "interval", "oid")
ENUMS = ("progress", "world", "whose", "coin", "why", "perk", "standing", "rank")


def bare(text):
    return "\n".join(line for line in text.splitlines() if not line.startswith("--"))


# -- what is planted ----------------------------------------------------------------------------------------------------


class Garden:
    """Creates the planted schema of a database."""

    def __init__(self, connection, found):
        self.connection, self.functions, self.planted, self.refused = connection, {}, 0, 0
        text = "\n".join(query.text for query in found)
        self.operators = sorted(set(re.findall(r"operator\(pg_catalog\.([^)]+)\)", text)))
        self.names = sorted(set(re.findall(r"pg_catalog\.([a-z_0-9]+)\(", text)))
        self.types = sorted(set(re.findall(r'pg_catalog\."?([a-z_0-9]+)"?', text)))
        self.relations = sorted(set(re.findall(r"(?:from|join) pg_catalog\.([a-z_]+)\b(?!\()", text)))

    def attempt(self, statement):
        try:
            self.connection.execute(statement)
            self.planted += 1
            return True
        except psycopg.Error:
            self.refused += 1
            return False

    def body(self, told):
        return f"""$planted$
            declare context text;
            begin
              get diagnostics context = pg_context;
              raise log 'planted: {told} called by %', replace(context, E'\\n', ' | ');
              raise exception 'planted';
            end $planted$"""

    def function(self, arguments, result, like=None):
        """A function that writes to the log. If PL/pgSQL does not support its types, one that does what `like` does."""
        key = (arguments, result)
        if key not in self.functions:
            name = f"planted_{len(self.functions)}"
            told = f"({arguments})"
            head = f"create function evil.{name}({arguments}) returns {result}"
            made = self.attempt(f"{head} language plpgsql set search_path = pg_catalog, pg_temp as {self.body(told)}")
            if not made and like:
                made = self.attempt(f"{head} language internal as '{like}'")
            self.functions[key] = name if made else None
        return self.functions[key]

    def operator(self, name, left, right, result, like=None):
        function = self.function(", ".join(one for one in (left, right) if one), result, like)
        if function:
            sides = "".join(f"{side} = {one}, " for side, one in (("leftarg", left), ("rightarg", right)) if one)
            self.attempt(f"create operator evil.{name} ({sides}function = evil.{function})")

    def named(self, name, arguments, result, like=None):
        """A function with the name of one that we call."""
        head = f'create function evil."{name}"({arguments}) returns {result}'
        told = name
        if not self.attempt(f"{head} language plpgsql set search_path = pg_catalog, pg_temp as {self.body(told)}") and like:
            self.attempt(f"{head} language internal as '{like}'")

    def result_of(self, operator, left, right):
        if operator in ("+", "-", "*", "^"):
            pair = (left, right)
            return next((one for one in ("timestamptz", "interval") if one in pair and (one == "interval" or operator in "+-")), left)
        return {"->": "jsonb", "->>": "text", "||": "text"}.get(operator, "boolean")

    def grow(self, enums):
        self.connection.execute("create schema evil")
        self.connection.execute("grant usage on schema evil to public")
        for name, left, right, result, source in self.connection.execute(
            """select o.oprname, nullif(o.oprleft, 0)::regtype::text, nullif(o.oprright, 0)::regtype::text, o.oprresult::regtype::text, p.prosrc
                 from pg_operator o join pg_proc p on p.oid = o.oprcode
                where o.oprnamespace = 'pg_catalog'::regnamespace and o.oprname = any (%s)""", (self.operators,)).fetchall():
            self.operator(name, left, right, result, source)
        enums = [f"shop.{enum}" for enum in enums]
        for name in self.operators:
            if name == "*<>":
                continue
            for left in TYPES:
                for right in TYPES:
                    self.operator(name, left, right, self.result_of(name, left, right))
            for enum in enums:
                for left, right in ((enum, enum), (enum, "text"), ("text", enum)):
                    self.operator(name, left, right, self.result_of(name, left, right))
        for name, arguments, result, source in self.connection.execute(
            """select p.proname, case p.prokind when 'f' then pg_get_function_arguments(p.oid) else oidvectortypes(p.proargtypes) end,
                      case when p.proretset then 'setof ' else '' end || p.prorettype::regtype::text,
                      case when p.prolang = (select oid from pg_language where lanname = 'internal') and p.prokind = 'f' then p.prosrc end
                 from pg_proc p where p.pronamespace = 'pg_catalog'::regnamespace and p.proname = any (%s)""", (self.names,)).fetchall():
            self.named(name, arguments, result, source)
            for better in ("anyelement", "text", "text, anyelement", "variadic text[]", *enums):
                self.named(name, better, result)
        self.attempt("create type evil.record as (n integer)")
        for kind, base in self.connection.execute(
            "select quote_ident(typname), format_type(oid, -1) from pg_type where typnamespace = 'pg_catalog'::regnamespace and typtype = 'b' and typname = any (%s)",
            (self.types,)).fetchall():
            self.named("checked", base, "boolean")
            self.attempt(f"create domain evil.{kind} as {base} check (evil.checked(value))")
        for relation, columns in self.connection.execute(
            """select c.relname, string_agg(quote_ident(a.attname), ', ' order by a.attnum)
                 from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and a.atttypid <> 'anyarray'::regtype
                where c.relnamespace = 'pg_catalog'::regnamespace and c.relname = any (%s) group by c.relname""", (self.relations,)).fetchall():
            self.attempt(f"create view evil.{relation} as select {columns} from pg_catalog.{relation}")
        self.attempt("create collation evil.\"C\" (locale = 'C')")
        for enum in enums:
            for source, wanted in (("text", enum), ("varchar", enum), (enum, "text"), (enum, "varchar"), (enum, "json"), (enum, "jsonb")):
                function = self.function(source, wanted)
                self.attempt(f"create cast ({source} as {wanted}) with function evil.{function}({source}) as assignment")
        self.connection.execute("grant execute on all functions in schema evil to public")


# -- how statements are read --------------------------------------------------------------------------------------------


class Reader:
    """Reads statements as PostgreSQL reads them under the planted path, and finds the planted objects that they use."""

    def __init__(self, connection):
        self.connection = connection
        attached.make_transition_tables(connection, "probe")

    def types(self, told, statement):
        given = f"({', '.join(told)})" if told else ""
        with self.connection.transaction():
            self.connection.execute("set local search_path = pg_catalog, probe")
            self.connection.execute(f"prepare probed {given} as {statement}".encode())
            types = self.connection.execute(
                """select coalesce(array_agg(format('%I.%I', n.nspname, t.typname) order by k.n), '{}')
                     from pg_prepared_statements s cross join unnest(s.parameter_types) with ordinality k (kind, n)
                     join pg_type t on t.oid = k.kind join pg_namespace n on n.oid = t.typnamespace where s.name = 'probed'""").fetchone()[0]
            self.connection.execute("deallocate probed")
        return types

    def planted(self, statement, types):
        """The planted objects that a statement uses. Raises an error if it cannot be read at all."""
        try:
            with self.connection.transaction():
                self.connection.execute("set local search_path = evil, pg_catalog, probe")
                self.connection.execute(
                    f"create function probe.body({', '.join(types)}) returns pg_catalog.void language sql begin atomic {statement};\nend".encode())
                self.connection.execute("set local search_path = pg_catalog")
                found = self.connection.execute(
                    """select pg_describe_object(d.refclassid, d.refobjid, 0)
                         from pg_depend d
                         join (select 'pg_proc'::regclass as class, oid from pg_proc where pronamespace = 'evil'::regnamespace
                               union all select 'pg_operator'::regclass, oid from pg_operator where oprnamespace = 'evil'::regnamespace
                               union all select 'pg_class'::regclass, oid from pg_class where relnamespace = 'evil'::regnamespace
                               union all select 'pg_type'::regclass, oid from pg_type where typnamespace = 'evil'::regnamespace
                               union all select 'pg_collation'::regclass, oid from pg_collation where collnamespace = 'evil'::regnamespace) e
                           on e.class = d.refclassid and e.oid = d.refobjid
                        where d.classid = 'pg_proc'::regclass and d.objid = (
                          select oid from pg_proc where proname = 'body' and pronamespace = 'probe'::regnamespace)""").fetchall()
                raise Undone([row[0] for row in found])
        except Undone as undone:
            return undone.found


class Undone(Exception):
    """Rolls back an attempt."""

    def __init__(self, found):
        super().__init__()
        self.found = found


def without_one(statement):
    """Yields the statement without one of its qualifications, for each of them. The grammar itself knows interval."""
    for found in re.finditer(r"operator\(pg_catalog\.([^)]+)\)|pg_catalog\.(?!interval\b)(?=[a-z\"])", statement):
        yield found[0] + statement[found.end():found.end() + 20], statement[: found.start()] + (found[1] or "") + statement[found.end():]


# -- what is called -----------------------------------------------------------------------------------------------------


def log_since(place):
    time.sleep(0.2)
    with open(os.environ["SERVER_LOG"], encoding="utf-8", errors="replace") as log:
        log.seek(place)
        return [line for line in log if "LOG:  planted: " in line]


def log_end():
    return os.path.getsize(os.environ["SERVER_LOG"])


def plain(name=DATABASE):
    return psycopg.connect(dbname=name, autocommit=True, options=PLAIN)


def statements_of(text):
    return [one for one in (bare(part).strip() for part in re.split(r";\n", text)) if one]


class Results:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, what, wrong):
        wrong = list(wrong)
        self.passed, self.failed = self.passed + (not wrong), self.failed + bool(wrong)
        print(f"{'FAILED' if wrong else 'ok    '} {what}")
        for line in wrong[:12]:
            print("       " + str(line).strip()[:400])
        sys.stdout.flush()


def reading(results, connection, found):
    reader = Reader(connection)
    statements = {query.name: (query.body, queries.parameter_types(query)) for query in found
                  if query.kind == "query" and not query.body.startswith("lock ")}
    for query, table, statement in attached.templates(connection, found):
        if table["relation"].startswith("shop."):
            statements[f"{query.name} of {table['relation']}"] = statement, queries.types_for(query, table)
    taken, blind, refused, cut = [], [], 0, 0
    for name, (statement, told) in statements.items():
        types = reader.types(told, statement)
        taken += [f"{name}: {one}" for one in reader.planted(statement, types)]
        for what, less in without_one(statement):
            cut += 1
            try:
                if not reader.planted(less, types):
                    blind.append(f"{name}: {what}")
            except psycopg.Error:
                refused += 1  # it cannot even be read, so the mistake would be noticed anyway
    print(f"# {len(statements)} statements, {cut} with one qualification less, {refused} of these can't be read")
    results.check("every statement is read as it is written", taken if len(statements) > 110 else ["too few statements"])
    results.check("each qualification less is seen", blind if cut > 500 and refused < cut / 5 else [f"{cut} cut, {refused} refused"])


def calling(results):
    with plain("postgres") as admin:
        admin.execute(f"alter database {DATABASE} set search_path = {PLANTED}")
    place = log_end()
    with plain() as connection:
        for statement in statements_of((HERE / "story.sql").read_text()):
            connection.execute(statement)
        failed = connection.execute(
            "select f.kind, f.target_table, f.item, f.state, f.sqlstate, f.reason from payments.fulfillments f where f.state = 'failed'").fetchall()
        given = connection.execute(
            """select (select count(*) from shop.orders where status = 'paid') > 30, (select count(*) from shop.ledger) > 30,
                      (select count(*) from shop.numbered_ledger) > 30, (select count(*) from shop.keys) > 30,
                      (select count(*) from shop.billing) = 1, (select count(*) from shop.jobs) > 30""").fetchone()
    lines = log_since(place)
    apps = [line for line in lines if "shop.stamp()" in line]
    results.check("an app's story fails nowhere and gives everything", [*failed, *([given] if not all(given) else [])])
    results.check("an app's story calls nothing planted", [line for line in lines if line not in apps])
    results.check("but the app's own trigger does", [] if apps else ["the path was not planted"])

    # Under the same path: statements that trust it, which must call what is planted.
    for what, less in (
        ("an operator", "select 2::pg_catalog.int8 * interval '1 second' where $1::pg_catalog.text is not null"),
        ("a cast to an enum", "select ($1::pg_catalog.text)::shop.progress"),
        ("a cast of an enum", "select o.status::pg_catalog.text from shop.orders o where $1::pg_catalog.text is not null"),
        ("an enum to JSON", "select pg_catalog.to_json(o.status) from shop.orders o where $1::pg_catalog.text is not null"),
    ):
        place = log_end()
        with plain() as connection:
            connection.execute("select pg_catalog.set_config('search_path', payments.ordinary_search_path(), false)")
            try:
                connection.execute(less.replace("$1", "%s"), ("paid",))
            except psycopg.Error:
                pass
        results.check(f"{what} that trusts the path is seen", [] if log_since(place) else ["nothing planted was called"])


def stories(results, found):
    """Stripe's stories on the default tables, forwards, backwards and concurrently, with the planted schema in each path."""
    import converge
    import story

    fresh = converge.Database.fresh

    def planted_fresh(self, one):
        fresh(self, one).close()
        with plain("postgres") as admin:
            admin.execute(f'alter database "{self.name}" set search_path = {PLANTED}')
        return self.connect()

    converge.Database.connect = lambda self: plain(self.name)
    converge.Database.fresh = planted_fresh
    converge.orders = lambda one, limit, chance: [one.distinct()]
    maintained = converge.template()
    with plain("corpus_template") as connection:
        Garden(connection, found).grow(())
    place = log_end()
    problems = []
    for one in story.from_files():
        name, _, found = converge.check(one, os.getpid(), 1, maintained)
        problems += [f"{name}: {problem}" for problem in found]
    results.check("Stripe's stories end as ever", problems)
    results.check("Stripe's stories call nothing planted", log_since(place))


def main():
    results, found = Results(), queries.read()
    with plain() as connection:
        connection.execute((HERE / "app.sql").read_text())
        started = time.time()
        garden = Garden(connection, found)
        garden.grow(ENUMS)
        print(f"# {time.time() - started:.0f} s: {garden.planted} objects planted, {garden.refused} that PostgreSQL refused")
        reading(results, connection, found)
    calling(results)
    if "--no-stories" not in sys.argv:
        stories(results, found)
    print(f"{results.passed} passed, {results.failed} failed")
    return results.failed == 0


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
