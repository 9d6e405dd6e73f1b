"""A small stand-in for Stripe's API: lists with cursors, sessions with idempotency keys, and faults on demand."""

import contextlib
import json
import socket
import threading
import time
import urllib.parse
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Gate:
    """A point where a request waits until a story opens it."""

    def __init__(self):
        self.reached = threading.Event()
        self.opened = threading.Event()


class Fake:
    def __init__(self):
        self.requests = []                  # (method, path, encoded parameters, headers)
        self.lists = defaultdict(list)      # path: objects, oldest first
        self.answers = {}                   # idempotency key: (status, body)
        self.faults = []                    # responses to the next requests, each used once: (status, body, headers)
        self.endpoints = []
        self.account = "acct_1Test"
        self.most_types = 0
        self.delay = 0                      # seconds before the response to a POST
        self.made = []                      # (client_reference_id, id) of each created session
        self.gates = {}                     # gates for POST requests: "sent" before the session is created, "made" after
        self.doubled = 0                    # how many responses to POST are followed by an unrequested second response
        self.lock = threading.Lock()
        self.open = set()                   # open connections
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def handle(self):
                fake.open.add(self.connection)
                with contextlib.suppress(ConnectionError, ValueError):  # the bridge was killed, or the connection was cut
                    super().handle()
                fake.open.discard(self.connection)

            def answer(self):
                sent = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
                path, _, query = self.path.partition("?")
                if self.command == "POST":
                    time.sleep(fake.delay)
                    fake.wait_at("sent")
                with fake.lock:
                    status, body, headers = fake.respond(self.command, path, sent or query, self.headers)
                if self.command == "POST":
                    fake.wait_at("made")
                if status == 0:
                    self.close_connection = True
                    return
                self.write(status, body, headers)
                if self.command == "POST" and fake.doubled:
                    fake.doubled -= 1
                    self.write(200, {**body, "id": "cs_test_doubled", "url": "https://checkout.stripe.com/c/pay/cs_test_doubled"}, {})

            def write(self, status, body, headers):
                out = (body if isinstance(body, str) else json.dumps(body)).encode()
                self.send_response(status)
                for name, value in {"request-id": "req_1", **headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(out)))
                self.end_headers()
                self.wfile.write(out)

            do_GET = do_POST = do_DELETE = answer

        self.handler = Handler
        self.server = None
        self.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def start(self):
        port = self.server.server_port if self.server else 0
        self.server = ThreadingHTTPServer(("127.0.0.1", port), self.handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        """Refuses new connections and cuts open ones until start()."""
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def gate(self, name):
        """Adds a gate: each POST waits there until the gate is opened."""
        self.gates[name] = Gate()
        return self.gates[name]

    def wait_at(self, name):
        if gate := self.gates.get(name):
            gate.reached.set()
            gate.opened.wait(30)

    def respond(self, method, path, raw, headers):
        params = dict(urllib.parse.parse_qsl(raw, keep_blank_values=True))
        self.requests.append((method, path, raw, dict(headers)))
        key = headers.get("idempotency-key")
        if method == "POST" and key in self.answers:
            status, body = self.answers[key]
            return status, body, {"idempotent-replayed": "true"}
        if self.faults and path not in ("/v1/account", "/v1/events"):
            status, body, extra = self.faults.pop(0)
            if extra.pop("stored", None):
                self.answers[key] = (status, body)
            if extra.pop("made", None):
                self.answers[key] = (200, self.session(params))
            return status, body, extra
        if method != "GET" and path.startswith("/v1/webhook_endpoints"):
            return 200, self.endpoint(method, path, params), {}
        if method == "POST":
            body = self.session(params)
            self.answers[key] = (200, body)
            return 200, body, {}
        return self.read(path, params)

    def session(self, params):
        number = sum(path == "/v1/checkout/sessions" for _, path, _, _ in self.requests)
        self.made.append((params.get("client_reference_id"), f"cs_test_{number}"))
        return {"id": f"cs_test_{number}", "object": "checkout.session", "livemode": False, "status": "open", "payment_status": "unpaid",
                "client_reference_id": params.get("client_reference_id"), "url": f"https://checkout.stripe.com/c/pay/cs_test_{number}"}

    def endpoint(self, method, path, params):
        types = [value for name, value in params.items() if name.startswith("enabled_events[")]
        if path == "/v1/webhook_endpoints":
            made = {"id": f"we_{len(self.endpoints) + 1}", "object": "webhook_endpoint", "status": "enabled", "url": params["url"],
                    "api_version": params["api_version"], "enabled_events": types, "metadata": {"payments_bridge": "test"}}
            self.endpoints.append(made)
            return {**made, "secret": f"whsec_RECOGNIZABLE{len(self.endpoints)}"}
        one = next(e for e in self.endpoints if path.endswith(e["id"]))
        if method == "DELETE":
            self.endpoints.remove(one)
        else:
            one["enabled_events"] = types or one["enabled_events"]
            one["status"] = "disabled" if params.get("disabled") == "true" else "enabled"
        return one

    def read(self, path, params):
        if path == "/v1/account":
            return 200, {"id": self.account, "object": "account"}, {}
        if path == "/v1/webhook_endpoints":
            return 200, {"object": "list", "data": self.endpoints, "has_more": False}, {}
        if path.startswith("/v1/events/"):
            found = [e for e in self.lists["/v1/events"] if path.endswith(e["id"])]
            return (200, found[0], {}) if found else (404, {"error": {"code": "resource_missing", "message": "No such event"}}, {})
        return self.listed(path, params)

    def listed(self, path, params):
        """Returns a page of a list, newest first; ending_before pages forward. A cursor that is not in the list is refused."""
        types = [value for name, value in params.items() if name.startswith("types[")]
        self.most_types = max(self.most_types, len(types))
        objects = [o for o in reversed(self.lists[path]) if not types or o["type"] in types]
        if params.get("delivery_success") == "false":
            objects = []
        ids = [o["id"] for o in objects]
        cursor = params.get("starting_after") or params.get("ending_before")
        if cursor and cursor not in ids:
            return 400, {"error": {"code": "resource_missing", "message": f"No such cursor: {cursor}"}}, {}
        limit = int(params.get("limit", 10))
        if "ending_before" in params:
            rest = objects[:ids.index(cursor)]
            page, more = rest[-limit:], len(rest) > limit
        else:
            rest = objects[ids.index(cursor) + 1:] if cursor else objects
            page, more = rest[:limit], len(rest) > limit
        return 200, {"object": "list", "url": path, "has_more": more, "data": page}, {}
