"""When a line of a crontab runs, and the longest time between two of its runs. Pure.

The fields are those of crontab(5): minute, hour, day of month, month, day of week, with lists,
ranges, steps and names. A day runs when its month fits and both day fields do; when neither of the
two begins with `*`, one of them is enough. All times are of the wall clock: what a change of
daylight-saving time adds is a matter of the zone (`daylight_saving.py`).
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from itertools import pairwise

from mechexo.errors import UsageError
from mechexo.value_classes import dataclass

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PART = re.compile(r"(\*|(?:\w+)(?:-\w+)?)(?:/(\d+))?", re.ASCII)
_DAY_MINUTES = 24 * 60
_CYCLE_YEARS = 400
"""The calendar repeats, days of the week included."""

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


@dataclass(frozen=True, slots=True)
class Schedule:
    """The times that five fields name. Days of the week count from Sunday, 0."""

    minutes: frozenset[int]
    hours: frozenset[int]
    month_days: frozenset[int]
    months: frozenset[int]
    week_days: frozenset[int]
    either_day: bool
    """Whether one of the two day fields is enough: neither begins with `*`."""

    @property
    def every_hour(self) -> bool:
        """Whether it runs in each hour of a day: then cron goes by the time that has passed, and a
        change of the clock is nothing to it."""
        return len(self.hours) == 24


def schedule(fields: str) -> Schedule:
    """Reads five fields, or a nickname like `@daily`.

    Raises:
        UsageError: they are no times that cron would take.
    """
    words = NICKNAMES.get(fields.strip().lower(), fields).split()
    if len(words) != 5:
        raise UsageError(f"{fields!r} is not five fields: minute, hour, day, month, day of week")
    week_days = _values(words[4], 0, 7, _DAYS, 0)
    return Schedule(
        minutes=_values(words[0], 0, 59),
        hours=_values(words[1], 0, 23),
        month_days=_values(words[2], 1, 31),
        months=_values(words[3], 1, 12, _MONTHS, 1),
        week_days=frozenset(day % 7 for day in week_days),
        either_day=not words[2].startswith("*") and not words[4].startswith("*"),
    )


def longest_gap(times: Schedule) -> timedelta | None:
    """The longest time from one run to the next by the wall clock; None when it never runs twice,
    as on the 30th of February."""
    starts = sorted(60 * hour + minute for hour in times.hours for minute in times.minutes)
    within = max((b - a for a, b in pairwise(starts)), default=0)
    days = _longest_day_gap(times.month_days, times.months, times.week_days, times.either_day)
    if days is None:
        return None
    over_night = days * _DAY_MINUTES - (starts[-1] - starts[0])
    return timedelta(minutes=max(within, over_night))


def _values(
    field: str, low: int, high: int, names: tuple[str, ...] = (), first: int = 0
) -> frozenset[int]:
    found: set[int] = set()
    for part in field.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise UsageError(f"{part!r} of {field!r} is no value, range or step that cron takes")
        span, step_text = match[1], match[2]
        if span == "*":
            begin, end = low, high
        else:
            begin_text, dash, end_text = span.partition("-")
            begin = _number(begin_text, names, first)
            end = _number(end_text, names, first) if dash else begin
            if step_text is not None and not dash:
                raise UsageError(f"{part!r}: cron takes a step only of * or of a range")
        step = 1 if step_text is None else int(step_text)
        if not (low <= begin <= end <= high and step):
            raise UsageError(f"{part!r} is no part of {low} to {high} that cron takes")
        found.update(range(begin, end + 1, step))
    return frozenset(found)


def _number(text: str, names: tuple[str, ...], first: int) -> int:
    if text.isdigit():
        return int(text)
    if text.lower() in names:
        return names.index(text.lower()) + first
    raise UsageError(f"{text!r} is no number" + (" and no name" if names else ""))


@cache
def _longest_day_gap(
    month_days: frozenset[int], months: frozenset[int], week_days: frozenset[int], either: bool
) -> int | None:
    """The most days from one that runs to the next, over the 400 years after which all repeats."""
    if len(months) == 12 and not either and len(week_days) == 7 and len(month_days) == 31:
        return 1
    longest, first, last = 0, None, None
    for day in _running_days(month_days, months, week_days, either):
        if last is None:
            first = day
        else:
            longest = max(longest, day - last)
        last = day
    if first is None or last is None:
        return None
    cycle_days = date(2000 + _CYCLE_YEARS, 1, 1).toordinal() - date(2000, 1, 1).toordinal()
    return max(longest, first + cycle_days - last)


def _running_days(
    month_days: frozenset[int], months: frozenset[int], week_days: frozenset[int], either: bool
) -> Iterator[int]:
    """The numbers of the days that run, in the order of time: a year has one of only fourteen
    calendars, so each is worked out once."""
    calendars: dict[tuple[int, bool], tuple[int, ...]] = {}
    for year in range(2000, 2000 + _CYCLE_YEARS):
        start = date(year, 1, 1).toordinal()
        kind = (start % 7, calendar.isleap(year))
        if kind not in calendars:
            calendars[kind] = tuple(
                day.toordinal() - start
                for day in (date.fromordinal(start + n) for n in range(365 + kind[1]))
                if day.month in months and _fits(day, month_days, week_days, either)
            )
        for number in calendars[kind]:
            yield start + number


def _fits(day: date, month_days: frozenset[int], week_days: frozenset[int], either: bool) -> bool:
    of_month, of_week = day.day in month_days, day.isoweekday() % 7 in week_days
    return (of_month or of_week) if either else (of_month and of_week)
