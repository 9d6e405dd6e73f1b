"""Stories that kill the bridge at every point of its work.

Each session must be created once at Stripe and recorded, and each delivery that got status 200 must be stored. Each story also runs
with a careless bridge (careless.py), and must detect its mistake.
"""

import concurrent.futures
import contextlib
import pathlib
import random
import signal
import sys
import time

import psycopg

from proxy import Proxy

SESSIONS = 40
KILLS = 8
POINTS = ("claiming", "claimed", "sent", "made", "recording", "recorded")


def careless(kind):
    return [sys.executable, str(pathlib.Path(__file__).with_name("careless.py")), kind]


def age_leases(m):
    """Expires all leases, after the server has finished the calls of killed bridges, and wakes the running bridges."""
    m.quiet()
    m.sql.execute("update payments.request_leases set due_at = clock_timestamp()")
    m.sql.execute("notify payments_sessions")


def wrong(m, sessions):
    """Returns what is wrong with these sessions. Each must be created once at Stripe, and recorded."""
    found = []
    rows = m.sql.execute("select id::text, status, stripe_checkout_session_id from payments.checkout_sessions where id = any (%s)",
                         [sessions]).fetchall()
    for session, status, recorded in rows:
        made = [name for reference, name in m.stripe.made if reference == session]
        if len(made) != 1:
            found.append(f"Stripe created {len(made)} sessions for {session}")
        elif status != "open" or recorded not in made:
            found.append(f"{session} is {status} with {recorded}")
    return found + ["a row is missing"] * (len(sessions) - len(rows))


@contextlib.contextmanager
def locked(m, statement, *params):
    """Holds a lock in another transaction."""
    with psycopg.connect(m.address) as other:
        other.execute(statement, params or None)
        yield
        other.rollback()


def waits(m):
    """Waits until a call of the bridge waits for a lock."""
    return m.until("select true from pg_stat_activity where application_name = 'payments-bridge' and wait_event_type = 'Lock'")


@contextlib.contextmanager
def reached(m, point, database):
    """Creates a session and holds the bridge at a point of its work until the context ends. Yields the session's id, and whether the
    bridge reached the point."""
    if point == "claiming":
        with locked(m, "lock table payments.request_leases in exclusive mode"):
            session = m.session()
            yield session, waits(m)
    elif point == "claimed":
        m.stripe.stop()
        session = m.session()
        yield session, m.until("select true from payments.request_leases where session_id = %s", session)
        m.stripe.start()
    else:
        gate = m.stripe.gate("sent" if point == "sent" else "made")
        session = m.session()
        there = gate.reached.wait(10)
        m.stripe.gates.clear()
        if point == "recording":
            with locked(m, "select from payments.checkout_sessions where id = %s for update", session):
                gate.opened.set()
                yield session, there and waits(m)
        elif point == "recorded":
            database.hold()
            gate.opened.set()
            yield session, there and m.until("select status = 'open' from payments.checkout_sessions where id = %s", session)
            database.release()
        else:
            yield session, there
            gate.opened.set()


def killed_at(m, point, relay, program=None):
    """Kills a bridge at a point of its work. Then another bridge takes over: one that is already running if `relay` is true,
    otherwise a new one. Returns what is wrong afterwards."""
    database = Proxy()
    through = {"DATABASE_URL": f"host=127.0.0.1 port={database.port} user=bridge dbname={m.database} application_name=payments-bridge"}
    first = m.serve(program=program, **through)
    first.wait_for("serving" if program else "reading events")
    with reached(m, point, database) as (session, there):
        second = m.serve(program=program) if relay else None
        first.end(signal.SIGKILL)
    database.stop()
    age_leases(m)
    second = second or m.serve(program=program)
    m.until("select status = 'open' from payments.checkout_sessions where id = %s", session, within=4 if program else 20)
    second.end(signal.SIGKILL if program else signal.SIGTERM)
    age_leases(m)
    return wrong(m, [session]) if there else [f"the bridge did not reach {point}"]


def killed_at_every_point(m):
    """A bridge is killed at each point, with and without another running bridge."""
    for point in POINTS:
        for relay in (False, True):
            found = killed_at(m, point, relay)
            m.check(f"killed when {point}, {'a running bridge' if relay else 'a new bridge'} takes over: one session, recorded", not found, found)
    for point in ("sent", "made"):
        found = killed_at(m, point, False, careless("new-keys"))
        m.check(f"a sender with a new key for each attempt is detected, killed when {point}", "created 2" in str(found), found)
    found = killed_at(m, "sent", False, careless("notes-first"))
    m.check("a sender that records before it sends is detected", "is failed" in str(found), found)


