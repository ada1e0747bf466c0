"""Priced fills for windows and baselines, and a slow second opinion on what a window cost."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import polars as pl

from mechexo.costs.dimensions import Grouping
from mechexo.costs.findings import Resampling
from mechexo.costs.incident_window_rules import Judged, judge

MONDAY = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
GROUPING = Grouping(zone="America/New_York")


@dataclass(frozen=True)
class Row:
    """One priced fill; a cost of None is one without commission, a notional of None unpriced."""

    symbol: str = "AAA"
    cost: float | None = 2.0
    notional: float | None = 10_000.0
    order: str | None = None
    side: int = 1
    minute: int = 0
    suspect: bool = False
    slippage: float = 1.0


def frame(rows: Sequence[Row], start: datetime = MONDAY) -> pl.DataFrame:
    def reason(row: Row) -> str | None:
        if row.suspect:
            return "far from its reference"
        return "no quote" if row.notional is None else None

    columns = {
        "fill_id": [f"f{place}" for place in range(len(rows))],
        "ts": [start + timedelta(minutes=row.minute) for row in rows],
        "symbol": [row.symbol for row in rows],
        "side": [row.side for row in rows],
        "quantity": [(row.notional or 10_000.0) / 100 for row in rows],
        "price": [100.0 for _ in rows],
        "multiplier": [1.0 for _ in rows],
        "fx": [1.0 for _ in rows],
        "order_id": [row.order for row in rows],
        "suspect": [row.suspect for row in rows],
        "ref_source": ["none" if row.notional is None else "quote" for row in rows],
        "reason": [reason(row) for row in rows],
        "notional": [row.notional for row in rows],
        "total_ccy": [None if row.notional is None else row.cost for row in rows],
        "slippage_ccy": [None if row.notional is None else row.slippage for row in rows],
    }
    numbers = ("quantity", "price", "multiplier", "fx", "notional", "total_ccy", "slippage_ccy")
    kinds: dict[str, pl.DataType] = dict.fromkeys(numbers, pl.Float64())
    kinds |= {"ts": pl.Datetime("us", "UTC"), "side": pl.Int8(), "suspect": pl.Boolean()}
    kinds |= dict.fromkeys(("fill_id", "symbol", "order_id", "ref_source", "reason"), pl.String())
    return pl.DataFrame(columns, schema={name: kinds[name] for name in columns})


def judged(window: Sequence[Row], baseline: Sequence[Row], seed: int = 1) -> Judged:
    return judge(
        frame(window),
        frame(baseline, MONDAY - timedelta(days=7)),
        rejected=(0, 0),
        weeks=4,
        grouping=GROUPING,
        resampling=Resampling(seed=seed),
    )


def many(count: int, row: Row) -> list[Row]:
    """So many like this one, each of its own order."""
    return [replace(row, order=f"{row.order or row.symbol}-{place}") for place in range(count)]


@dataclass(frozen=True)
class Opinion:
    """What the oracle says of the symbols that have a baseline."""

    symbols: frozenset[str]
    notional: float
    extra_ccy: float
    fills: tuple[int, int]


def slow_opinion(window: Sequence[Row], baseline: Sequence[Row]) -> Opinion:
    """Plain loops over plain rows, written from the definition. Rows have a total, or no price."""

    def usable(rows: Sequence[Row]) -> dict[str, list[Row]]:
        found = defaultdict(list)
        for row in rows:
            if row.notional is not None and row.cost is not None and not row.suspect:
                found[row.symbol].append(row)
        return found

    own, usual = usable(window), usable(baseline)
    extra: list[float] = []
    notionals: list[float] = []
    symbols: set[str] = set()
    counts = [0, 0]
    for symbol, rows in own.items():
        others = usual.get(symbol, [])
        named = {row.order for row in others if row.order}
        if len(named) + sum(not row.order for row in others) < 2:
            continue
        rate = math.fsum(row.cost or 0.0 for row in others) / math.fsum(
            row.notional or 0.0 for row in others
        )
        symbols.add(symbol)
        for row in rows:
            assert row.cost is not None
            assert row.notional is not None
            extra.append(row.cost - row.notional * rate)
            notionals.append(row.notional)
        counts[0] += len(rows)
        counts[1] += len(others)
    return Opinion(
        frozenset(symbols), math.fsum(notionals), math.fsum(extra), (counts[0], counts[1])
    )
