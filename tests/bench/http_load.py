"""Clients of the HTTP endpoint that cost little themselves, since they run beside what is measured:
kept connections, one thread, bytes that are made before the clock runs. Each sends its next request
when its last one is answered, and reads each answer to its end."""

from __future__ import annotations

import itertools
import json
import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it: each request's time, and all of them together, in seconds."""

    times_s: list[float]
    took_s: float

    @property
    def per_s(self) -> float:
        """Requests answered in a second."""
        return len(self.times_s) / self.took_s


def post_alerts(
    address: str, token: str, keys: Iterator[str], clients: int, count: int, *, grouped: int = 1
) -> Load:
    """Posts `count` requests with `grouped` alerts each, from so many clients at once."""
    wanted = [[alert(key) for key in itertools.islice(keys, grouped)] for _ in range(count)]
    bodies = [said[0] if grouped == 1 else b"[" + b",".join(said) + b"]" for said in wanted]
    left = iter([_request(address, token, body) for body in bodies])
    parts = urlsplit(address)
    times: list[float] = []
    with selectors.DefaultSelector() as selector:
        opened = [_Connection(parts.hostname or "", parts.port or 80) for _ in range(clients)]
        try:
            began_s = time.perf_counter()
            for connection, request in zip(opened, left, strict=False):
                selector.register(connection.socket, selectors.EVENT_READ, connection)
                connection.send(request)
            while len(times) < len(wanted):
                ready = selector.select(_LIMIT_S)
                if not ready:
                    raise RuntimeError(f"no answer for {_LIMIT_S:g} s")
                for key, _ in ready:
                    connection = key.data
                    if connection.has_answer():
                        times.append(time.perf_counter() - connection.sent_at_s)
                        if request := next(left, b""):
                            connection.send(request)
            took_s = time.perf_counter() - began_s
        finally:
            for connection in opened:
                connection.socket.close()
    return Load(times, took_s)


def alert(key: str) -> bytes:
    """One alert in mechexo's own JSON."""
    said = {
        "source": "bench",
        "key": key,
        "name": "gross_exposure",
        "severity": "high",
        "summary": f"the limit of {key} is reached",
        "labels": {"book": "stat-arb", "venue": "XNYS"},
    }
    return json.dumps(said).encode()


def _request(address: str, token: str, body: bytes) -> bytes:
    head = (
        f"POST /api/v1/alerts HTTP/1.1\r\nhost: {urlsplit(address).netloc}\r\n"
        f"authorization: Bearer {token}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Connection:
    """One kept connection to the endpoint."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), timeout=_LIMIT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at_s = 0.0
        self._read = b""

    def send(self, request: bytes) -> None:
        self.sent_at_s = time.perf_counter()
        self.socket.sendall(request)

    def has_answer(self) -> bool:
        """Reads what is there; whether the answer is whole with it."""
        piece = self.socket.recv(65_536)
        if not piece:
            raise RuntimeError("the server closed the connection")
        self._read += piece
        head, end, body = self._read.partition(b"\r\n\r\n")
        if not end:
            return False
        lines = head.lower().split(b"\r\n")
        length = next(line for line in lines if line.startswith(b"content-length:"))
        missing = int(length.partition(b":")[2]) - len(body)
        if missing > 0:
            return False
        if missing or b" 200 " not in lines[0]:
            raise RuntimeError(self._read.decode())
        self._read = b""
        return True
