"""When the clocks of a zone change, and which times of day that touches. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta, tzinfo

from mechexo.value_classes import dataclass

_LOOKED_AHEAD_DAYS = 732
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ClockChanges:
    """The changes of a zone's clocks within two years."""

    zone: str
    back: timedelta
    """By how much they go back at most: so much longer is a day then. Zero where they do not."""
    skipped: frozenset[int]
    """The minutes of a day, by the wall clock, that do not come on some day."""
    doubled: frozenset[int]
    """Those that come twice."""

    def touches(self, hours: Collection[int], minutes: Collection[int]) -> tuple[bool, bool]:
        """Whether one of these times of day is skipped on some day, and whether one comes twice."""
        times = {60 * hour + minute for hour in hours for minute in minutes}
        return bool(times & self.skipped), bool(times & self.doubled)


def clock_changes(zone: tzinfo, name: str, now: datetime) -> ClockChanges:
    """The changes of a zone's clocks from a moment on."""
    start = now.astimezone(UTC).replace(second=0, microsecond=0)
    back, skipped, doubled = timedelta(0), set[int](), set[int]()
    for day in range(_LOOKED_AHEAD_DAYS):
        before, after = start + timedelta(days=day), start + timedelta(days=day + 1)
        change = _offset(after, zone) - _offset(before, zone)
        if not change:
            continue
        at = _moment_of_change(zone, before, after)
        # By the clock as it was before, and from where it is afterwards when it goes back.
        first = (at + _offset(at - _MINUTE, zone)) + min(change, timedelta(0))
        touched = _minutes_of_day(first, abs(change))
        if change > timedelta(0):
            skipped |= touched
        else:
            doubled |= touched
            back = max(back, -change)
    return ClockChanges(name, back, frozenset(skipped), frozenset(doubled))


def _moment_of_change(zone: tzinfo, before: datetime, after: datetime) -> datetime:
    """The first minute with the new offset."""
    old = _offset(before, zone)
    while after - before > _MINUTE:
        middle = before + ((after - before) // 2 // _MINUTE) * _MINUTE
        if _offset(middle, zone) == old:
            before = middle
        else:
            after = middle
    return after


def _minutes_of_day(first: datetime, length: timedelta) -> set[int]:
    start = 60 * first.hour + first.minute
    return {(start + n) % (24 * 60) for n in range(int(length / _MINUTE))}


def _offset(moment: datetime, zone: tzinfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)
