"""When the baseline of a window is: the same weekdays and hours of the exchange's clock, before.

A moment belongs to the baseline of week k when some moment of the window shows, on the exchange's
clock, the same time exactly 7 k days later. So an hour that the clock jumps over has no baseline in
that week, one that it shows twice has both, and a change of clocks in between moves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_WEEK = timedelta(days=7)
_HOUR = timedelta(hours=1)
_STEP = timedelta(microseconds=1)
_FARTHEST = timedelta(hours=26)
"""No clock is farther from UTC, and none changes by more."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The moments with start <= time < end, both in UTC."""

    start: datetime
    end: datetime

    def overlaps(self, other: Span) -> bool:
        """Whether the two share a moment."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class MatchedSpans:
    """Where a baseline is looked for."""

    spans: tuple[Span, ...]
    """In order, none longer than an exchange's calendar day, none across a midnight."""
    left_out: tuple[date, ...]
    """Days of the exchange that match and are not looked at, because they were excluded."""


def matched_spans(
    window: Span, *, weeks: int, zone: ZoneInfo, excluded: Iterable[Span] = ()
) -> MatchedSpans:
    """The baseline of a window: all that matches it in the `weeks` weeks before, and is before it.

    A day of which an excluded span takes anything is left out whole, so that the hours of the days
    that stay are the window's.
    """
    shown = _merged(_on_the_clock(window, zone))
    found = [
        span
        for week in range(1, weeks + 1)
        for first, last in shown
        for span in _moments_showing(first - week * _WEEK, last - week * _WEEK, zone)
    ]
    before = [Span(each.start, min(each.end, window.start)) for each in found]
    asked = _merged((each.start, each.end) for each in before if each.start < each.end)
    pieces = [piece for span in asked for piece in by_calendar_day(Span(*span), zone)]
    apart = tuple(excluded)
    touched = {
        _day(piece, zone) for piece in pieces if any(piece.overlaps(other) for other in apart)
    }
    return MatchedSpans(
        tuple(piece for piece in pieces if _day(piece, zone) not in touched),
        tuple(sorted(touched)),
    )


def by_calendar_day(span: Span, zone: ZoneInfo) -> Iterator[Span]:
    """The span, cut at the midnights of a zone: where its clock's date changes."""
    start = span.start
    while start < span.end:
        following = start.astimezone(zone).date() + timedelta(days=1)
        # Where the clocks jump over midnight, this is when they have; where they show it twice,
        # the first of them.
        midnight = datetime.combine(following, time(), zone).astimezone(UTC)
        end = min(max(midnight, start + _STEP), span.end)
        yield Span(start, end)
        start = end


def _day(span: Span, zone: ZoneInfo) -> date:
    return span.start.astimezone(zone).date()


def _on_the_clock(span: Span, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """What a clock of the zone shows in the span, as stretches without a jump."""
    for each in _steady(span, zone):
        first = each.start.astimezone(zone).replace(tzinfo=None, fold=0)
        yield first, first + (each.end - each.start)


def _moments_showing(first: datetime, last: datetime, zone: ZoneInfo) -> Iterator[Span]:
    """When a clock of the zone shows first <= time < last: once, twice or never."""
    around = Span(
        first.replace(tzinfo=UTC) - _FARTHEST,
        last.replace(tzinfo=UTC) + _FARTHEST,
    )
    for each in _steady(around, zone):
        shown = each.start.astimezone(zone).replace(tzinfo=None, fold=0)
        start = max(each.start, each.start + (first - shown))
        end = min(each.end, each.start + (last - shown))
        if start < end:
            yield Span(start, end)


def _steady(span: Span, zone: ZoneInfo) -> Iterator[Span]:
    """The span, cut where the zone's offset from UTC changes."""
    start, here = span.start, span.start
    while here < span.end:
        there = min(here + _HOUR, span.end)
        if _offset(there, zone) != _offset(here, zone):
            change = _change(here, there, zone)
            if start < change:
                yield Span(start, change)
            start = change
        here = there
    if start < span.end:
        yield Span(start, span.end)


def _change(here: datetime, there: datetime, zone: ZoneInfo) -> datetime:
    """The first moment after `here` whose offset is that of `there`."""
    was = _offset(here, zone)
    while there - here > _STEP:
        middle = here + (there - here) / 2
        if _offset(middle, zone) == was:
            here = middle
        else:
            there = middle
    return there


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()


def _merged(pairs: Iterable[tuple[datetime, datetime]]) -> Sequence[tuple[datetime, datetime]]:
    """The same moments as stretches that neither touch nor overlap, in order."""
    merged: list[tuple[datetime, datetime]] = []
    for start, end in sorted(pairs):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged
