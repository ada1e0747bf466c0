"""Who is on call in a schedule: turns, layers, a calendar, overrides. Pure.

A boundary (a hand-over, the start or end of a layer's hours) is a time on the wall clock of the
schedule's zone. When the clocks skip it, it comes at the moment they jump; when they show it twice,
it comes the first time. Everything holds from its start up to, but not including, its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from mechexo.alerts.wall_clock import moment_of
from mechexo.value_classes import dataclass

_DAY = timedelta(days=1)
_MIDNIGHT = time(0)
NOBODY = "no layer has anybody on call"


@dataclass(frozen=True, slots=True)
class Layer:
    """People who take turns."""

    people: tuple[str, ...]
    """In the order of their turns."""
    turn_days: int
    handover: time
    """When a turn ends and the next one begins, on the wall clock."""
    since: date
    """The day of the hand-over at which the first turn begins; before it nobody is on call."""
    weekday: int | None = None
    """Hand-overs are on this day of the week (0 is Monday). A first turn that begins on another
    one is so much shorter."""
    days: frozenset[int] = frozenset()
    """On which days of the week its hours begin; on all when empty."""
    start: time | None = None
    end: time | None = None
    """Its hours; an end that is not after the start is on the next day. None: the whole day."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event of a schedule's calendar."""

    person: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody takes over for a time. Of two the newer one, with the higher id, stands."""

    id: int
    schedule: str
    person: str
    starts_at: datetime
    ends_at: datetime
    reason: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Who is on call when: a calendar above layers, of which the last that has somebody wins."""

    name: str
    zone: str
    layers: tuple[Layer, ...] = ()
    calendar: tuple[Entry, ...] = field(default=(), repr=False)
    """Of two events at a time the one that began later stands, then the later one here."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Who is on call, and by what; nobody when `person` is None."""

    person: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which the same person is on call for the same reason."""

    person: str | None
    starts_at: datetime
    ends_at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Handover:
    """A moment at which somebody else is on call than before; None is nobody."""

    schedule: str
    at: datetime
    leaving: str | None
    coming: str | None


def on_call(schedule: Schedule, overrides: Sequence[Override], moment: datetime) -> Turn:
    """Who is on call at `moment`. Overrides of other schedules do not count."""
    standing = [
        each
        for each in overrides
        if each.schedule == schedule.name and each.starts_at <= moment < each.ends_at
    ]
    if standing:
        newest = max(standing, key=lambda each: each.id)
        return Turn(newest.person, f"override {newest.id}")
    events = [each for each in schedule.calendar if each.starts_at <= moment < each.ends_at]
    if events:
        # max() keeps the first of equals; the later one in the calendar is to stand.
        return Turn(max(reversed(events), key=lambda each: each.starts_at).person, "calendar")
    zone = ZoneInfo(schedule.zone)
    for number in range(len(schedule.layers), 0, -1):
        layer = schedule.layers[number - 1]
        person = _person(layer, moment, zone)
        if person is not None and _at_hours(layer, moment, zone):
            return Turn(person, f"layer {number}")
    return Turn(None, NOBODY)


def spans(
    schedule: Schedule, overrides: Sequence[Override], start: datetime, end: datetime
) -> tuple[Span, ...]:
    """Who is on call from `start` until `end`: every moment once, each span as long as can be."""
    if start >= end:
        return ()
    found: list[Span] = []
    edges = sorted({start, *_boundaries(schedule, overrides, start, end)})
    for at, until in zip(edges, [*edges[1:], end], strict=True):
        turn = on_call(schedule, overrides, at)
        if found and (found[-1].person, found[-1].why) == (turn.person, turn.why):
            at = found.pop().starts_at
        found.append(Span(turn.person, at, until, turn.why))
    return tuple(found)


def by_person(found: Sequence[Span]) -> tuple[Span, ...]:
    """The spans with neighbours of one person made one, whatever put that person there."""
    joined: list[Span] = []
    for each in found:
        if joined and joined[-1].person == each.person and joined[-1].ends_at == each.starts_at:
            last = joined.pop()
            each = Span(each.person, last.starts_at, each.ends_at, last.why)
        joined.append(each)
    return tuple(joined)


def gaps(
    schedule: Schedule, overrides: Sequence[Override], start: datetime, end: datetime
) -> tuple[Span, ...]:
    """The times from `start` until `end` in which nobody is on call."""
    return tuple(each for each in spans(schedule, overrides, start, end) if each.person is None)


def handovers(
    schedule: Schedule, overrides: Sequence[Override], since: datetime, until: datetime
) -> tuple[Handover, ...]:
    """The changes after `since` up to and including `until`, so that one look after the other sees
    each once. An override that only changes the reason is none."""
    if since >= until:
        return ()
    found = by_person(spans(schedule, overrides, since, until + timedelta.resolution))
    return tuple(
        Handover(schedule.name, after.starts_at, before.person, after.person)
        for before, after in pairwise(found)
    )


def _person(layer: Layer, moment: datetime, zone: ZoneInfo) -> str | None:
    """Whose turn it is in a layer, whatever its hours."""
    # A day later than the clock shows: at midnight it can go back over a hand-over.
    latest = moment.astimezone(zone).date() + _DAY
    if not layer.people or latest < layer.since:
        return None
    if moment < moment_of(layer.since, layer.handover, zone):
        return None
    first = _first_day(layer)
    number = (latest - first).days // layer.turn_days
    while number and moment < moment_of(
        first + number * layer.turn_days * _DAY, layer.handover, zone
    ):
        number -= 1
    return layer.people[number % len(layer.people)]


def _first_day(layer: Layer) -> date:
    """The day from which turns are counted: `since`, or the day of hand-overs before it."""
    if layer.weekday is None:
        return layer.since
    back = (layer.since.weekday() - layer.weekday) % 7
    return layer.since - min(back, layer.since.toordinal() - 1) * _DAY


def _at_hours(layer: Layer, moment: datetime, zone: ZoneInfo) -> bool:
    """Whether a moment is in the hours of a layer."""
    if not layer.days and layer.start is None:
        return True
    shown = moment.astimezone(zone).date()
    return any(
        starts <= moment < ends for starts, ends in _hours(layer, shown - _DAY, shown + _DAY, zone)
    )


def _hours(
    layer: Layer, first: date, last: date, zone: ZoneInfo
) -> Iterator[tuple[datetime, datetime]]:
    """A layer's hours that begin on the days from `first` to `last`."""
    start, end = layer.start or _MIDNIGHT, layer.end or _MIDNIGHT
    day = first
    while day <= last:
        if not layer.days or day.weekday() in layer.days:
            next_day = day + _DAY if end <= start else day
            yield moment_of(day, start, zone), moment_of(next_day, end, zone)
        day += _DAY


