"""A real HTTP server that keeps what it got, for channels that send JSON."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.ending import Ended


class Sink(Ended):
    """Accepts everything."""

    def __init__(self, port: int = 0) -> None:
        self.got: list[dict[str, Any]] = []
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.got.append(json.loads(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 64

            # Clients of these tests end without saying goodbye.
            def handle_error(self, request: object, client_address: object) -> None:
                pass

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def __enter__(self) -> Sink:
        return self

    @property
    def url(self) -> str:
        """The channel's address."""
        return f"json://127.0.0.1:{self.port}/"

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
