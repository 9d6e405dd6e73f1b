#!/usr/bin/env python3
"""Convergence, checked on the database: every order of every story ends in the same rows, and in the right ones.

converge.py [--only TEXT] [--orders N] [--drawn N] [--seed N] [--workers N]: for each story, its events in the order of delivery (signed, each in
its own transaction), reversed, every permutation of up to five events (N sampled beyond) in one transaction, some of
them twice, several to a transaction, in batches, and over several connections at once; then verify and rebuild, which must find
nothing to mend; and all money that arrived was given, went back, or is shown to a person (money.py). Prints the first order that ends differently, and how.
"""

import argparse
import concurrent.futures
import dataclasses
import itertools
import json
import multiprocessing
import os
import random
import sys
import threading
import zlib

import psycopg
import stripe
from psycopg import sql

import access
import asked
import billing
import bought
import drawn
import elsewhere
import figures
import generated
import money
import older
import periods
import really_bought
import story
import unpaid
from state import differences, missing, snapshot, tables

SECRET = "whsec_convergence"
CONNECTIONS = 4


class Database:
    """A database of this worker, created anew for every run that commits."""

    def __init__(self, worker):
        self.name = f"corpus_{worker}"
        self.template = "corpus_template"

    def fresh(self, one):
        with psycopg.connect(dbname="postgres", autocommit=True) as admin:
            admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(self.name)))
            admin.execute(
                sql.SQL("create database {} template {}").format(
                    sql.Identifier(self.name), sql.Identifier(self.template)
                )
            )
        connection = self.connect()
        if one.setup:
            connection.execute(one.setup)
        return connection

    def connect(self):
        return psycopg.connect(dbname=self.name, autocommit=True, options="-c timezone=UTC -c client_min_messages=error")


def receive(connection, event):
    """Delivers an event as Stripe does: the bytes and their signature."""
    if is_back_fill(event):
        return back_fill(connection, event)
    body = json.dumps(event, ensure_ascii=False)
    header = stripe.WebhookSignature.generate_signature_header(body, SECRET)
    return connection.execute(
        "select payments.receive_stripe_webhook(%s, %s::text, %s)", (environment_of(event), body, header)
    ).fetchone()[0]


def is_back_fill(event):
    """Whether it is no event, but objects that a backend fetched, or a retry of what is due."""
    return event["type"] in ("backfill", "look")


def back_fill(connection, fetched):
    if fetched["type"] == "look":
        return connection.execute("select payments.retry_fulfillments(reference => 'sub_a')").fetchone()[0]
    return connection.execute(
        "select payments.sync_stripe_objects('test', %s::jsonb, to_timestamp(%s))",
        (json.dumps(fetched["objects"], ensure_ascii=False), fetched["created"])
    ).fetchone()[0]


def environment_of(event):
    return "live" if event.get("livemode") else "test"


def receive_together(connection, events):
    """Delivers events in batches: neighboring events of one environment in one call."""
    answers = []
    for (environment, fetched), some in itertools.groupby(events, lambda event: (environment_of(event), is_back_fill(event))):
        if fetched:
            answers += [back_fill(connection, one) for one in some]
            continue
        some = list(some)
        bodies = [json.dumps(event, ensure_ascii=False) for event in some]
        headers = [stripe.WebhookSignature.generate_signature_header(body, SECRET) for body in bodies]
        answers += connection.execute(
            "select payments.receive_stripe_webhooks(%s, %s::text[], %s::text[])", (environment, bodies, headers)
        ).fetchone()[0]
    return answers


def apply(connection, event):
    """Delivers an event as a backend does that has verified the signature itself."""
    if is_back_fill(event):
        return back_fill(connection, event)
    return connection.execute(
        "select payments.apply_stripe_event(%s, %s::jsonb)", (environment_of(event), json.dumps(event, ensure_ascii=False))
    ).fetchone()[0]


def orders(one, limit, chance):
    """All permutations of a small story, or a sample for a larger one."""
    distinct = one.distinct()
    if len(distinct) <= 5:
        yield from itertools.permutations(distinct)
        return
    for _ in range(limit):
        shuffled = distinct[:]
        chance.shuffle(shuffled)
        yield shuffled


