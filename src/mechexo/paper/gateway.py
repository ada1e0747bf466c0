"""The paper desk's order gateway, as far as anyone can see from outside: a real HTTP endpoint.

A process of its own, started by the desk's runner (`gateway_service.py`) with its socket. It
answers `GET /health` from the desk's files. Lines on its stdin say how slowly (`delay 1.4`); it
ends on SIGTERM, or when that stdin ends because the runner is gone.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TextIO

from mechexo.clock import Clock, SystemClock
from mechexo.paper import files, trading

QUOTA_BYTES = 64_000_000


class Gateway:
    """Answers `GET /health` with what `document` says, `delay_s` later."""

    def __init__(
        self, listener: socket.socket, document: Callable[[], Mapping[str, object]]
    ) -> None:
        """Takes over a socket that listens already."""
        self.delay_s = 0.0
        self._document = document
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                gateway.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing: the gateway's log is for events."""

        address = listener.getsockname()
        self._server = _Server(address, Handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listener
        self._server.server_address = address

    def serve(self) -> None:
        """Answers until `stop`."""
        self._server.serve_forever(0.2)

    def stop(self) -> None:
        """Ends `serve`, from another thread."""
        self._server.shutdown()

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


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


def health(folder: Path, ends_at: datetime, now: datetime) -> dict[str, object]:
    """What the gateway says of itself and of the desk.

    Args:
        ends_at: when the key ends that was in place as the gateway started.
    """
    used = files.bytes_used(folder)
    return {
        "at": trading.stamp(now),
        "gateway": {"status": "up"},
        "feed": {"age_s": _feed_age_s(folder, now)},
        "quota": {
            "used_bytes": used,
            "limit_bytes": QUOTA_BYTES,
            "used_pct": round(100 * used / QUOTA_BYTES, 2),
        },
        "trading": _trading(folder),
        "credential": {
            "ends_at": trading.stamp(ends_at),
            "days_left": round((ends_at - now).total_seconds() / 86400, 3),
        },
    }


def _feed_age_s(folder: Path, now: datetime) -> float | None:
    written = [path.stat().st_mtime for path in (folder / files.QUOTES).glob("*.parquet")]
    return round(now.timestamp() - max(written), 3) if written else None


def _trading(folder: Path) -> dict[str, object]:
    try:
        return {"enabled": trading.flag(folder, "trading_enabled") == "true"}
    except sqlite3.Error as error:
        # The gateway is up all the same; whether trading is on, it does not know.
        return {"enabled": None, "error": str(error)}


def _obey(gateway: Gateway, orders: TextIO) -> None:
    """Takes orders until they end."""
    for line in orders:
        word, _, value = line.strip().partition(" ")
        if word == "delay":
            gateway.delay_s = float(value)
    gateway.stop()


def main(arguments: list[str] | None = None, clock: Clock | None = None) -> int:
    """The gateway's process."""
    parser = argparse.ArgumentParser(prog="python -m mechexo.paper.gateway")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fd", type=int, required=True, help="the socket, which listens already")
    parser.add_argument("--key-ends", type=datetime.fromisoformat, required=True)
    given = parser.parse_args(arguments)
    clock = clock or SystemClock()
    gateway = Gateway(
        socket.socket(fileno=given.fd), lambda: health(given.folder, given.key_ends, clock.now())
    )
    ending = threading.Thread(target=_obey, args=(gateway, sys.stdin), daemon=True)
    ending.start()
    signal.signal(
        signal.SIGTERM, lambda *_: threading.Thread(target=gateway.stop, daemon=True).start()
    )
    # The runner's own end is told by stdin; a key in its terminal is not meant for the gateway.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gateway.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
