"""What the events of an iCal file mean: their times, their recurrence, what was changed of it.

Imports `icalendar` and `dateutil`, so it is imported only where a schedule names a calendar.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta, tzinfo
from itertools import islice
from typing import Any

from dateutil.rrule import rrulestr  # type: ignore[import-untyped]
from icalendar import Calendar

from mechexo.alerts.rotation import Entry
from mechexo.alerts.text import clean
from mechexo.value_classes import dataclass

_DAY = timedelta(days=1)
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_EARLIEST_YEAR = 1970
_MOST_OCCURRENCES = 100_000
"""Of one event, from its first to the end of the time asked for: 270 years of daily turns."""


@dataclass(frozen=True, slots=True)
class Single:
    """One time of an event. `zone` None: by the schedule's own clock."""

    person: str
    wall: datetime
    """When it begins on the wall clock of its zone; naive."""
    length: timedelta
    """How much later it ends on that clock."""
    zone: tzinfo | None


@dataclass(frozen=True, slots=True)
class Series:
    """An event with all its times: once, or by a rule with exceptions."""

    title: str
    first: Single
    rule: str = ""
    """An RRULE without its end; empty when it happens once."""
    until: datetime | date | None = None
    count: int | None = None
    without: tuple[datetime | date, ...] = ()
    """EXDATE, and the times that were moved elsewhere or cancelled."""
    more: tuple[tuple[datetime | date, timedelta | None], ...] = ()
    """RDATE, with a length of its own where it has one."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file's events, and what of it cannot be used."""

    series: tuple[Series, ...]
    problems: tuple[str, ...]


def parse(content: bytes, name: str) -> Parsed:
    """Reads an iCal file. An event that cannot be used is a problem that names it."""
    try:
        documents = Calendar.from_ical(content, multiple=True)
        events: list[Any] = [each for document in documents for each in document.walk("VEVENT")]
    except Exception as error:  # noqa: BLE001 - whatever a foreign file makes the parser do is said
        return Parsed((), (f"{name}: is no iCal file: {clean(str(error), 200)}",))
    if not documents:
        return Parsed((), (f"{name}: is no iCal file: it is empty",))
    moved: dict[str, list[datetime | date]] = {}
    series: list[Series] = []
    problems: list[str] = []
    # First the times that were changed: they are left out of their series.
    for event in sorted(events, key=lambda each: "RECURRENCE-ID" not in each):
        try:
            # An event without a UID is a series of its own.
            uid = str(event.get("UID") or id(event))
            if "RECURRENCE-ID" in event:
                moved.setdefault(uid, []).append(event["RECURRENCE-ID"].dt)
                if event["RECURRENCE-ID"].params.get("RANGE"):
                    problems.append(f"{name}: {_title(event)}: of RANGE only the one is changed")
            if str(event.get("STATUS", "")).upper() != "CANCELLED":
                without = () if "RECURRENCE-ID" in event else tuple(moved.get(uid, ()))
                series.append(_series(event, without))
        except Exception as error:  # noqa: BLE001 - as above; the other events are read
            problems.append(f"{name}: {_title(event)}: {clean(str(error), 200)}")
    return Parsed(tuple(series), tuple(problems))


def occurrences(
    series: Series, own_zone: tzinfo, start: datetime, end: datetime
) -> Iterator[Entry]:
    """The times of an event that touch the time from `start` until `end`.

    Raises:
        ValueError: its rule cannot be followed, or gives too many times.
    """
    first = series.first
    zone = first.zone or own_zone
    # A day more on each side: clocks are put forward and back.
    earliest = start.astimezone(zone).replace(tzinfo=None) - _DAY
    latest = end.astimezone(zone).replace(tzinfo=None) + _DAY
    times = dict.fromkeys(_walls(series, zone, latest), first.length)
    times |= {_wall(at, zone): length or first.length for at, length in series.more}
    days_out = {each for each in series.without if not isinstance(each, datetime)}
    times_out = {_wall(each, zone) for each in series.without}
    for wall, length in times.items():
        if wall in times_out or wall.date() in days_out or not earliest - length < wall < latest:
            continue
        starts_at, ends_at = _moment(wall, zone), _moment(wall + length, zone)
        if starts_at < ends_at and starts_at < end and ends_at > start:
            yield Entry(first.person, starts_at, ends_at)


