"""The stories of the bridge: setup, sessions, webhooks, events, sync, reads and secrets. main() also runs the stories of faults.py and
outages.py."""

import concurrent.futures
import json
import pathlib
import signal
import subprocess
import sys
import time

from faults import ended_in_flight, killed_at_every_point, killed_under_load, webhooks_killed
from fixture import KEY, SECRET, Fixture
from outages import database_outage, slow_senders, stripe_outage, two_bridges

REFUSAL = {"error": {"message": "No such price: 'price_gone'", "code": "resource_missing", "param": "line_items[0][price]"}}
LIMIT = {"error": {"message": "Too many requests"}}


def setup(m):
    """setup creates an endpoint with exactly the handled event types and stores its secret. A second run changes nothing."""
    code, output = m.command("setup", "--url", "https://pay.example.com")
    m.check("setup changes nothing without confirmation", code == 1 and "Plan for test of acct_1Test" in output and not m.stripe.endpoints, output)
    code, output = m.command("setup", "--url", "https://pay.example.com", "--yes")
    types = sorted(row[0] for row in m.sql.execute("select * from payments.handled_event_types()"))
    made = m.stripe.endpoints[0] if m.stripe.endpoints else {}
    m.check("setup creates an endpoint with the handled types",
            code == 0 and made["url"] == "https://pay.example.com/stripe/test" and sorted(made["enabled_events"]) == types, output)
    m.check("the endpoint's secret, account and id are in the database", m.one(
        "select payments.has_webhook_secret('test') and stripe_account_id = 'acct_1Test' and webhook_endpoint_id = 'we_1' "
        "from payments.stripe_connections where environment = 'test'"))
    code, output = m.command("setup", "--url", "https://pay.example.com", "--yes")
    m.check("the second run changes nothing", code == 0 and "no changes: everything is up to date" in output and len(m.stripe.endpoints) == 1, output)
    made["enabled_events"] = ["customer.created"]
    m.check("doctor reports missing event types", m.command("doctor")[0] == 1)
    m.command("setup", "--url", "https://pay.example.com", "--yes")
    m.check("setup adds the missing event types", sorted(made["enabled_events"]) == types)
    code, output = m.command("doctor", "--json")
    stripe = [f for f in json.loads(output)["findings"] if f["check_name"].startswith("stripe_")]
    m.check("every Stripe check of doctor passes", len(stripe) == 5 and all(f["ok"] for f in stripe), output)
    m.stripe.account = "acct_2Other"
    code, output = m.command("setup", "--url", "https://pay.example.com", "--yes")
    m.check("setup refuses a key of another account", code == 1 and "acct_2Other" in output, output)
    with m.serve() as bridge:
        m.check("serve refuses a key of another account", bridge.process.wait(timeout=10) == 1 and "acct_2Other" in bridge.text(), bridge.text())
    m.stripe.account = "acct_1Test"
    code, output = m.command("setup", "--url", "https://pay.example.com", STRIPE_TEST_KEY="sk_live_RECOGNIZABLElive")
    m.check("a live key is refused as the test key", code == 1 and "other environment" in output, output)


