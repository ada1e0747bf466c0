"""What many runs add up to, without looking at each: counts and durations by day. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Tally:
    """What a flow's runs of some time add up to."""

    runs: int
    ended: int
    """Those that ended in any way, lost ones included."""
    well: int
    durations_s: tuple[float, ...]
    """Of those that ended by themselves, well or not, oldest first: one that was cut off says
    nothing about how long the flow takes."""

    @property
    def failed(self) -> int:
        """Those that ended and not well."""
        return self.ended - self.well

    @property
    def success_pct(self) -> float | None:
        """The share of those that ended which ended well; None when none ended."""
        return 100 * self.well / self.ended if self.ended else None


@dataclass(frozen=True, slots=True)
class DayOfRuns:
    """A flow's runs of one day in the desk's zone. Figures are None when there is no run for
    them."""

    day: date
    runs: int
    failed: int
    success_pct: float | None
    p50_s: float | None


NOTHING = Tally(0, 0, 0, ())


def added(tallies: Sequence[Tally]) -> Tally:
    """Several tallies, the oldest first, as one."""
    return Tally(
        runs=sum(each.runs for each in tallies),
        ended=sum(each.ended for each in tallies),
        well=sum(each.well for each in tallies),
        durations_s=tuple(took_s for each in tallies for took_s in each.durations_s),
    )


def day_edges(since: datetime, until: datetime, zone: ZoneInfo) -> tuple[datetime, ...]:
    """Where a time begins and where each further day of a zone in it begins."""
    first = since.astimezone(zone).date()
    last = until.astimezone(zone).date()
    days = (first + timedelta(days=number) for number in range(1, (last - first).days + 1))
    return (since, *(datetime.combine(day, time(), zone) for day in days))
