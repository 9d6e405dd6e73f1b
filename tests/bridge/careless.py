"""Bridges with typical mistakes. They are negative controls: the fault stories must detect what they do wrong.

careless.py KIND serve …, where KIND is one of
  new-keys       sends each attempt with a new idempotency key
  notes-first    records the result of a request before it sends the request
  answers-first  responds to a delivery before it passes the delivery to the database
"""

import contextlib
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg

KIND = sys.argv[1]


def connected():
    return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)


def fields(value, name=""):
    """Flattens nested parameters into form fields."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from fields(inner, f"{name}[{key}]" if name else key)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from fields(inner, f"{name}[{number}]")
    else:
        yield name, value


def ask_stripe(request):
    key = uuid.uuid4() if KIND == "new-keys" else request["idempotency_key"]
    headers = {"Authorization": f"Bearer {os.environ['STRIPE_TEST_KEY']}", "Idempotency-Key": str(key)}
    body = urllib.parse.urlencode(list(fields(request["params"]))).encode()
    asked = urllib.request.Request(os.environ["STRIPE_API_BASE"] + request["path"], data=body, headers=headers)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return answer.read().decode()


def send():
    with connected() as sql:
        while True:
            for session, request in sql.execute("select session_id, request from payments.claim_session_requests(10)").fetchall():
                if KIND == "notes-first":
                    sql.execute("select payments.record_stripe_error(%s, 'sent')", [session])
                with contextlib.suppress(OSError):
                    sql.execute("select payments.record_stripe_response(%s, %s)", [session, ask_stripe(request)])
            time.sleep(0.05)


class Deliveries(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if KIND == "answers-first":
            self.answer(200)
            time.sleep(1)  # as if the delivery waited in a queue
        try:
            with connected() as sql:
                result = sql.execute("select payments.receive_stripe_webhook('test', %s, %s)",
                                   [body, self.headers["stripe-signature"]]).fetchone()[0]
        except psycopg.Error as error:
            result = {"status": str(error)}
        if KIND != "answers-first":
            self.answer(200 if result["status"] in ("processed", "ignored") else 500)

    def answer(self, status):
        out = json.dumps({"received": status == 200}).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)


if KIND != "answers-first":
    threading.Thread(target=send, daemon=True).start()
server = ThreadingHTTPServer(("127.0.0.1", 0), Deliveries)
print(f"serving listen=127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
