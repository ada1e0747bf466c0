"""The desk's trading day: which one a moment belongs to, and when it and its month began. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mechexo.value_classes import dataclass

_NOON = time(12, 0)


@dataclass(frozen=True, slots=True)
class TradingDay:
    """One trading day. It is named after the date that most of it falls on."""

    day: date
    starts_at: datetime
    """UTC."""
    ends_at: datetime
    """UTC; it belongs to the next day."""
    month_starts_at: datetime
    """When the first trading day of its month began, in UTC."""

    @property
    def month_first(self) -> date:
        """The first date of its month."""
        return self.day.replace(day=1)


def trading_day(now: datetime, zone: ZoneInfo, day_starts: time) -> TradingDay:
    """The trading day of a moment, for days that begin at a local time of day.

    One that begins at 12:00 or later belongs to the next date: at 17:00 on Monday Tuesday begins.
    """
    local = now.astimezone(zone)
    # Within a day of the true one, whatever the clocks do: find it by its bounds.
    day = local.date() + timedelta(days=1)
    while now < _begin(day, zone, day_starts):
        day -= timedelta(days=1)
    while now >= _begin(day + timedelta(days=1), zone, day_starts):
        day += timedelta(days=1)
    return TradingDay(
        day=day,
        starts_at=_begin(day, zone, day_starts),
        ends_at=_begin(day + timedelta(days=1), zone, day_starts),
        month_starts_at=_begin(day.replace(day=1), zone, day_starts),
    )


def _begin(day: date, zone: ZoneInfo, day_starts: time) -> datetime:
    on = day - timedelta(days=1) if day_starts >= _NOON else day
    return datetime.combine(on, day_starts, zone).astimezone(UTC)
