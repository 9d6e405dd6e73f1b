"""The throw-away server of scripts/with-server.sh in the fault tests: connects to it, kills it, and starts it again."""

import os
import pathlib
import signal
import subprocess
import tempfile
import time

import psycopg

HERE = pathlib.Path(__file__).parent
SECRET = "whsec_faults"
DATA = pathlib.Path(os.environ["SERVER_DATA"])


def connect(database, **more):
    """Returns a connection. Waits up to a minute for a server that is still recovering."""
    for _ in range(240):
        try:
            return psycopg.connect(dbname=database, autocommit=True, prepare_threshold=None, **more)
        except psycopg.OperationalError as error:
            if not any(state in str(error) for state in ("recovery mode", "starting up", "not yet accepting")):
                raise
            time.sleep(0.25)
    return psycopg.connect(dbname=database, autocommit=True, prepare_threshold=None, **more)


def database(name, tablespace="pg_default"):
    """Creates a copy of the template that database.sh made, with a webhook secret and the app's tables."""
    with connect("postgres") as admin:
        admin.execute(f"drop database if exists {name} with (force)")
        admin.execute(f"create database {name} template payments_template tablespace {tablespace}")
    with connect(name) as connection:
        connection.execute("select payments.set_webhook_secret('test', %s)", (SECRET,))
        connection.execute("select payments.create_app_tables()")
    return name


def children(parent):
    for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            yield int(entry.parent.name)


def postmaster():
    return int((DATA / "postmaster.pid").read_text().split()[0])


def kill_everything():
    """Kills all processes at once, like a power failure: none can write what is still in memory."""
    parent = postmaster()
    os.kill(parent, signal.SIGSTOP)
    for pid in [*children(parent), parent]:
        os.kill(pid, signal.SIGKILL)
    deadline = time.time() + 30
    while time.time() < deadline and pathlib.Path(f"/proc/{parent}").exists():
        time.sleep(0.05)


def hold_walwriter():
    """Stops the WAL writer, so that only commits that wait for their WAL write any."""
    for pid in children(postmaster()):
        if b"walwriter" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGSTOP)


def start():
    subprocess.run([HERE / "start-server.sh"], check=True)


def resident(pid):
    """The anonymous memory of a backend in MiB, which it shares with no other process."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no RssAnon")


class Standby:
    """A copy of the server that replicates it, with its own socket."""

    def __init__(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="payments-standby.", dir="/tmp"))
        self.host = str(self.home)
        self.run("make")

    def run(self, verb):
        subprocess.run([HERE / "standby.sh", verb, self.home], check=True)

    def promote(self):
        self.run("promote")

    def remove(self):
        self.run("remove")


def standby():
    """Returns a standby that has caught up."""
    follower = Standby()
    with connect("postgres") as admin:
        deadline = time.time() + 60
        while time.time() < deadline:
            if admin.execute("select 1 from pg_stat_replication where state = 'streaming'").fetchone():
                return follower
            time.sleep(0.1)
    raise AssertionError("the standby does not follow")
