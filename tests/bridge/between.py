"""Stands between the bridge and the database, so that the database can go away, or answer late."""

import contextlib
import os
import socket
import threading


class Between:
    """Passes connections on to the server. `away` cuts them and refuses new ones; `mute` holds back what the server says."""

    def __init__(self):
        self.port = None
        self.listener = None
        self.open = set()
        self.speaks = threading.Event()
        self.speaks.set()
        self.back()

    def back(self):
        self.listener = socket.create_server(("127.0.0.1", self.port or 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def away(self):
        # A listener that another thread accepts on is closed by shutting it down.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for end in list(self.open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mute(self):
        self.speaks.clear()

    def speak(self):
        self.speaks.set()

    def accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(f"{os.environ['PGHOST']}/.s.PGSQL.{os.environ['PGPORT']}")
                self.open |= {client, server}
                for source, sink, gate in ((client, server, None), (server, client, self.speaks)):
                    threading.Thread(target=self.copy, args=(source, sink, gate), daemon=True).start()

    def copy(self, source, sink, gate):
        with contextlib.suppress(OSError):
            while chunk := source.recv(1 << 16):
                if gate:
                    gate.wait()
                sink.sendall(chunk)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            self.open.discard(end)
