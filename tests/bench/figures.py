"""The table that a measurement prints, and the percentiles in it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the sorted values lie (linear, type 7)."""
    position = (len(values) - 1) * share
    low = int(position)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (position - low)


@dataclass(slots=True)
class Times:
    """How long turns of some work took, in seconds: by the clock, and of the processor alone, which
    a busy machine changes less."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def take(self, work: Callable[[], object]) -> None:
        """One more turn."""
        cpu_s, began_s = _cpu_s(), time.perf_counter()
        work()
        self.wall_s.append(time.perf_counter() - began_s)
        self.cpu_s.append(_cpu_s() - cpu_s)

    def p50_s(self) -> float:
        """The median by the clock."""
        return percentile(sorted(self.wall_s), 0.5)

    def cpu_p50_s(self) -> float:
        """The median of the processor's time."""
        return percentile(sorted(self.cpu_s), 0.5)

    @property
    def per_s(self) -> float:
        """Turns in a second, one after the other."""
        return len(self.wall_s) / sum(self.wall_s)


def turns(count: int, work: Callable[[], object]) -> Times:
    """So many turns of the same work."""
    found = Times()
    for _ in range(count):
        found.take(work)
    return found


def _cpu_s() -> float:
    """The processor's time of this process and of its children that have ended."""
    used = os.times()
    return time.process_time() + used.children_user + used.children_system


class Table:
    """Rows of figures, printed as they are measured."""

    def __init__(self) -> None:
        columns = " ".join(f"{name:>8}" for name in ("rate/s", "p50 ms", "p95 ms", "p99 ms", "CPU"))
        print(f"{'what':50} {columns}  ratio / target")

    def row(
        self, what: str, times: Times | Sequence[float], note: str = "", rate: str = ""
    ) -> None:
        """Times in seconds, in any order."""
        wall_s = times.wall_s if isinstance(times, Times) else times
        ordered = sorted(wall_s)
        shown = [f"{percentile(ordered, share) * 1000:.2f}" for share in (0.5, 0.95, 0.99)]
        shown.append(f"{times.cpu_p50_s() * 1000:.2f}" if isinstance(times, Times) else "")
        figures = " ".join(f"{each:>8}" for each in (rate, *shown))
        print(f"{what:50} {figures}  {note}", flush=True)

    def note(self, text: str) -> None:
        """A line of its own."""
        print(text, flush=True)
