"""Clients of the HTTP endpoint that cost little themselves: kept connections, ready-made bytes."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it: each request's time, and all of them together, in seconds."""

    times_s: list[float]
    took_s: float

    @property
    def per_s(self) -> float:
        """Requests answered in a second."""
        return len(self.times_s) / self.took_s


def post_alerts(address: str, token: str, keys: Iterator[str], clients: int, count: int) -> Load:
    """Posts `count` alerts, one in each request, from so many clients at once."""
    return asyncio.run(_post_all(address, token, keys, clients, count))


async def _post_all(
    address: str, token: str, keys: Iterator[str], clients: int, count: int
) -> Load:
    left = itertools.islice(keys, count)
    opened = [await _Connection.open(address, token) for _ in range(clients)]
    began_s = time.perf_counter()
    found = await asyncio.gather(*(_post_each(connection, left) for connection in opened))
    took_s = time.perf_counter() - began_s
    for connection in opened:
        connection.close()
    return Load([each for times in found for each in times], took_s)


async def _post_each(connection: _Connection, keys: Iterator[str]) -> list[float]:
    times = []
    for key in keys:
        began_s = time.perf_counter()
        await connection.post(alert(key))
        times.append(time.perf_counter() - began_s)
    return times


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


class _Connection:
    """One kept connection to the endpoint."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: Callable[[int], str]
    ) -> None:
        self._reader, self._writer, self._head = reader, writer, head

    @classmethod
    async def open(cls, address: str, token: str) -> _Connection:
        parts = urlsplit(address)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)

        def head(length: int) -> str:
            return (
                f"POST /api/v1/alerts HTTP/1.1\r\nhost: {parts.netloc}\r\n"
                f"authorization: Bearer {token}\r\ncontent-type: application/json\r\n"
                f"content-length: {length}\r\n\r\n"
            )

        return cls(reader, writer, head)

    async def post(self, body: bytes) -> None:
        self._writer.write(self._head(len(body)).encode() + body)
        head = await self._reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").lower().splitlines()
        length = next(line for line in lines if line.startswith("content-length:"))
        answer = await self._reader.readexactly(int(length.partition(":")[2]))
        if " 200 " not in lines[0]:
            raise RuntimeError(f"{lines[0]}: {answer.decode()}")

    def close(self) -> None:
        self._writer.close()
