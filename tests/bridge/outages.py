"""Stripe or the database is away, slow, or says rubbish: nothing is lost, nothing is done twice, and it ends by itself."""

import concurrent.futures
import os
import signal
import socket
import threading
import time

from between import Between
from faults import careless, delivered, missing, wrong

AWAY = float(os.environ.get("OUTAGE_SECONDS", "60"))
RUBBISH = [(200, "<html>", {}), (200, "[]", {}), (200, '{"id": "cs_te', {}), (0, "", {})]


def database_away(m, program=None, seconds=AWAY):
    """Deliveries and callers come while the bridge cannot reach the database. Who was answered meanwhile; what was not kept;
    how long a caller's session waited once the database was back."""
    database = Between()
    bridge = m.serve(program=program, DATABASE_URL=f"host=127.0.0.1 port={database.port} user=bridge dbname={m.database}")
    bridge.wait_for("reading events" if not program else "serving")
    kind = "away" if not program else "careless_away"
    signed = {f"evt_{kind}{n}": m.signed(m.event(f"{kind}{n}", int(time.time()))) for n in range(int(seconds * 4))}
    answered, sessions = [], []

    def post(item):
        if delivered(bridge, item[1]):
            answered.append(item[0])

    database.away()
    until = time.monotonic() + seconds
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for item in signed.items():
            pool.submit(post, item)
            time.sleep(max(0, seconds / len(signed)))
        while time.monotonic() < until:
            time.sleep(0.05)
        if not program:
            sessions = [m.session() for _ in range(5)]
    told = bridge.ask("/health")[0] if not program else None
    database.back()
    took = m.until("select count(*) = %s from payments.checkout_sessions where id = any (%s) and status = 'open'", len(sessions), sessions, within=30)
    lost = missing(m, answered)
    again = [] if program else [name for name, one in signed.items() if not delivered(bridge, one)]
    bridge.end(signal.SIGKILL if program else signal.SIGTERM)
    database.away()
    return {"answered": answered, "lost": lost, "again": again + missing(m, list(signed) if not program else []), "took": took,
            "health": told, "wrong": wrong(m, sessions)}


def database_outage(m):
    """The database is away for a minute."""
    said = database_away(m)
    m.check("no delivery is answered 200 while the database is away", not said["answered"], said["answered"][:3])
    m.check("health tells it", said["health"] == 503, said["health"])
    m.check("what Stripe repeats afterwards is taken", not said["again"], said["again"][:3])
    m.check("sessions that were asked for meanwhile are sent soon after", said["took"] is not None and said["took"] < 10, said["took"])
    m.check("each once", not said["wrong"], said["wrong"][:3])
    careless_said = database_away(m, careless("answers-first"), 2)
    m.check("a receiver that answers without the database is seen", careless_said["lost"], careless_said)


def stripe_outage(m):
    """Stripe refuses connections, answers rubbish, says whether to try again, is slow, or answers what nobody asked."""
    with m.serve() as bridge:
        bridge.wait_for("reading events")
        m.stripe.away()
        sessions = [m.session() for _ in range(3)]
        m.check("a Stripe that cannot be reached is told meanwhile", m.until(
            "select last_error ~ 'could not be reached' and status = 'initialized' from payments.checkout_sessions where id = %s", sessions[0], within=30))
        m.stripe.back()
        m.check("and the sessions are sent when it is back", opened(m, sessions, within=60) and not wrong(m, sessions), wrong(m, sessions))

        for fault in RUBBISH:
            m.stripe.faults = [fault]
            session = m.session()
            m.check(f"an answer {fault[1]!r} is no answer", opened(m, [session]) and not wrong(m, [session]), wrong(m, [session]))

        m.stripe.faults = [(400, {"error": {"message": "wait"}}, {"stripe-should-retry": "true"})]
        session = m.session()
        m.check("Stripe-Should-Retry: true is obeyed", opened(m, [session]) and sent(m, session) == 2, sent(m, session))
        m.stripe.faults = [(500, {"error": {"message": "no more"}}, {"stripe-should-retry": "false"})]
        session = m.session()
        ended = m.until("select status = 'failed' and last_error ~ 'no more' from payments.checkout_sessions where id = %s", session)
        m.check("Stripe-Should-Retry: false too", ended and sent(m, session) == 1, sent(m, session))

        m.stripe.delay = 3
        sessions = [m.session() for _ in range(4)]
        m.check("a slow Stripe is waited for, and asked once", opened(m, sessions) and all(sent(m, one) == 1 for one in sessions))
        m.stripe.delay = 0

        m.stripe.doubled = 3
        sessions = [m.session() for _ in range(6)]
        m.check("an answer that comes twice is nobody else's", opened(m, sessions) and not wrong(m, sessions), wrong(m, sessions))
        m.check("it ends cleanly", bridge.end() == 0)
    careless_bridge = m.serve(program=careless("new-keys"))
    m.stripe.gate("made")
    session = m.session()
    m.stripe.gates["made"].reached.wait(10)
    m.stripe.gates.clear()
    m.check("what is sent in the meantime is not taken for recorded", wrong(m, [session]))
    careless_bridge.end(signal.SIGKILL)


def opened(m, sessions, within=20):
    return m.until("select count(*) = %s from payments.checkout_sessions where id = any (%s) and status = 'open'", len(sessions), sessions, within=within)


def sent(m, session):
    """How often a session was sent."""
    return sum(str(session) in str(headers) for method, _, _, headers in m.stripe.requests if method == "POST")


def two_bridges(m):
    """Two bridges share the work, and one dies while the other goes on: the other takes over what the dead one had."""
    first, second = m.serve(), m.serve()
    m.stripe.delay = 0.2
    sessions = []
    asking = threading.Thread(target=lambda: sessions.extend(m.session() for _ in range(60)))
    asking.start()
    time.sleep(0.4)
    first.end(signal.SIGKILL)
    asking.join()
    m.sql.execute("update payments.request_leases set due_at = clock_timestamp()")
    m.check("one of two dies, and the other sends all", opened(m, sessions, within=60) and not wrong(m, sessions), wrong(m, sessions)[:3])
    m.stripe.delay = 0
    m.check("which ends cleanly", second.end() == 0)


def slow_senders(m):
    """One that sends half a request holds up nobody, is answered 408, and does not keep the bridge from ending."""
    with m.serve() as bridge:
        slow = [half_a_request(bridge, half) for half in (
            b"POST /stripe/test HTTP/1.1\r\nhost: a\r\n",
            b"POST /stripe/test HTTP/1.1\r\nhost: a\r\nstripe-signature: t=1,v1=0\r\ncontent-length: 100\r\n\r\n{")]
        m.check("beside slow senders others are answered", bridge.deliver(m.event("quick", int(time.time())))[0] == 200)
        slow[1].settimeout(40)
        said = slow[1].recv(100)
        m.check("a body that does not come is not waited for", b" 408 " in said, said)
        slow.append(half_a_request(bridge, b"POST /stripe/test HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{"))
        started = time.monotonic()
        code = bridge.end()
        m.check("and the end comes all the same", code == 0 and time.monotonic() - started < 40, f"{code} after {time.monotonic() - started:.0f} s")


def half_a_request(bridge, half):
    slow = socket.create_connection(("127.0.0.1", int(bridge.port)))
    slow.sendall(half)
    return slow
