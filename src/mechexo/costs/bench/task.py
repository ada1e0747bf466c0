"""What every contender of the benchmark computes, and whether two say the same.

Each fill's reference is the last quote strictly before it, at most 300 s old, with bid > 0 and
ask >= bid; fills further than 5 % from the mid do not count. Of the others: slippage, spread,
beyond, commission and total, in cash and bps, summed in all and by day, symbol and hour (UTC),
with percentiles of total_bps. With markouts: realised half-spread and impact at six horizons too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from pathlib import Path
from typing import Any

from mechexo.value_classes import dataclass

USABLE_US = 300_000_000
SUSPECT = 0.05
LEVELS = (0.50, 0.95, 0.99)
HORIZONS = {
    "1s": timedelta(seconds=1),
    "10s": timedelta(seconds=10),
    "1m": timedelta(minutes=1),
    "5m": timedelta(minutes=5),
    "10m": timedelta(minutes=10),
    "30m": timedelta(minutes=30),
}
FILL_COLUMNS = ("fill_id", "ts", "symbol", "side", "quantity", "price", "commission")
QUOTE_COLUMNS = ("sid", "ts", "bid", "ask")

SUM_TOLERANCE = 1e-9
"""Relative: sums of floats in another order."""
PERCENTILE_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Places:
    """Where the data of a benchmark is."""

    folder: Path

    @property
    def plain_fills(self) -> Path:
        """As most desks have them: zstd, ordered by time, symbols as text, a file a day."""
        return self.folder / "plain" / "fills"

    @property
    def plain_quotes(self) -> Path:
        """Likewise."""
        return self.folder / "plain" / "quotes"

    @property
    def fills(self) -> Path:
        """The same fills in lz4."""
        return self.folder / "fills"

    @property
    def store(self) -> Path:
        """The tick store."""
        return self.folder / "ticks"

    def desk(self, kind: str) -> Path:
        """The configuration of a desk: `store` or `plain`, or with `-markouts`."""
        return self.folder / f"desk-{kind}" / "mechexo.toml"


@dataclass(frozen=True, slots=True)
class Row:
    """One group's answer."""

    fills: int
    priced: int
    total_ccy: float
    p95_bps: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a contender found."""

    total: Row
    groups: Mapping[str, Mapping[str, Row]] = field(default_factory=dict)
    """By `day`, `symbol` and `hour`."""
    realised_bps: Mapping[str, float] = field(default_factory=dict)
    """By horizon, of all fills."""

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Answer:
        """Reads what JSON made of it."""
        return cls(
            Row(**record["total"]),
            {
                name: {key: Row(**row) for key, row in rows.items()}
                for name, rows in record["groups"].items()
            },
            record["realised_bps"],
        )


def difference(one: Answer, other: Answer) -> str:
    """Where two answers differ by more than rounding; empty when nowhere."""
    if text := _row_difference(one.total, other.total):
        return text
    for name in one.groups.keys() | other.groups.keys():
        first, second = one.groups.get(name, {}), other.groups.get(name, {})
        if first.keys() != second.keys():
            return f"{len(first)} against {len(second)} groups by {name}"
        for key, row in first.items():
            if text := _row_difference(row, second[key]):
                return f"{text} of {name} {key}"
    for label in one.realised_bps.keys() | other.realised_bps.keys():
        mine, theirs = (each.realised_bps.get(label, math.nan) for each in (one, other))
        if not math.isclose(mine, theirs, rel_tol=SUM_TOLERANCE, abs_tol=1e-9):
            return f"{mine} against {theirs} bps after {label}"
    return ""


def _row_difference(one: Row, other: Row) -> str:
    if (one.fills, one.priced) != (other.fills, other.priced):
        return f"{one.priced} of {one.fills} against {other.priced} of {other.fills} fills"
    if not math.isclose(one.total_ccy, other.total_ccy, rel_tol=SUM_TOLERANCE, abs_tol=1e-6):
        return f"a cost of {one.total_ccy} against {other.total_ccy}"
    if not math.isclose(one.p95_bps, other.p95_bps, rel_tol=PERCENTILE_TOLERANCE, abs_tol=1e-9):
        return f"a p95 of {one.p95_bps} against {other.p95_bps} bps"
    return ""
