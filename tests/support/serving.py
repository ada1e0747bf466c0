"""`mechexo serve` as a separate process, and what talks to it."""

from __future__ import annotations

import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from mechexo.desk import Desk
from mechexo.security import operations as security
from support.ending import Ended
from support.program import command, environment

LIMIT_S = 60.0
"""How long anything is waited for on a slow machine."""


def token(desk: Desk, *scopes: str, name: str = "test") -> str:
    """A new token of the desk, of all scopes unless said otherwise."""
    return security.create_token(desk, name, scopes or ("read", "alerts", "ping")).text


def bearer(text: str) -> dict[str, str]:
    """The head that shows a token."""
    return {"authorization": f"Bearer {text}"}


def until(condition: Callable[[], Any], what: str, limit_s: float = LIMIT_S) -> Any:
    """Waits for a condition and gives its value; fails when it does not come."""
    ends_at = time.monotonic() + limit_s
    while time.monotonic() < ends_at:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come within {limit_s:g} s")


class Server(Ended):
    """A running server. `address` is where it listens."""

    def __init__(self, config: Path, *words: object, env: Mapping[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            command("serve", "--port", 0, *words, config=config),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(env),
        )
        self.errors: list[str] = []
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        for stream, keep in (
            (self.process.stdout, self._lines.put),
            (self.process.stderr, self.errors.append),
        ):
            threading.Thread(target=_read, args=(stream, keep), daemon=True).start()
        line = self._lines.get(timeout=LIMIT_S)
        assert line.startswith("listening on "), (line, self.errors)
        self.address = line.removeprefix("listening on ").strip()

    def __enter__(self) -> Server:
        return self

    def client(self, shown: str | None = None) -> httpx.Client:
        """A client of it, with a token."""
        headers = bearer(shown) if shown else {}
        return httpx.Client(base_url=self.address, headers=headers, timeout=LIMIT_S)

    def terminate(self) -> int:
        """Asks it to end, and gives its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LIMIT_S)

    def kill(self) -> None:
        """Ends it at once, as a crash does."""
        self.process.kill()
        self.process.wait(LIMIT_S)

    def end(self) -> None:
        if self.process.poll() is None:
            self.terminate()


def _read(stream: Any, keep: Callable[[str], object]) -> None:
    for line in stream:
        keep(line)
    stream.close()
    if keep.__name__ == "put":
        keep("")  # nobody waits for a line of a program that has ended


def alert(key: str, **more: object) -> dict[str, object]:
    """One alert in mechexo's own JSON."""
    return {"source": "test", "key": key, "severity": "high", "summary": f"about {key}", **more}
