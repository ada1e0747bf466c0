"""Quiet hours: when a page waits for the morning. Pure.

It is quiet exactly while the wall clock of the zone shows a time from `start` up to, but not
including, `end`; an end before the start means that the window crosses midnight. So a night in
which the clocks change is shorter or longer, as people live it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mechexo.alerts.wall_clock import change_between
from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True)
class QuietHours:
    """The window in an IANA zone. Equal start and end mean that it is never quiet."""

    start: time
    end: time
    zone: str
    enabled: bool = True

    def covers(self, moment: datetime) -> bool:
        """Whether it is quiet at `moment`."""
        if not self.enabled:
            return False
        shown = moment.astimezone(ZoneInfo(self.zone)).time()
        if self.start <= self.end:
            return self.start <= shown < self.end
        return shown >= self.start or shown < self.end

    def until(self, moment: datetime) -> datetime | None:
        """The first moment after `moment` at which it is no longer quiet, in UTC; None when it
        is not quiet at `moment`."""
        if not self.covers(moment):
            return None
        zone = ZoneInfo(self.zone)
        today = moment.astimezone(zone).date()
        return min(
            candidate
            for days in range(-1, 3)
            # A change of the clocks can end the quiet at the start of the window too: the clock
            # falls back to a time before it.
            for boundary in (self.start, self.end)
            for candidate in _moments(today + timedelta(days), boundary, zone)
            if candidate > moment and not self.covers(candidate)
        )


def _moments(day: date, shown: time, zone: ZoneInfo) -> tuple[datetime, ...]:
    """The moments at which the wall clock shows or skips `shown` on `day`, in UTC."""
    local = datetime.combine(day, shown, zone)
    first = local.replace(fold=0).astimezone(UTC)
    second = local.replace(fold=1).astimezone(UTC)
    if first == second:
        return (first,)
    return (first, second, change_between(min(first, second), max(first, second), zone))
