"""How long a look stands: an OK may not rot."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.health.hysteresis import configured, unseen
from mechexo.health.values import ProbeState, Status
from mechexo.times import format_duration

if TYPE_CHECKING:
    from mechexo.config import ProbeSettings

STANDS_FOR_INTERVALS = 3
CLOCK_TOLERANCE = timedelta(seconds=60)


def interval(every: timedelta, tick: timedelta) -> timedelta:
    """How often a probe really runs: not more often than the tick comes by."""
    return max(every, tick)


def is_due(observed_at: datetime | None, now: datetime, every: timedelta, tick: timedelta) -> bool:
    """Whether a probe should run in the tick at `now`.

    A tick never comes to the millisecond. Half a tick early counts as due, because waiting for
    the next would double the interval. A look in the future (the clock went back) is due too.
    """
    if observed_at is None or observed_at > now:
        return True
    return now - observed_at >= every - min(tick, every) / 2


def as_shown(
    name: str,
    stored: ProbeState | None,
    settings: ProbeSettings,
    now: datetime,
    tick: timedelta,
) -> ProbeState:
    """What a reader at `now` may believe of the state that the last run left behind."""
    if stored is None or stored.kind != settings.kind or stored.observed_at is None:
        return unseen(name, settings)
    state = configured(stored, settings)
    age = now - stored.observed_at
    limit = STANDS_FOR_INTERVALS * interval(settings.every, tick)
    before = f"it was {stored.status}: {stored.detail}"
    if age > limit:
        return replace(
            state,
            status=Status.UNKNOWN,
            detail=f"last looked {_in_minutes(age)} ago; {before}",
            since=stored.observed_at + limit,
        )
    if age < -CLOCK_TOLERANCE:
        return replace(
            state,
            status=Status.UNKNOWN,
            detail=f"last looked {format_duration(-age)} in the future, so a clock is wrong; "
            f"{before}",
            since=now,
        )
    return state


def _in_minutes(age: timedelta) -> str:
    """An age that a screen need not paint again every second."""
    minute = timedelta(minutes=1)
    return format_duration(age if age < minute else age // minute * minute)
