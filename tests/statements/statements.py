#!/usr/bin/env python3
"""statements.py [--write]: compares the statements that each event of some stories runs with expected.txt.

Each story runs twice with other ids, and the second run counts, because plans and caches exist by then. The server's own auto_explain
names the statements, including those of triggers. A difference is no defect by itself, but must be intended: --write accepts it. Then
some purchases are backfilled together: they must share the statements of SHARED.
"""

import collections
import json
import pathlib
import re
import sys

import psycopg

HERE = pathlib.Path(__file__).resolve().parent
STORIES = HERE.parent / "corpus/stories"
EXPECTED = HERE / "expected.txt"
TOLD = ("02-onetime-checkout-first", "11-sub-lifecycle", "27-refund-partial", "44-customers", "50-unknown-types")
# A purchase in the shop. Its session was opened here, for an order, a pack of credits and a course.
SHOP = """
select payments.set_credit_benefit('test', 'price_pack', 100);
select payments.set_entitlement_benefit('test', 'price_course', 'course');
"""
PURCHASE = """
insert into public.orders (id, user_id, amount, currency, line_items)
values ({id}, {user}, 2000, 'eur', '[{{"price": "price_pack", "quantity": 1}}, {{"price": "price_course", "quantity": 1}}]');
set session_replication_role = replica;
insert into payments.checkout_sessions (id, environment, mode, status, subject_type, subject_id, created_by, line_items, success_url,
                                        cancel_url, metadata)
values ({id}, 'test', 'payment', 'open', 'user', {user}, {user},
        '[{{"stripePriceId": "price_pack", "quantity": 1}}, {{"stripePriceId": "price_course", "quantity": 1}}]',
        'https://a.example', 'https://a.example', jsonb_build_object('order_id', {id}));
set session_replication_role = origin;
"""
SHARED = {"links_of", "find_sessions", "add_links", "upsert_facts", "settle_sessions", "mapping_states", "upsert_claims", "write_mappings",
          "insert_payments", "find_purchases", "insert_fulfillments", "update public.orders", "insert public.credit_ledger"}
IDS = re.compile(r'"((?!price_details")(?:evt|pi|ch|py|cs|cus|in|sub|si|il|re|dp|prod|price|inpay)_[A-Za-z0-9_]+)"')


def story(name, copy):
    """The events of a recorded story, with other ids in each copy."""
    text = (STORIES / f"{name}.json").read_text()
    decoder, place, events = json.JSONDecoder(), 0, []
    while place < len(text):
        _, end = decoder.raw_decode(text, place)
        events.append(IDS.sub(rf'"\1_{copy}"', text[place:end]))
        place = end + len(text[end:]) - len(text[end:].lstrip())
    return events


def purchase(copy):
    """The three events of a purchase with a local session."""
    session = f"00000000-0000-4000-8000-00000000000{copy}"
    money = {"currency": "eur", "livemode": False, "customer": f"cus_shop_{copy}", "metadata": {"insforge_checkout_session_id": session}}
    objects = {
        "checkout.session.completed": {
            "id": f"cs_test_shop_{copy}", "object": "checkout.session", "mode": "payment", "status": "complete", "payment_status": "paid",
            "amount_subtotal": 2000, "amount_total": 2000, "payment_intent": f"pi_shop_{copy}", "client_reference_id": session, **money},
        "payment_intent.succeeded": {
            "id": f"pi_shop_{copy}", "object": "payment_intent", "status": "succeeded", "amount": 2000, "amount_received": 2000,
            "created": 1752000000, "latest_charge": f"ch_shop_{copy}", **money},
        "charge.succeeded": {
            "id": f"ch_shop_{copy}", "object": "charge", "status": "succeeded", "paid": True, "captured": True, "amount": 2000,
            "amount_captured": 2000, "amount_refunded": 0, "created": 1752000000, "payment_intent": f"pi_shop_{copy}", **money},
    }
    for number, (kind, thing) in enumerate(objects.items()):
        yield json.dumps({"id": f"evt_shop_{number}_{copy}", "object": "event", "type": kind, "created": 1752000060 + number,
                          "livemode": False, "data": {"object": thing}})


