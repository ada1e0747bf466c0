"""How often a line of a crontab runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechexo.errors import UsageError
from mechexo.flows.cron_times import longest_gap, schedule
from mechexo.flows.daylight_saving import clock_changes


@pytest.mark.parametrize(
    ("fields", "gap"),
    [
        ("* * * * *", timedelta(minutes=1)),
        ("*/5 * * * *", timedelta(minutes=5)),
        ("*/7 * * * *", timedelta(minutes=7)),
        ("0-10/3 * * * *", timedelta(minutes=51)),
        ("15 2 * * *", timedelta(days=1)),
        ("@daily", timedelta(days=1)),
        ("@Hourly", timedelta(hours=1)),
        ("0 9-17 * * 1-5", timedelta(days=2, hours=16)),
        ("0 18 * * mon-fri", timedelta(days=3)),
        ("30 6 * * Sun", timedelta(days=7)),
        ("30 6 * * 7", timedelta(days=7)),
        ("0 0 1 * *", timedelta(days=31)),
        ("0 0 31 * *", timedelta(days=61)),
        ("@yearly", timedelta(days=366)),
        # Over a year that could be leap and is not: 1900, or 2100.
        ("0 0 29 2 *", timedelta(days=2921)),
        # A Monday that is the 29th of February: forty years apart over such a year.
        ("0 0 29 2 */1", timedelta(days=2921)),
        # Both day fields are set, so one is enough: no more than a week.
        ("0 0 13 * 5", timedelta(days=7)),
        # The first begins with a star, so both must fit: the Fridays of even days.
        ("0 0 2-31/2 * *", timedelta(days=3)),
        ("0 0,23 * * *", timedelta(hours=23)),
        ("0 0 30 2 *", None),
    ],
)
def test_the_longest_time_between_two_runs(fields: str, gap: timedelta | None) -> None:
    assert longest_gap(schedule(fields)) == gap


def test_the_longest_time_spans_the_rare_century_too() -> None:
    # Friday the 29th of February.
    gap = longest_gap(schedule("0 0 29 2 */5"))
    assert gap is not None
    assert gap >= timedelta(days=2921)


@pytest.mark.parametrize(
    "fields",
    [
        *("", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *"),
        *("* * * 13 *", "* * * * 8", "5/15 * * * *", "*/0 * * * *", "9-5 * * * *", "a * * * *"),
        *("0~59 * * * *", "1,,2 * * * *", "-1 * * * *", "* * * foo *", "@reboot", "*-5 * * * *"),
    ],
)
def test_what_cron_does_not_take_is_refused(fields: str) -> None:
    with pytest.raises(UsageError):
        schedule(fields)


def part(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    span = st.tuples(number, number).map(sorted)
    step = st.integers(1, high)
    return st.one_of(
        st.just("*"),
        number.map(str),
        span.map(lambda ends: f"{ends[0]}-{ends[1]}"),
        step.map(lambda each: f"*/{each}"),
        st.tuples(span, step).map(lambda both: f"{both[0][0]}-{both[0][1]}/{both[1]}"),
    )


def field(low: int, high: int) -> st.SearchStrategy[str]:
    return st.lists(part(low, high), min_size=1, max_size=3).map(",".join)


def expanded(text: str, low: int, high: int) -> set[int]:
    """The slow way: each value is asked of each part."""
    found = set()
    for value in range(low, high + 1):
        for each in text.split(","):
            span, _, step = each.partition("/")
            begin, _, end = (span if span != "*" else f"{low}-{high}").partition("-")
            first, last = int(begin), int(end or begin)
            if first <= value <= last and (value - first) % int(step or 1) == 0:
                found.add(value)
    return found


def slow_longest(words: list[str]) -> timedelta | None:
    """Day after day for 400 years and a bit, minute after minute on those that run."""
    minutes, hours = expanded(words[0], 0, 59), expanded(words[1], 0, 23)
    days, months = expanded(words[2], 1, 31), expanded(words[3], 1, 12)
    week = {day % 7 for day in expanded(words[4], 0, 7)}
    either = words[2][0] != "*" and words[4][0] != "*"
    moments = [
        hour * 60 + minute
        for hour in range(24)
        for minute in range(60)
        if hour in hours and minute in minutes
    ]
    longest, last = None, None
    day = datetime(2001, 1, 1, tzinfo=UTC)
    for _ in range(146_097 + 15_000):
        fits = [day.day in days, (day.weekday() + 1) % 7 in week]
        if day.month in months and (any(fits) if either else all(fits)):
            first = day + timedelta(minutes=moments[0])
            if last is not None and (longest is None or first - last > longest):
                longest = first - last
            last = day + timedelta(minutes=moments[-1])
        day += timedelta(days=1)
    inside = [timedelta(minutes=b - a) for a, b in pairwise(moments)]
    return None if longest is None else max([longest, *inside])


@pytest.mark.slow
@settings(max_examples=40)
@given(st.tuples(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7)))
def test_it_is_what_a_walk_through_four_hundred_years_finds(words: tuple[str, ...]) -> None:
    assert longest_gap(schedule(" ".join(words))) == slow_longest(list(words))


NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "back", "skipped", "doubled"),
    [
        ("UTC", 0, set(), set()),
        ("Asia/Tokyo", 0, set(), set()),
        ("Europe/Berlin", 60, set(range(120, 180)), set(range(120, 180))),
        ("America/New_York", 60, set(range(120, 180)), set(range(60, 120))),
        ("Europe/London", 60, set(range(60, 120)), set(range(60, 120))),
        ("Australia/Lord_Howe", 30, set(range(120, 150)), set(range(90, 120))),
    ],
)
def test_when_the_clocks_of_a_zone_change(
    zone: str, back: int, skipped: set[int], doubled: set[int]
) -> None:
    changes = clock_changes(ZoneInfo(zone), zone, NOW)
    assert changes.back == timedelta(minutes=back)
    assert (changes.skipped, changes.doubled) == (skipped, doubled)


def test_a_time_of_day_is_touched_by_a_change_or_not() -> None:
    changes = clock_changes(ZoneInfo("America/New_York"), "New York", NOW)
    assert changes.touches({2}, {15}) == (True, False)
    assert changes.touches({1}, {15}) == (False, True)
    assert changes.touches({0, 3}, range(60)) == (False, False)
