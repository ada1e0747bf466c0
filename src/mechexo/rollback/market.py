"""Whether the market is open at a moment. Pure.

What is not known counts as open: a change in the middle of trading is the costly mistake, one that
waited is not. For the same reason a session is never shortened by a guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mechexo.value_classes import dataclass

_DAY = timedelta(days=1)
_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOSES = re.compile(
    r"\bclose at (?P<hour>\d{1,2})(?::(?P<minute>\d\d))? ?(?P<half>[ap])\.?m\.?"
    r"(?: (?P<zone>[A-Z]+))?"
)
_SAID_ZONES = {"": None, "ET": ("America/New_York", "America/Toronto"), "CT": ("America/Chicago",)}


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A day that is not like the others of its market."""

    name: str
    closes: time | None = None
    """When it closes; None when it has no session at all."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """When a market is open, in its own zone."""

    name: str
    zone: ZoneInfo
    opens: time
    closes: time
    """Not later than `opens` when the session begins on the day before."""
    margin: timedelta
    days: frozenset[int]
    """The weekdays that have a session, Monday is 0; a session is named after its close."""
    special: Mapping[date, SpecialDay] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MarketState:
    """Whether the market is open, and why that is said."""

    open: bool
    why: str


def session_at(calendar: Calendar, moment: datetime) -> MarketState:
    """Whether a moment lies in a session, or within the margin around one.

    Each session is local clock time: it moves with daylight-saving time. Where a local time happens
    twice, or not at all, the longer session counts.
    """
    on = moment.astimezone(calendar.zone).date()
    for day in (on - _DAY, on, on + _DAY):
        session = _session(calendar, day)
        if session is None:
            continue
        begins, ends = session
        if begins - calendar.margin <= moment <= ends + calendar.margin:
            return MarketState(True, _open_words(calendar, day, begins, ends, moment))
    return MarketState(False, _closed_words(calendar, on))


def weekdays(names: tuple[str, ...]) -> frozenset[int]:
    """The numbers of weekdays by their names, Monday is 0."""
    return frozenset(map(_NAMES.index, names))


def closing_said(name: str, zone: str) -> time | None:
    """When a half day closes, as its name says it: `Christmas Eve (markets close at 1:00pm)`; None
    when it does not say, or says it in another zone."""
    found = _CLOSES.search(name)
    if found is None:
        return None
    in_zones = _SAID_ZONES.get(found["zone"] or "", ())
    hour, minute = int(found["hour"]), int(found["minute"] or 0)
    if not (1 <= hour <= 12 and minute < 60) or (in_zones is not None and zone not in in_zones):
        return None
    return time(hour % 12 + (12 if found["half"] == "p" else 0), minute)


def _session(calendar: Calendar, day: date) -> tuple[datetime, datetime] | None:
    """The session of a day in UTC; None when it has none."""
    special = calendar.special.get(day)
    if day.weekday() not in calendar.days or (special is not None and special.closes is None):
        return None
    overnight = calendar.closes <= calendar.opens
    begins = _moment(calendar, day - _DAY if overnight else day, calendar.opens, first=True)
    ends = _moment(calendar, day, calendar.closes, first=False)
    if special is not None and special.closes is not None:
        early = _moment(calendar, day, special.closes, first=False)
        # A half day that would end before it began was not meant so.
        ends = early if begins < early < ends else ends
    return begins, ends


def _moment(calendar: Calendar, day: date, at: time, *, first: bool) -> datetime:
    local = datetime.combine(day, at, calendar.zone)
    readings = (local.replace(fold=0).astimezone(UTC), local.replace(fold=1).astimezone(UTC))
    return min(readings) if first else max(readings)


def _open_words(
    calendar: Calendar, day: date, begins: datetime, ends: datetime, moment: datetime
) -> str:
    zone = calendar.zone
    hours = f"{begins.astimezone(zone):%H:%M} to {ends.astimezone(zone):%H:%M} {zone.key}"
    special = calendar.special.get(day)
    named = f" ({special.name})" if special else ""
    where = "in" if begins <= moment <= ends else "close to"
    return f"{where} the session of {calendar.name} on {day}{named}, {hours}"


def _closed_words(calendar: Calendar, on: date) -> str:
    special = calendar.special.get(on)
    if special is not None and special.closes is None:
        return f"{calendar.name} is closed on {on}: {special.name}"
    if on.weekday() not in calendar.days:
        return f"{calendar.name} has no session on a {on:%A}"
    return f"outside the session of {calendar.name} on {on}" + (
        f" ({special.name})" if special else ""
    )
