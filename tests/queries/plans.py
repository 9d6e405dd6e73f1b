#!/usr/bin/env python3
"""plans.py: every query of sql/query can be prepared, templates with the names of the default tables, and no query that an event
runs reads a whole table.

Plans can be cached while the tables are empty. A plan that then reads a whole table, or a whole environment, would do the same when
the table is large. A template is prepared for a table with all columns, for one with only the required columns, and for both ways to
a balance.
"""

import re
import sys

import psycopg

import attached
from attached import queries

# Queries of people and workers, and those that derive everything again.
READ_ALL_BY_PURPOSE = {
    "all_group_ids",
    "all_claims",
    "all_mirrored",
    "claim_jobs",  # reads the index of open jobs in its order
    "count_open_fulfillments",
    "events_to_replay",
    "find_open_fulfillments",
    "find_sessions_of_order",
    "find_subscriptions",
    "prune_events",
    "rows_of_mappings",
    "waiting_requests",  # reads the indexes of waiting rows in their order
    "sum_credits",  # for a reversed refund, by the prefix of a source, for which an app needs no index
}
# The tables that grow with every event.
OURS = (
    "webhook_events", "facts", "fact_links", "payment_history", "checkout_sessions", "customer_portal_sessions", "subscription_requests", "customers", "products",
    "prices", "subscriptions", "subscription_items", "stripe_customer_mappings", "mapping_claims", "fulfillments",
)
# Templates that are not for an attached table.
FILLED = {
    "constraints_immediate": {"constraints": "all"},
    "constraints_deferred": {"constraints": "all"},
    "membership": {"subject": "team_id", "subject_text": "m.team_id::pg_catalog.text", "members": "public.members",
                   "conditions": "m.user_id operator(pg_catalog.=) $1::pg_catalog.text"},
}
# Indexes that no statement of sql/query uses, and who uses them. Unique indexes need no reader.
READ_ELSEWHERE = {
    "checkout_sessions_subject_idx": "the policies of members, who read the sessions of their subjects",
    "customer_portal_sessions_subject_idx": "the same of portal sessions",
    "prices_product_idx": "a backend that shows a product with its prices",
    "subscription_requests_subject_idx": "the same of subscription requests",
    "subscription_requests_subscription_idx": "tell_of_next_change(): whether another request of the subscription waits",
    "webhook_events_object_idx": "explain(): the events of a customer, subscription, product or price, and those that changed nothing",
    "webhook_events_open_idx": "doctor(): the events that failed or wait",
}
INDEX_OF_PLAN = re.compile(r"(?:Index(?: Only)? Scan|Bitmap Index Scan)(?: Backward)?(?: using| on) (\w+)")
# PostgreSQL cannot prepare these, so they are run.
UTILITIES = ("lock ", "set ")


def with_required_columns(connection, table):
    required = {name for (name,) in connection.execute(
        "select name from payments.attachable_columns(%s) where required", (table["kind"],)).fetchall()}
    return table | {"columns": {name: column for name, column in table["columns"].items() if name in required}}


def variants(connection, found):
    """Yields every statement that is sent: (query, what it is prepared for, the statement, its parameters' types)."""
    for query, relation, statement, types in of_many(connection, found):
        yield query, relation, statement, types
        if single := queries.of_one_row(statement, types):
            yield query, relation + " of one row", *single


def of_many(connection, found):
    """Yields the same without the forms for a single row."""
    parts = queries.fragments(found)
    for query in found:
        if query.kind == "query":
            yield query, "", query.body, queries.parameter_types(query)
        elif query.name in FILLED:
            yield query, "", queries.BRACES.sub(lambda match: FILLED[query.name][match[1]], query.body), []
    for table in list(attached.tables(connection)):
        fewer = with_required_columns(connection, table)
        for query in found:
            if query.kind == "template" and attached.served(query, table, parts):
                for what, one in (("", table), (" with few columns", fewer), (" summed", table | {"numbered": not table["numbered"]})):
                    yield query, table["relation"] + what, queries.render(query, one, parts), queries.types_for(query, one)


NO_CONDITION = "an index without a condition"


def scans_of(plan):
    """Yields (table, line) for each line about a scan, from the scan itself on, with its conditions. A scan of a whole index is
    followed by the line NO_CONDITION."""
    table, of_index = "", False
    for line in [*(line.strip() for (line,) in plan), "->"]:
        if of_index and line.startswith(("->", "InitPlan", "SubPlan", "CTE ")):
            yield table, NO_CONDITION
            of_index = False
        if " Scan " in line:
            table = line.split(" on ")[-1].split(" ")[0]
            of_index = "Index Scan using" in line or "Index Only Scan" in line
        of_index = of_index and not line.startswith("Index Cond:")
        yield table, line


