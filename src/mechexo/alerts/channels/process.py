"""One sending process for one channel: started, asked, and killed when it does not answer."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mechexo.alerts.text import FIELD_LIMIT, clean
from mechexo.times import iso_z
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.alerts.channels.address import Address


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way. What a mailbox file shows of it is exactly this."""

    at: datetime
    desk: str
    channel: str
    kind: str
    """`page`, `reminder`, `acknowledged`, `resolved`, `notice`; `digest` when it is several."""
    alert_id: int | None
    """None when it speaks of several alerts."""
    alert_ids: tuple[int, ...]
    """The most urgent first."""
    severity: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an attempt: `sent`, `placed` (a call is on its way, not yet heard), `refused`
    (try again), `rejected` (not with this address), or `unanswered` (it may have gone out).
    `ready` answers the start, `answered` a question that sends nothing."""

    outcome: str
    detail: str
    retry_after_s: float | None = None
    """How long the service wants to be left alone, if it said so."""
    reference: str = ""
    """The service's own id of the message or call."""
    found: Mapping[str, Any] = field(default_factory=dict)
    """What a question found out."""


class SendingProcess:
    """The child of one channel. Its process group dies with `kill`, whatever it does."""

    def __init__(self, address: Address, limit_s: float) -> None:
        self._address = address
        self._answered = b""
        # Held while the child is asked: nobody closes a pipe under a thread that waits for it.
        self._asking = threading.Lock()
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
            "parts": dict(address.parts),
        }

    @property
    def lives(self) -> bool:
        """Whether the child has not ended."""
        return self._process.poll() is None

    def start(self, until_s: float) -> Answer:
        """Tells the child its channel and waits for it to be ready, until `until_s` on the
        monotonic clock."""
        return self.ask(self._opening, until_s)

    def send(self, message: Outgoing, until_s: float, **how: object) -> Answer:
        """One attempt, ended by force at `until_s` on the monotonic clock. `how` is for our own
        clients, like `do="text"` for a text message instead of a call."""
        return self.ask({**asdict(message), "at": iso_z(message.at), **how}, until_s)

    def kill(self) -> None:
        """Ends the child and everything it started, at once."""
        # It, and all that it started, may have ended already.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        if self._asking.acquire(timeout=0.2):
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._asking.release()
        try:
            self._process.wait(0.2)
        except subprocess.TimeoutExpired:
            # Stuck inside the kernel. It dies when the kernel lets go; nobody waits for it here.
            return

    def ask(self, question: Mapping[str, object], until_s: float) -> Answer:
        """One question to the child, which is of no more use after `unanswered`.

        A `limit_s` in it lets the child live that long, should this process die.
        """
        with self._asking:
            return self._ask(question, until_s)

    def _ask(self, question: Mapping[str, object], until_s: float) -> Answer:
        asked_s = time.monotonic()
        data = json.dumps(question, ensure_ascii=False).encode(errors="replace") + b"\n"
        assert self._process.stdin is not None
        try:
            # Fits the pipe (see message.BODY_LIMIT), so this does not wait for the child.
            self._process.stdin.write(data)
        except (BrokenPipeError, ValueError):
            # It ended, or was ended by force and its pipes closed.
            return self._ended()
        line = self._line(until_s)
        if line is None:
            waited_s = time.monotonic() - asked_s
            return Answer("unanswered", f"no answer within {waited_s:.1f} s; ended by force")
        if not line:
            return self._ended()
        answer = json.loads(line)
        return Answer(
            answer["outcome"],
            self._address.harmless(answer["detail"]),
            answer.get("retry_after_s"),
            clean(answer.get("reference", ""), FIELD_LIMIT),
            answer.get("found", {}),
        )

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