def name_of(statement):
    """The name of a query. For a statement of a trigger or an app's table: its verb, and the first table or function."""
    named = re.search(r"-- ([a-z_]+):", statement)
    verb = re.match(r"\s*(\w+)", statement)
    about = re.search(r"(?:payments|public)\.\w+", statement)
    return named[1] if named else f"{verb[1].lower()} {about[0] if about else ''}".strip()


class Watch:
    """Collects what a connection runs, from the notices of auto_explain."""

    def __init__(self, connection):
        self.ran = []
        connection.execute("load 'auto_explain'")
        for setting in ("log_min_duration = 0", "log_nested_statements = on", "log_level = notice"):
            connection.execute(f"set auto_explain.{setting}")
        connection.add_notice_handler(self.note)

    def note(self, notice):
        text = notice.message_primary or ""
        if "Query Text: " in text:
            self.ran.append(text.split("Query Text: ", 1)[1])

    def of(self, connection, event):
        """Returns the names of the statements that an event runs."""
        answer = self.call(connection, "apply_stripe_event", event)
        if answer["status"] not in ("processed", "ignored"):
            raise RuntimeError(f"{answer}")
        return [name_of(statement) for statement in self.ran if "apply_stripe_event" not in statement]

    def call(self, connection, function, argument):
        self.ran.clear()
        return connection.execute(f"select payments.{function}('test', %s::jsonb)", (argument,)).fetchone()[0]


def table(connection):
    watch = Watch(connection)
    told = {name: (lambda copy, name=name: story(name, copy)) for name in TOLD} | {"a purchase asked for here": purchase}
    connection.execute(SHOP)
    for title, events in told.items():
        for copy in (1, 2):
            if events is purchase:
                open_session(connection, copy)
            rows = [(json.loads(event)["type"], watch.of(connection, event)) for event in events(copy)]
        yield title, rows


def open_session(connection, copy):
    connection.execute(PURCHASE.format(id=f"'00000000-0000-4000-8000-00000000000{copy}'", user=f"'user_{copy}'"))


def together(connection, watch, copies):
    """How often each statement runs for purchases that are backfilled together."""
    for copy in copies:
        open_session(connection, copy)
    objects = [json.loads(event)["data"]["object"] for copy in copies for event in purchase(copy)]
    answer = watch.call(connection, "sync_stripe_objects", json.dumps(objects))
    if answer["synced"] != len(objects):
        raise RuntimeError(f"{answer}")
    return collections.Counter(name_of(statement) for statement in watch.ran)


def lines(connection):
    for title, rows in table(connection):
        yield f"{title}"
        for kind, names in rows:
            yield f"  {len(names):2}  {kind}: {', '.join(names)}"


def check(what, wrong):
    print(f"{'FAILED' if wrong else 'ok    '} {what}")
    for line in wrong:
        print("       " + line)
    return not wrong


def main():
    with psycopg.connect(dbname="statements", autocommit=True) as connection:
        connection.execute("select payments.create_app_tables()")
        found = list(lines(connection))
        watch = Watch(connection)
        shared = together(connection, watch, "456789")
        connection.execute("""
            create function public.count_events() returns trigger language plpgsql as $$
            begin perform count(*) from payments.customers; return null; end $$;
            create trigger count_events after insert on payments.facts for each row execute function public.count_events()""")
        watched = [watch.of(connection, event) for event in list(purchase(3))[1:2]][0]
    if "--write" in sys.argv:
        EXPECTED.write_text("\n".join(found) + "\n")
    expected = EXPECTED.read_text().splitlines()
    differing = [f"- {line}" for line in expected if line not in found] + [f"+ {line}" for line in found if line not in expected]
    results = [
        check("each event runs the statements of expected.txt", differing),
        check("purchases that are backfilled together share their statements",
              [f"{name}: {shared[name]} times" for name in sorted(SHARED) if shared[name] != 1]),
        check("a statement more is seen", [] if any("payments.customers" in name for name in watched) else watched),
    ]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return all(results)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
