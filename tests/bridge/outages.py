"""Stories in which Stripe or the database is unreachable, slow or responds with rubbish. Nothing may be lost or done twice, and the
bridge must recover by itself."""

import concurrent.futures
import os
import signal
import socket
import threading
import time

from proxy import Proxy
from faults import age_leases, careless, delivered, missing, wrong

AWAY = float(os.environ.get("OUTAGE_SECONDS", "60"))
RUBBISH = [(200, "<html>", {}), (200, "[]", {}), (200, '{"id": "cs_te', {}), (0, "", {})]


def database_away(m, program=None, seconds=AWAY):
    """Sends deliveries and creates sessions while the bridge cannot reach the database. Returns

    answered  the events that got status 200 during the outage
    lost      those of them that are not stored
    again     the events that were not processed when Stripe repeated them after the outage
    took      the seconds from the end of the outage until all sessions were open
    health    the status of /health during the outage
    wrong     what is wrong with the sessions
    """
    database = Proxy()
    bridge = m.serve(program=program, DATABASE_URL=f"host=127.0.0.1 port={database.port} user=bridge dbname={m.database}")
    bridge.wait_for("reading events" if not program else "serving")
    kind = "away" if not program else "careless_away"
    signed = {f"evt_{kind}{n}": m.signed(m.event(f"{kind}{n}", int(time.time()))) for n in range(int(seconds * 4))}
    answered, sessions = [], []

    def post(item):
        if delivered(bridge, item[1]):
            answered.append(item[0])

    database.stop()
    until = time.monotonic() + seconds
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for item in signed.items():
            pool.submit(post, item)
            time.sleep(max(0, seconds / len(signed)))
        while time.monotonic() < until:
            time.sleep(0.05)
        if not program:
            sessions = [m.session() for _ in range(5)]
    health = bridge.ask("/health")[0] if not program else None
    database.start()
    took = m.until("select count(*) = %s from payments.checkout_sessions where id = any (%s) and status = 'open'", len(sessions), sessions, within=30)
    lost = missing(m, answered)
    again = [] if program else [name for name, one in signed.items() if not delivered(bridge, one)]
    bridge.end(signal.SIGKILL if program else signal.SIGTERM)
    database.stop()
    return {"answered": answered, "lost": lost, "again": again + missing(m, list(signed) if not program else []), "took": took,
            "health": health, "wrong": wrong(m, sessions)}


def database_outage(m):
    """The database is unreachable for OUTAGE_SECONDS, by default a minute."""
    result = database_away(m)
    m.check("no delivery gets status 200 while the database is unreachable", not result["answered"], result["answered"][:3])
    m.check("/health responds with 503", result["health"] == 503, result["health"])
    m.check("deliveries that Stripe repeats afterwards are processed", not result["again"], result["again"][:3])
    m.check("sessions created during the outage are sent soon after it", result["took"] is not None and result["took"] < 10, result["took"])
    m.check("each is sent once", not result["wrong"], result["wrong"][:3])
    careless_result = database_away(m, careless("answers-first"), 2)
    m.check("a receiver that responds without the database is detected", careless_result["lost"], careless_result)