def plan_of(connection, name, parameters):
    nulls = ", ".join(["null"] * parameters)
    return connection.execute(f"explain (costs off) execute {name}{f'({nulls})' if nulls else ''}".encode()).fetchall()


def reads_all(plan, query, relation):
    """Yields the lines of a generic plan that read a whole table of ours or of the app, or a whole environment."""
    watched = {*OURS, relation.split(" ")[0].rpartition(".")[2]}
    for table, line in scans_of(plan):
        if table in watched and ("Index Cond: (environment " in line or "Seq Scan on " in line or line == NO_CONDITION):
            yield f"{query.place}: {query.name} for {relation or 'our tables'}: {line}"


def unused_indexes(connection, used):
    """The indexes of our tables that no query uses and that are not unique."""
    ours = connection.execute("""
        select c.relname from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
         where c.relnamespace = 'payments'::regnamespace and not i.indisunique""").fetchall()
    return sorted({name for (name,) in ours} - used - set(READ_ELSEWHERE))


def prepare(connection, found, used):
    """Prepares and plans everything. Returns what was refused, what reads a whole table, and how often each query was prepared.
    Adds the indexes that the plans use to `used`."""
    connection.execute("deallocate all")
    refused, wrong, times = [], [], {query.name: 0 for query in found if query.kind != "fragment"}
    for n, (query, relation, statement, types) in enumerate(variants(connection, found)):
        parameters = len(types) or queries.parameter_count(statement)
        given = f" ({', '.join(types)})" if types else ""
        try:
            with connection.transaction():
                if statement.startswith(UTILITIES):
                    connection.execute(statement.encode())
                else:
                    connection.execute(f"prepare q{n}{given} as {statement}".encode())
                    plan = plan_of(connection, f"q{n}", parameters)
                    used |= {index for (line,) in plan for index in INDEX_OF_PLAN.findall(line)}
                    if query.name not in READ_ALL_BY_PURPOSE:
                        wrong += reads_all(plan, query, relation)
            times[query.name] += 1
        except psycopg.Error as error:
            refused.append(f"{query.place}: {query.name} for {relation or 'our tables'}: {error}")
    return refused, wrong, times


def check(what, wrong):
    print(f"{'FAILED' if wrong else 'ok    '} {what}")
    for line in wrong:
        print("       " + " ".join(str(line).split())[:300])
    return not wrong


def main():
    found = queries.read()
    with psycopg.connect(dbname="queries", autocommit=True) as connection:
        connection.execute("select payments.create_app_tables()")
        connection.execute("create table public.members (team_id uuid primary key, user_id text)")
        connection.execute("create index on public.members (user_id)")
        attached.make_transition_tables(connection, "transition")
        connection.execute("set search_path = pg_catalog, transition")
        connection.execute("load 'payments'")
        connection.execute("set payments.plan_for_large_tables = on")
        connection.execute("set enable_seqscan = off")
        connection.execute("set plan_cache_mode = force_generic_plan")
        connection.execute("analyze")
        used = set()
        refused, wrong, times = prepare(connection, found, used)
        unused = unused_indexes(connection, used)
        connection.execute("create index nobody_reads_idx on payments.customers (phone)")
        seen_unused = unused_indexes(connection, used)
        # A query that reads a whole table, or cannot be read, must be noticed.
        bad = [queries.Query("bad", 1, name, f"-- {name}: bad\n{sql};") for name, sql in (
            ("whole", "select from payments.facts f where f.statement is null"),
            ("whole_target", "update {target} set {amount} = 1 where {currency} = $1"),
            ("whole_index", "select from payments.facts f order by f.object_id limit 1"),
            ("refused", "select nothing from {target} where {id} = $1"))]
        seen = prepare(connection, bad, set())
        connection.execute("set payments.plan_for_large_tables = off")
        small = prepare(connection, found, set())[1]
    print(f"# {sum(times.values())} statements of {len(times)} queries")
    results = [
        check("every query is prepared", refused + [f"{name} was not" for name, n in times.items() if not n]),
        check("none of an event's way reads a whole table", wrong),
        check("what could not be prepared, or reads a whole table, is seen",
              [] if len(seen[0]) > 0 and seen[2]["refused"] == 0 and {line.split()[1] for line in seen[1]} == {"whole", "whole_target", "whole_index"} else list(seen)),
        check("planned for small tables, some would read a whole one", [] if small else ["none did"]),
        check("every index has a reader", unused),
        check("an index without one is seen", [] if set(seen_unused) - set(unused) == {"nobody_reads_idx"} else seen_unused),
        check("every query that may read all is there", sorted(READ_ALL_BY_PURPOSE - set(times))),
    ]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return all(results) and len(times) > 100


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
