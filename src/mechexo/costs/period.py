"""Reading the period of a costs command."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from mechexo.costs.operations import default_period
from mechexo.costs.running import exchange_zone
from mechexo.costs.session_days import day_begins
from mechexo.desk import Desk
from mechexo.errors import UsageError
from mechexo.times import in_zone, parse_instant

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
FIRST_YEAR, LAST_YEAR = 1970, 9998
"""No period reaches beyond these years: from there nobody could count on to the days around it."""


def read_period(desk: Desk, start: str | None, end: str | None) -> tuple[datetime, datetime]:
    """The period that a user named; without words the default one.

    A bare date is a whole session day of the exchange: as the end, that day is included.

    Raises:
        UsageError: a text is no time or of no year that is counted, or the period is empty.
    """
    default_start, now = default_period(desk)
    first = default_start if start is None else _counted(desk, start, days=0)
    last = now if end is None else _counted(desk, end, days=1)
    if first >= last:
        named = f"from {start or 'its default'} to {end or 'now'}"
        moments = " to ".join(in_zone(moment, desk.zone) for moment in (first, last))
        raise UsageError(f"the period {named} is empty ({moments}): it must end after its start")
    return first, last


def check_year(moment: date, text: str) -> None:
    """Refuses what lies too near to an end of the calendar.

    Raises:
        UsageError: it does.
    """
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise UsageError(f"{text!r} lies outside the years {FIRST_YEAR} to {LAST_YEAR} (in UTC)")


def _counted(desk: Desk, text: str, *, days: int) -> datetime:
    moment = _moment(desk, text, days=days)
    check_year(moment, text)
    return moment


def _moment(desk: Desk, text: str, *, days: int) -> datetime:
    if not _DAY.fullmatch(text.strip()):
        return parse_instant(text, desk.zone, desk.clock.now()).at
    try:
        day = datetime.strptime(text.strip(), "%Y-%m-%d").date() + timedelta(days=days)  # noqa: DTZ007
        return day_begins(day, exchange_zone(desk), desk.settings.costs.day_starts)
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is not a date; write one like 2026-03-08") from None
