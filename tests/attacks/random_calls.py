"""random_calls.py ROLE SEED SECONDS: calls every function that a role of the gateway may execute with hostile arguments of any
kind, and queries every relation that it may read. kinds/random.sh checks the server's log for what happened."""

import json
import random
import sys
import time

import psycopg
from psycopg import sql

ROLE, SEED, SECONDS = sys.argv[1], sys.argv[2], float(sys.argv[3])
chance = random.Random(f"{ROLE} {SEED}")

TEXTS = [
    "", " ", "user", "team", "test", "live", "payment", "subscription", "mallory", "victim", "orders", "admin", "'", '"', "\\", "%s",
    "$1", "a" * 1000, "a" * 100_000, "\u0001", "\ufffd", "\U0001f4b8", "Ω≈ç", "null", "-1", "9" * 40, "1e309", "NaN", "whsec_x", "sk_live_x",
    "https://a.example", "http://[::1", "javascript:1", "https://" + "a" * 5000, "payments.fact_links", "pg_catalog.pg_class", "; drop table x", "{}", "[]",
]
NUMBERS = [0, 1, -1, 2**15 - 1, -(2**15), 2**31 - 1, -(2**31), 2**63 - 1, -(2**63), 10, 1000]
UUIDS = ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"]


def document(depth=0):
    """JSON of any shape, sometimes that of a request or an event."""
    kind = chance.randrange(9 if depth < 5 else 5)
    if kind < 2:
        return chance.choice(TEXTS).replace("\u0000", "")
    if kind < 4:
        return chance.choice([*NUMBERS, 1.5, 1e300])
    if kind == 4:
        return chance.choice([None, True, False])
    if kind < 7:
        return [document(depth + 1) for _ in range(chance.randrange(5))]
    names = ["price", "quantity", "stripePriceId", "id", "object", "type", "created", "data", "livemode", "metadata", chance.choice(TEXTS)]
    return {chance.choice(names): document(depth + 1) for _ in range(chance.randrange(6))}


def lines():
    """Line items that are almost valid."""
    return [{chance.choice(["price", "stripePriceId"]): chance.choice(["price_c", *TEXTS]), "quantity": chance.choice([*NUMBERS, "1", None])}
            for _ in range(chance.choice([0, 1, 1, 2, 101]))]


def value(type_name):
    """A value of a type, as text, or None."""
    if chance.random() < 0.12:
        return None
    match type_name:
        case "json" | "jsonb":


            return json.dumps(chance.choice([document, lines])())
        case "integer" | "bigint" | "smallint" | "oid" | "numeric":
            return str(chance.choice(NUMBERS))
        case "boolean":
            return chance.choice(["t", "f"])
        case "uuid":
            return chance.choice(UUIDS)
        case "interval":
            return chance.choice(["0", "-1 day", "178000000 years", "-178000000 years", "1 month -30 days"])
        case "timestamp with time zone":
            return chance.choice(["infinity", "-infinity", "2020-01-01", "294276-12-31"])
        case "bytea":
            return chance.choice(["\\x", "\\x00ff", "\\x7b7d"])
        case "text[]" | "name[]":
            return chance.choice(["{}", "{NULL}", "{a,b}", "{{a},{b}}"])
        case "regclass" | "regrole" | "regprocedure" | "regtype":
            return chance.choice(["0", "1259", "4294967295", "10"])
        case _:
            return chance.choice(TEXTS)


def connect():
    claims = chance.choice(['{"sub":"mallory","role":"%s"}' % ROLE, '{"role":"%s"}' % ROLE, "", "{", "[]", '{"sub":5}', '{"sub":{"a":1}}', '{"sub":""}'])
    connection = psycopg.connect(user="authenticator", autocommit=True)
    connection.execute("select set_config('role', %s, false), set_config('statement_timeout', '3s', false)", [ROLE])
    connection.execute("select set_config('request.jwt.claims', %s, false)", [claims])
    return connection


def main():
    connection = connect()
    functions = connection.execute(
        """select p.proname, array(select format_type(t, null) from unnest(p.proargtypes::oid[]) with ordinality u(t, n) order by n)
             from pg_proc p
            where p.pronamespace = 'payments'::regnamespace and p.prokind = 'f' and has_function_privilege(p.oid, 'EXECUTE') order by 1, 2"""
    ).fetchall()
    relations = connection.execute(
        """select n.nspname, c.relname, array(select attname::text from pg_attribute a where a.attrelid = c.oid and attnum > 0 and not attisdropped)
             from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname in ('payments', 'public') and relkind in ('r', 'v') and has_schema_privilege(n.oid, 'USAGE')
              and has_any_column_privilege(c.oid, 'SELECT, INSERT') order by 1, 2"""
    ).fetchall()
    until, done, errors = time.monotonic() + SECONDS, 0, {}
    while time.monotonic() < until:
        try:
            if chance.random() < 0.75 or not relations:
                name, types = chance.choice(functions)
                arguments = [sql.SQL("%s::") + sql.SQL(type_name) for type_name in types]
                query = sql.SQL("select * from payments.{}({})").format(sql.Identifier(name), sql.SQL(", ").join(arguments))
                connection.execute(query, [value(type_name) for type_name in types])
            else:
                schema, name, columns = chance.choice(relations)
                relation, column = sql.Identifier(schema, name), sql.Identifier(chance.choice(columns))
                query = chance.choice([
                    "select * from {r} where {c}::text = %s", "select {c}, count(*) from {r} group by 1 having %s <> ''",
                    "insert into {r} ({c}) values (%s) returning *", "update {r} set {c} = %s", "delete from {r} where {c}::text > %s",
                    "select r.* from {r} r, lateral (select payments.owns_subject(r.{c}::text, %s)) o", "insert into {r} ({c}) values (%s) on conflict do nothing",
                ])
                connection.execute(sql.SQL(query).format(r=relation, c=column), [chance.choice(TEXTS)])
            errors["none"] = errors.get("none", 0) + 1
        except psycopg.Error as error:
            code = error.sqlstate or "lost"
            errors[code] = errors.get(code, 0) + 1
        done += 1
        if connection.closed or done % 400 == 0:
            connection.close()
            connection = connect()
    print(f"# {done} calls as {ROLE}, {len(functions)} functions, {len(relations)} relations:", dict(sorted(errors.items())))
    if "lost" in errors:
        sys.exit(f"the connection was lost as {ROLE}, seed {SEED}")


main()
