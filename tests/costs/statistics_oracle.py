"""A slow second opinion on groups of fills: plain loops and exact fractions over plain rows."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import cache
from zoneinfo import ZoneInfo

from costs.oracle import percentile

PARTS = ("commission", "spread", "beyond", "slippage", "total")


@dataclass(frozen=True)
class Row:
    """One priced fill, as loops like it."""

    fill_id: str
    ts: datetime
    symbol: str
    side: int
    quantity: float
    price: float
    mid: float | None
    half: float | None
    source: str = "quote"
    commission: float | None = 0.0
    multiplier: float = 1.0
    fx: float = 1.0
    suspect: bool = False
    strategy: str | None = None
    venue: str | None = None
    auction: str | None = None
    adv: float | None = None
    later_mid: float | None = None

    @property
    def size(self) -> float:
        return self.quantity * self.multiplier * self.fx

    @property
    def counts(self) -> bool:
        return self.source != "none" and not self.suspect

    @property
    def notional(self) -> float | None:
        return None if self.mid is None else self.size * self.mid

    @property
    def value(self) -> float:
        return self.size * self.price

    def cash(self, part: str) -> float | None:
        """A component in the base currency, None where it is not known."""
        if part == "commission":
            return self.commission if self.mid is not None else None
        if self.mid is None:
            return None
        slippage = self.side * self.size * (self.price - self.mid)
        if part == "slippage":
            return slippage
        if part == "total":
            return None if self.commission is None else slippage + self.commission
        if part in ("realised", "impact"):
            if self.later_mid is None:
                return None
            if part == "realised":
                return self.side * self.size * (self.price - self.later_mid)
            return self.side * self.size * (self.later_mid - self.mid)
        if self.half is None:
            return None
        return self.size * self.half if part == "spread" else slippage - self.size * self.half


def weighted_bps(rows: Sequence[Row], part: str) -> float | None:
    known = [row for row in rows if row.counts and row.cash(part) is not None]
    if not known:
        return None
    cash = sum((Fraction(row.cash(part) or 0.0) for row in known), Fraction())
    return float(10_000 * cash / sum((Fraction(row.notional or 0.0) for row in known), Fraction()))


def cash_sum(rows: Sequence[Row], part: str) -> float | None:
    known = [row.cash(part) for row in rows if row.counts and row.cash(part) is not None]
    return math.fsum(value or 0.0 for value in known) if known else None


def own_totals(rows: Sequence[Row]) -> list[tuple[float, float]]:
    """Each counting fill's total_bps with its notional, cheapest first."""
    return own_values(rows, "total")


def own_values(rows: Sequence[Row], part: str) -> list[tuple[float, float]]:
    """The same of any component, of the fills that have it."""
    pairs = []
    for row in rows:
        cash, notional = row.cash(part), row.notional
        if row.counts and cash is not None and notional is not None:
            pairs.append((1e4 * cash / notional, notional))
    return sorted(pairs)


def weighted_percentile(pairs: Sequence[tuple[float, float]], level: float) -> float:
    whole = sum(Fraction(weight) for _, weight in pairs)
    reached = Fraction()
    for value, weight in pairs:
        reached += Fraction(weight)
        if float(reached / whole) >= level - 1e-13:
            return value
    raise AssertionError("no weight reaches the whole")


def winsorised_mean(values: Sequence[float]) -> float:
    low, high = percentile(values, 0.01), percentile(values, 0.99)
    return math.fsum(min(max(value, low), high) for value in values) / len(values)


def deviation(values: Sequence[float]) -> float | None:
    return statistics.stdev(values) if len(values) > 1 else None


@cache
def day_begins(day: date, starts: time, zone: str) -> datetime:
    """The first moment of that date at which the wall clock shows `starts` or later."""
    moment = datetime.combine(day, time(), UTC) - timedelta(hours=15)
    while True:
        wall = moment.astimezone(ZoneInfo(zone))
        if wall.date() > day or (wall.date() == day and wall.time() >= starts):
            return moment
        moment += timedelta(minutes=1)


def session_date(at: datetime, starts: time, zone: str) -> date:
    wall = at.astimezone(ZoneInfo(zone)).date()
    begun = [
        day
        for day in (wall + timedelta(days=step) for step in (-2, -1, 0, 1))
        if day_begins(day, starts, zone) <= at
    ]
    return begun[-1] + timedelta(days=1 if starts > time(12) else 0)


def wall_bucket(at: datetime, minutes: int, zone: str) -> str:
    wall = at.astimezone(ZoneInfo(zone))
    place = (wall.hour * 60 + wall.minute) // minutes * minutes
    return f"{place // 60:02}:{place % 60:02}"


def by_key(
    rows: Sequence[Row], key: Callable[[Row], tuple[str, ...]]
) -> dict[tuple[str, ...], list[Row]]:
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups
