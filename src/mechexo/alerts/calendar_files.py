"""On-call calendars as iCal files (RFC 5545): read into a schedule, and written from one.

An event's summary is the person. What cannot be used (a broken event, a name that is nobody's, a
file that is not there) is said and left out; it never stops the reading of the rest.

Recurring events keep their times on the wall clock, their ends too: a day's turn is a day also when
the clocks change. Events without a zone, and whole days, are by the schedule's own clock.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mechexo.alerts.rotation import Entry
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.alerts.calendar_events import Parsed
    from mechexo.alerts.rotation import Span

LARGEST_BYTES = 10_000_000
_DAY = timedelta(days=1)
_NO_FILE = "is no regular file (a pipe, a device or a folder): name an iCal file"


@dataclass(frozen=True, slots=True)
class Calendar:
    """What a calendar file says of a time, and what of it could not be used."""

    entries: tuple[Entry, ...]
    problems: tuple[str, ...]


def read_calendar(
    path: Path, zone: str, people: Collection[str], start: datetime, end: datetime
) -> Calendar:
    """The entries of a calendar file that touch the time from `start` until `end`.

    A person's name counts also in other letters (`ADA` is `ada`). A file that has not changed is
    not read again.
    """
    try:
        found = path.stat()
    except OSError as error:
        return Calendar((), (f"{path}: cannot be read: {error.strerror or error}",))
    if not stat.S_ISREG(found.st_mode):
        return Calendar((), (f"{path}: {_NO_FILE}",))
    names = {name.casefold(): name for name in people} | {name: name for name in people}
    first = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = (end - first) // _DAY + 1
    kept = _entries(str(path), found.st_mtime_ns, found.st_size, zone, first, days)
    entries, strangers = [], {}
    for entry in kept.entries:
        if entry.ends_at <= start or entry.starts_at >= end:
            continue
        name = names.get(entry.person) or names.get(entry.person.casefold())
        if name is None:
            strangers[entry.person] = f"{path}: {entry.person!r} is nobody in [people]"
        else:
            entries.append(Entry(name, entry.starts_at, entry.ends_at))
    return Calendar(tuple(entries), (*kept.problems, *strangers.values()))


def calendar_text(name: str, found: Iterable[Span], made_at: datetime) -> bytes:
    """The spans of a schedule as an iCal file, an event for each; a gap is no event.

    Times are whole seconds in UTC; iCal knows no shorter ones. The same span has the same UID in
    every export, so that a calendar program takes a new one for the same.
    """
    from icalendar import Calendar as Document
    from icalendar import Event

    document = Document()
    document.add("prodid", "-//mechexo//on-call//EN")
    document.add("version", "2.0")
    document.add("x-wr-calname", name)
    for each in found:
        starts_at, ends_at = _second(each.starts_at), _second(each.ends_at)
        if each.person is None or starts_at >= ends_at:
            continue
        event = Event()
        identity = f"{name}\0{each.person}\0{starts_at.isoformat()}".encode()
        event.add("uid", f"{hashlib.sha256(identity).hexdigest()[:32]}@mechexo")
        event.add("dtstamp", _second(made_at))
        event.add("dtstart", starts_at)
        event.add("dtend", ends_at)
        event.add("summary", each.person)
        event.add("description", each.why)
        document.add_component(event)
    return bytes(document.to_ical())


def _second(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)


# Keyed by what changes when the file does; small, and the same for every desk of the process.
@lru_cache(maxsize=64)
def _entries(
    path: str, changed_ns: int, size: int, zone: str, first: datetime, days: int
) -> Calendar:
    """Every event of a file from `first` for `days` days, strangers' too."""
    from mechexo.alerts.calendar_events import occurrences

    parsed = _parsed(path, changed_ns, size)
    entries: list[Entry] = []
    problems: list[str] = list(parsed.problems)
    for series in parsed.series:
        try:
            entries += occurrences(series, ZoneInfo(zone), first, first + days * _DAY)
        except Exception as error:  # noqa: BLE001 - whatever a foreign rule makes dateutil do is said
            problems.append(f"{path}: {series.title}: its rule cannot be followed: {error}")
    entries.sort(key=lambda entry: entry.starts_at)
    return Calendar(tuple(entries), tuple(dict.fromkeys(problems)))


@lru_cache(maxsize=16)
def _parsed(path: str, changed_ns: int, size: int) -> Parsed:
    from mechexo.alerts.calendar_events import Parsed, parse

    if size > LARGEST_BYTES:
        return Parsed((), (f"{path}: is larger than {LARGEST_BYTES // 1_000_000} MB",))
    try:
        content = _content(path)
    except OSError as error:
        return Parsed((), (f"{path}: cannot be read: {error.strerror or error}",))
    if content is None:
        return Parsed((), (f"{path}: {_NO_FILE}",))
    if len(content) > LARGEST_BYTES:
        return Parsed((), (f"{path}: is larger than {LARGEST_BYTES // 1_000_000} MB",))
    return parse(content, path)


def _content(path: str) -> bytes | None:
    """The bytes of a regular file; None when something else lies there by now."""
    # A pipe that nobody writes to would be waited for.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return None
        return file.read(LARGEST_BYTES + 1)