def _boundaries(
    schedule: Schedule, overrides: Sequence[Override], start: datetime, end: datetime
) -> Iterator[datetime]:
    """Every moment between `start` and `end` at which somebody else may be on call."""
    for override in overrides:
        yield from (at for at in (override.starts_at, override.ends_at) if start < at < end)
    for entry in schedule.calendar:
        yield from (at for at in (entry.starts_at, entry.ends_at) if start < at < end)
    zone = ZoneInfo(schedule.zone)
    first = start.astimezone(zone).date() - 2 * _DAY
    last = end.astimezone(zone).date() + _DAY
    for layer in schedule.layers:
        for at in _layer_boundaries(layer, first, last, zone):
            if start < at < end:
                yield at.astimezone(UTC)


def _layer_boundaries(layer: Layer, first: date, last: date, zone: ZoneInfo) -> Iterator[datetime]:
    if last < layer.since:
        return
    yield moment_of(layer.since, layer.handover, zone)
    base = _first_day(layer)
    turn = layer.turn_days * _DAY
    day = base + max((first - base).days // layer.turn_days, 0) * turn
    while day <= last:
        yield moment_of(day, layer.handover, zone)
        day += turn
    if layer.days or layer.start is not None:
        for hours in _hours(layer, max(first, layer.since - _DAY), last, zone):
            yield from hours
