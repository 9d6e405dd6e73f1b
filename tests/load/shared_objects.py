"""Sends the events of the same 20 payments to two databases: in order, and over 16 connections at random; see
shared_objects.sh."""

import json
import random
import sys
import threading

import psycopg

CONNECTIONS = 16


def event(number, kind, created, body):
    return {"id": f"evt_{number}_{kind}_{created}", "object": "event", "type": kind, "created": created, "livemode": False,
            "data": {"object": body}}


def payment(n):
    """The events of a paid checkout that is refunded in two parts, and of one refund that fails."""
    of = {"customer": f"cus_{n % 4}", "currency": "usd", "metadata": {}}
    intent = {"id": f"pi_{n}", "object": "payment_intent", "status": "succeeded", "amount": 900, "amount_received": 900,
              "latest_charge": f"ch_{n}", "created": 100, **of}
    charge = {"id": f"ch_{n}", "object": "charge", "status": "succeeded", "captured": True, "amount": 900,
              "payment_intent": f"pi_{n}", "created": 101, **of}
    session = {"id": f"cs_{n}", "object": "checkout.session", "mode": "payment", "status": "complete",
               "payment_status": "paid", "amount_total": 900, "payment_intent": f"pi_{n}", "created": 99, **of,
               "metadata": {"insforge_checkout_session_id": f"00000000-0000-4000-8000-{n:012}"}}
    yield event(n, "payment_intent.succeeded", 110, intent)
    yield event(n, "charge.succeeded", 110, {**charge, "amount_refunded": 0})
    yield event(n, "checkout.session.completed", 111, session)
    for part, (status, cumulative) in enumerate([("succeeded", 300), ("pending", 500), ("succeeded", 900)]):
        refund = {"id": f"re_{n}_{part}", "object": "refund", "status": status, "amount": 300, "currency": "usd",
                  "charge": f"ch_{n}", "payment_intent": f"pi_{n}", "created": 200 + part}
        yield event(n, "refund.created", 200 + part, refund)
        yield event(n, "charge.refunded", 200 + part, {**charge, "amount_refunded": cumulative})
    yield event(n, "refund.failed", 300, {"id": f"re_{n}_1", "object": "refund", "status": "failed", "amount": 300,
                                           "currency": "usd", "charge": f"ch_{n}", "created": 201})


def connect(database):
    return psycopg.connect(dbname=database, autocommit=True)


def prepare(database):
    with connect(database) as connection:
        connection.execute("select payments.create_app_tables()")
        for n in range(20):
            connection.execute(
                """insert into payments.checkout_sessions (id, environment, mode, subject_type, subject_id, line_items,
                     success_url, cancel_url) values (%s, 'test', 'payment', 'user', %s, '[{"price": "price_1", "quantity": 1}]',
                     'https://a.example/', 'https://a.example/')""",
                (f"00000000-0000-4000-8000-{n:012}", f"u_{n % 4}"))


def deliver(database, events, problems):
    with connect(database) as connection:
        for one in events:
            try:
                answer = connection.execute("select payments.apply_stripe_event('test', %s::jsonb)", (json.dumps(one),)).fetchone()[0]
                if answer["status"] != "processed":
                    problems.append(answer)
            except psycopg.Error as error:
                problems.append(f"{error.sqlstate} {error}")


# A group of facts is named by the id that came first; here, by its least id.
LINKS = """select l.key, min(o.key) from payments.fact_links l join payments.fact_links o using (environment, group_id)
            group by l.key order by 1"""


def state(database):
    with connect(database) as connection:
        return [connection.execute(LINKS).fetchall()] + [
            connection.execute(f"select (to_jsonb(t) - %s::text[])::text from {table} t order by 1",
                               (["id", "created_at", "updated_at"],)).fetchall()
            for table in ("payments.payment_history", "payments.checkout_sessions", "payments.stripe_customer_mappings",
                          "payments.mapping_claims")]


def main():
    problems = []
    events = [one for n in range(20) for one in payment(n)]
    for database in ("load_orderly", "load_shared"):
        prepare(database)
    deliver("load_orderly", events, problems)
    shuffled = events * 3
    random.shuffle(shuffled)
    parts = [shuffled[n::CONNECTIONS] for n in range(CONNECTIONS)]
    threads = [threading.Thread(target=deliver, args=("load_shared", part, problems)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for problem in problems[:5]:
        print(problem)
    same = state("load_orderly") == state("load_shared")
    print(f"{len(shuffled)} deliveries, {len(problems)} problems, {'the same' if same else 'OTHER'} rows")
    return not problems and same


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
