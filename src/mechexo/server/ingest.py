"""Group commit: what many requests bring at once becomes one transaction by one thread.

Nobody waits for company: what came at the same moment goes in together, and while one transaction
is under way the next ones gather. Each request is answered when its transaction is on disk, in the
order of arrival.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import field

from mechexo.alerts import operations as alerts
from mechexo.alerts.values import Alert, Observation
from mechexo.desk import Desk
from mechexo.errors import BusyError, UsageError
from mechexo.server.answers import RequestError
from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one observation. `alert_id` is None when it resolved what was not open."""

    key: str
    alert_id: int | None
    state: str | None = None
    severity: str | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """How much may wait, and how much goes into one transaction."""

    requests: int = 1_000
    observations: int = 50_000
    per_commit: int = 2_000
    oldest_s: float = 10.0
    """What waited longer is refused: its sender has given up, and comes again."""
    retry_after_s: int = 2


_ENOUGH = 16
"""With so many requests the writer begins, whatever else comes at that moment."""


@dataclass(slots=True)
class _Waiting:
    said: tuple[Observation, ...]
    since_s: float
    answer: Future[tuple[Taken, ...]] = field(default_factory=Future)


class Ingest:
    """Takes observations in. `submit` from any thread; one thread runs `run`."""

    def __init__(
        self,
        desk: Desk,
        *,
        limits: IngestLimits | None = None,
        committed: Callable[[], None] = lambda: None,
    ) -> None:
        self._desk = desk
        self._limits = limits or IngestLimits()
        self._committed = committed
        self._queue: deque[_Waiting] = deque()
        self._under_way = 0
        self._observations = 0
        self._changed = threading.Condition()
        self._ended = False
        self._wakes_soon = False

    @property
    def waiting(self) -> int:
        """How many requests wait for the disk: for a transaction, or in the one under way."""
        return len(self._queue) + self._under_way

    @property
    def is_crowded(self) -> bool:
        """Whether nearly as much waits for a transaction as may."""
        return len(self._queue) >= 0.8 * self._limits.requests

    def submit(
        self,
        said: Sequence[Observation],
        *,
        soon: Callable[[Callable[[], None]], object] | None = None,
    ) -> Future[tuple[Taken, ...]]:
        """Queues what one request brings: all of it is taken in, or nothing.

        `soon` calls what it is given when all that came at this moment is submitted too (a loop's
        `call_soon`): then all of it is one transaction, unless it is so much that the writer may
        begin with what there is while the rest is read. Without it the writer begins at once.

        Raises:
            RequestError: too much waits already (429), or the server ends (503).
        """
        with self._changed:
            if self._ended:
                raise RequestError(503, "the server is ending", retry_after_s=5)
            full = len(self._queue) >= self._limits.requests
            if full or self._observations + len(said) > self._limits.observations:
                raise RequestError(
                    429,
                    f"{self.waiting} requests wait for the disk already; come again",
                    retry_after_s=self._limits.retry_after_s,
                )
            waiting = _Waiting(tuple(said), time.monotonic())
            self._queue.append(waiting)
            self._observations += len(said)
            if soon is None or len(self._queue) == _ENOUGH:
                self._changed.notify()
            elif not self._wakes_soon:
                self._wakes_soon = True
                soon(self._wake)
        return waiting.answer

    def _wake(self) -> None:
        with self._changed:
            self._wakes_soon = False
            self._changed.notify()

    def end(self) -> None:
        """Takes nothing more; `run` returns when all that waits is answered."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def run(self) -> None:
        """Takes in what is submitted until the end."""
        try:
            while batch := self._next_batch():
                self._take_in(batch)
                self._under_way = 0
        finally:
            self._desk.state.close()

    def _next_batch(self) -> list[_Waiting]:
        """The requests of the next transaction; none at the end."""
        with self._changed:
            while True:
                batch, size = [], 0
                while self._queue and size < self._limits.per_commit:
                    waiting = self._queue.popleft()
                    self._observations -= len(waiting.said)
                    if not waiting.answer.set_running_or_notify_cancel():
                        continue
                    if time.monotonic() - waiting.since_s > self._limits.oldest_s:
                        waiting.answer.set_exception(_too_slow(self._limits))
                        continue
                    batch.append(waiting)
                    size += len(waiting.said)
                if batch or self._ended:
                    self._under_way = len(batch)
                    return batch
                self._changed.wait()

    def _take_in(self, batch: list[_Waiting]) -> None:
        said = [each for waiting in batch for each in waiting.said]
        try:
            taken = observe(self._desk, said)
        except UsageError as error:
            if len(batch) == 1:
                batch[0].answer.set_exception(error)
                return
            # One of them cannot be taken; the others shall not suffer.
            for waiting in batch:
                self._take_in([waiting])
            return
        except BaseException as error:  # noqa: BLE001 - answered to whoever waits
            for waiting in batch:
                waiting.answer.set_exception(error)
            return
        at = 0
        for waiting in batch:
            waiting.answer.set_result(taken[at : at + len(waiting.said)])
            at += len(waiting.said)
        self._committed()


def observe(desk: Desk, said: Sequence[Observation]) -> tuple[Taken, ...]:
    """Takes observations in, in one transaction; for each in its place, what became of it."""
    # The loop beside us keeps the time.
    changed = alerts.observe(desk, said, time_is_kept=True)
    found = _alerts_of(said, changed)
    missing = {
        each.key for each, alert in zip(said, found, strict=True) if each.firing and alert is None
    }
    # A look that was told before changes nothing, and so is not among the changed.
    still = {a.key: a for a in alerts.list_alerts(desk) if a.key in missing} if missing else {}
    return tuple(
        _taken(each.key, alert or (still.get(each.key) if each.firing else None))
        for each, alert in zip(said, found, strict=True)
    )


def _alerts_of(said: Sequence[Observation], changed: Iterable[Alert]) -> list[Alert | None]:
    """The alert that each observation led to, of those that changed.

    A key's observations are stretches that each end with a resolution, or with the end. A stretch
    in which something fired has one alert; the first one may also have the alert that was open
    before. The alerts of a key are in the order in which they opened.
    """
    of_key: defaultdict[str, list[Alert]] = defaultdict(list)
    for each_alert in sorted(changed, key=lambda each: each.id):
        of_key[each_alert.key].append(each_alert)
    stretches: defaultdict[str, list[list[int]]] = defaultdict(lambda: [[]])
    for place, observation in enumerate(said):
        stretches[observation.key][-1].append(place)
        if not observation.firing:
            stretches[observation.key].append([])
    found: list[Alert | None] = [None] * len(said)
    for key, parts in stretches.items():
        left = of_key[key]
        for number, part in reversed(list(enumerate(parts))):
            has_alert = any(said[place].firing for place in part) or (part and number == 0)
            alert = left.pop() if has_alert and left else None
            for place in part:
                found[place] = alert
    return found


def _taken(key: str, alert: Alert | None) -> Taken:
    if alert is None:
        return Taken(key, None)
    return Taken(key, alert.id, alert.state.value, alert.severity, alert.count)


def _too_slow(limits: IngestLimits) -> BusyError | RequestError:
    return RequestError(
        503,
        f"the disk did not keep up for {limits.oldest_s:g} s; come again",
        retry_after_s=limits.retry_after_s,
    )
