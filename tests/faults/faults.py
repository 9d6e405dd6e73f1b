#!/usr/bin/env python3
"""What must be true when things break; see the table of faults in docs/operations.md. Each fault has a control: the
same run with the protection removed must fail. faults.py [NAME…]"""

import os
import random
import signal
import sys
import threading
import time

import psycopg

import machine
import server
from events import deliver, load, one, paid, receive

def crash_during(name, write, seconds):
    """Kills the whole server under load, starts it again, and returns the numbers that were acknowledged."""
    stop = threading.Event()
    acknowledged, threads = load(name, write, stop)
    time.sleep(seconds)
    server.hold_walwriter()
    time.sleep(0.3)
    server.kill_everything()
    stop.set()
    for thread in threads:
        thread.join()
    server.start()
    return acknowledged


def every_acknowledged_event_is_there_once():
    name = server.database("crash")
    numbers = crash_during(name, lambda connection, number: receive(connection, paid(number)), 3)
    assert len(numbers) > 50, f"only {len(numbers)} events were acknowledged"
    with server.connect(name) as connection:
        stored = {id_ for (id_,) in connection.execute(
            "select stripe_event_id from payments.webhook_events where processing_status = 'processed'")}
        lost = [number for number in numbers if f"evt_f{number:06d}" not in stored]
        assert not lost, f"{len(lost)} of {len(numbers)} acknowledged events are lost"
        for number in numbers[-20:]:
            assert deliver(connection, paid(number))["duplicate"] is True
        assert one(connection, "select count(*) from payments.payment_history") == len(stored)
        assert one(connection, "select count(*) from payments.webhook_events where processing_status <> 'processed'") == 0
    return f"{len(numbers)} acknowledged, none lost"


def control_without_durability_acknowledged_rows_are_lost():
    name = server.database("crash_control")
    with server.connect(name) as connection:
        connection.execute("create table bare (number int primary key)")
        connection.execute("checkpoint")
    numbers = crash_during(name, lambda connection, number: connection.execute("insert into bare values (%s)", (number,)), 2)
    with server.connect(name) as connection:
        stored = {number for (number,) in connection.execute("select number from bare")}
    lost = [number for number in numbers if number not in stored]
    assert lost, "no bare row was lost: the crash proves nothing"
    return f"{len(lost)} of {len(numbers)} bare rows lost"


def a_killed_backend_leaves_nothing_half_done():
    name = server.database("killed")
    stop = threading.Event()
    acknowledged, threads = load(name, lambda connection, number: deliver(connection, paid(number)), stop)
    with server.connect("postgres") as admin:
        for _ in range(3):
            time.sleep(0.7)
            try:
                pids = [pid for (pid,) in admin.execute(
                    "select pid from pg_stat_activity where datname = %s and state = 'active'", (name,))]
                if pids:
                    os.kill(random.choice(pids), signal.SIGKILL)
            except psycopg.Error:
                pass
            deadline = time.time() + 30
            while time.time() < deadline:
                try:
                    admin = server.connect("postgres")
                    break
                except psycopg.Error:
                    time.sleep(0.1)
    stop.set()
    for thread in threads:
        thread.join()
    with server.connect(name) as connection:
        stored = {id_ for (id_,) in connection.execute("select stripe_event_id from payments.webhook_events")}
        lost = [number for number in acknowledged if f"evt_f{number:06d}" not in stored]
        assert not lost, f"{len(lost)} acknowledged events are lost"
        assert one(connection, "select count(*) from payments.payment_history") == len(stored)
    return f"{len(acknowledged)} acknowledged through 3 kills"