def _walls(series: Series, zone: tzinfo, latest: datetime) -> Iterator[datetime]:
    """When it begins, on the wall clock, up to `latest`."""
    if not series.rule:
        yield series.first.wall
        return
    first, last = series.first.wall, latest
    if series.until is not None:
        until = _wall(series.until, zone)
        if not isinstance(series.until, datetime):
            until = datetime.combine(until, time.max)
        last = min(latest, until)
    if first > last:
        return
    # dateutil looks for a time until the year 9999, for seconds, when a rule has none. The calendar
    # repeats itself every 400 years, so that as far ahead it finds the same and ends soon.
    ahead = (MAXYEAR - last.year) // 400 * 400
    rule = rrulestr(series.rule, dtstart=first.replace(year=first.year + ahead))
    bounded = rule.replace(until=last.replace(year=last.year + ahead))
    for number, wall in enumerate(islice(bounded, series.count)):
        if number >= _MOST_OCCURRENCES:
            raise ValueError(f"it gives more than {_MOST_OCCURRENCES} times")
        yield wall.replace(year=wall.year - ahead)


def _series(event: Any, without: tuple[datetime | date, ...]) -> Series:
    """What an event says.

    Raises:
        ValueError: it cannot be used, and why.
    """
    if event.errors:
        raise ValueError(f"{event.errors[0][0]} cannot be read: {event.errors[0][1]}")
    if "EXRULE" in event:
        raise ValueError("EXRULE is not understood; use EXDATE")
    first = _first(event)
    excluded = (*without, *(at for at, _ in _dates(event, "EXDATE")))
    plain = Series(_title(event), first, without=excluded, more=tuple(_dates(event, "RDATE")))
    rule = event.get("RRULE")
    if rule is None:
        return plain
    if isinstance(rule, list):
        raise ValueError("has several RRULEs; only one is understood")
    frequency = str(rule["FREQ"][0]).upper()
    if frequency not in _FREQUENCIES:
        raise ValueError(f"FREQ={frequency} is not understood; use {', '.join(_FREQUENCIES)}")
    if first.wall.year < _EARLIEST_YEAR:
        raise ValueError(f"recurs since before {_EARLIEST_YEAR}")
    for key in ("INTERVAL", "COUNT"):
        if any(number < 1 for number in rule.get(key, [])):
            raise ValueError(f"{key} must be at least 1")
    parts = rule.to_ical().decode().split(";")
    text = ";".join(part for part in parts if part.partition("=")[0] not in ("UNTIL", "COUNT"))
    rrulestr(text, dtstart=first.wall)  # whether it can be followed
    (until,), (count,) = rule.get("UNTIL", [None]), rule.get("COUNT", [None])
    return replace(plain, rule=text, until=until, count=count)


def _first(event: Any) -> Single:
    person = str(event.get("SUMMARY", "")).strip()
    if not person:
        raise ValueError("has no summary, which would name the person")
    if "DTSTART" not in event:
        raise ValueError("has no DTSTART")
    starts = _known(event["DTSTART"].dt, event["DTSTART"].params)
    zone = starts.tzinfo if isinstance(starts, datetime) else None
    wall = _wall(starts, zone)
    if "DTEND" in event:
        ends = _known(event["DTEND"].dt, event["DTEND"].params)
        if zone is None and isinstance(ends, datetime) and ends.tzinfo is not None:
            raise ValueError("DTEND has a zone and DTSTART has none")
        length = _wall(ends, zone) - wall
    elif "DURATION" in event:
        length = event["DURATION"].dt
    elif isinstance(starts, datetime):
        raise ValueError("has neither DTEND nor DURATION")
    else:
        length = _DAY
    if length <= timedelta(0):
        raise ValueError("ends before it begins")
    return Single(person, wall, length, zone)


def _dates(event: Any, key: str) -> Iterator[tuple[datetime | date, timedelta | None]]:
    """The moments of RDATE or EXDATE, each with its length where it is a period."""
    found = event.get(key, [])
    for dates in found if isinstance(found, list) else [found]:
        for each in dates.dts:
            if isinstance(each.dt, tuple):
                starts, ends = each.dt
                yield starts, ends if isinstance(ends, timedelta) else ends - starts
            else:
                yield _known(each.dt, dates.params), None


def _known(at: Any, parameters: Any) -> Any:
    """The moment, if its zone is one that is known."""
    if isinstance(at, datetime) and at.tzinfo is None and parameters.get("TZID"):
        raise ValueError(f"the zone {parameters['TZID']!r} is not known")
    return at


def _wall(at: datetime | date, zone: tzinfo | None) -> datetime:
    """What the wall clock of the zone shows at that moment; a day's is its midnight. Naive."""
    if not isinstance(at, datetime):
        return datetime.combine(at, time(0))
    return at if at.tzinfo is None else at.astimezone(zone).replace(tzinfo=None)


def _moment(wall: datetime, zone: tzinfo) -> datetime:
    """The moment of a time on the wall clock: of a doubled one the first; of a skipped one as if
    the clocks had not been changed yet (RFC 5545, 3.3.5)."""
    return wall.replace(tzinfo=zone).astimezone(UTC)


def _title(event: Any) -> str:
    named = clean(str(event.get("SUMMARY", "")), 80)
    return f"event {named!r}" if named else f"event {clean(str(event.get('UID', '?')), 80)}"
