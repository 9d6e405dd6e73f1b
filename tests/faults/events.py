"""Events for the fault tests, and their delivery."""

import json
import threading
import time

import psycopg
import stripe

import server

MARKED = {"insforge_checkout_mode": "payment"}


def paid(number):
    """A whole payment in one event: a completed session with the metadata of our own checkouts."""
    return {
        "id": f"evt_f{number:06d}", "object": "event", "api_version": "2025-06-30.basil", "created": 1752000000 + number,
        "type": "checkout.session.completed", "livemode": False, "data": {"object": {
            "id": f"cs_f{number:06d}", "object": "checkout.session", "mode": "payment", "status": "complete",
            "payment_status": "paid", "amount_subtotal": 2000, "amount_total": 2000, "currency": "usd",
            "customer": f"cus_f{number % 50}", "payment_intent": f"pi_f{number:06d}", "invoice": None,
            "subscription": None, "client_reference_id": None, "metadata": MARKED, "created": 1752000000,
            "customer_details": {"email": "buyer@example.com"}, "livemode": False,
        }},
    }


def deliver(connection, event):
    return connection.execute("select payments.apply_stripe_event('test', %s::jsonb)", (json.dumps(event),)).fetchone()[0]


def receive(connection, event):
    body = json.dumps(event)
    header = stripe.WebhookSignature.generate_signature_header(body, server.SECRET)
    query = "select payments.receive_stripe_webhook('test', %s::text, %s)"
    return connection.execute(query, (body, header)).fetchone()[0]


def one(connection, query, *parameters):
    return connection.execute(query, parameters).fetchone()[0]


def load(name, write, until, clients=4):
    """Starts clients that write until `until` is set. Returns the acknowledged numbers so far, and the threads."""
    acknowledged = []
    counter = iter(range(1, 10**6))
    lock = threading.Lock()

    def client():
        connection = None
        while not until.is_set():
            with lock:
                number = next(counter)
            try:
                connection = connection or server.connect(name)
                write(connection, number)
                acknowledged.append(number)
            except psycopg.Error:
                connection = None  # the connection was killed; the next attempt opens a new one if the server runs
                time.sleep(0.05)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    return acknowledged, threads
