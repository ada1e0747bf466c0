"""Session days as moments: when each begins, and which ones a period is made of.

What `costs.dimensions.session_date` says of fills, for periods: a session day begins when the
exchange's clock first shows `day_starts`, and one that begins past noon is named after the next
date. Where clocks jump over that hour, the day begins when they have.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mechexo.value_classes import dataclass

_NOON = time(12)
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_PAST_ITS_END = timedelta(hours=30)
"""Longer than any day, shorter than any two: days have 22 to 26 hours."""


@dataclass(frozen=True, slots=True)
class SessionDay:
    """One session day."""

    name: date
    begins: datetime
    """In UTC."""


def session_day(moment: datetime, zone: ZoneInfo, day_starts: time) -> SessionDay:
    """The session day in which a moment lies."""
    ahead = _DAY if day_starts > _NOON else timedelta()
    # The clock's date, or the one before when the day has not begun yet; one more where a date
    # was left out altogether.
    clock_date = moment.astimezone(zone).date()
    for back in range(3):
        on = clock_date - _DAY * back
        begins = _first_shown(datetime.combine(on, day_starts), zone)
        if begins <= moment:
            return SessionDay(on + ahead, begins)
    raise AssertionError(f"no session day begins before {moment}")


def day_begins(name: date, zone: ZoneInfo, day_starts: time) -> datetime:
    """When the session day of a date begins, in UTC.

    Raises:
        OverflowError: the calendar does not go as far.
    """
    on = name - _DAY if day_starts > _NOON else name
    return _first_shown(datetime.combine(on, day_starts), zone)


def whole_days(
    start: datetime, end: datetime, zone: ZoneInfo, day_starts: time
) -> tuple[datetime, datetime]:
    """The period widened to whole session days."""
    first = session_day(start, zone, day_starts).begins
    last = session_day(end, zone, day_starts).begins
    if last < end:
        last = session_day(last + _PAST_ITS_END, zone, day_starts).begins
    return first, last


def names_of_days(
    start: datetime, end: datetime, zone: ZoneInfo, day_starts: time
) -> tuple[str, ...]:
    """The ISO dates of the session days of a period of whole days, weekends too."""
    first = session_day(start, zone, day_starts).name
    last = session_day(end, zone, day_starts).name
    return tuple((first + _DAY * n).isoformat() for n in range((last - first).days))


def _first_shown(wall: datetime, zone: ZoneInfo) -> datetime:
    """When a clock of the zone first shows this or, where it jumps over it, what comes next."""
    while True:
        moment = wall.replace(tzinfo=zone).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == wall:
            return moment
        wall += _MINUTE
