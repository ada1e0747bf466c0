"""The paper desk's order gateway, as far as anyone can see from outside: a real HTTP endpoint."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = "127.0.0.1"


class Gateway:
    """Answers `GET /health` with what `document` says, `delay_s` later."""

    def __init__(self, port: int, document: Callable[[], Mapping[str, object]]) -> None:
        """Listens at once.

        Raises:
            OSError: the port is taken.
        """
        self.delay_s = 0.0
        self._document = document
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                gateway.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing: the desk's log is for events."""

        self._server = _Server((HOST, port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Writes one answer."""
        began = time.monotonic()
        if self.delay_s:
            time.sleep(self.delay_s)
        found = handler.path.partition("?")[0] == "/health"
        body: dict[str, object] = dict(self._document()) if found else {"error": "not found"}
        if found:
            body["latency_ms"] = round((time.monotonic() - began) * 1000, 3)
        content = json.dumps(body).encode()
        try:
            handler.send_response(200 if found else 404)
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):
            handler.close_connection = True  # whoever asked did not wait for the answer

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    # Another desk's gateway on the same port must be noticed.
    allow_reuse_port = False
