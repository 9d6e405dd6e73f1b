"""Repeats what PostgREST sends for POST /rpc/stripe_webhook_test: login, role, settings, one unnamed json argument.

PostgREST responds with 200 unless response.status is set, and maps the SQLSTATE of an error to a status
(https://docs.postgrest.org/en/stable/references/errors.html).
"""

import json
import sys

import psycopg
import stripe

SECRET = "whsec_endpoint"
STATUS = {"28000": 403, "42501": 403, "55000": 500, "22023": 400, "22032": 400, "22P02": 400}


def event(id_, **more):
    return {
        "id": id_, "object": "event", "api_version": "2025-06-30.basil", "created": 1752000000, "livemode": False,
        "type": "checkout.session.completed", "data": {"object": {
            "id": f"cs_{id_}", "object": "checkout.session", "mode": "payment", "status": "complete",
            "payment_status": "paid", "amount_total": 2000, "amount_subtotal": 2000, "currency": "usd",
            "payment_intent": f"pi_{id_}", "customer": None, "metadata": {}, "livemode": False,
        }}, **more,
    }


def post(database, path, body, headers):
    """Returns (status, answer) as a client of PostgREST gets them."""
    with psycopg.connect(dbname=database, user="authenticator") as connection:
        try:
            connection.execute(
                """select set_config('search_path', '"payments", "public"', true),
                          set_config('role', 'anon', true),
                          set_config('request.jwt.claims', '{"role":"anon"}', true),
                          set_config('request.method', 'POST', true),
                          set_config('request.path', %s, true),
                          set_config('request.headers', %s, true),
                          set_config('request.cookies', '{}', true)""",
                (f"/rpc/{path}", json.dumps(headers)),
            )
            answer, status = connection.execute(
                f"""with pgrst_source as (select "payments"."{path}"(%s::json) as pgrst_scalar)
                    select (select pgrst_scalar from pgrst_source limit 1),
                           nullif(current_setting('response.status', true), '')""",
                (body,),
            ).fetchone()
            connection.commit()
            return int(status or 200), answer
        except psycopg.Error as error:
            connection.rollback()
            assert SECRET not in str(error)
            return STATUS.get(error.sqlstate, error.sqlstate), error.diag.message_primary


def signed(body, secret=SECRET):
    return {"stripe-signature": stripe.WebhookSignature.generate_signature_header(body, secret), "content-type": "application/json"}


def expect(found, code, **answer):
    assert found[0] == code, found
    for key, value in answer.items():
        assert found[1].get(key) == value, found


def delivered(database, admin):
    body = json.dumps(event("evt_1"), indent=2)
    expect(post(database, "stripe_webhook_test", body, signed(body)), 200, received=True, handled=True, duplicate=False)
    expect(post(database, "stripe_webhook_test", body, signed(body)), 200, received=True, duplicate=True)


def refused(database, admin):
    body = json.dumps(event("evt_2"))
    assert post(database, "stripe_webhook_test", body, signed(body, "whsec_forged"))[0] == 403
    assert post(database, "stripe_webhook_test", body, {})[0] == 403
    assert post(database, "stripe_webhook_test", body + " ", signed(body))[0] == 403
    assert post(database, "stripe_webhook_test", body, {"stripe-signature": "t=1,v1="})[0] == 403
    count = "select count(*) from payments.webhook_events where stripe_event_id = 'evt_2'"
    assert admin.execute(count).fetchone()[0] == 0


def not_events(database, admin):
    for body in ("[]", "{}", "1", '{"object":"charge"}', '{"id":"evt_3","object":"event"}'):
        found = post(database, "stripe_webhook_test", body, signed(body))
        assert found[0] == 400, (body, found)


def a_nul(database, admin):
    body = json.dumps(event("evt_nul", note="a\0b"))
    expect(post(database, "stripe_webhook_test", body, signed(body)), 200, received=True)


def failed(database, admin):
    admin.execute("""
        create function public.refuse() returns trigger language plpgsql as $$ begin raise exception 'not today'; end $$;
        create trigger refuse before insert on payments.payment_history for each row execute function public.refuse()""")
    body = json.dumps(event("evt_failing"))
    expect(post(database, "stripe_webhook_test", body, signed(body)), 500, status="failed")
    admin.execute("drop trigger refuse on payments.payment_history")
    stored = "select processing_status, attempt_count from payments.webhook_events where stripe_event_id = 'evt_failing'"
    assert admin.execute(stored).fetchone() == ("failed", 1)
    expect(post(database, "stripe_webhook_test", body, signed(body)), 200, status="processed")
    assert admin.execute(stored).fetchone() == ("processed", 2)


def walls(database, admin):
    body = json.dumps(event("evt_live", livemode=True))
    # Stripe gets 200, because otherwise it would send the event for days; but nothing is stored.
    expect(post(database, "stripe_webhook_test", body, signed(body)), 200, status="ignored", handled=False)
    assert post(database, "stripe_webhook_live", body, signed(body))[0] == 500, "live without a secret"
    count = "select count(*) from payments.webhook_events where stripe_event_id = 'evt_live'"
    assert admin.execute(count).fetchone()[0] == 0


def nothing_else(database, admin):
    """The role that Stripe's posts run as may post, but read nothing."""
    with psycopg.connect(dbname=database, user="authenticator", autocommit=True) as connection:
        connection.execute("set role anon")
        for query in (
            "select * from payments.webhook_events", "select * from payments.payment_history",
            "select payments.apply_stripe_event('test', '{}')", "select * from payments_secret.webhook_secrets",
            "select payments.set_webhook_secret('test', 'whsec_mine')",
        ):
            try:
                rows = connection.execute(query).fetchall()
                assert rows == [], query
            except psycopg.errors.InsufficientPrivilege:
                pass


CASES = {
    "a signed event is received once": delivered,
    "forged, unsigned and changed bodies are refused, and leave nothing": refused,
    "signed bodies that are no events are refused": not_events,
    "a NUL in a string is stored and answered": a_nul,
    "a failed event answers 500 and stays; Stripe's next try mends it": failed,
    "test and live never mix": walls,
    "the posting role can do nothing else": nothing_else,
}


def main(database):
    wrong = 0
    with psycopg.connect(dbname=database, autocommit=True) as admin:
        admin.execute("select payments.set_webhook_secret('test', %s)", (SECRET,))
        admin.execute("select payments.grant_role('anon', 'webhook')")
        for name, case in CASES.items():
            try:
                case(database, admin)
                print(f"ok     {name}")
            except Exception as error:
                wrong += 1
                print(f"FAILED {name}: {type(error).__name__}: {error}")
    print(f"{len(CASES) - wrong} passed, {wrong} failed")
    return wrong == 0


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1]) else 1)
