"""The calendars of the schedules, read beside paging and never in its way.

A file can lie on a mount that hangs, and a large one takes long to parse. So each is read in a
thread of its own, before the state file is locked, and waited for only so long. Until it answers,
what it said last stands, and that is said. What it said last is kept in this process and in a small
file beside the state file, for the next program that cron starts.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mechexo.alerts.calendar_files import Calendar, read_calendar
from mechexo.alerts.rotation import Entry
from mechexo.errors import MechexoError
from mechexo.files import write_whole
from mechexo.times import from_iso_z, in_zone, iso_z
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.desk import Desk

PAGING_LIMIT_S = 2.0
"""How long paging waits for a calendar."""

READING_LIMIT_S = 15.0
"""How long a person who asks who is on call waits for one."""

_BEFORE, _AFTER = timedelta(days=1), timedelta(days=31)
"""How much of a calendar is read, and kept, for paging."""
_KEPT_AGAIN_AFTER = timedelta(hours=12)

Calendars = Mapping[str, Calendar]
"""By schedule; only of those that name a calendar."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a calendar said when it last answered."""

    calendar: Calendar
    read_at: datetime


@dataclass(slots=True)
class _Reading:
    """One calendar, being read."""

    path: Path
    zone: str
    people: frozenset[str]
    start: datetime
    end: datetime
    began_s: float = field(default_factory=time.monotonic)
    found: Calendar | None = None
    thread: threading.Thread | None = None

    def begin(self) -> None:
        # A thread that hangs in the kernel must not keep the program from ending.
        self.thread = threading.Thread(target=self._run, name=f"calendar-{self.path}", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.found = read_calendar(self.path, self.zone, self.people, self.start, self.end)
        except Exception as error:  # noqa: BLE001 - said as what is wrong with the calendar
            words = f"{self.path}: cannot be read: {type(error).__name__}: {error}"
            self.found = Calendar((), (words,))

    def wait(self, limit_s: float) -> Calendar | None:
        """What was found, waited for until so long after the beginning."""
        assert self.thread is not None
        self.thread.join(max(self.began_s + limit_s - time.monotonic(), 0.0))
        return self.found


# Like the cache of what was parsed: the same for every desk of the process.
_hanging: dict[Path, _Reading] = {}
_kept: dict[Path, _Kept] = {}


def calendars_ahead(desk: Desk, *, limit_s: float | None = None) -> Calendars:
    """The calendars of all schedules around now, for paging: to be called before the state file is
    locked. Waits `PAGING_LIMIT_S` at most, and for one that hangs already not at all."""
    wanted = [name for name, each in desk.settings.oncall.schedules.items() if each.calendar]
    if not wanted:
        return {}
    limit_s = PAGING_LIMIT_S if limit_s is None else limit_s
    now = desk.clock.now()
    readings = {name: _begin(desk, name, now - _BEFORE, now + _AFTER) for name in wanted}
    found = {}
    for name, reading in readings.items():
        answer = reading.wait(limit_s)
        if answer is None:
            answer = _fallback(desk, reading, limit_s)
        elif answer.entries or not answer.problems:
            _keep(desk, reading.path, answer, now)
        found[name] = answer
    return found


def calendar_of(desk: Desk, schedule: str, start: datetime, end: datetime) -> Calendar:
    """The calendar of a schedule from `start` until `end`, for who asks."""
    reading = _begin(desk, schedule, start, end)
    found = reading.wait(READING_LIMIT_S)
    if found is not None and (reading.start, reading.end) != (start, end):
        # What hung before was asked for another time; it answers again.
        reading = _begin(desk, schedule, start, end)
        found = reading.wait(READING_LIMIT_S)
    return _fallback(desk, reading, READING_LIMIT_S) if found is None else found


def _begin(desk: Desk, schedule: str, start: datetime, end: datetime) -> _Reading:
    settings = desk.settings.oncall.schedules[schedule]
    path = desk.path(settings.calendar)
    hanging = _hanging.get(path)
    if hanging is not None and hanging.found is None:
        # A second thread would hang as well.
        return hanging
    zone = settings.zone or desk.settings.desk.zone
    reading = _Reading(path, zone, frozenset(desk.settings.people), start, end)
    _hanging.pop(path, None)
    reading.begin()
    return reading


def _fallback(desk: Desk, reading: _Reading, limit_s: float) -> Calendar:
    """What is taken for the calendar while it does not answer."""
    path = reading.path
    _hanging[path] = reading
    last = _kept.get(path) or _kept_on_disk(desk, path)
    why = f"{path}: was not read within {limit_s:g} s"
    if last is None:
        return Calendar((), (f"{why}, and nothing of it is known",))
    at = in_zone(last.read_at, desk.zone)
    return Calendar(last.calendar.entries, (f"{why}: what it said at {at} stands",))


def _keep(desk: Desk, path: Path, found: Calendar, now: datetime) -> None:
    known = _kept.get(path)
    _kept[path] = _Kept(found, now)
    fresh = known is not None and timedelta(0) <= now - known.read_at < _KEPT_AGAIN_AFTER
    if known is not None and fresh and known.calendar.entries == found.entries:
        _kept[path] = known
        return
    body = {
        "read_at": iso_z(now),
        "entries": [
            [each.person, iso_z(each.starts_at), iso_z(each.ends_at)] for each in found.entries
        ],
    }
    # Who may not write there pages nobody either.
    with suppress(OSError, MechexoError):
        write_whole(_file(desk, path), json.dumps(body).encode(), mode=0o600)


def _kept_on_disk(desk: Desk, path: Path) -> _Kept | None:
    try:
        body = json.loads(_file(desk, path).read_bytes())
        entries = tuple(
            Entry(person, from_iso_z(starts_at), from_iso_z(ends_at))
            for person, starts_at, ends_at in body["entries"]
        )
        return _Kept(Calendar(entries, ()), from_iso_z(body["read_at"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _file(desk: Desk, path: Path) -> Path:
    digest = hashlib.sha256(str(path).encode(errors="surrogateescape")).hexdigest()[:16]
    return Path(f"{desk.state.path}.calendar-{digest}")
