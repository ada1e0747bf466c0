"""A desk whose costs have everything that a report can show."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import polars as pl

from mechexo.costs.results import REPORTED, Results, compute
from mechexo.desk import Desk

OPEN = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
TOML = """
[costs]
fills = "fills.parquet"
quotes = "quotes.parquet"
zone = "America/New_York"
"""


def fill_desk(
    desk: Desk, symbols: Sequence[str] = ("AAA", "BBB", "CCC"), *, days: int = 8, each: int = 30
) -> None:
    """Fills of each symbol on some days: at, inside and beyond the touch; one of each symbol and
    day without a quote, one far from the mid, one that was sent twice."""
    quotes, fills = [], []
    for day in range(days):
        opening = OPEN + timedelta(days=day + 2 * (day // 5))
        for place, symbol in enumerate(symbols):
            half = 0.01 * (place + 1)
            for n in range(each):
                at = opening + timedelta(minutes=10 * n)
                quotes.append((at, symbol, 100 - half, 100 + half))
                sign = 1 if n % 3 else -1
                inside = (n % 7) / 7 - 0.2
                fills.append(
                    (
                        f"{day}-{place}-{n}",
                        at + timedelta(seconds=1),
                        symbol,
                        "buy" if sign > 0 else "sell",
                        100.0 + n * (place + 1),
                        100 + sign * half * (1 - inside),
                        0.3,
                        ("base", "canary")[n % 2],
                    )
                )
            last = opening + timedelta(minutes=10 * each)
            more = [(f"{day}-{place}-late", last + timedelta(hours=1), 100.0)]
            more += [(f"{day}-{place}-far", opening + timedelta(seconds=5), 150.0)]
            more += [(f"{day}-{place}-0", opening + timedelta(seconds=9), 100.0)]
            fills += [
                (name, at, symbol, "buy", 10.0, price, 0.1, "base") for name, at, price in more
            ]
    names = ("fill_id", "ts", "symbol", "side", "quantity", "price", "commission", "strategy")
    pl.DataFrame(fills, schema=list(names), orient="row").write_parquet(desk.root / "fills.parquet")
    pl.DataFrame(quotes, schema=["ts", "symbol", "bid", "ask"], orient="row").write_parquet(
        desk.root / "quotes.parquet"
    )


def results_of(desk: Desk, by: Sequence[str] = (*REPORTED, "strategy", "symbol+hour")) -> Results:
    return compute(desk, start=OPEN - timedelta(days=1), end=OPEN + timedelta(days=20), by=by)
