"""The shape of `[market]`: when the desk's market is open.

Each field's docstring is its documentation.
"""

from __future__ import annotations

from dataclasses import field
from datetime import time, timedelta
from typing import Literal

from mechexo.config.fields import ClockTime, IsoDate, Table, Wait, Zone
from mechexo.value_classes import dataclass

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


@dataclass(frozen=True, kw_only=True)
class MarketSettings(Table):
    """`[market]`: what a rollback looks at before it changes code in the middle of trading."""

    calendar: str = ""
    """Whose holidays and half days count: a market of the `holidays` package, such as `NYSE`,
    `XLON` or `CME`; `weekdays` for none but your own; `24/7` when it never closes; `none` when no
    market matters. Without one the market counts as open."""
    zone: Zone = "America/New_York"
    """The exchange's own time zone, for the times of this table."""
    open: ClockTime = time(9, 30)
    close: ClockTime = time(16, 0)
    """When it is not later than `open`, the session begins on the day before."""
    margin: Wait = timedelta(minutes=15)
    """So long before the open and after the close still counts as open."""
    days: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri")
    """The days that have a session; it is named after the day of its close."""
    holidays: tuple[IsoDate, ...] = ()
    """Further days without a session."""
    half_days: dict[IsoDate, ClockTime] = field(default_factory=dict)
    """Further days that close earlier, and when: `{ "2026-11-27" = "13:00" }`."""
