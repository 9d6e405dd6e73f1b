"""Bridges as somebody might write them in a hurry: the negative controls of the fault stories, which must see what they do wrong.

careless.py KIND serve …: new-keys sends each try under a key of its own; notes-first notes a request as answered, then sends it;
answers-first answers a delivery, then gives it to the database.
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
    """Nested parameters as a form has them."""
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
            time.sleep(1)  # it has a queue
        try:
            with connected() as sql:
                said = sql.execute("select payments.receive_stripe_webhook('test', %s, %s)",
                                   [body, self.headers["stripe-signature"]]).fetchone()[0]
        except psycopg.Error as error:
            said = {"status": str(error)}
        if KIND != "answers-first":
            self.answer(200 if said["status"] in ("processed", "ignored") else 500)

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