def the_same_event_64_times_at_once():
    name = server.database("same")
    answers, errors = [], []
    start = threading.Barrier(64)

    def client():
        with server.connect(name) as connection:
            start.wait()
            try:
                answers.append(deliver(connection, paid(1)))
            except psycopg.Error as error:
                errors.append(str(error))

    threads = [threading.Thread(target=client) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors[0]
    assert len(answers) == 64 and all(answer["received"] for answer in answers)
    assert sum(not answer["duplicate"] for answer in answers) == 1, "more than one was applied"
    with server.connect(name) as connection:
        assert one(connection, "select sum(attempt_count) from payments.webhook_events") == 1
        assert one(connection, "select count(*) from payments.payment_history") == 1
    return "one applied, 64 answered"


def shared_objects_from_16_connections_never_deadlock():
    name = server.database("shared")
    events = []
    for number in range(160):
        event = paid(number)
        event["data"]["object"].update({
            "payment_intent": f"pi_shared{number % 20}", "customer": f"cus_shared{(number * 7) % 20}",
            "id": f"cs_shared{number % 20}",
        })
        events.append(event)
        customer = {"id": f"cus_shared{number % 20}", "object": "customer", "email": f"{number}@example.com", "livemode": False}
        events.append({**event, "id": f"evt_c{number:06d}", "type": "customer.updated", "data": {"object": customer}})
    errors = []

    def client(seed):
        mine = events[:]
        random.Random(seed).shuffle(mine)
        with server.connect(name) as connection:
            for event in mine[:200]:
                try:
                    deliver(connection, event)
                except psycopg.Error as error:
                    errors.append(f"{error.sqlstate} {error}")

    threads = [threading.Thread(target=client, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, f"{len(errors)} errors, the first: {errors[0]}"
    with server.connect(name) as connection:
        assert one(connection, "select count(*) from payments.webhook_events where processing_status = 'failed'") == 0
    return "16 connections, 20 shared objects"


SLOW = """
create or replace function public.slow() returns trigger language plpgsql as $$
begin perform pg_sleep(20); return new; end $$;
create trigger slow before insert on payments.payment_history for each row execute function public.slow()"""


def a_statement_timeout_is_all_or_nothing():
    name = server.database("timeouts")
    with server.connect(name) as connection:
        connection.execute(SLOW)
        connection.execute("set statement_timeout = '500ms'")
        try:
            deliver(connection, paid(1))
            raise AssertionError("the slow trigger did not time out")
        except psycopg.errors.QueryCanceled:
            pass
        connection.execute("reset statement_timeout")
        assert one(connection, "select count(*) from payments.webhook_events") == 0, "a cancelled event left a row"
        connection.execute("drop trigger slow on payments.payment_history")
        assert deliver(connection, paid(1))["duplicate"] is False
        assert one(connection, "select count(*) from payments.payment_history") == 1
    return "nothing left, applied when Stripe tried again"


def a_cancel_is_never_swallowed():
    name = server.database("cancels")
    with server.connect(name) as connection, server.connect(name) as other:
        connection.execute(SLOW)
        pid = one(connection, "select pg_backend_pid()")
        timer = threading.Timer(0.5, lambda: other.execute("select pg_cancel_backend(%s)", (pid,)))
        timer.start()
        try:
            deliver(connection, paid(1))
            raise AssertionError("the cancel was swallowed")
        except psycopg.errors.QueryCanceled:
            pass
        timer.join()
        assert one(connection, "select count(*) from payments.webhook_events") == 0, "a cancelled event left a row"
    return "nothing left"


POISON = """
create function public.poison() returns trigger language plpgsql as $$
begin
  if new.stripe_payment_intent_id = 'pi_f000500' then raise exception 'no such luck' using errcode = 'P0001'; end if;
  return new;
end $$;
create trigger poison before insert or update on payments.payment_history for each row execute function public.poison()"""


def one_poison_event_among_a_thousand():
    name = server.database("poison")
    with server.connect(name) as connection:
        connection.execute(POISON)
        for number in range(1, 1001):
            answer = deliver(connection, paid(number))
            assert (answer["status"] == "failed") == (number == 500), answer
        failed = connection.execute(
            "select stripe_event_id, last_error from payments.webhook_events where processing_status = 'failed'").fetchall()
        assert len(failed) == 1 and failed[0][0] == "evt_f000500" and "no such luck" in failed[0][1], failed
        assert one(connection, "select count(*) from payments.payment_history") == 999
        connection.execute("drop trigger poison on payments.payment_history")
        again = deliver(connection, paid(500))
        assert again["status"] == "processed" and again["duplicate"] is False, again
        assert one(connection, "select attempt_count from payments.webhook_events where stripe_event_id = 'evt_f000500'") == 2
        assert one(connection, "select count(*) from payments.payment_history") == 1000
    return "999 did not notice"


def memory_stays_flat():
    name = server.database("memory")
    with server.connect(name) as connection:
        pid = one(connection, "select pg_backend_pid()")
        for number in range(1, 1001):
            deliver(connection, paid(number))
        before = server.resident(pid)
        for number in range(1001, 4001):
            deliver(connection, paid(number))
        grown = server.resident(pid) - before
    assert grown < 4, f"3,000 more events cost a backend {grown:.1f} MiB"
    return f"3,000 events cost {grown:.1f} MiB"


def failures_do_not_pile_up():
    name = server.database("failures")
    with server.connect(name) as connection:
        connection.execute(POISON.replace("if new.stripe_payment_intent_id = 'pi_f000500' then", "if true then"))
        pid = one(connection, "select pg_backend_pid()")
        for number in range(1, 501):
            deliver(connection, paid(number))
        before = server.resident(pid)
        for number in range(501, 2001):
            assert deliver(connection, paid(number))["status"] == "failed"
        grown = server.resident(pid) - before
    assert grown < 4, f"1,500 failures cost a backend {grown:.1f} MiB"
    return f"1,500 failures cost {grown:.1f} MiB"


FAULTS = [
    every_acknowledged_event_is_there_once,
    control_without_durability_acknowledged_rows_are_lost,
    a_killed_backend_leaves_nothing_half_done,
    the_same_event_64_times_at_once,
    shared_objects_from_16_connections_never_deadlock,
    a_statement_timeout_is_all_or_nothing,
    a_cancel_is_never_swallowed,
    one_poison_event_among_a_thousand,
    memory_stays_flat,
    failures_do_not_pile_up,
    *machine.FAULTS,
]


def main():
    chosen = [fault for fault in FAULTS if not sys.argv[1:] or fault.__name__ in sys.argv[1:]]
    failed = 0
    for fault in chosen:
        name = fault.__name__.replace("_", " ")
        try:
            print(f"ok     {name}: {fault()}")
        except Exception as error:
            failed += 1
            print(f"FAILED {name}: {type(error).__name__}: {str(error)[:1500]}")
        sys.stdout.flush()
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return failed == 0


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
