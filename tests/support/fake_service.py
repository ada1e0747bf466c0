"""A real HTTP server on loopback that fails in every way that a service can fail."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

LONGEST_HANG_S = 60.0


@dataclass(frozen=True)
class Fault:
    """What happens instead of an answer: `hang` (the request was read), `reset`, `half`, `answer`
    (this status and document) or `after` (the request counts, then nothing is answered)."""

    how: str
    status: int = 500
    document: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """A request as it came in. `values` are those of its JSON document, form or query."""

    method: str
    path: str
    headers: Mapping[str, str]
    values: Mapping[str, Any]


class FakeService:
    """Answers with what `respond` says, unless a fault is next."""

    def __init__(self) -> None:
        self.faults: deque[Fault] = deque()
        self.requests: list[Request] = []
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.closing = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                service.serve(self)

            do_POST = do_GET  # noqa: N815 - http.server's name

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            # Clients of these tests end without saying goodbye.
            def handle_error(self, request: object, client_address: object) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self.closing.set()
        with self.changed:
            self.changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def respond(self, request: Request) -> tuple[int, Mapping[str, Any]]:
        raise NotImplementedError

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        request = _read(handler)
        with self.lock:
            self.requests.append(request)
            fault = self.faults.popleft() if self.faults else None
        if fault is not None and fault.how in ("hang", "reset", "half"):
            _fail(handler, fault.how, self.closing)
            return
        if fault is not None and fault.how == "answer":
            _answer(handler, fault.status, fault.document, fault.headers)
            return
        status, document = self.respond(request)
        if fault is not None:
            _fail(handler, "hang", self.closing)
            return
        _answer(handler, status, document, {})


def _read(handler: BaseHTTPRequestHandler) -> Request:
    parts = urlsplit(handler.path)
    body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    values: dict[str, Any] = dict(parse_qsl(parts.query, keep_blank_values=True))
    if handler.headers.get("Content-Type", "").startswith("application/json"):
        values |= json.loads(body)
    else:
        values |= dict(parse_qsl(body.decode(), keep_blank_values=True))
    return Request(handler.command, parts.path, dict(handler.headers), values)


def _answer(
    handler: BaseHTTPRequestHandler,
    status: int,
    document: Mapping[str, Any],
    headers: Mapping[str, str],
) -> None:
    body = json.dumps(document).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def _fail(handler: BaseHTTPRequestHandler, how: str, closing: threading.Event) -> None:
    handler.close_connection = True
    if how == "hang":
        closing.wait(LONGEST_HANG_S)
        return
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "500")
    handler.end_headers()
    handler.wfile.write(b'{"ok": true, "result": {"mess')
    handler.wfile.flush()
    if how == "reset":
        # Unread or not, the other side learns of it by a reset.
        linger = struct.pack("ii", 1, 0)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        handler.connection.close()


@contextmanager
def nobody_listens() -> Iterator[str]:
    """An address whose port refuses connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def nobody_accepts() -> Iterator[str]:
    """An address where a connection never comes about: the queue of those waiting is full."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(server.getsockname())
            waiting.append(client)
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            for client in waiting:
                client.close()
