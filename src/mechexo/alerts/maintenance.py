"""Maintenance windows: planned times in which matching alerts keep quiet. Pure.

A window is a silence that the configuration makes: it has an author, a reason and an end. It lasts
from the first moment at which the wall clock shows its start to the last at which it shows its end;
a time that the clocks skip comes when they jump.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mechexo.alerts.values import Silence
from mechexo.alerts.wall_clock import last_moment_of, moment_of

if TYPE_CHECKING:
    from mechexo.config import MaintenanceSettings

_DAY = timedelta(days=1)
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def windows_at(
    windows: Mapping[str, MaintenanceSettings], zone: ZoneInfo, now: datetime
) -> Iterator[Silence]:
    """The windows that are open at `now`, as silences with ids below zero."""
    for place, (name, window) in enumerate(windows.items(), start=1):
        span = _span_at(window, ZoneInfo(window.zone) if window.zone else zone, now)
        if span is not None:
            author = f"[maintenance.{name}]"
            yield Silence(-place, window.match, author, window.reason, *span)


def turns(
    windows: Mapping[str, MaintenanceSettings], zone: ZoneInfo, start: datetime, end: datetime
) -> Iterator[datetime]:
    """Every moment from `start` to `end` at which a window opens or closes, and some more."""
    for window in windows.values():
        own = ZoneInfo(window.zone) if window.zone else zone
        for text in (window.since, window.until):
            if text:
                yield _moment(text, own)
        if window.start is None or window.end is None:
            continue
        day, last = start.astimezone(own).date() - _DAY, end.astimezone(own).date()
        while day <= last:
            yield from _daily(window, window.start, window.end, day, own)
            day += _DAY


def _span_at(
    window: MaintenanceSettings, zone: ZoneInfo, now: datetime
) -> tuple[datetime, datetime] | None:
    since = _moment(window.since, zone) if window.since else None
    until = _moment(window.until, zone) if window.until else None
    if (since is not None and now < since) or (until is not None and now >= until):
        return None
    if window.start is None or window.end is None:
        # The configuration was checked to give both then.
        return None if since is None or until is None else (since, until)
    today = now.astimezone(zone).date()
    for day in (today, today - _DAY):
        begins, ends = _daily(window, window.start, window.end, day, zone)
        if begins <= now < ends:
            return begins, ends if until is None else min(ends, until)
    return None


def _daily(
    window: MaintenanceSettings, start: time, end: time, day: date, zone: ZoneInfo
) -> tuple[datetime, datetime]:
    """The window that begins on `day`; an empty one when it does not begin then."""
    begins = moment_of(day, start, zone)
    if window.days and _WEEKDAYS[day.weekday()] not in window.days:
        return begins, begins
    last = day if start < end else day + _DAY
    return begins, last_moment_of(last, end, zone)


def _moment(text: str, zone: ZoneInfo) -> datetime:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
