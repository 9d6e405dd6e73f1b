"""The fixture of the bridge's stories: the database, the stand-in for Stripe, running bridges, and the pattern of all secrets."""

import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import psycopg

from fake import Fake

KEY = "sk_test_RECOGNIZABLEkey"
SECRET = re.compile(r"RECOGNIZABLE")


class Fixture:
    def __init__(self, program, database):
        self.program = program
        self.database = database
        self.address = f"host={os.environ['PGHOST']} port={os.environ['PGPORT']} user={os.environ['PGUSER']} dbname={database}"
        self.sql = psycopg.connect(self.address, autocommit=True)
        self.bridge_address = re.sub(r"user=\S+", "user=bridge", self.address)
        self.stripe = Fake()
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="payments-bridge."))
        self.outputs = []
        self.passed = self.failed = 0

    def check(self, name, well, shown=""):
        if well:
            self.passed += 1
            print(f"ok     {name}", flush=True)
        else:
            self.failed += 1
            print(f"FAILED {name}: {shown}", flush=True)

    def one(self, statement, *params):
        row = self.sql.execute(statement, params or None).fetchone()
        return row[0] if row else None

    def variables(self, **more):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "STRIPE_", "PAYMENTS_BRIDGE"))}
        return {**kept, "DATABASE_URL": self.bridge_address, "STRIPE_TEST_KEY": KEY, "STRIPE_API_BASE": self.stripe.url, **more}

    def command(self, *words, **more):
        """Runs a command until it exits. Returns its exit code and its output."""
        ran = subprocess.run([self.program, *words], env=self.variables(**more), stdin=subprocess.DEVNULL, timeout=120,
                             capture_output=True, text=True)
        self.outputs.append(ran.stdout + ran.stderr)
        return ran.returncode, ran.stdout + ran.stderr

    def serve(self, *words, program=None, **more):
        return Serving(self, program or [self.program], words, more)

    def session(self, price="price_1"):
        return self.one("select id from payments.create_checkout_session('test', 'payment', jsonb_build_array(jsonb_build_object("
                        "'price', %s::text, 'quantity', 2)), 'https://a.example/?s={CHECKOUT_SESSION_ID}&x=1', 'https://a.example/cart')", price)

    def until(self, statement, *params, within=10.0):
        """Waits until a statement returns true. Returns how long that took, or None after `within` seconds."""
        started = time.monotonic()
        while time.monotonic() - started < within:
            if self.one(statement, *params):
                return time.monotonic() - started
            time.sleep(0.01)
        return None

    def quiet(self):
        """Waits until the server runs no call of a bridge, including calls of a killed bridge."""
        return self.until("select not exists (select from pg_stat_activity where application_name = 'payments-bridge' and state = 'active')")

    def signed(self, event):
        return self.sql.execute("select payload, signature from payments.sign_test_event(%s::jsonb)", [json.dumps(event)]).fetchone()

    def event(self, name, created, kind="customer.created", **fields):
        shape = {"id": f"cus_{name}", "object": "customer", "email": f"{name}@example.com", "livemode": False, **fields}
        return {"id": f"evt_{name}", "object": "event", "api_version": "2025-06-30.basil", "created": created, "type": kind,
                "livemode": False, "data": {"object": shape}}


class Serving:
    """A bridge that runs `serve`."""

    def __init__(self, fixture, program, words, more):
        self.fixture = fixture
        self.log = open(fixture.home / f"log{len(fixture.outputs)}-{time.monotonic()}", "w+b")
        self.process = subprocess.Popen([*program, "serve", "--listen", "127.0.0.1:0", *words], env=fixture.variables(**more),
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)
        self.port = self.wait_for(r"listen=127\.0\.0\.1:(\d+)|\"listen\":\"127\.0\.0\.1:(\d+)")

    def text(self):
        return pathlib.Path(self.log.name).read_text()

    def wait_for(self, pattern, within=10.0):
        started = time.monotonic()
        while time.monotonic() - started < within:
            if found := re.search(pattern, self.text()):
                return next((group for group in found.groups() if group), True)
            time.sleep(0.02)
        return None

    def ask(self, path, body=None, headers=None):
        """Sends an HTTP request. Returns the status and the body of the response."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=body, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def deliver(self, event):
        return self.post(*self.fixture.signed(event))

    def post(self, payload, signature):
        return self.ask("/stripe/test", payload.encode(), {"stripe-signature": signature})

    def command_line(self):
        return pathlib.Path(f"/proc/{self.process.pid}/cmdline").read_text()

    def end(self, how=signal.SIGTERM):
        """Sends a signal and waits for the exit. Returns the exit code."""
        self.process.send_signal(how)
        try:
            code = self.process.wait(timeout=90)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.fixture.outputs.append(self.text())
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.end()
