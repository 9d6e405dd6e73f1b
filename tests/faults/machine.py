"""What must be true when the machine fails: the disk is full, or the server is lost. And its log has no secret."""

import contextlib
import os
import pathlib
import subprocess
import tempfile
import threading
import time

import psycopg

import server
from events import deliver, load, one, paid, receive


@contextlib.contextmanager
def small_disk(megabytes):
    """A folder on its own small file system, which the server can fill."""
    if os.geteuid() != 0:
        raise AssertionError("only root can mount a small disk; run the fault tests as root")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="payments-disk.", dir="/tmp"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)
    try:
        (folder / "space").mkdir()
        subprocess.run(["chown", "-R", "postgres", str(folder)], check=True)
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


def a_full_disk_refuses_cleanly_and_resumes():
    with small_disk(64) as folder:
        with server.connect("postgres") as admin:
            admin.execute("drop database if exists full_disk")
            admin.execute("drop tablespace if exists small")
            admin.execute(f"create tablespace small location '{folder}/space'")
        name = server.database("full_disk", tablespace="small")
        acknowledged, refused = [], None
        with server.connect(name) as connection:
            # Another file takes some of the disk, so that the test can free it later.
            (folder / "ballast").write_bytes(b"x" * (1 << 20) * 16)
            number = 0
            while refused is None and number < 200_000:
                number += 1
                try:
                    receive(connection, paid(number))
                    acknowledged.append(number)
                except psycopg.errors.DiskFull as full:
                    refused = full
            assert refused is not None, "the disk never filled"
            stored = one(connection, "select count(*) from payments.webhook_events")
            assert stored == len(acknowledged), f"{stored} rows of {len(acknowledged)} acknowledged"
            (folder / "ballast").unlink()
            # Nothing is restarted: Stripe sends the event again, and the same connection works.
            assert receive(connection, paid(number))["status"] == "processed"
            assert one(connection, "select count(*) from payments.payment_history") == len(acknowledged) + 1
        with server.connect("postgres") as admin:
            admin.execute("drop database full_disk with (force)")
            admin.execute("drop tablespace small")
    return f"{len(acknowledged)} acknowledged, then 53100, then on"


def buy_what_lapses(connection):
    """A paid invoice that gives 100 credits, which lapse a second later."""
    connection.execute("select payments.set_credit_benefit('test', 'price_month', 100, until_period_end => true)")
    connection.execute("""
        insert into payments.payment_history (environment, type, status, subject_type, subject_id, stripe_invoice_id,
          stripe_subscription_id, amount, amount_refunded, currency, paid_at, invoice_lines)
        values ('test', 'subscription_invoice', 'succeeded', 'user', 'lapsing', 'in_lapsing', 'sub_lapsing', 1500, 0, 'usd', now(),
          jsonb_build_object('has_more', false, 'lines', jsonb_build_array(jsonb_build_object('id', 'il_1', 'item', 'si_1',
            'price', 'price_month', 'product', 'prod_month', 'start', extract(epoch from now() - interval '30 days')::bigint,
            'end', extract(epoch from now())::bigint + 1, 'quantity', 1, 'amount', 1500))))""")
    assert one(connection, "select sum(delta) from public.credit_ledger where subject_id = 'lapsing'") == 100


def count_what_lapsed(replica):
    """The lapse is not written yet, and a standby cannot write it, but the balance must include it."""
    assert one(replica, "select payments.credit_balance('user', 'lapsing')") == 0
    assert one(replica, "select sum(delta) from public.credit_ledger where subject_id = 'lapsing'") == 100


def lose_the_primary(name, write, judge, ask=None):
    """Writes to a primary whose commits wait for a standby, kills the primary, and promotes the standby. Then `judge`
    compares what the standby has with what was acknowledged."""
    standby = server.standby()
    with server.connect("postgres") as admin:
        admin.execute("alter system set synchronous_standby_names = '*'")
        admin.execute("select pg_reload_conf()")
    try:
        stop = threading.Event()
        acknowledged, threads = load(name, write, stop)
        time.sleep(2)
        with server.connect(name, host=standby.host) as replica:
            # A paywall works on the standby too.
            assert one(replica, "select payments.has_entitlement('course')") is False
            if ask:
                ask(replica)
        server.kill_everything()
        stop.set()
        for thread in threads:
            thread.join()
        standby.promote()
        with server.connect(name, host=standby.host) as promoted:
            return acknowledged, judge(promoted, acknowledged)
    finally:
        standby.remove()
        server.start()
        with server.connect("postgres") as admin:
            admin.execute("alter system reset synchronous_standby_names")
            admin.execute("select pg_reload_conf()")


