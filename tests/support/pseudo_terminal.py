"""A program behind a real pseudo-terminal: keys go in, bytes come out, with their times."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pyte

from support.ending import Ended

_ESCAPES = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1bP.*?\x1b\\"
    rb"|\x1b[=>()][0-9A-B]?",
    re.DOTALL,
)
COLOUR_CODES = re.compile(rb"\x1b\[(?:[0-9;:]*;)?(?:[34][0-7]|[34]8[;:]|9[0-7]|10[0-7])[0-9;:]*m")

# What a terminal answers when a program asks about it.
_ANSWERS = (
    (b"\x1b[?2026$p", b"\x1b[?2026;2$y"),
    (b"\x1b[?2048$p", b"\x1b[?2048;0$y"),
    (b"\x1b[6n", b"\x1b[1;1R"),
    (b"\x1b[c", b"\x1b[?62;22c"),
)


def plain(data: bytes) -> str:
    """The text of terminal output without its control sequences."""
    return _ESCAPES.sub(b"", data).decode("utf-8", "replace")


@dataclass(slots=True)
class Burst:
    """Output that belongs together: its bytes, and when its first and last byte came, in
    seconds since the request."""

    data: bytes = b""
    first_s: float = 0.0
    last_s: float = 0.0


@dataclass(slots=True)
class PseudoTerminal(Ended):
    """Runs `argv` on a pseudo-terminal of its own. Use it as a context manager."""

    argv: Sequence[str]
    columns: int = 120
    rows: int = 40
    environ: Mapping[str, str] = field(default_factory=dict)
    pid: int = 0
    started_s: float = 0.0
    _descriptor: int = -1
    _screen: pyte.Screen = field(init=False)
    _stream: pyte.ByteStream = field(init=False)
    _unseen: bytes = b""

    def __enter__(self) -> PseudoTerminal:
        self._screen = pyte.Screen(self.columns, self.rows)
        self._stream = pyte.ByteStream(self._screen)
        self.started_s = time.perf_counter()
        pid, descriptor = pty.fork()
        if pid == 0:
            env = {**os.environ, "TERM": "xterm-256color", **self.environ}
            env.pop("COLORTERM", None) if "COLORTERM" not in self.environ else None
            os.execvpe(self.argv[0], list(self.argv), env)
        self.pid, self._descriptor = pid, descriptor
        size = struct.pack("HHHH", self.rows, self.columns, 0, 0)
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, size)
        return self

    def end(self) -> None:
        """Takes the terminal away and kills the program."""
        self.hang_up()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    @property
    def screen(self) -> str:
        """What a person sees after all that was read so far: only changes are written to it."""
        unseen, self._unseen = self._unseen, b""
        self._stream.feed(unseen)
        return "\n".join(self._screen.display)

    def send(self, keys: str) -> None:
        """Types."""
        os.write(self._descriptor, keys.encode())

    def hang_up(self) -> None:
        """Takes the terminal away, as a dropped line does."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def ended_within(self, seconds: float) -> float | None:
        """Seconds until the program was gone, or None if it still runs after `seconds`."""
        begin = time.perf_counter()
        while time.perf_counter() - begin < seconds:
            with contextlib.suppress(ChildProcessError):
                done, _ = os.waitpid(self.pid, os.WNOHANG)
                if done:
                    return time.perf_counter() - begin
            time.sleep(0.002)
        return None

    def collect(
        self,
        *,
        quiet_s: float = 0.15,
        timeout_s: float = 10.0,
        until: Callable[[bytes], bool] | None = None,
        since_s: float | None = None,
    ) -> Burst:
        """Reads until output has paused for `quiet_s` (or until `until` holds for all of it)."""
        begin = time.perf_counter() if since_s is None else since_s
        burst = Burst()
        deadline = time.perf_counter() + timeout_s
        while (now := time.perf_counter()) < deadline:
            ready, _, _ = select.select([self._descriptor], [], [], min(quiet_s, deadline - now))
            if not ready:
                if until is None and (burst.data or quiet_s >= timeout_s):
                    break
                continue
            try:
                data = os.read(self._descriptor, 65536)
            except OSError:
                break
            moment = time.perf_counter() - begin
            burst.first_s = burst.first_s or moment
            burst.last_s = moment
            burst.data += data
            self._unseen += data
            for question, answer in _ANSWERS:
                for _ in range(data.count(question)):
                    os.write(self._descriptor, answer)
            if until is not None and until(burst.data):
                break
        return burst

    def everything_for(self, seconds: float) -> bytes:
        """All that is written in the next `seconds`."""
        data = b""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            if select.select([self._descriptor], [], [], left)[0]:
                try:
                    read = os.read(self._descriptor, 65536)
                except OSError:
                    break
                data += read
                self._unseen += read
        return data
