"""Where messages arrive, and when: a local HTTP server, and the end of a mailbox file."""

from __future__ import annotations

import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_KEY = re.compile(rb"limit of ([a-z]+[0-9]+)")
_LOOK_EVERY_S = 0.002


class Arrivals:
    """The moment (`time.perf_counter`) at which each alert's first message arrived, by key."""

    def __init__(self) -> None:
        self.at_s: dict[str, float] = {}
        self._changed = threading.Condition()

    def take(self, message: bytes) -> None:
        """Something has arrived."""
        now_s = time.perf_counter()
        with self._changed:
            for key in _KEY.findall(message):
                self.at_s.setdefault(key.decode(), now_s)
            self._changed.notify_all()

    def wait_for(self, keys: list[str], limit_s: float) -> None:
        """Waits until all of them have arrived, or the limit has passed."""
        with self._changed:
            self._changed.wait_for(lambda: all(key in self.at_s for key in keys), limit_s)


class HttpSink:
    """Answers every POST with 204 and notes what it said. `url` is a channel's address."""

    def __init__(self) -> None:
        self.arrivals = arrivals = Arrivals()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                arrivals.take(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"json://127.0.0.1:{self._server.server_port}/"

    def close(self) -> None:
        """Hears nothing more."""
        self._server.shutdown()
        self._server.server_close()


class MailboxWatch:
    """Reads a mailbox file as it grows."""

    def __init__(self, path: Path) -> None:
        self.arrivals = Arrivals()
        self._path = path
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Looks no more."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        self._path.touch()
        with self._path.open("rb") as file:
            while not self._ended.wait(_LOOK_EVERY_S):
                if line := file.readline():
                    self.arrivals.take(line)
