"""One sending process for one channel: started, asked, and killed when it does not answer."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.times import iso_z

if TYPE_CHECKING:
    from mechexo.alerts.channels.address import Address


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way. What a mailbox file shows of it is exactly this."""

    at: datetime
    desk: str
    channel: str
    alert_id: int
    severity: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an attempt: `sent`, `refused` (try again), `rejected` (not with this
    address), or `unanswered` (killed or died: it may have gone out). `ready` answers the start."""

    outcome: str
    detail: str


class SendingProcess:
    """The child of one channel. Its process group dies with `kill`, whatever it does."""

    def __init__(self, address: Address, limit_s: float) -> None:
        self._address = address
        self._answered = b""
        self._process = subprocess.Popen(
            # -P: nothing in the folder it is started in stands in for a module.
            [sys.executable, "-P", "-m", "mechexo.alerts.channels.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        self._opening = {
            "kind": address.kind,
            "address": address.resolved,
            "make_folder": address.make_folder,
            "limit_s": limit_s,
        }

    def start(self, until_s: float) -> Answer:
        """Tells the child its channel and waits for it to be ready, until `until_s` on the
        monotonic clock."""
        return self._ask(self._opening, until_s)

    def send(self, message: Outgoing, until_s: float) -> Answer:
        """One attempt, ended by force at `until_s` on the monotonic clock."""
        return self._ask({**asdict(message), "at": iso_z(message.at)}, until_s)

    def kill(self) -> None:
        """Ends the child and everything it started, at once."""
        # It, and all that it started, may have ended already.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(0.2)
        except subprocess.TimeoutExpired:
            # Stuck inside the kernel. It dies when the kernel lets go; nobody waits for it here.
            return

    def _ask(self, question: dict[str, object], until_s: float) -> Answer:
        asked_s = time.monotonic()
        data = json.dumps(question, ensure_ascii=False).encode() + b"\n"
        assert self._process.stdin is not None
        try:
            # Fits the pipe (see message.BODY_LIMIT), so this does not wait for the child.
            self._process.stdin.write(data)
        except BrokenPipeError:
            return self._ended()
        line = self._line(until_s)
        if line is None:
            waited_s = time.monotonic() - asked_s
            return Answer("unanswered", f"no answer within {waited_s:.1f} s; ended by force")
        if not line:
            return self._ended()
        answer = json.loads(line)
        return Answer(answer["outcome"], self._address.harmless(answer["detail"]))

    def _line(self, until_s: float) -> bytes | None:
        """The child's next line; None when it is late, empty when the child ended."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        while b"\n" not in self._answered:
            left_s = until_s - time.monotonic()
            if left_s <= 0 or not select.select([descriptor], [], [], left_s)[0]:
                return None
            more = os.read(descriptor, 65_536)
            if not more:
                return b""
            self._answered += more
        line, _, self._answered = self._answered.partition(b"\n")
        return line

    def _ended(self) -> Answer:
        try:
            code = self._process.wait(0.2)
        except subprocess.TimeoutExpired:
            return Answer("unanswered", "the sending process closed its output")
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return Answer("unanswered", f"the sending process ended with {how}")
