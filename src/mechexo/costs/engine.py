"""Computing day by day: the seam between what is computed and where.

A day's costs are a pure function of that day's fills and quotes; what days add up to can be merged
in any order. So days may be computed anywhere: here by threads of this process, elsewhere by a
cluster, behind the one method of `Engine`.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime
from typing import Protocol, TypeVar

from mechexo.value_classes import dataclass

Part = TypeVar("Part")

_TURN_S = 0.001


@dataclass(frozen=True, slots=True)
class Day:
    """One exchange day of a period that has fills."""

    name: date
    start: datetime
    """In UTC; that of the period where it begins within the day."""
    end: datetime
    weight_mb: int = 0
    """About how much memory it takes to compute."""


class Engine(Protocol):
    """Where days are computed."""

    def run(self, days: Sequence[Day], price_day: Callable[[Day], Part]) -> Iterator[Part]:
        """What `price_day` gives for each day, in the order of the days.

        `price_day` must be a value that can be sent elsewhere: it holds settings, no open file.
        """
        ...


Item = TypeVar("Item")
Result = TypeVar("Result")


def in_turn(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """The function of each item, in their order, of a few at once: no item is asked for before its
    turn has nearly come, so that there need not be room for all of them."""
    with ThreadPoolExecutor(workers, thread_name_prefix="costs") as pool:
        running: deque[Future[Result]] = deque()
        try:
            for item in items:
                running.append(pool.submit(function, item))
                if len(running) > workers:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            for future in running:
                future.cancel()


@contextmanager
def _short_turns() -> Iterator[None]:
    """A thread that comes back from Polars to Python waits up to 5 ms for another one to let go of
    the interpreter: as long as some of its steps take. Here it waits a fifth of that."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(min(usual, _TURN_S))
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """Several days at once in threads; Polars lets go of the interpreter while it works."""

    workers: int
    memory_mb: int
    """Days that would together take more wait for each other; one is always computed."""

    def run(self, days: Sequence[Day], price_day: Callable[[Day], Part]) -> Iterator[Part]:
        """See `Engine.run`."""
        if self.workers == 1 or len(days) < 2:
            yield from map(price_day, days)
            return
        waiting = deque(days)
        running: deque[tuple[Day, Future[Part]]] = deque()
        with (
            _short_turns(),
            ThreadPoolExecutor(self.workers, thread_name_prefix="costs") as pool,
        ):
            try:
                while waiting or running:
                    while waiting and self._has_room(running, waiting[0]):
                        day = waiting.popleft()
                        running.append((day, pool.submit(price_day, day)))
                    _, first = running.popleft()
                    yield first.result()
            finally:
                for _, future in running:
                    future.cancel()

    def _has_room(self, running: deque[tuple[Day, Future[Part]]], day: Day) -> bool:
        # One that is done waits here for those before it, with what it gave.
        used = sum(each.weight_mb for each, future in running if not future.done())
        busy = sum(not future.done() for _, future in running)
        if len(running) >= 2 * self.workers or busy >= self.workers:
            return False
        return not running or used + day.weight_mb <= self.memory_mb
