"""The bridge is killed while callers ask for sessions: each ends with one session of Stripe's, and none is lost."""

import concurrent.futures
import random
import signal
import time

import psycopg

SESSIONS = 40
KILLS = 8


def sent_under(requests, since):
    """Each idempotency key that was sent, and how often: Stripe makes one session for a key."""
    sent = {}
    for method, path, _, headers in requests[since:]:
        if method == "POST" and path == "/v1/checkout/sessions":
            key = headers.get("idempotency-key")
            sent[key] = sent.get(key, 0) + 1
    return sent


def wrong(rows, sent):
    """What is wrong with rows (key, status, Stripe's id), given the keys that were sent."""
    keys = {key for key, _, _ in rows}
    found = [f"{key} was sent, and no row has it" for key in sent if key not in keys]
    found += [f"{key} is {status}" for key, status, _ in rows if status != "open"]
    ids = [made for _, _, made in rows]
    if len(set(ids)) != len(ids) or None in ids:
        found.append("two rows share a session of Stripe's, or one has none")
    return found


def ask_for(machine, number):
    with psycopg.connect(machine.address, autocommit=True) as own:
        time.sleep(random.random() * 4)
        return own.execute("select id from payments.create_checkout_session('test', 'payment', jsonb_build_array(jsonb_build_object("
                           "'price', %s::text, 'quantity', 1)), 'https://a.example/', 'https://a.example/cart')",
                           [f"price_fault{number}"]).fetchone()[0]


def age_leases(m):
    """The leases of killed bridges run out at once."""
    leases = "stub.leases" if m.one("select to_regclass('payments.request_leases') is null") else "payments.request_leases"
    m.sql.execute(f"update {leases} set due_at = clock_timestamp()")


def killed(m):
    """Killed at random moments, while an answer takes a while, beside a second bridge that lives as briefly."""
    since = len(m.stripe.requests)
    m.stripe.delay = 0.15
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask_for, m, n) for n in range(SESSIONS)]
        for _ in range(KILLS):
            first, second = m.serve(), m.serve()
            time.sleep(random.random())
            first.end(signal.SIGKILL)
            second.end(signal.SIGKILL)
        ids = [one.result() for one in asked]
    m.stripe.delay = 0
    age_leases(m)
    with m.serve() as bridge:
        done = m.until("select count(*) = %s from payments.checkout_sessions where id = any (%s) and status <> 'initialized'",
                       len(ids), ids, within=30)
        m.check("after kills, a new bridge finishes all sessions", done is not None)
        m.check("and SIGTERM ends it cleanly", bridge.end() == 0)
    rows = m.sql.execute("select 'checkout_session_' || id, status, stripe_checkout_session_id from payments.checkout_sessions where id = any (%s)",
                         [ids]).fetchall()
    sent = sent_under(m.stripe.requests, since)
    m.check("each has one session of Stripe's", not wrong(rows, sent), wrong(rows, sent)[:3])
    m.check("some were sent again, with the same key", max(sent.values(), default=0) > 1, len(sent))
    m.check("a sender with a new key each time is seen", wrong(rows, {**sent, "new": 1}))
    m.check("a row that is stuck is seen", wrong([*rows, ("k", "initialized", None)], sent))


def webhooks_killed(m):
    """No webhook is answered 200 that is not in the table, though the bridge is killed."""
    answered = []
    now = int(time.time())

    def post(bridge, number):
        try:
            if bridge.deliver(m_event(m, number, now))[0] == 200:
                answered.append(f"evt_kill{number}")
        except OSError:
            pass  # the bridge was killed

    payloads = 0
    for _ in range(4):
        bridge = m.serve()
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            for _ in range(60):
                pool.submit(post, bridge, payloads)
                payloads += 1
            time.sleep(0.1 + random.random() / 5)
            bridge.end(signal.SIGKILL)
    m.check("some webhooks were answered, and some were not", 0 < len(answered) < payloads, len(answered))
    m.check("each that was answered 200 is there", not missing(m, answered), missing(m, answered)[:3])
    m.check("one that was answered before the commit is seen", missing(m, ["evt_never"]) == ["evt_never"])


def m_event(m, number, now):
    return m.event(f"kill{number}", now)


def missing(m, names):
    there = {row[0] for row in m.sql.execute("select stripe_event_id from payments.webhook_events where stripe_event_id = any (%s)", [names])}
    return [name for name in names if name not in there]