def sessions(m):
    """serve sends a waiting request within a second, retries it under one idempotency key, and records why it failed."""
    with m.serve() as bridge:
        bridge.wait_for("reading events")
        slowest = 0
        for _ in range(5):
            one = m.session()
            slowest = max(slowest, m.until("select url is not null and status = 'open' from payments.checkout_sessions where id = %s", one) or 99)
        m.check("the URL is recorded within a second after the commit", slowest < 1, f"{slowest:.3f} s")
        print(f"# the slowest of 5 took {slowest * 1000:.0f} ms")
        method, path, raw, headers = next(r for r in reversed(m.stripe.requests) if r[1] == "/v1/checkout/sessions")
        headers = {name.lower(): value for name, value in headers.items()}
        m.check("the request has the form that Stripe expects", "line_items[0][price]=price_1&line_items[0][quantity]=2" in raw
                and "success_url=https%3A%2F%2Fa.example%2F%3Fs%3D%7BCHECKOUT_SESSION_ID%7D%26x%3D1" in raw
                and headers["idempotency-key"] == f"checkout_session_{one}" and "stripe-version" in headers
                and headers["authorization"] == f"Bearer {KEY}", raw)

        m.stripe.faults = [(0, "", {}), (500, "<html>", {}), (429, LIMIT, {"retry-after": "1"})]
        one = m.session()
        took = m.until("select status = 'open' from payments.checkout_sessions where id = %s", one)
        keys = [r[3].get("idempotency-key") for r in m.stripe.requests if str(one) in str(r[3])]
        m.check("failures are retried under the same key, and Retry-After is obeyed", took and took > 1 and len(keys) == 4 and len(set(keys)) == 1, f"{took} {keys}")

        m.stripe.faults = [(400, REFUSAL, {})]
        one = m.session("price_gone")
        m.until("select status = 'failed' from payments.checkout_sessions where id = %s", one)
        m.check("a refusal is recorded with Stripe's reason", "No such price: 'price_gone' (code resource_missing" in
                (m.one("select last_error from payments.checkout_sessions where id = %s", one) or ""))

        m.stripe.faults = [(500, {"error": {"message": "fault"}}, {"stored": True})]
        one = m.session()
        m.until("select status = 'failed' from payments.checkout_sessions where id = %s", one)
        sent = sum(str(one) in str(r[3]) for r in m.stripe.requests)
        m.check("a server error that Stripe replays is permanent", sent == 2, sent)

        m.stripe.faults = [(503, "", {})] * 4
        one = m.session()
        m.until("select last_error is not null from payments.checkout_sessions where id = %s", one)
        m.check("a request that keeps failing is postponed, and its last error is recorded",
                m.one("select status from payments.checkout_sessions where id = %s", one) == "initialized")
        m.check("the postponed request is sent later", m.until("select status = 'open' from payments.checkout_sessions where id = %s", one, within=15))

        made = [m.session() for _ in range(200)]
        took = m.until("select count(*) = 200 from payments.checkout_sessions where id = any (%s) and status = 'open'", made, within=60)
        print(f"# 200 sessions took {took} s")
        m.check("200 requests are sent, each once", took and all(sum(str(one) in str(r[3]) for r in m.stripe.requests) == 1 for one in made))

        m.sql.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'payments-bridge'")
        one = m.session()
        m.check("the bridge reconnects to the database", m.until("select status = 'open' from payments.checkout_sessions where id = %s", one))
        time.sleep(1.5)
        one = m.session()
        took = m.until("select status = 'open' from payments.checkout_sessions where id = %s", one)
        m.check("the bridge listens for notifications again", took and took < 1, took)
        m.check("the process list shows no key", not SECRET.search(bridge.command_line()), bridge.command_line())
        m.check("SIGTERM shuts the bridge down cleanly", bridge.end() == 0, bridge.text()[-2000:])

    lost_responses(m)
    with m.serve() as bridge:
        bridge.wait_for("reading events")
        m.stripe.faults = [(503, "", {})]
        one = m.session()
        time.sleep(0.15)
        m.check("SIGINT shuts the bridge down cleanly", bridge.end(signal.SIGINT) == 0)


def lost_responses(m):
    """A lost response is requested again under the same key, by the same bridge or by the next. Stripe creates one session."""
    with m.serve() as bridge:
        bridge.wait_for("reading events")
        m.stripe.faults = [(0, "", {"made": True})]
        one = m.session()
        m.until("select status = 'open' from payments.checkout_sessions where id = %s", one)
        made = m.stripe.answers[f"checkout_session_{one}"][1]["id"]
        m.check("a lost response is requested again", m.one("select stripe_checkout_session_id from payments.checkout_sessions where id = %s", one) == made)
        m.stripe.delay = 5
        one = m.session()
        time.sleep(0.5)
        bridge.process.kill()
        bridge.process.wait()
    m.stripe.delay = 0
    m.check("another bridge can claim a killed bridge's request after the lease",
            m.quiet() and m.one("update payments.request_leases set due_at = clock_timestamp() where session_id = %s returning true", one))
    time.sleep(5)
    with m.serve() as bridge:
        found = m.until("select status = 'open' from payments.checkout_sessions where id = %s", one)
        made = m.stripe.answers[f"checkout_session_{one}"][1]["id"]
        m.check("Stripe's first response is recorded",
                found and m.one("select stripe_checkout_session_id from payments.checkout_sessions where id = %s", one) == made)


