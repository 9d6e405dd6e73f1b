"""client.py HOST PORT DATABASE: Stripe's Python library signs and verifies, psycopg sends. Prints a line for each case."""

import json
import pathlib
import sys
import time

import psycopg
import stripe

DATA = json.loads((pathlib.Path(__file__).parent / "events.json").read_text())
SECRET, EVENT, CASES = DATA["SECRET"], DATA["event"], DATA["cases"]


def signed(id_, **more):
    payload = json.dumps({**EVENT, "id": id_, **more}, ensure_ascii=False)
    return payload, stripe.WebhookSignature.generate_signature_header(payload, SECRET)


def receive(client, payload, header, cast="text"):
    query = f"select payments.receive_stripe_webhook('test', %s::{cast}, %s)"
    return client.execute(query, (payload, header)).fetchone()[0]


def refused(client, payload, header):
    try:
        receive(client, payload, header)
    except psycopg.Error as error:
        assert error.sqlstate == "28000", error
        assert SECRET not in str(error)
        return
    raise AssertionError("received")


def stripe_signs(client):
    assert receive(client, *signed("evt_py_text"))["handled"] is True
    payload, header = signed("evt_py_bytes")
    assert receive(client, payload.encode(), header, "bytea")["received"] is True


def any_unicode(client):
    for number, text in enumerate(CASES):
        assert receive(client, *signed(f"evt_py_u{number}", note=text))["received"] is True, text


def a_duplicate(client):
    assert receive(client, *signed("evt_py_text"))["duplicate"] is True


def forged(client):
    payload, header = signed("evt_py_forged")
    refused(client, payload + " ", header)
    refused(client, payload, header.replace("v1=", "v0="))
    refused(client, payload, header[:-1] + ("0" if header[-1] != "0" else "1"))


def old_and_future(client):
    payload, _ = signed("evt_py_old")
    for shift in (-301, 301):
        refused(client, payload, stripe.WebhookSignature.generate_signature_header(payload, SECRET, int(time.time()) + shift))


def rolled_secrets(client):
    payload, header = signed("evt_py_rolled")
    _, other = header.split(",")
    stamp = header.split(",")[0]
    assert receive(client, payload, f"{stamp},v1={'0' * 64},{other},v0={'1' * 64}")["received"] is True


def we_sign(client):
    event = json.dumps({**EVENT, "id": "evt_py_ours", "note": CASES[0]})
    payload, signature = client.execute("select payload, signature from payments.sign_test_event(%s)", (event,)).fetchone()
    verified = stripe.Webhook.construct_event(payload, signature, SECRET)
    assert verified["id"] == "evt_py_ours"


TESTS = {
    "what Stripe's library signs is received, as text and as bytes": stripe_signs,
    "any Unicode is signed as the bytes it is": any_unicode,
    "the same event again is a duplicate": a_duplicate,
    "a changed byte, another scheme, a wrong digit are refused": forged,
    "old and future signatures are refused": old_and_future,
    "any v1 that matches passes": rolled_secrets,
    "what we sign, Stripe's library verifies": we_sign,
}


def main():
    host, port, database = sys.argv[1:]
    failed = 0
    with psycopg.connect(
        host=host, port=port, dbname=database, user="postgres", autocommit=True, prepare_threshold=None
    ) as client:
        for name, test in TESTS.items():
            try:
                test(client)
                print(f"ok     python: {name}")
            except Exception as error:
                failed += 1
                print(f"FAILED python: {name}\n       {type(error).__name__}: {error}")
    return failed == 0


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
