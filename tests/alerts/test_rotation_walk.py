"""The rotation against a walk, minute by minute, along a wall clock that is never put back.

A boundary has passed once the clock has shown its time or a later one. So the walk keeps the latest
time shown, and everything else is counting days on that: no zone, no moments, no conversions.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechexo.alerts.rotation import (
    Entry,
    Handover,
    Layer,
    Override,
    Schedule,
    gaps,
    handovers,
    on_call,
    spans,
)

pytestmark = pytest.mark.slow

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
# Around each change of the clocks of 2026 in these zones, and some days without one.
WALKS = [
    *(("America/New_York", date(2026, month, day)) for month, day in ((3, 8), (11, 1), (7, 4))),
    *(("Europe/London", date(2026, month, day)) for month, day in ((3, 29), (10, 25), (6, 1))),
    *(("Australia/Lord_Howe", date(2026, month, day)) for month, day in ((4, 5), (10, 4), (1, 1))),
    *(("Asia/Tokyo", date(2026, month, day)) for month, day in ((3, 8), (12, 31))),
]
PEOPLE = ("ada", "grace", "linus", "edsger")


@lru_cache
def clock_walk(zone: str, middle: date) -> list[tuple[datetime, datetime]]:
    """Each minute of three days, in UTC, with the latest time that the wall clock has shown."""
    at = datetime.combine(middle - 4 * DAY, time(12), UTC)
    latest, walked = datetime(1, 1, 1), []  # noqa: DTZ001
    for number in range(6 * 1440):
        moment = at + number * MINUTE
        latest = max(latest, moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None))
        walked.append((moment, latest))
    return walked[2 * 1440 : 5 * 1440]


@lru_cache(maxsize=10_000)
def turns_passed(layer: Layer, shown: datetime) -> int:
    """How many hand-overs a layer has had after its first, by counting days."""
    units = turns = 0
    unit_days = 1 if layer.weekday is None else 7
    day = layer.since + DAY
    while datetime.combine(day, layer.handover) <= shown:
        if layer.weekday is None or day.weekday() == layer.weekday:
            units += 1
            if units * unit_days % layer.turn_days == 0:
                turns += 1
        day += DAY
    return turns


def in_hours(layer: Layer, shown: datetime) -> bool:
    today = not layer.days or shown.weekday() in layer.days
    yesterday = not layer.days or (shown.weekday() - 1) % 7 in layer.days
    if layer.start is None or layer.end is None:
        return today
    if layer.start < layer.end:
        return today and layer.start <= shown.time() < layer.end
    return (today and shown.time() >= layer.start) or (yesterday and shown.time() < layer.end)


def walked_person(
    schedule: Schedule, overrides: list[Override], moment: datetime, shown: datetime
) -> str | None:
    for override in sorted(overrides, key=lambda each: -each.id):
        if override.starts_at <= moment < override.ends_at:
            return override.person
    running = [e for e in schedule.calendar if e.starts_at <= moment < e.ends_at]
    for entry in sorted(running, key=lambda each: each.starts_at)[-1:]:
        return entry.person
    for layer in reversed(schedule.layers):
        begun = shown >= datetime.combine(layer.since, layer.handover)
        if begun and in_hours(layer, shown):
            # Asked by hand-over, so that a whole day costs one count.
            day = shown if shown.time() >= layer.handover else shown - DAY
            counted = turns_passed(layer, datetime.combine(day.date(), layer.handover))
            return layer.people[counted % len(layer.people)]
    return None


CLOCK_TIMES = st.times(max_value=time(23, 59)).map(lambda t: t.replace(second=0, microsecond=0))
NEAR_NIGHT = st.integers(0, 4 * 60 - 1).map(lambda m: time(m // 60, m % 60))


@st.composite
def layers(draw: st.DrawFn, middle: date) -> Layer:
    weekday = draw(st.none() | st.integers(0, 6))
    times = draw(st.none() | st.tuples(NEAR_NIGHT | CLOCK_TIMES, NEAR_NIGHT | CLOCK_TIMES))
    return Layer(
        people=tuple(draw(st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=4))),
        turn_days=draw(st.integers(1, 3)) * (1 if weekday is None else 7),
        handover=draw(NEAR_NIGHT | CLOCK_TIMES),
        since=middle - draw(st.integers(-2, 40)) * DAY,
        weekday=weekday,
        days=frozenset(draw(st.sets(st.integers(0, 6), max_size=5))),
        start=times[0] if times else None,
        end=times[1] if times else None,
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[Schedule, list[Override], list[tuple[datetime, datetime]]]:
    zone, middle = draw(st.sampled_from(WALKS))
    walked = clock_walk(zone, middle)
    minutes = st.integers(-600, len(walked) + 600).map(lambda n: walked[0][0] + n * MINUTE)

    def period() -> tuple[datetime, datetime]:
        starts_at = draw(minutes)
        return starts_at, starts_at + draw(st.integers(1, 2000)) * MINUTE

    schedule = Schedule(
        "primary",
        zone,
        tuple(draw(st.lists(layers(middle), max_size=3))),
        tuple(
            Entry(draw(st.sampled_from(PEOPLE)), *period()) for _ in range(draw(st.integers(0, 2)))
        ),
    )
    count = draw(st.integers(0, 3))
    ids = draw(st.permutations(range(1, count + 1)))
    made = [Override(each, "primary", draw(st.sampled_from(PEOPLE)), *period()) for each in ids]
    return schedule, made, walked


@settings(max_examples=150, deadline=None)
@given(cases())
def test_the_rotation_agrees_with_a_walk_minute_by_minute(
    case: tuple[Schedule, list[Override], list[tuple[datetime, datetime]]],
) -> None:
    schedule, overrides, walked = case
    start, end = walked[0][0], walked[-1][0] + MINUTE
    people = [(at, walked_person(schedule, overrides, at, shown)) for at, shown in walked]
    found = spans(schedule, overrides, start, end)

    # They adjoin, cover exactly what was asked for, and none could be longer.
    assert [each.starts_at for each in found] == [start, *(each.ends_at for each in found[:-1])]
    assert found[-1].ends_at == end
    same = [(each.person, each.why) for each in found]
    assert all(before != after for before, after in pairwise(same))

    spoken = [(each.person, int((each.ends_at - each.starts_at) / MINUTE)) for each in found]
    merged = [(who, sum(n for _, n in run)) for who, run in groupby(spoken, key=lambda s: s[0])]
    assert merged == [(who, len(list(run))) for who, run in groupby(people, key=lambda p: p[1])]

    for at, who in people[::97]:
        assert on_call(schedule, overrides, at).person == who
    assert all(each.person is None for each in gaps(schedule, overrides, start, end))

    changes = [
        Handover("primary", after[0], before[1], after[1])
        for before, after in pairwise(people)
        if before[1] != after[1]
    ]
    assert list(handovers(schedule, overrides, start, end - MINUTE)) == changes
