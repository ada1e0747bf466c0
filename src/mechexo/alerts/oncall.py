"""Who is on call, now and later, and whether it is quiet."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.alerts import rotation
from mechexo.alerts.quiet import QuietHours
from mechexo.alerts.rotation import Handover, Layer, Override, Schedule, Span
from mechexo.alerts.values import OnCallNow
from mechexo.errors import NotFoundError, close_names
from mechexo.times import iso_z
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.alerts.calendars import Calendars
    from mechexo.config import LayerSettings
    from mechexo.desk import Desk

__all__ = [
    "OnCallNow",
    "Plan",
    "Problem",
    "Standing",
    "calendar",
    "handovers",
    "now",
    "plan",
    "quiet_hours",
    "standings",
    "who",
]

LOOKAHEAD = timedelta(days=14)
"""How far ahead gaps are looked for, and how far the next hand-over."""

GAP_BEFORE = timedelta(days=1)
"""How far back the beginning of a gap is looked for that paging is in."""

LOOKBACK = timedelta(days=35)

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""As the configuration writes them, from Monday."""
_UNIT_DAYS = {"daily": 1, "weekly": 7}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something of a schedule that could not be used: of its `calendar`, or an `override`."""

    key: str
    what: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Who is on call in a schedule at a moment, and who comes next."""

    schedule: str
    person: str | None
    """None: nobody."""
    why: str
    until: datetime | None
    """When somebody else is; None when nobody else is within `LOOKAHEAD`."""
    next_person: str | None
    """Who is on call then; None is nobody."""
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Who is on call in a schedule over a time."""

    schedule: str
    zone: str
    spans: tuple[Span, ...]
    gaps: tuple[Span, ...]
    problems: tuple[Problem, ...]


def quiet_hours(desk: Desk) -> QuietHours:
    """The desk's quiet hours as configured."""
    configured = desk.settings.quiet_hours
    zone = configured.zone or desk.settings.desk.zone
    return QuietHours(configured.start, configured.end, zone, configured.enabled)


def now(desk: Desk) -> OnCallNow:
    """The people of each level and the quiet hours, at this moment. A level that names a schedule
    is whoever is on call in it, and "" in a gap. The first schedule stands for an unnamed first
    level."""
    configured = desk.settings.oncall
    moment = desk.clock.now()
    level1 = configured.level1 or next(iter(configured.schedules), "")
    levels = (level1, configured.level2, configured.level3)
    on_call = _people(desk, [name for name in levels if name in configured.schedules], moment)
    first, second, third = (on_call.get(name, name) or "" for name in levels)
    until = quiet_hours(desk).until(moment)
    return OnCallNow(first, second, third, until is not None, until)


def who(desk: Desk, moment: datetime, calendars: Calendars | None = None) -> dict[str, str | None]:
    """Who is on call at `moment` in each schedule; None is nobody. `calendars` are those that were
    read ahead; without them they are read now.

    A calendar that cannot be read does not count: the layers below it then decide. What is wrong
    with it is in `standings` and in `mechexo oncall lint`.
    """
    return _people(desk, desk.settings.oncall.schedules, moment, calendars)


def gap_words(desk: Desk, name: str, moment: datetime, calendars: Calendars | None = None) -> str:
    """The gap that a schedule is in at `moment`: whose, from when, until when."""
    start, end = moment - GAP_BEFORE, moment + LOOKAHEAD
    ((schedule, overrides, _),) = _known(desk, [name], start, end, calendars)
    found = rotation.by_person(rotation.spans(schedule, overrides, start, end))
    gap = next(each for each in found if each.starts_at <= moment < each.ends_at)
    begins, ends = iso_z(gap.starts_at), iso_z(gap.ends_at)
    since = f"since before {begins}" if gap.starts_at == start else f"since {begins}"
    until = f"beyond {ends}" if gap.ends_at == end else f"until {ends}"
    return f"nobody is on call in {name} {since}, {until}"


def standings(desk: Desk) -> tuple[Standing, ...]:
    """Who is on call in each schedule at this moment, until when, and who is next."""
    moment = desk.clock.now()
    found = []
    for name in desk.settings.oncall.schedules:
        schedule, overrides, problems = known(desk, name, moment, moment + LOOKAHEAD)
        turn = rotation.on_call(schedule, overrides, moment)
        coming = rotation.by_person(rotation.spans(schedule, overrides, moment, moment + LOOKAHEAD))
        until, following = (None, None)
        if len(coming) > 1:
            until, following = coming[1].starts_at, coming[1].person
        found.append(Standing(name, turn.person, turn.why, until, following, problems))
    return tuple(found)


