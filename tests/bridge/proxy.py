"""A proxy between the bridge and the database. It simulates a database that is unreachable or responds late."""

import contextlib
import os
import socket
import threading


class Proxy:
    """Forwards connections to the server. stop() cuts all connections and refuses new ones until start().

    hold() holds back the server's responses until release()."""

    def __init__(self):
        self.port = None
        self.listener = None
        self.open = set()
        self.forwards = threading.Event()
        self.forwards.set()
        self.start()

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port or 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def stop(self):
        # shutdown() wakes the thread that waits in accept(); close() alone does not.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for end in list(self.open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def hold(self):
        self.forwards.clear()

    def release(self):
        self.forwards.set()

    def accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(f"{os.environ['PGHOST']}/.s.PGSQL.{os.environ['PGPORT']}")
                self.open |= {client, server}
                for source, sink, gate in ((client, server, None), (server, client, self.forwards)):
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