def concurrently(database, events, chance):
    """Delivers every event twice, in any order, over several connections at once. Returns the errors."""
    queue = events * 2
    chance.shuffle(queue)
    errors = []

    def deliver(part):
        with database.connect() as connection:
            for event in part:
                try:
                    apply(connection, event)
                except psycopg.Error as error:
                    errors.append(f"{error.sqlstate} {error} ({event['type']})")

    threads = [threading.Thread(target=deliver, args=(queue[n::CONNECTIONS],)) for n in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def fetched(one):
    """The objects that Stripe's API would return after the story, each as in its last event, and when."""
    objects = {}
    for event in sorted(one.distinct(), key=lambda event: event.get("created") if isinstance(event.get("created"), int) else 0):
        thing = event.get("data", {}).get("object", {})
        if thing.get("id") and not event.get("account") and not event.get("livemode"):
            objects[thing["id"]] = thing
            at = event["created"]
    return (list(objects.values()), at + 1) if objects else ([], 0)


def with_back_fill(connection, one, names, problems, chance):
    """Runs a backfill after the events, before them, or among them. The end must be the same."""
    objects, at = fetched(one)
    ends = []
    if not objects:
        return 0
    for place in ("after", "before", "among"):
        events = one.distinct()
        if place == "among":
            chance.shuffle(events)
        where = {"after": len(events), "before": 0}.get(place, chance.randrange(len(events) + 1))
        if one.setup:
            connection.execute(one.setup)
        for number in range(len(events) + 1):
            if number == where:
                connection.execute(
                    "select payments.sync_stripe_objects('test', %s::jsonb, to_timestamp(%s))",
                    (json.dumps(objects, ensure_ascii=False), at))
            if number < len(events):
                apply(connection, events[number])
        ends.append(snapshot(connection, names))
        connection.rollback()
        wrong = differences(ends[0], ends[-1])
        if wrong:
            problems.append(f"backfilled {place} {where} of {told(events)}\n{wrong}")
    return len(ends)


def in_batches(connection, one, chance):
    """Delivers every event, some twice, in any order: in one batch, or in several. Then replays the stored events."""
    for number in range(3):
        events = one.distinct()
        events += chance.sample(events, chance.randrange(len(events)))
        chance.shuffle(events)
        size = len(events) if number == 0 else chance.randrange(1, len(events) + 1)
        if one.setup:
            connection.execute(one.setup)
        for start in range(0, len(events), size):
            receive_together(connection, events[start:start + size])
        yield f"in batches of {size}", events
        if number == 0:
            for environment in ("test", "live"):
                ids = [event["id"] for event in events if environment_of(event) == environment and not is_back_fill(event)]
                connection.execute("select payments.replay_events(%s, %s::text[])", (environment, ids))
            yield "replayed in a batch", events
        connection.rollback()


def told(events):
    return " → ".join(f"{event['type']} {event['id'][-6:]}" for event in events)


def mended(connection):
    """What verify finds, and what a rebuild then changes. Both are empty for a healthy database."""
    names = tables(connection)
    problems = []
    for environment in ("test", "live"):
        rows = connection.execute("select to_jsonb(v) from payments.verify_projections(%s) v", (environment,)).fetchall()
        problems += [f"  verify_projections: {json.dumps(row)[:600]}" for (row,) in rows]
    before = snapshot(connection, names)
    connection.execute("select payments.rebuild_projections('test')")
    changed = differences(before, snapshot(connection, names))
    if changed:
        problems.append(f" rebuild_projections changed:\n{changed}")
    return "\n".join(problems)


def disappeared(connection, one):
    """Money that was neither given nor returned and is not shown. Also checks that hidden rows are noticed."""
    problems = [f"money disappeared: {line}" for line in money.unaccounted(connection, adds_up=one.adds_up)]
    if one.hides and not money.unaccounted(connection, lambda row: one.hides in row[4]):
        problems.append("the check of the money does not see a row that is hidden from it")
    return problems


def check(one, worker, limit, maintained):
    """The problems of one story, and the number of deliveries that were tried."""
    chance = random.Random(zlib.crc32(one.name.encode()))
    database = Database(worker)
    problems = []
    runs = 0

    connection = database.fresh(one)
    names = tables(connection)
    for event in one.events:
        receive(connection, event)
    first = snapshot(connection, names)
    runs += 1
    wrong = missing(one.expected, first)
    if wrong:
        problems.append(f"not the expected end:\n{wrong}")
    unhappy = connection.execute(
        "select event_type, last_error from payments.webhook_events where processing_status in ('failed', 'pending')"
    ).fetchall()
    problems += [f"event {kind} did not succeed: {error}" for kind, error in unhappy]
    problems += disappeared(connection, one)
    if maintained:
        wrong = mended(connection)
        if wrong:
            problems.append(f"not healthy after delivery:\n{wrong}")
    connection.close()

    def compare(label, events, state):
        nonlocal runs
        runs += 1
        wrong = differences(first, state)
        if wrong:
            problems.append(f"{label}: {told(events)}\n{wrong}")
        return bool(wrong)

    backwards = one.distinct()[::-1]
    connection = database.fresh(one)
    for event in backwards:
        apply(connection, event)
    compare("reversed", backwards, snapshot(connection, names))
    connection.close()

    for _ in range(2):
        connection = database.fresh(one)
        errors = concurrently(database, one.distinct(), chance)
        problems += [f"concurrently: {error}" for error in errors]
        compare("concurrently", one.distinct(), snapshot(connection, names))
        connection.close()

    connection = database.fresh(dataclasses.replace(one, setup=""))
    connection.autocommit = False
    runs += with_back_fill(connection, one, names, problems, chance)
    for label, events in in_batches(connection, one, chance):
        compare(label, events, snapshot(connection, names))
    diverged = 0
    for number, order in enumerate(orders(one, limit, chance)):
        events = list(order)
        if number % 3 == 2:
            events.insert(chance.randrange(len(events) + 1), chance.choice(events))
        if one.setup:
            connection.execute(one.setup)
        for event in events:
            apply(connection, event)
        diverged += compare("in one transaction", events, snapshot(connection, names))
        connection.rollback()
        if diverged >= 3:
            break
    connection.close()
    return one.name, runs, problems


def template():
    """Creates the template database, with the extension, the app's tables and the secret."""
    with psycopg.connect(dbname="postgres", autocommit=True) as admin:
        admin.execute("drop database if exists corpus_template with (force)")
        admin.execute("create database corpus_template template payments_template")
    with psycopg.connect(dbname="corpus_template", autocommit=True) as connection:
        functions = {name for (name,) in connection.execute(
            "select proname from pg_proc where pronamespace = 'payments'::regnamespace")}
        if "create_app_tables" in functions:
            connection.execute("select payments.create_app_tables()")
        connection.execute("select payments.set_webhook_secret('test', %s)", (SECRET,))
        return {"verify_projections", "rebuild_projections"} <= functions


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", default="")
    options.add_argument("--orders", type=int, default=20)
    options.add_argument("--drawn", type=int, default=40, help="how many stories drawn by chance")
    options.add_argument("--seed", type=int, default=0, help="the first of them")
    options.add_argument("--workers", type=int, default=os.cpu_count())
    options = options.parse_args()

    maintained = template()
    told_stories = list(story.from_files())
    told_stories += [older.version(one) for one in told_stories] + [older.mixture(one) for one in told_stories]
    made = (generated, bought, really_bought, access, elsewhere, periods, unpaid, billing, figures, asked)
    told_stories += [one for module in made for one in module.stories()] + list(drawn.stories(options.drawn, options.seed))
    chosen = [one for one in told_stories if options.only in one.name]

    passed = failed = total = 0
    workers = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(options.workers, workers) as pool:
        tasks = [pool.submit(check_in_worker, one, options.orders, maintained) for one in chosen]
        for one, task in zip(chosen, tasks):
            try:
                name, runs, problems = task.result()
            except Exception as error:  # a story that cannot run has failed too
                name, runs, problems = one.name, 0, [f"{type(error).__name__}: {error}"]
            total += runs
            if problems:
                failed += 1
                print(f"FAILED {name}")
                for problem in problems[:6]:
                    print("   " + problem.replace("\n", "\n   "))
            else:
                passed += 1
                print(f"ok     {name} ({runs} runs)")
            sys.stdout.flush()
    print(f"# {total} runs of {len(chosen)} stories")
    print(f"{passed} passed, {failed} failed")
    return failed == 0 and passed > 0


def check_in_worker(one, limit, maintained):
    return check(one, os.getpid(), limit, maintained)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