def plan(desk: Desk, name: str, start: datetime, end: datetime) -> Plan:
    """Who is on call in a schedule from `start` until `end`, and when nobody is.

    Raises:
        NotFoundError: there is no such schedule.
    """
    schedule, overrides, problems = known(desk, name, start, end)
    spans = rotation.spans(schedule, overrides, start, end)
    gaps = tuple(each for each in spans if each.person is None)
    return Plan(name, schedule.zone, spans, gaps, problems)


def calendar(desk: Desk, name: str, until: datetime) -> bytes:
    """A schedule as an iCal file, from the turn that is under way until `until`.

    The turn under way is written with its whole time, as far back as `LOOKBACK`, so that it is the
    same event in every export.

    Raises:
        NotFoundError: there is no such schedule.
    """
    from mechexo.alerts.calendar_files import calendar_text

    moment = desk.clock.now()
    spans = rotation.by_person(plan(desk, name, moment - LOOKBACK, until).spans)
    return calendar_text(name, [each for each in spans if each.ends_at > moment], moment)


def handovers(
    desk: Desk, since: datetime, until: datetime, calendars: Calendars | None = None
) -> tuple[Handover, ...]:
    """Who took over from whom in any schedule after `since` and up to `until`, oldest first.
    `calendars` are as for `who`."""
    found: list[Handover] = []
    names, end = desk.settings.oncall.schedules, until + timedelta.resolution
    for schedule, overrides, _ in _known(desk, names, since, end, calendars):
        found += rotation.handovers(schedule, overrides, since, until)
    return tuple(sorted(found, key=lambda each: (each.at, each.schedule)))


def known(
    desk: Desk, name: str, start: datetime, end: datetime
) -> tuple[Schedule, tuple[Override, ...], tuple[Problem, ...]]:
    """A schedule with its calendar and overrides from `start` until `end`, and what of them could
    not be used: a calendar that cannot be read, an override for somebody who is not configured.

    Raises:
        NotFoundError: there is no such schedule.
    """
    (found,) = _known(desk, [name], start, end)
    return found


def _people(
    desk: Desk, names: Iterable[str], moment: datetime, calendars: Calendars | None = None
) -> dict[str, str | None]:
    until = moment + timedelta.resolution
    return {
        schedule.name: rotation.on_call(schedule, overrides, moment).person
        for schedule, overrides, _ in _known(desk, names, moment, until, calendars)
    }


def _known(
    desk: Desk,
    names: Iterable[str],
    start: datetime,
    end: datetime,
    calendars: Calendars | None = None,
) -> list[tuple[Schedule, tuple[Override, ...], tuple[Problem, ...]]]:
    from mechexo.alerts.overrides import between

    wanted = list(names)
    if not wanted:
        return []
    with desk.state.explained():
        made = between(desk.state.reader(), start, end)
    found = []
    for name in wanted:
        schedule, problems = _schedule(desk, name, start, end, calendars)
        own = [each for each in made if each.schedule == name]
        problems += [
            Problem(
                "override",
                f"override {each.id} puts {each.person!r} on call, who is nobody in [people]",
            )
            for each in own
            if each.person not in desk.settings.people
        ]
        usable = tuple(each for each in own if each.person in desk.settings.people)
        found.append((schedule, usable, tuple(problems)))
    return found


def _schedule(
    desk: Desk, name: str, start: datetime, end: datetime, calendars: Calendars | None
) -> tuple[Schedule, list[Problem]]:
    """A schedule as configured, its calendar as far as it is needed."""
    settings = desk.settings.oncall.schedules.get(name)
    if settings is None:
        others = sorted(desk.settings.oncall.schedules)
        said = close_names(name, others) if others else "none is configured"
        raise NotFoundError(f"there is no schedule {name!r}; {said}")
    zone = settings.zone or desk.settings.desk.zone
    layers = tuple(map(layer_of, settings.layers))
    if not settings.calendar:
        return Schedule(name, zone, layers), []
    found = calendars.get(name) if calendars is not None else None
    if found is None:
        from mechexo.alerts.calendars import calendar_of

        found = calendar_of(desk, name, start, end)
    return Schedule(name, zone, layers, found.entries), [
        Problem("calendar", each) for each in found.problems
    ]


def layer_of(settings: LayerSettings) -> Layer:
    """A layer as configured."""
    return Layer(
        people=settings.people,
        turn_days=settings.turns * _UNIT_DAYS[settings.every],
        handover=settings.handover,
        since=date.fromisoformat(settings.since),
        weekday=WEEKDAYS.index(settings.weekday) if settings.every == "weekly" else None,
        days=frozenset(map(WEEKDAYS.index, settings.days)),
        start=settings.start,
        end=settings.end,
    )
