"""What the values of mechexo.toml may be: durations, zones, times of day, numbers in bounds.

The checks are annotations that do not import pydantic, so that a command that starts from settings
validated earlier need not import it either: it costs more than all the rest of `status`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, ClassVar, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mechexo.errors import UsageError
from mechexo.times import parse_duration

Severity = Literal["critical", "high", "medium", "low", "info"]
RoleName = Literal["viewer", "responder", "operator", "admin"]


class Before:
    """A check (and conversion) that runs before pydantic's own for the annotated type."""

    def __init__(self, check: Callable[[Any], Any]) -> None:
        self._check = check

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(self._check, handler(source))


class After:
    """A check that runs on the value after pydantic's own for the annotated type."""

    def __init__(self, check: Callable[[Any], Any]) -> None:
        self._check = check

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(self._check, handler(source))


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError("a duration in quotes, like 90s, 15m, 2h or 7d")
    try:
        return parse_duration(value)
    except UsageError:
        raise ValueError("a duration like 90s, 15m, 2h or 7d") from None


def _longer_than_zero(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("a duration longer than zero")
    return value


def at_most(longest: str, why: str) -> After:
    """No longer than this, and why."""
    limit = parse_duration(longest)

    def check(value: timedelta) -> timedelta:
        if value > limit:
            raise ValueError(f"a duration of at most {longest}: {why}")
        return value

    return After(check)


def at_least(shortest: str, why: str) -> After:
    """No shorter than this, and why."""
    limit = parse_duration(shortest)

    def check(value: timedelta) -> timedelta:
        if value < limit:
            raise ValueError(f"a duration of at least {shortest}: {why}")
        return value

    return After(check)


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("an IANA time zone like America/New_York or UTC") from None
    return value


def _clock_time(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        return time.fromisoformat(value)
    if isinstance(value, time):
        return value
    raise ValueError("a time of day in quotes, like 22:00")


def between(low: float, high: float) -> After:
    """A number in these bounds, both included."""

    def check(value: float) -> float:
        if not low <= value <= high:
            raise ValueError(f"a number from {low:g} to {high:g}")
        return value

    return After(check)


def text(longest: int = 4096) -> After:
    """A text that is not empty and not endless."""

    def check(value: str) -> str:
        if not 1 <= len(value) <= longest:
            raise ValueError(f"a text of 1 to {longest} characters")
        return value

    return After(check)


def _not_negative(value: timedelta) -> timedelta:
    if value < timedelta(0):
        raise ValueError("a duration like 0m, 15m or 2h")
    return value


def _iso_moment(value: str) -> str:
    try:
        if value:
            datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("a moment in quotes, like 2026-12-05T22:00") from None
    return value


def _iso_date(value: object) -> object:
    try:
        day = date.fromisoformat(str(value))
    except ValueError:
        raise ValueError("a date in quotes, like 2026-01-05") from None
    if not 1970 <= day.year <= 2999:
        raise ValueError("a date of the years 1970 to 2999")
    return day.isoformat()


Duration = Annotated[timedelta, Before(_duration), After(_longer_than_zero)]
Wait = Annotated[timedelta, Before(_duration), After(_not_negative)]
"""A duration that may be zero."""
IsoMoment = Annotated[str, After(_iso_moment)]
"""ISO 8601 text, or empty."""
IsoDate = Annotated[str, Before(_iso_date)]
Zone = Annotated[str, After(_zone)]
ClockTime = Annotated[time, Before(_clock_time)]


class Table:
    """A table of the file: no key that we do not know."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}
