"""A Grafana on loopback as its HTTP API is documented, with state: a stub, never a live one's copy.

Search with pages, annotations that are made, changed and found by tag, a renderer, health; and
faults: any answer instead, silence, an answer that is lost after the work was done.
"""

from __future__ import annotations

import json
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "glsa_canaryToken1That2Nobody3May4See_0a1b2c3d"

Reply = tuple[int, dict[str, str], bytes]


class GrafanaServer:
    """What it has, what was asked of it, and how it fails."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []
        self.boards: dict[str, dict[str, Any]] = {}
        self.annotations: dict[int, dict[str, Any]] = {}
        self.requests: list[tuple[str, str, Any]] = []
        """Method, path with its query, the body as JSON."""
        self.token = TOKEN
        self.permissions: dict[str, list[str]] | None = {
            "annotations:create": ["*"],
            "annotations:write": ["*"],
            "annotations:read": ["*"],
            "dashboards:read": ["*"],
        }
        self.version = "12.1.0"
        self.renderer = True
        self.picture = png(400, 200)
        self.fault: Reply | None = None
        """Answered to everything instead."""
        self.faults: dict[str, Reply] = {}
        """Answered instead to paths that begin so."""
        self.loses_answers = threading.Event()
        """Does what POST asks and says nothing."""
        self.answers_instead: Reply | None = None
        """Does what POST asks and answers this."""
        self.hangs = threading.Event()
        self.ending = threading.Event()
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                server._answer(self)

            do_GET = do_POST = do_PATCH = _serve  # noqa: N815 - the base class names them so

            def handle(self) -> None:
                with suppress(OSError):
                    super().handle()

            def log_message(self, format: str, *args: object) -> None:
                """Tests are silent."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def asked(self, method: str, beginning: str = "") -> list[tuple[str, Any]]:
        """Paths and bodies of the requests of a method whose path begins so."""
        every = list(self.requests)
        return [(path, body) for how, path, body in every if how == method and beginning in path]

    def end(self) -> None:
        self.ending.set()
        self._http.shutdown()
        self._http.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        raw = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        body = json.loads(raw) if raw else None
        with self._lock:
            self.requests.append((handler.command, handler.path, body))
            status, headers, content = self._decide(handler, body)
        if self.hangs.is_set():
            self.ending.wait(60)
            return
        if self.loses_answers.is_set() and handler.command == "POST":
            handler.close_connection = True
            return
        if self.answers_instead is not None and handler.command == "POST":
            status, headers, content = self.answers_instead
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def _decide(self, handler: BaseHTTPRequestHandler, body: Any) -> Reply:
        if self.fault is not None:
            return self.fault
        parts = urlsplit(handler.path)
        for beginning, reply in self.faults.items():
            if f"{handler.command} {parts.path}".startswith(beginning):
                return reply
        query = parse_qs(parts.query)
        if parts.path == "/api/health":
            return said({"database": "ok", "version": self.version, "commit": "0"})
        if handler.headers.get("Authorization") != f"Bearer {self.token}":
            sent = handler.headers.get("Authorization", "")
            return said({"message": f"Invalid API key {sent}"}, 401)
        match parts.path.strip("/").split("/"):
            case ["api", "search"]:
                return self._search(query)
            case ["api", "frontend", "settings"]:
                return said({"rendererAvailable": self.renderer, "buildInfo": {}})
            case ["api", "access-control", "user", "permissions"]:
                if self.permissions is None:
                    return said({"message": "Not found"}, 404)
                return said(self.permissions)
            case ["api", "dashboards", "uid", uid]:
                if uid not in self.boards:
                    return said({"message": "Dashboard not found"}, 404)
                return said({"dashboard": self.boards[uid], "meta": {}})
            case ["render", "d-solo", *_]:
                return 200, {"Content-Type": "image/png"}, self.picture
            case ["api", "annotations"] if handler.command == "POST":
                number = len(self.annotations) + 1
                self.annotations[number] = {"timeEnd": body["time"], **body, "id": number}
                return said({"message": "Annotation added", "id": number})
            case ["api", "annotations"]:
                return said(self._find(query))
            case ["api", "annotations", number]:
                if int(number) not in self.annotations:
                    return said({"message": "Annotation not found"}, 404)
                if handler.command == "GET":
                    return said(self.annotations[int(number)])
                # Grafana leaves out what is empty or zero.
                self.annotations[int(number)] |= {k: v for k, v in body.items() if v}
                return said({"message": "Annotation patched"})
        return said({"message": "Not found"}, 404)

    def _search(self, query: dict[str, list[str]]) -> Reply:
        size, page = int(query["limit"][0]), int(query.get("page", ["1"])[0])
        tags = set(query.get("tag", []))
        fitting = [each for each in self.found if tags <= set(each.get("tags", []))]
        return said(fitting[(page - 1) * size : page * size])

    def _find(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        tags = set(query.get("tags", []))
        start, end = int(query.get("from", ["0"])[0]), int(query.get("to", ["0"])[0])
        return [
            each
            for each in self.annotations.values()
            if tags <= set(each["tags"])
            and (not end or (each["time"] <= end and each["timeEnd"] >= start))
        ]


def said(document: Any, status: int = 200) -> Reply:
    """A JSON answer."""
    return status, {"Content-Type": "application/json"}, json.dumps(document).encode()


def board(number: int, **more: Any) -> dict[str, Any]:
    """A dashboard as the search answers it."""
    return {
        "id": number,
        "uid": f"board{number}",
        "title": f"Board {number}",
        "url": f"/d/board{number}/board-{number}",
        "type": "dash-db",
        "tags": ["desk"],
        "folderUid": "fold1",
        "folderTitle": "Trading",
        **more,
    }


def png(width: int, height: int) -> bytes:
    """A picture: left half red, right half blue."""
    row = b"\0" + b"\xc8\x1e\x1e" * (width // 2) + b"\x1e\x1e\xc8" * (width - width // 2)

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(row * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@contextmanager
def grafana_server() -> Iterator[GrafanaServer]:
    """A server for the time of a block."""
    server = GrafanaServer()
    try:
        yield server
    finally:
        server.end()
