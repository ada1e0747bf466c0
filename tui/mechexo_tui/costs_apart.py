"""Costs are worked out in a process of their own (`costs_server.py`): it can be killed when a
source hangs, the console stays small (Polars takes more memory than all of the console), and no key
waits for it. It keeps the priced fills of one period, so that a screen can ask about them."""

from __future__ import annotations

import contextlib
import pickle
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future, TimeoutError
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Generic, TypeVar

from mechexo.costs.views import Asked, Exported, Period, RunHead
from mechexo.errors import MechexoError, UnreachableError
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.costs.values import CostReport
    from mechexo.desk import Desk

PRICING_S = 120.0
"""How long pricing a period, or writing a file, may take."""

VIEW_S = 30.0
"""How long looking at priced fills may take."""

IDLE_S = 180.0
"""The process ends after so long without a question; the next one starts another."""

_LENGTH = struct.Struct(">Q")

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Reported:
    """The default period priced anew, and the report on it."""


@dataclass(frozen=True, slots=True)
class Priced:
    """A period priced: anew, or only if it is not held."""

    period: Period
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Looked:
    """A look at the priced fills of a period."""

    period: Period
    asked: Asked


@dataclass(frozen=True, slots=True)
class Written:
    """What a look shows, all of it in a file."""

    period: Period
    asked: Asked
    target: Path


@dataclass(frozen=True, slots=True)
class IncidentCosted:
    """What an incident cost against its baseline: in full, or as the lines of its postmortem."""

    incident_id: int
    in_brief: bool = False