def webhooks(m):
    """The bridge responds after the commit: 200 if the event was handled, 400 if Stripe did not send it, 503 if not ready."""
    now = int(time.time())
    with m.serve("--log-format", "json", "--log", "debug") as bridge:
        status, text = bridge.deliver(m.event("ada", now))
        m.check("a delivery is processed", status == 200 and m.one("select true from payments.customers where stripe_customer_id = 'cus_ada'"), text)
        m.check("a repeated delivery is a duplicate", '"duplicate":true' in bridge.deliver(m.event("ada", now))[1])
        payload, signature = m.signed(m.event("eve", now))
        for name, body, headers, wanted in (
                ("a wrong signature", payload.encode(), {"stripe-signature": f"t={now},v1={'0' * 64}"}, 400),
                ("no signature", payload.encode(), {}, 400),
                ("another body", payload.encode() + b" ", {"stripe-signature": signature}, 400),
                ("a body that is not UTF-8", b"\xff\xfe", {"stripe-signature": signature}, 400),
                ("a body that is too large", b"x" * 1_200_000, {"stripe-signature": signature}, 413)):
            try:
                status, text = bridge.ask("/stripe/test", body, headers)
            except OSError as error:
                status, text = 413, str(error)  # the bridge closed the connection before the whole body was sent
            m.check(f"{name} gets status {wanted}", status == wanted, f"{status} {text}")
        m.check("no refused delivery is stored", not m.one("select true from payments.webhook_events where stripe_event_id = 'evt_eve'"))
        m.check("an environment without a secret responds with 503", bridge.ask("/stripe/live", payload.encode(), {"stripe-signature": signature})[0] == 503)

        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            events = [m.signed(m.event(f"burst{n}", now)) for n in range(300)]
            m.sql.execute("begin")
            m.sql.execute("lock table payments.fact_links in exclusive mode")  # the deliveries wait for the lock and form a batch
            sent = [pool.submit(bridge.ask, "/stripe/test", p.encode(), {"stripe-signature": s if n % 50 else "t=1,v1=00"})
                    for n, (p, s) in enumerate(events)]
            time.sleep(0.7)
            m.sql.execute("commit")
            answers = [one.result()[0] for one in sent]
        m.check("each of many concurrent deliveries gets its own response", all(a == (200 if n % 50 else 400) for n, a in enumerate(answers)), answers)
        m.check("each is stored once", m.one("select count(*) from payments.customers where stripe_customer_id like 'cus_burst%'") == 294)
        batches = [json.loads(line)["batch"] for line in bridge.text().splitlines() if '"batch"' in line]
        m.check("they were received in batches", batches and max(batches) > 10, batches)

        m.sql.execute("alter table payments.customers rename to customers_gone")
        status, text = bridge.deliver(m.event("poison", now))
        m.sql.execute("alter table payments.customers_gone rename to customers")
        m.check("an event that fails gets status 500", status == 500, text)
        m.check("the failed event is processed when it is delivered again", bridge.deliver(m.event("poison", now))[0] == 200)

        m.sql.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'payments-bridge'")
        answers = [bridge.deliver(m.event(f"after{n}", now))[0] for n in range(3)]
        m.check("the bridge reconnects to the database, and responds with 503 until then", answers[-1] == 200 and set(answers) <= {200, 503}, answers)
        status, text = bridge.ask("/health")
        m.check("/health shows the last success", status == 200 and json.loads(text)["environments"]["test"]["last_success"]["webhooks"] > now - 5, text)
        status, text = bridge.ask("/metrics")
        m.check("/metrics counts the deliveries", 'payments_bridge_webhooks_total{environment="test",status="200"}' in text and not SECRET.search(text), text)
        bridge.end()


