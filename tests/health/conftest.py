"""Probes for tests: real kinds, run as the tick runs them, against real servers and files."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mechexo.config import ProbeSettings
from mechexo.health.context import ConfiguredProbe, Context
from mechexo.health.kinds import find_kind
from mechexo.health.runner import look
from mechexo.health.values import CheckIn, Outcome

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)

Look = Callable[..., Outcome]


@pytest.fixture(name="look_with")
def fixture_look_with(tmp_path: Path) -> Look:
    """Runs one probe of a kind once, in its thread, and gives what it found."""

    def run(
        kind: str,
        *,
        now: datetime = NOW,
        timeout_s: float = 5.0,
        first_seen_at: datetime | None = None,
        check_ins: Mapping[str, CheckIn] | None = None,
        starts: Mapping[str, datetime] | None = None,
        **options: object,
    ) -> Outcome:
        found = find_kind(kind)
        probe = ConfiguredProbe(
            "watched",
            ProbeSettings(kind=kind),
            found,
            found.options_model.model_validate(options),
        )
        context = Context(
            probe="watched",
            root=tmp_path,
            now=now,
            timeout_s=timeout_s,
            first_seen_at=first_seen_at or now,
            check_ins=check_ins or {},
            starts=starts or {},
        )
        return look([(probe, context)], deadline_s=timeout_s + 5.0, group="test")[0].outcome

    return run


Serve = Callable[..., str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a real HTTP server that gives one answer, and returns its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(
        body: bytes | str = b"", status: int = 200, headers: Mapping[str, str] | None = None
    ) -> str:
        content = body.encode() if isinstance(body, str) else body

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                requests.append((self.path, dict(self.headers)))
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                with suppress(OSError):
                    self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    requests: list[tuple[str, dict[str, str]]] = []
    start.requests = requests  # type: ignore[attr-defined]
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


RawServe = Callable[[Callable[[socket.socket, threading.Event], None]], int]


@pytest.fixture
def serve_raw() -> Iterator[RawServe]:
    """Starts a TCP server that does with each connection whatever it is told; gives its port."""
    over = threading.Event()
    listeners: list[socket.socket] = []

    def start(talk: Callable[[socket.socket, threading.Event], None]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=attend, args=(connection,), daemon=True).start()

        def attend(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                talk(connection, over)

        threading.Thread(target=accept, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    over.set()
    for listener in listeners:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.fixture
def closed_port() -> int:
    """A port where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