def ask_for(m, number):
    with psycopg.connect(m.address, autocommit=True) as own:
        time.sleep(random.random() * 4)
        return own.execute("select id from payments.create_checkout_session('test', 'payment', jsonb_build_array(jsonb_build_object("
                           "'price', %s::text, 'quantity', 1)), 'https://a.example/', 'https://a.example/cart')",
                           [f"price_fault{number}"]).fetchone()[0]


def killed_under_load(m):
    """Two bridges are killed at random moments while Stripe responds slowly and new sessions arrive."""
    m.stripe.delay = 0.15
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask_for, m, n) for n in range(SESSIONS)]
        for _ in range(KILLS):
            first, second = m.serve(), m.serve()
            time.sleep(random.random())
            first.end(signal.SIGKILL)
            second.end(signal.SIGKILL)
        sessions = [one.result() for one in asked]
    m.stripe.delay = 0
    age_leases(m)
    with m.serve() as bridge:
        done = m.until("select count(*) = %s from payments.checkout_sessions where id = any (%s) and status <> 'initialized'",
                       len(sessions), sessions, within=30)
        m.check("after kills, a new bridge finishes all sessions", done is not None)
        m.check("and SIGTERM ends it cleanly", bridge.end() == 0)
    m.check("each has one session of Stripe's", not wrong(m, sessions), wrong(m, sessions)[:3])


def ended_in_flight(m):
    """SIGTERM lets the bridge finish what is in flight: it records Stripe's response, and answers the delivery."""
    for how, code, well in ((signal.SIGTERM, 0, True), (signal.SIGKILL, -9, False)):
        label = "finishes after SIGTERM" if well else "does not finish after SIGKILL, which the story detects"
        bridge = m.serve()
        bridge.wait_for("reading events")
        gate = m.stripe.gate("made")
        session = m.session()
        gate.reached.wait(10)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            with locked(m, "lock table payments.webhook_events in exclusive mode"):
                name = f"flight{how}"
                posted = pool.submit(delivered, bridge, m.signed(m.event(name, int(time.time()))))
                waits(m)
                ended = pool.submit(bridge.end, how)
                time.sleep(0.5)
                m.stripe.gates.clear()
                gate.opened.set()
            answered, ended = posted.result(), ended.result()
            recorded = m.one("select status = 'open' from payments.checkout_sessions where id = %s", session)
            m.check(f"a request in flight {label}", ended == code and recorded == well, f"{ended} {recorded}")
            m.check(f"a delivery in flight {label}", answered == well and (not well or not missing(m, [f"evt_{name}"])), answered)
    age_leases(m)
    with m.serve():
        m.until("select status = 'open' from payments.checkout_sessions where id = %s", session)


def delivered(bridge, signed):
    """Whether a delivery got status 200."""
    try:
        return bridge.post(*signed)[0] == 200
    except OSError:
        return False  # the bridge was killed


def missing(m, names):
    there = {row[0] for row in m.sql.execute("select stripe_event_id from payments.webhook_events where stripe_event_id = any (%s)", [names])}
    return [name for name in names if name not in there]


def answered_and_killed(m, name, program=None):
    """Kills the bridge when some concurrent deliveries have a response and others wait for a lock. Returns the ids of the events that
    got status 200, the ids of all events, and the signed deliveries."""
    names = [f"{name}{number}" for number in range(80)]
    signed = [m.signed(m.event(one, int(time.time()))) for one in names]
    answered = []

    def post(number):
        if delivered(bridge, signed[number]):
            answered.append(f"evt_{names[number]}")

    bridge = m.serve(program=program)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for number in range(40):
            pool.submit(post, number)
        while len(answered) < 20:
            time.sleep(0.01)
        with locked(m, "lock table payments.webhook_events in exclusive mode"):
            for number in range(40, 80):
                pool.submit(post, number)
            time.sleep(0.3)
            bridge.end(signal.SIGKILL)
    return answered, [f"evt_{one}" for one in names], signed


def webhooks_killed(m):
    """The bridge is killed under load. Each delivery that got status 200 is stored, and the others are processed later."""
    for turn in range(3):
        answered, all_of_them, signed = answered_and_killed(m, f"kill{turn}_")
        m.check("killed when some deliveries had a response and others had none", 20 <= len(answered) < len(all_of_them), len(answered))
        m.check("each delivery that got status 200 is stored", not missing(m, answered), missing(m, answered)[:3])
        with m.serve() as bridge:
            well = all(delivered(bridge, one) for one in signed)
        m.check("each event is stored once after Stripe repeats the deliveries", well and not missing(m, all_of_them))
    answered, _, _ = answered_and_killed(m, "careless", careless("answers-first"))
    m.check("a receiver that responds before the commit is detected", missing(m, answered))
