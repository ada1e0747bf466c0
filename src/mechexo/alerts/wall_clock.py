"""From what a wall clock shows to the moment it does, over every change of the clocks. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def moment_of(day: date, shown: time, zone: ZoneInfo) -> datetime:
    """When the wall clock of `zone` first shows `shown` or later on `day`, in UTC.

    A time that the clocks skip comes at the moment they jump; one that they show twice comes the
    first time.
    """
    local = datetime.combine(day, shown, zone)
    first = local.replace(fold=0).astimezone(UTC)
    second = local.replace(fold=1).astimezone(UTC)
    return first if first <= second else change_between(second, first, zone)


def last_moment_of(day: date, shown: time, zone: ZoneInfo) -> datetime:
    """The same for what ends: a time that the clocks show twice comes the second time."""
    local = datetime.combine(day, shown, zone)
    first = local.replace(fold=0).astimezone(UTC)
    second = local.replace(fold=1).astimezone(UTC)
    return second if first <= second else change_between(second, first, zone)


def change_between(earlier: datetime, later: datetime, zone: ZoneInfo) -> datetime:
    """The moment, to the second, from which the zone has the offset it has at `later`."""
    wanted = later.astimezone(zone).utcoffset()
    while later - earlier > timedelta(seconds=1):
        middle = earlier + timedelta(seconds=(later - earlier) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == wanted:
            later = middle
        else:
            earlier = middle
    return later
