"""How much of a window the desk was well, from samples of `ops_ok`. Pure; milliseconds since 1970.

A sample stands until the next one, and at most as long as it was told to (three tick intervals):
after that it is not known how the desk was. What is not known is left out of the achieved share
and reported beside it; it never counts as well.

    achieved = well / (well + not well)

The newest sample is kept as it is, because how long it stands is open. Every earlier one is part
of a `Span`, and each span is stored with the time well and not well before it, so that a window
costs two looks however often the desk changed. Where samples contradict each other (a clock was
set back), what says "not well" wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """How the desk was found, and until when that is believed when nobody looks again."""

    at_ms: int
    stands_until_ms: int
    ok: bool


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which the desk was one way."""

    begins_ms: int
    ends_ms: int
    ok: bool


@dataclass(frozen=True, slots=True)
class Known:
    """Time in which it is known how the desk was."""

    well_ms: int = 0
    not_well_ms: int = 0

    def __add__(self, other: Known) -> Known:
        return Known(self.well_ms + other.well_ms, self.not_well_ms + other.not_well_ms)

    def __sub__(self, other: Known) -> Known:
        return Known(self.well_ms - other.well_ms, self.not_well_ms - other.not_well_ms)

    @property
    def ms(self) -> int:
        """All of it."""
        return self.well_ms + self.not_well_ms


@dataclass(frozen=True, slots=True)
class Summed:
    """A span with the known time before it."""

    span: Span
    before: Known

    def until(self, moment_ms: int) -> Known:
        """The known time before a moment, up to the end of the span; `before` if it is earlier."""
        ends_ms = max(self.span.begins_ms, min(moment_ms, self.span.ends_ms))
        return self.before + _of(self.span, ends_ms)


@dataclass(frozen=True, slots=True)
class Availability:
    """Seconds of a window: well, not well, and not known since the first sample of all."""

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
        return 100.0 * (self.well_s / self.known_s) if self.known_s > 0 else None


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows that end now: the moments to look up, and what the known time there says."""

    now_ms: int
    lengths: tuple[timedelta, ...]
    newest: Sample | None
    first_ms: int | None
    """When the desk was looked at first; None when it never was."""

    @property
    def moments_ms(self) -> frozenset[int]:
        """The moments whose known time `availability` needs."""
        tails = (self._tail(length) for length in self.lengths)
        edges = {edge for tail in tails if tail for edge in tail}
        return frozenset({self.now_ms, *edges, *map(self._start, self.lengths)})

    def availability(self, length: timedelta, known_before: Mapping[int, Known]) -> Availability:
        """What is known of the window of that length.

        `known_before`: the known time of the spans before each of `moments_ms`.
        """
        start_ms = self._start(length)
        known = known_before[self.now_ms] - known_before[start_ms]
        tail = self._tail(length)
        if tail is not None and self.newest is not None:
            begins_ms, ends_ms = tail
            told = known_before[ends_ms] - known_before[begins_ms]
            if self.newest.ok:
                known += Known(well_ms=ends_ms - begins_ms - told.ms)
            else:
                known += Known(-told.well_ms, ends_ms - begins_ms - told.not_well_ms)
        begins_ms = self.now_ms if self.first_ms is None else max(self.first_ms, start_ms)
        unknown_ms = max(self.now_ms - begins_ms - known.ms, 0)
        return Availability(known.well_ms / 1000, known.not_well_ms / 1000, unknown_ms / 1000)

    def _start(self, length: timedelta) -> int:
        return self.now_ms - length // timedelta(milliseconds=1)

    def _tail(self, length: timedelta) -> tuple[int, int] | None:
        """What of the window the newest sample speaks of."""
        if self.newest is None:
            return None
        begins_ms = max(self.newest.at_ms, self._start(length))
        ends_ms = min(self.newest.stands_until_ms, self.now_ms)
        return (begins_ms, ends_ms) if ends_ms > begins_ms else None


def in_ms(moment: datetime) -> int:
    """Milliseconds since 1970."""
    return round(moment.timestamp() * 1000)


def stood(sample: Sample, next_at_ms: int) -> Span | None:
    """For how long a sample stood, now that there is another; None for no time at all."""
    ends_ms = sample.stands_until_ms
    if next_at_ms >= sample.at_ms:
        ends_ms = min(ends_ms, next_at_ms)
    return Span(sample.at_ms, ends_ms, sample.ok) if ends_ms > sample.at_ms else None


def taken_in(spans: Sequence[Span], told: Span) -> tuple[Span, ...]:
    """Spans in their order with another one among them, wherever it lies: "not well" wins over
    "well", and what touches and agrees is one span."""
    kept = spans if told.ok else [part for span in spans for part in _outside(span, told)]
    added = [told] if not told.ok else _gaps(spans, told)
    joined: list[Span] = []
    for span in sorted([*kept, *added], key=lambda each: each.begins_ms):
        if joined and joined[-1].ok is span.ok and joined[-1].ends_ms == span.begins_ms:
            joined[-1] = Span(joined[-1].begins_ms, span.ends_ms, span.ok)
        else:
            joined.append(span)
    return tuple(joined)


def summed(spans: Iterable[Span], before: Known) -> Iterator[Summed]:
    """Spans in their order, each with the known time before it."""
    for span in spans:
        yield Summed(span, before)
        before += _of(span, span.ends_ms)


def _of(span: Span, until_ms: int) -> Known:
    length_ms = until_ms - span.begins_ms
    return Known(well_ms=length_ms) if span.ok else Known(not_well_ms=length_ms)


def _outside(span: Span, cut: Span) -> Iterator[Span]:
    """What of a span lies before and after another."""
    if span.begins_ms < cut.begins_ms:
        yield Span(span.begins_ms, min(span.ends_ms, cut.begins_ms), span.ok)
    if span.ends_ms > cut.ends_ms:
        yield Span(max(span.begins_ms, cut.ends_ms), span.ends_ms, span.ok)


def _gaps(spans: Sequence[Span], told: Span) -> list[Span]:
    """What of a span no other speaks of."""
    gaps = [told]
    for span in spans:
        gaps = [part for gap in gaps for part in _outside(gap, span)]
    return gaps