def events(m):
    """serve reads undelivered events, oldest first and each once, and resumes from its cursor after a restart."""
    now = int(time.time())
    kinds = ("customer.updated", "product.created", "refund.created", "customer.subscription.deleted")
    listed = m.stripe.lists["/v1/events"]
    for n in range(450):
        one = m.event(f"feed{n}", now - 3000 + n)
        if n % 5:
            one["type"], one["data"]["object"] = kinds[n % 5 - 1], {"id": f"x_{n}", "object": "unknown"}
        listed.append(one)
    applied = "select count(*) from payments.webhook_events where stripe_event_id like 'evt_feed%' and attempt_count = 1"
    with m.serve("--poll") as bridge:
        m.check("all events are applied, across pages and groups of types",
                m.until(f"select ({applied}) = 450", within=60), m.one(applied))
        m.check("a request lists at most 20 types", 0 < m.stripe.most_types <= 20, m.stripe.most_types)
        order = m.one("select bool_and(ok) from (select payload ->> 'created' >= lag(payload ->> 'created') over (order by received_at) as ok "
                      "from payments.webhook_events where stripe_event_id like 'evt_feed%') o")
        m.check("events are applied oldest first", order)
        listed.append(m.event("new", now))
        m.check("a new event is applied within seconds", m.until("select true from payments.customers where stripe_customer_id = 'cus_new'", within=8))
        listed.insert(-1, m.event("late", now - 10))
        m.check("an event that Stripe lists late is not skipped", m.until("select true from payments.customers where stripe_customer_id = 'cus_late'", within=8))
        m.until("select events_cursor is not null from payments.stripe_connections where environment = 'test'")
        bridge.end()
    listed.append(m.event("away", now + 1))
    before = len(m.stripe.requests)
    with m.serve("--poll") as bridge:
        m.check("events from while the bridge was down are read after a restart", m.until("select true from payments.customers where stripe_customer_id = 'cus_away'"))
        read = [r for r in m.stripe.requests[before:] if r[1].startswith("/v1/events")]
        m.check("a restart does not read all events again", len(read) < 20, len(read))
        bridge.end()
    m.quiet()
    m.sql.execute("update payments.stripe_connections set events_cursor = 'evt_forgotten', events_read_at = now() - interval '40 days' where environment = 'test'")
    listed.append(m.event("afterlong", now + 2))
    with m.serve("--poll") as bridge:
        found = m.until("select true from payments.customers where stripe_customer_id = 'cus_afterlong'", within=60)
        m.check("after more than 30 days the bridge asks for a sync, and reads the events that Stripe still has", found and "payments-bridge sync" in bridge.text(), bridge.text()[-800:])
        bridge.end()