def stripe_outage(m):
    """Stripe refuses connections, responds with rubbish, sets Stripe-Should-Retry, is slow, or sends unrequested responses."""
    with m.serve() as bridge:
        bridge.wait_for("reading events")
        m.stripe.stop()
        sessions = [m.session() for _ in range(3)]
        m.check("the last error says that Stripe cannot be reached", m.until(
            "select last_error ~ 'could not be reached' and status = 'initialized' from payments.checkout_sessions where id = %s", sessions[0], within=30))
        m.stripe.start()
        m.check("the sessions are sent when Stripe is reachable again", opened(m, sessions, within=60) and not wrong(m, sessions), wrong(m, sessions))

        for fault in RUBBISH:
            m.stripe.faults = [fault]
            session = m.session()
            m.check(f"the response {fault[1]!r} is retried", opened(m, [session]) and not wrong(m, [session]), wrong(m, [session]))

        m.stripe.faults = [(400, {"error": {"message": "wait"}}, {"stripe-should-retry": "true"})]
        session = m.session()
        m.check("Stripe-Should-Retry: true is obeyed", opened(m, [session]) and sent(m, session) == 2, sent(m, session))
        m.stripe.faults = [(500, {"error": {"message": "no more"}}, {"stripe-should-retry": "false"})]
        session = m.session()
        ended = m.until("select status = 'failed' and last_error ~ 'no more' from payments.checkout_sessions where id = %s", session)
        m.check("Stripe-Should-Retry: false is obeyed", ended and sent(m, session) == 1, sent(m, session))

        m.stripe.delay = 3
        sessions = [m.session() for _ in range(4)]
        m.check("the bridge waits for a slow Stripe, and sends each request once", opened(m, sessions) and all(sent(m, one) == 1 for one in sessions))
        m.stripe.delay = 0

        m.stripe.doubled = 3
        sessions = [m.session() for _ in range(6)]
        m.check("an unrequested second response is not recorded for another session", opened(m, sessions) and not wrong(m, sessions), wrong(m, sessions))
        m.check("SIGTERM shuts the bridge down cleanly", bridge.end() == 0)
    careless_bridge = m.serve(program=careless("new-keys"))
    m.stripe.gate("made")
    session = m.session()
    m.stripe.gates["made"].reached.wait(10)
    m.stripe.gates.clear()
    m.check("a session that was sent but not recorded is detected", wrong(m, [session]))
    careless_bridge.end(signal.SIGKILL)


def opened(m, sessions, within=20):
    return m.until("select count(*) = %s from payments.checkout_sessions where id = any (%s) and status = 'open'", len(sessions), sessions, within=within)


def sent(m, session):
    """How often the request of a session was sent."""
    return sum(str(session) in str(headers) for method, _, _, headers in m.stripe.requests if method == "POST")


def two_bridges(m):
    """Two bridges share the work. One is killed, and the other takes over its requests."""
    first, second = m.serve(), m.serve()
    m.stripe.delay = 0.2
    sessions = []
    asking = threading.Thread(target=lambda: sessions.extend(m.session() for _ in range(60)))
    asking.start()
    time.sleep(0.4)
    first.end(signal.SIGKILL)
    asking.join()
    age_leases(m)
    m.check("one of two bridges is killed, and the other sends all requests", opened(m, sessions, within=60) and not wrong(m, sessions), wrong(m, sessions)[:3])
    m.stripe.delay = 0
    m.check("SIGTERM shuts the other bridge down cleanly", second.end() == 0)


def slow_senders(m):
    """A client that sends half a request does not block others, gets status 408, and does not delay the shutdown for long."""
    with m.serve() as bridge:
        slow = [half_a_request(bridge, half) for half in (
            b"POST /stripe/test HTTP/1.1\r\nhost: a\r\n",
            b"POST /stripe/test HTTP/1.1\r\nhost: a\r\nstripe-signature: t=1,v1=0\r\ncontent-length: 100\r\n\r\n{")]
        m.check("other deliveries get a response while slow ones are open", bridge.deliver(m.event("quick", int(time.time())))[0] == 200)
        slow[1].settimeout(40)
        response = slow[1].recv(100)
        m.check("an incomplete body gets status 408", b" 408 " in response, response)
        slow.append(half_a_request(bridge, b"POST /stripe/test HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{"))
        started = time.monotonic()
        code = bridge.end()
        m.check("an incomplete request does not prevent the shutdown", code == 0 and time.monotonic() - started < 40, f"{code} after {time.monotonic() - started:.0f} s")


def half_a_request(bridge, half):
    slow = socket.create_connection(("127.0.0.1", int(bridge.port)))
    slow.sendall(half)
    return slow
