"""Whether the desk's market is open: `[market]`, the calendars of the `holidays` package, and
whether this machine's clock can be believed.

The package takes half a second to load, so that what it says of a year is kept in the user's cache
folder under its version, and it is asked only when a holiday could make a difference.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mechexo.errors import UsageError, close_names
from mechexo.rollback.market import (
    Calendar,
    MarketState,
    SpecialDay,
    closing_said,
    session_at,
    weekdays,
)

if TYPE_CHECKING:
    from mechexo.config import MarketSettings
    from mechexo.desk import Desk

ALWAYS, NEVER, WEEKDAYS = "24/7", "none", "weekdays"
_DAY = timedelta(days=1)


def clock_problem() -> str:
    """Why this machine's clock cannot be believed; empty when it can."""
    from mechexo.kernel_clock import read_kernel_clock

    return read_kernel_clock().problem


def market_at(
    desk: Desk, moment: datetime | None = None, *, doubt: Callable[[], str] = clock_problem
) -> MarketState:
    """Whether the desk's market is open at a moment (now when None), and why that is said.

    What is not known counts as open: no calendar, an unknown one, a year that it does not cover, a
    clock that nothing keeps right (which `doubt` tells).
    """
    settings = desk.settings.market
    if not settings.calendar:
        return MarketState(
            True, "no [market] calendar is configured, so it counts as open at all hours"
        )
    if settings.calendar == NEVER:
        return MarketState(False, 'no market matters to this desk ([market] calendar = "none")')
    if settings.calendar == ALWAYS:
        return MarketState(True, 'it never closes ([market] calendar = "24/7")')
    if wrong := doubt():
        return MarketState(True, f"it counts as open since {wrong}")
    at = (moment or desk.clock.now()).astimezone(UTC)
    try:
        plain = calendar_of(settings)
        state = session_at(plain, at)
        if not state.open:
            # A holiday takes sessions away and adds none.
            return state
        return session_at(replace(plain, special=_special(settings, plain, at)), at)
    except UsageError as error:
        return MarketState(True, f"it counts as open since {error}")


def calendar_of(settings: MarketSettings) -> Calendar:
    """The configured sessions, without holidays."""
    return Calendar(
        name=settings.calendar,
        zone=ZoneInfo(settings.zone),
        opens=settings.open,
        closes=settings.close,
        margin=settings.margin,
        days=weekdays(settings.days),
    )


def special_days(name: str, year: int, zone: str) -> Mapping[date, SpecialDay]:
    """What the `holidays` package says of a market's year.

    Raises:
        UsageError: it does not know the market, or not the year, or is not installed.
    """
    try:
        version = importlib.metadata.version("holidays")
    except importlib.metadata.PackageNotFoundError:
        raise UsageError("the package holidays is not installed") from None
    place = _cache(name, year, version)
    said = _recall(place)
    if said is None:
        said = _asked(name, year)
        _remember(place, said)
    return {
        date.fromisoformat(day): SpecialDay(title, closing_said(title, zone) if half else None)
        for day, (title, half) in said.items()
        # A half day whose close is not said is taken for a whole one.
        if not half or closing_said(title, zone) is not None
    }


def known_calendars() -> tuple[str, ...]:
    """The names that `[market] calendar` can have."""
    from holidays import list_supported_financial

    return (WEEKDAYS, ALWAYS, NEVER, *sorted(list_supported_financial()))


def _special(settings: MarketSettings, plain: Calendar, at: datetime) -> dict[date, SpecialDay]:
    found: dict[date, SpecialDay] = {}
    if settings.calendar != WEEKDAYS:
        on = at.astimezone(plain.zone).date()
        for year in {(on - _DAY).year, (on + _DAY).year}:
            found |= special_days(settings.calendar, year, settings.zone)
    ours = "by [market]"
    found |= {
        date.fromisoformat(day): SpecialDay(f"half day {ours}", closes)
        for day, closes in settings.half_days.items()
    }
    return found | {
        date.fromisoformat(day): SpecialDay(f"holiday {ours}") for day in settings.holidays
    }


def _asked(name: str, year: int) -> dict[str, tuple[str, bool]]:
    """By day, its name and whether it is a half day only."""
    from holidays import financial_holidays

    try:
        closed = financial_holidays(name, years=year)
        if not closed.start_year <= year <= closed.end_year:
            raise UsageError(f"the calendar {name} does not know the year {year}")
        halves = (
            financial_holidays(name, years=year, categories=("half_day",))
            if "half_day" in closed.supported_categories
            else {}
        )
    except NotImplementedError:
        raise UsageError(
            f"[market] calendar {name!r} is not known; {close_names(name, known_calendars())}"
        ) from None
    # What is closed all day is not open half of it.
    return {day.isoformat(): (title, True) for day, title in halves.items()} | {
        day.isoformat(): (title, False) for day, title in closed.items()
    }


def _cache(name: str, year: int, version: str) -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    safe = "".join(each for each in name if each.isalnum())
    return base / "mechexo" / f"market-{safe}-{year}-{version}.json"


def _recall(place: Path) -> dict[str, tuple[str, bool]] | None:
    """What was kept; None when nothing was, or somebody else wrote it, or it is damaged."""
    try:
        with place.open("rb") as file:
            if os.fstat(file.fileno()).st_uid != os.getuid():
                return None
            kept = json.load(file)
        return {
            date.fromisoformat(day).isoformat(): (str(title), half is True)
            for day, (title, half) in kept.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _remember(place: Path, said: Mapping[str, tuple[str, bool]]) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = place.with_suffix(f".{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(said))
        fresh.replace(place)
    except OSError:
        # A cache that cannot be written: the package is asked again next time.
        return