def sync(m):
    """sync copies Stripe's lists, and resumes where it was interrupted."""
    m.stripe.lists["/v1/products"] = [{"id": f"prod_{n}", "object": "product", "name": f"Thing {n}", "active": True, "livemode": False} for n in range(250)]
    m.stripe.lists["/v1/customers"] = [{"id": "cus_synced", "object": "customer", "email": "s@example.com", "livemode": False}]
    m.stripe.faults = [(429, LIMIT, {"retry-after": "1"})]
    code, output = m.command("sync", "--only", "products,customers")
    count = "select count(*) from payments.products where stripe_product_id ~ '^prod_[0-9]+$'"
    m.check("all pages are copied, and the output has plain lines", code == 0 and m.one(count) == 250 and "products: 250 done" in output, output)
    m.sql.execute("delete from payments.products")
    before = len(m.stripe.requests)
    m.stripe.lists["/v1/products"] = m.stripe.lists["/v1/products"][:230]
    process = None
    real = m.stripe.listed

    def interrupted(path, params):
        if path == "/v1/products" and "starting_after" in params and process.poll() is None:
            process.kill()
        return real(path, params)

    m.stripe.listed = interrupted
    process = subprocess.Popen([m.program, "sync", "--only", "products"], env=m.variables(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    process.wait(timeout=30)
    m.stripe.listed = real
    before = len(m.stripe.requests)
    m.command("sync", "--only", "products")
    first = next(r for r in m.stripe.requests[before:] if r[1] == "/v1/products")
    m.check("a killed sync resumes at its last page", "starting_after=prod_130" in first[2], first)
    m.check("the resumed sync copies all objects", m.one(count) == 230, m.one(count))
    discount = {"id": "di_1", "object": "discount", "source": {"type": "coupon", "coupon": "HALF"}}
    price = {"id": "price_1", "product": "prod_1", "currency": "usd", "unit_amount": 3000, "recurring": {"interval": "month", "interval_count": 1}}
    m.stripe.lists["/v1/coupons"] = [{"id": "HALF", "object": "coupon", "duration": "forever", "percent_off": 50, "livemode": False}]
    m.stripe.lists["/v1/subscriptions"] = [{
        "id": "sub_1", "object": "subscription", "customer": "cus_synced", "status": "active", "currency": "usd", "livemode": False,
        "discounts": [discount], "items": {"object": "list", "has_more": False, "data": [{"id": "si_1", "quantity": 1, "price": price}]}}]
    before = len(m.stripe.requests)
    m.command("sync", "--only", "coupons,subscriptions")
    asked = next(r for r in m.stripe.requests[before:] if r[1] == "/v1/subscriptions")[2]
    m.check("discounts are asked for with their coupons", "expand%5B0%5D=data.discounts" in asked or "expand[0]=data.discounts" in asked, asked)
    brings = m.one("select concat_ws(' ', mrr, is_complete) from payments.subscription_changes where stripe_subscription_id = 'sub_1'")
    m.check("the coupons that are copied reduce the monthly revenue", brings == "1500 t", brings)
    m.stripe.lists["/v1/products"] = []
    m.stripe.faults = [(403, {"error": {"message": "The key lacks the right."}}, {})]
    code, output = m.command("sync", "--only", "products,customers")
    m.check("a refused list is reported, and the other lists are copied", code == 1 and "lacks the right" in output and "customers: 1 done" in output, output)


def reads(m):
    """serve fetches the line items that a purchase waits for. Here they are fewer than the session requested."""
    m.sql.execute("select payments.create_app_tables()")
    price = {"id": "price_pack", "object": "price", "product": "prod_pack", "active": True, "currency": "usd",
             "unit_amount": 100, "type": "one_time", "livemode": False}
    m.sql.execute("select payments.sync_stripe_objects('test', %s)", [json.dumps([price])])
    m.sql.execute("select payments.set_credit_benefit('test', 'price_pack', 10)")
    one = m.one("select id from payments.create_checkout_session('test', 'payment', '[{\"price\": \"price_pack\", \"quantity\": 200}]', "
                "'https://a.example/', 'https://a.example/', 'user', 'ada')")
    with m.serve() as bridge:
        m.until("select status = 'open' from payments.checkout_sessions where id = %s", one)
        made = m.one("select stripe_checkout_session_id from payments.checkout_sessions where id = %s", one)
        path = f"/v1/checkout/sessions/{made}/line_items"
        m.stripe.lists[path] = [{"id": f"li_{n}", "object": "item", "quantity": 1, "amount_subtotal": 100, "amount_total": 100,
                                 "price": price} for n in range(120)]
        bridge.deliver(m.event("pack", int(time.time()), "checkout.session.completed", id=made, object="checkout.session", mode="payment",
                               status="complete", payment_status="paid", amount_subtotal=12000, amount_total=12000, currency="usd",
                               payment_intent="pi_pack", client_reference_id=str(one), email=None))
        given = "select coalesce(sum(delta), 0) from public.credit_ledger where subject_id = 'ada'"
        m.check("the credits are given once the line items are fetched", m.until(f"{given.replace('select ', 'select 1200 = ', 1)}"), m.one(given))
        m.check("all pages of the line items are fetched", sum(r[1] == path for r in m.stripe.requests) == 2)
        bridge.end()


def secrets(m):
    """No output, error or table shows a key, a secret or a password."""
    output = "\n".join(m.outputs)
    m.check("no output shows a key or a secret", not SECRET.search(output), [line for line in output.splitlines() if SECRET.search(line)][:3])
    dump = subprocess.run(["pg_dump", "-d", m.address], capture_output=True, text=True, check=True).stdout
    m.check("a dump of the database shows no key or secret", len(dump) > 10_000 and not SECRET.search(dump), SECRET.findall(dump)[:3])
    code, output = m.command("doctor", "--database-url", "postgres://ada:RECOGNIZABLEpassword@localhost/d")
    m.check("a password in a flag is refused, and not shown", code == 1 and not SECRET.search(output), output)
    settings = pathlib.Path(m.home / "settings.toml")
    settings.write_text('stripe_test_key = "sk_test_RECOGNIZABLEinfile"')
    code, output = m.command("doctor", "--config", str(settings))
    m.check("a key in the settings file is refused, and not shown", code == 1 and not SECRET.search(output), output)
    m.check("the pattern matches a key", SECRET.search(KEY))


def main():
    fixture = Fixture(*sys.argv[1:3])
    for story in (setup, sessions, webhooks, killed_at_every_point, killed_under_load, ended_in_flight, webhooks_killed, database_outage,
                  stripe_outage, slow_senders, two_bridges, events, sync, reads, secrets):
        print(f"# {story.__name__}")
        try:
            story(fixture)
        except Exception as error:  # noqa: BLE001: an exception fails its story, and the other stories run
            fixture.check(story.__name__, False, repr(error))
    print(f"{fixture.passed} passed, {fixture.failed} failed")
    sys.exit(1 if fixture.failed else 0)


main()