What = Reported | Priced | Looked | Written | IncidentCosted


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done, at a moment of the desk's clock."""

    number: int
    what: What
    now: datetime


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a job."""

    number: int
    value: object = None
    failure: str = ""
    missing: bool = False
    """The period is not held: it has to be priced first."""


@dataclass(frozen=True, slots=True)
class Seen(Generic[Value]):
    """A view, and what it is a view of."""

    view: Value
    head: RunHead
    run: int
    """Counts the times that a period was priced: windows of one run fit together."""
    priced_at: datetime
    complaint: str = ""
    """Why pricing it anew failed since; empty when it did not."""


class CostsApart:
    """The process apart, as the console sees it: questions from any thread, each with its limit.

    A process that crashes or hangs is a failure with its reason; the next question starts another.
    """

    def __init__(
        self,
        desk: Desk,
        *,
        pricing_s: float = PRICING_S,
        view_s: float = VIEW_S,
        idle_s: float = IDLE_S,
    ) -> None:
        self._desk = desk
        self._limits = {"pricing": pricing_s, "viewing": view_s}
        self._idle_s = idle_s
        # One question of a kind at a time: the time it takes is its own. Looking goes on meanwhile.
        self._turns = {kind: threading.Lock() for kind in self._limits}
        self._starting = threading.Lock()
        self._child: _Child | None = None
        self._stopped = False

    def report(self) -> CostReport:
        """The costs of today and the last 5 days, by day, symbol and hour, priced anew.

        Raises:
            UnreachableError: they could not be worked out; the text is the reason.
        """
        found: CostReport = self._ask(Reported()).value  # type: ignore[assignment]
        return found

    def look(self, period: Period, asked: Asked, *, anew: bool = False) -> Seen[Any]:
        """The answer to a question about the priced fills of a period.

        With `anew` they are priced again before; when that fails, the answer is about the fills
        that were priced last, and says so.

        Raises:
            UnreachableError: there is no answer; the text is the reason.
        """
        if anew:
            self._ask(Priced(period, anew=True))
        found: Seen[Any] = self._held(period, Looked(period, asked))  # type: ignore[assignment]
        return found

    def write(self, period: Period, asked: Asked, target: Path) -> Exported:
        """Writes the whole answer into a file.

        Raises:
            UnreachableError: it could not be written; the text is the reason.
        """
        found: Exported = self._held(period, Written(period, asked, target))  # type: ignore[assignment]
        return found

    def incident(self, incident_id: int) -> str:
        """What an incident cost, as markdown.

        Raises:
            UnreachableError: it could not be worked out; the text is the reason.
        """
        found: str = self._ask(IncidentCosted(incident_id)).value  # type: ignore[assignment]
        return found

    def incident_lines(self, incident_id: int) -> tuple[str, ...] | None:
        """What an incident cost, as lines of its postmortem; None where no fills are configured.

        Raises:
            UnreachableError: it could not be worked out; the text is the reason.
        """
        done = self._ask(IncidentCosted(incident_id, in_brief=True))
        return done.value  # type: ignore[return-value]

    def stop(self) -> None:
        """Ends the process, so that nobody has to wait for it to leave the console."""
        with self._starting:
            self._stopped = True
            if self._child is not None:
                self._child.kill("the console is being left")

    def _held(self, period: Period, what: Looked | Written) -> object:
        for _ in range(2):
            done = self._ask(what)
            if not done.missing:
                return done.value
            self._ask(Priced(period))
        raise UnreachableError("another period was asked for meanwhile")

    def _ask(self, what: What) -> Done:
        kind = "viewing" if isinstance(what, Looked) else "pricing"
        with self._turns[kind]:
            for attempt in range(2):
                child = self._living()
                try:
                    done = child.ask(what, self._desk.clock.now(), self._limits[kind])
                except _RetiredError:
                    # It ended because nothing was asked, just when this was.
                    if attempt:
                        raise
                else:
                    if done.failure:
                        raise UnreachableError(done.failure)
                    return done
        raise AssertionError  # pragma: no cover

    def _living(self) -> _Child:
        with self._starting:
            if self._stopped:
                raise UnreachableError("the console is being left")
            if self._child is None or self._child.ended:
                try:
                    self._child = _Child(self._desk.config_path, self._idle_s)
                except OSError as error:
                    raise UnreachableError(f"the costs' process cannot start: {error}") from error
            return self._child


class _RetiredError(UnreachableError):
    """The process had ended by itself."""


class _Child:
    """One process, and what was asked of it and is not answered yet."""

    def __init__(self, config: Path, idle_s: float) -> None:
        # -P: nothing in the folder it is started in stands in for a module.
        module = [sys.executable, "-P", "-m", "mechexo_tui.costs_server"]
        # A pipe that nobody reads would fill up.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [*module, str(config), str(idle_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
        )
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[Done]] = {}
        self._count = 0
        self._why = ""
        self.ended = False
        """Whether nothing more can be asked of it."""
        threading.Thread(target=self._listen, name="costs", daemon=True).start()

    def ask(self, what: What, now: datetime, longest_s: float) -> Done:
        """What came of a job. A process that takes longer than its limit is killed."""
        answer: Future[Done] = Future()
        with self._lock:
            if self.ended:
                raise _RetiredError("the costs were put away")
            self._count += 1
            self._waiting[self._count] = answer
            # One that is just ending takes no more; the thread that listens says how it ended.
            with contextlib.suppress(OSError):
                send(self._process.stdin, Job(self._count, what, now))  # type: ignore[arg-type]
        try:
            return answer.result(longest_s)
        except TimeoutError:
            late = f"the costs were not ready after {longest_s:g} s"
            self.kill(late)
            raise UnreachableError(late) from None

    def kill(self, why: str) -> None:
        """Ends it at once; whoever waits for it learns why."""
        self._why = why
        self.ended = True
        self._process.kill()

    def _listen(self) -> None:
        read: Callable[[int], bytes] = self._process.stdout.read  # type: ignore[union-attr]
        while True:
            done = receive(read)
            if done is None:
                break
            with self._lock:
                answer = self._waiting.pop(done.number, None)
            if answer is not None:
                answer.set_result(done)
        code = self._process.wait()
        with self._lock:
            self.ended = True
            left, self._waiting = self._waiting, {}
        failure: MechexoError
        if code:
            failure = UnreachableError(self._last_words(code))
        else:
            failure = _RetiredError("the costs were put away")
        for answer in left.values():
            answer.set_exception(failure)
        for stream in (self._process.stdin, self._process.stdout, self._said):
            with contextlib.suppress(OSError):
                stream.close()  # type: ignore[union-attr]

    def _last_words(self, code: int) -> str:
        if self._why:
            return self._why
        if code < 0:
            return f"the process that works out the costs was ended by {signal.Signals(-code).name}"
        self._said.seek(0)
        said = self._said.read()[-4096:].decode("utf-8", "replace").strip().splitlines()
        return said[-1] if said else f"the process that works out the costs ended with {code}"


def send(stream: IO[bytes], message: Job | Done) -> None:
    """Writes a message.

    Raises:
        OSError: nobody reads it.
    """
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def receive(read: Callable[[int], bytes]) -> Any:
    """Reads a message; None when there comes no more."""
    head = read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = read(length)
    # Made by this very program: the other end of a pipe that nobody else has.
    return pickle.loads(data) if len(data) == length else None  # noqa: S301