def a_promoted_standby_has_every_acknowledged_event():
    def judge(promoted, acknowledged):
        stored = {id_ for (id_,) in promoted.execute("select stripe_event_id from payments.webhook_events")}
        lost = [number for number in acknowledged if f"evt_f{number:06d}" not in stored]
        assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged events are lost"
        for number in acknowledged[-20:]:
            assert deliver(promoted, paid(number))["duplicate"] is True, "an event that was acknowledged ran again"
        assert one(promoted, "select count(*) from payments.payment_history where stripe_invoice_id is null") == len(stored)

    name = server.database("promoted")
    with server.connect(name) as connection:
        buy_what_lapses(connection)
    receives = lambda connection, number: receive(connection, paid(number))
    acknowledged, _ = lose_the_primary(name, receives, judge, count_what_lapsed)
    assert len(acknowledged) > 20, f"only {len(acknowledged)} events were acknowledged"
    return f"{len(acknowledged)} acknowledged, none lost, none run twice"


def control_what_did_not_ask_for_durability_is_lost_with_the_primary():
    def judge(promoted, acknowledged):
        stored = {number for (number,) in promoted.execute("select number from bare")}
        return [number for number in acknowledged if number not in stored]

    name = server.database("promoted_control")
    with server.connect(name) as connection:
        connection.execute("create table bare (number int primary key)")
    insert = "insert into bare values (%s)"
    acknowledged, lost = lose_the_primary(name, lambda connection, number: connection.execute(insert, (number,)), judge)
    assert lost, "no bare row was lost: the promotion proves nothing"
    return f"{len(lost)} of {len(acknowledged)} bare rows lost"


SECRETS = ["whsec_loggedsecret0001", "whsec_loggedsecret0002", "sk_live_loggedsecret0003", "rk_test_loggedsecret0004"]


def no_secret_is_in_the_log_or_among_the_statements():
    name = server.database("logged")
    with server.connect(name) as connection:
        # Not every build of PostgreSQL has this extension.
        watched = one(connection, "select count(*) from pg_available_extensions where name = 'pg_stat_statements'")
        if watched:
            connection.execute("create extension if not exists pg_stat_statements")

        def refused(query, *parameters):
            try:
                connection.execute(query, parameters)
            except psycopg.Error as error:
                told = f"{error} {error.diag.message_detail} {error.diag.message_hint} {error.diag.context}"
                assert not any(secret in told for secret in SECRETS), told
            else:
                raise AssertionError(f"not refused: {query}")

        connection.execute("select payments.set_webhook_secret('test', %s)", (SECRETS[0],))
        connection.execute(f"select payments.set_webhook_secret('test', '{SECRETS[1]}')")
        refused(f"select payments.set_webhook_secret('{SECRETS[0]}', 'test')")
        refused(f"select payments.set_webhook_secret('test', ' {SECRETS[1]}')")
        refused("select payments.set_webhook_secret('test', %s)", SECRETS[2])
        refused("select payments.receive_stripe_webhook('test', '{}'::text, 't=1,v1=00')")
        for secret in SECRETS[2:]:
            refused(f"""select payments.create_checkout_session('test', 'payment', '[{{"price": "price_a", "quantity": 1}}]',
                'https://a.example', 'https://a.example', metadata => '{{"key": "{secret}"}}')""")
            refused(f"select payments.create_checkout_session('{secret}', 'payment', '[]', 'https://a.example', 'https://a.example')")
            # This one is refused for another reason first.
            refused(f"select payments.create_customer_portal_session('test', 'user', '{secret}')")
            refused(f"""insert into payments.checkout_sessions (environment, mode, status, line_items, success_url, cancel_url, metadata)
                values ('test', 'none', 'open', '[]', 'https://a.example', 'https://a.example', '{{"key": "{secret}"}}')""")
            refused(f"select payments.record_stripe_error('00000000-0000-4000-8000-000000000000', '{secret}')")
            refused(f"select payments.approve_live('{secret}')")
            refused(f"select payments.grant_role('anon', '{secret}')")
            refused(f"select payments.spend_credits('user', '{secret}', 1, 'k')")
        told = ""
        if watched:
            told = "\n".join(query for (query,) in connection.execute("select query from pg_stat_statements"))
            assert "set_webhook_secret" in told, "pg_stat_statements saw no call: it proves nothing"
        refused("select 'in the log', 1 / 0")
    log = pathlib.Path(os.environ["SERVER_LOG"]).read_text(errors="replace")
    assert "in the log" in log, "the log tells no statement of an error: it proves nothing"
    for secret in SECRETS:
        assert secret not in told, f"{secret} is in pg_stat_statements"
        assert secret not in log, f"{secret} is in the server's log"
    return "neither" if watched else "not in the log; this PostgreSQL has no pg_stat_statements"


FAULTS = [
    a_full_disk_refuses_cleanly_and_resumes,
    a_promoted_standby_has_every_acknowledged_event,
    control_what_did_not_ask_for_durability_is_lost_with_the_primary,
    no_secret_is_in_the_log_or_among_the_statements,
]
