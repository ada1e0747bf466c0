"""Availability over a window, from stretches of samples of `ops_ok`.

A sample stands until the next one, and at most `stand` (three tick intervals): after that it is
not known how the desk was. What is not known is left out of the achieved share and reported
beside it; it never counts as well.

    achieved = well / (well + not well)
    budget left = (1 - objective) x window - not well

Where stretches overlap (a clock was set back), what says "not well" wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples in a row that agree, none further than `stand` from the one before."""

    first_at: datetime
    last_at: datetime
    ok: bool


@dataclass(frozen=True, slots=True)
class Availability:
    """Seconds of a window: well, not well, and not known since its first sample."""

    well_s: float
    not_well_s: float
    unknown_s: float

    @property
    def known_s(self) -> float:
        """Seconds in which it is known how the desk was."""
        return self.well_s + self.not_well_s

    @property
    def achieved_pct(self) -> float | None:
        """The share of the known time that was well; None when nothing is known."""
        return 100.0 * self.well_s / self.known_s if self.known_s > 0 else None


def extends(last: Stretch, at: datetime, ok: bool, stand: timedelta) -> bool:
    """Whether a new sample joins the stretch instead of beginning another."""
    return last.ok == ok and timedelta(0) <= at - last.last_at <= stand


def availability(
    stretches: Sequence[Stretch], now: datetime, window: timedelta, stand: timedelta
) -> Availability:
    """What the stretches say of the window that ends at `now`.

    `stretches` in the order in which they were recorded.
    """
    start = now - window
    spans: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for index, stretch in enumerate(stretches):
        end = min(stretch.last_at + stand, now)
        if index + 1 < len(stretches) and stretches[index + 1].first_at >= stretch.last_at:
            end = min(end, stretches[index + 1].first_at)
        begin = max(stretch.first_at, start)
        if end > begin:
            span = ((begin - start).total_seconds(), (end - start).total_seconds())
            spans[stretch.ok].append(span)
    not_well = _merged(spans[False])
    known = _length(_merged(spans[True] + not_well))
    if not (spans[True] or not_well):
        return Availability(0.0, 0.0, 0.0)
    first = min(span[0] for span in spans[True] + not_well)
    since_first = window.total_seconds() - first
    return Availability(
        well_s=known - _length(not_well),
        not_well_s=_length(not_well),
        unknown_s=max(since_first - known, 0.0),
    )


def _merged(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return merged


def _length(spans: Iterable[tuple[float, float]]) -> float:
    return sum(end - begin for begin, end in spans)
