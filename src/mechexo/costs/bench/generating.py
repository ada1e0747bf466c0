"""Fills and quotes for a benchmark: as many as asked for, the same for the same seed.

Symbols are as unequal as real ones (Zipf): of 500, the busiest has 15 % of all rows. Prices walk in
ticks; spreads are one to four ticks; a fill happens at the touch, inside or beyond it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from mechexo.value_classes import dataclass

FIRST = date(2026, 1, 5)
_OPENS = timedelta(hours=14, minutes=30)
_SESSION_US = 6 * 3_600_000_000 + 1_800_000_000
_TICK = 0.01


@dataclass(frozen=True, slots=True)
class Size:
    """How much is generated."""

    fills: int
    quotes: int
    days: int = 20
    symbols: int = 500
    seed: int = 1

    @property
    def dates(self) -> tuple[date, ...]:
        """The days, weekends left out."""
        return tuple(FIRST + timedelta(days=n // 5 * 7 + n % 5) for n in range(self.days))

    @property
    def period(self) -> tuple[datetime, datetime]:
        """From the start of the first day to the end of the last, UTC."""
        first, last = (
            datetime(day.year, day.month, day.day, tzinfo=UTC)
            for day in (self.dates[0], self.dates[-1])
        )
        return first, last + timedelta(days=1)


def symbol_names(size: Size) -> pl.Series:
    """The symbols, the busiest first."""
    return pl.Series("symbol", [f"S{n:05}" for n in range(size.symbols)])


def generated(size: Size) -> Iterator[tuple[date, pl.DataFrame, pl.DataFrame]]:
    """Each day's fills and quotes, both in the order of time, one day in memory at a time.

    Fills: fill_id, ts, symbol, side (`buy`, `sell`), quantity, price, commission, strategy, venue.
    Quotes: ts, symbol, seq, bid, ask.
    """
    names = symbol_names(size)
    for number, day in enumerate(size.dates):
        start = datetime(day.year, day.month, day.day, tzinfo=UTC) + _OPENS
        quotes = _quotes(size, number, start)
        fills = _fills(size, number, start, quotes)
        yield (
            day,
            fills.with_columns(symbol=names.gather(fills["sid"])).drop("sid"),
            quotes.sort("ts", maintain_order=True)
            .with_row_index("seq")
            .select(
                "ts",
                names.gather(quotes.sort("ts", maintain_order=True)["sid"]),
                pl.col("seq").cast(pl.Int64),
                "bid",
                "ask",
            ),
        )


def _random(count: int, *seeds: int) -> pl.Expr:
    """Uniform numbers from 0 to 1."""
    seed = 0
    for each in seeds:
        seed = (seed * 1_000_003 + each + 1) % 2**63
    return pl.int_range(count, dtype=pl.Int64).hash(seed).cast(pl.Float64) / 2.0**64


def _zipf(size: Size, uniform: pl.Series) -> pl.Series:
    weights = [1 / (n + 1) for n in range(size.symbols)]
    whole = sum(weights)
    reached, edges = 0.0, []
    for weight in weights[:-1]:
        reached += weight / whole
        edges.append(reached)
    return pl.Series("edge", edges, dtype=pl.Float64).search_sorted(uniform).cast(pl.UInt32)


def _share(count: int, number: int, days: int) -> int:
    return count * (number + 1) // days - count * number // days


def _moments(size: Size, number: int, start: datetime, count: int, kind: int) -> pl.DataFrame:
    """Random times of random symbols, ordered by (sid, ts)."""
    raw = pl.select(
        at=(_random(count, size.seed, number, kind, 1) * _SESSION_US).cast(pl.Int64),
        pick=_random(count, size.seed, number, kind, 2),
    )
    return raw.select(
        sid=_zipf(size, raw["pick"]),
        ts=pl.lit(start).cast(pl.Datetime("us", "UTC")) + pl.col("at").cast(pl.Duration("us")),
    ).sort("sid", "ts")


def _quotes(size: Size, number: int, start: datetime) -> pl.DataFrame:
    count = _share(size.quotes, number, size.days)
    frame = _moments(size, number, start, count, 1)
    step = (_random(count, size.seed, number, 3) * 3).floor().cast(pl.Int64) - 1
    half = (_random(count, size.seed, number, 4) * 4).floor().cast(pl.Int64) + 1
    base = 2_000 + (pl.col("sid").cast(pl.Int64) * 7_919) % 40_000
    frame = frame.with_columns(step=step, ticks=half)
    # The walk turns round at its bounds, so that no price nears zero.
    walk = pl.col("step").cum_sum().over("sid")
    folded = (walk % 400 - 200).abs()
    low = base + folded
    return frame.select("sid", "ts", bid=low * _TICK, ask=(low + pl.col("ticks")) * _TICK)


def _fills(size: Size, number: int, start: datetime, quotes: pl.DataFrame) -> pl.DataFrame:
    count = _share(size.fills, number, size.days)
    frame = _moments(size, number, start, count, 5)
    key = pl.col("sid").cast(pl.Int64) * 2**40 + (pl.col("ts") - start).dt.total_microseconds()
    matched = frame.with_columns(key=key).join_asof(
        quotes.select(key.alias("key"), "bid", "ask"),
        on="key",
        tolerance=2**38,
        check_sortedness=False,
    )
    base = (2_000 + (pl.col("sid").cast(pl.Int64) * 7_919) % 40_000) * _TICK
    bought = _random(count, size.seed, number, 6) < 0.5
    # From the far side of the spread to a quarter of it beyond the near one, in sub-ticks.
    depth = _random(count, size.seed, number, 7) * 1.25
    bid = pl.col("bid").fill_null(base)
    ask = pl.col("ask").fill_null(base + _TICK)
    price = pl.when(bought).then(bid + (ask - bid) * depth).otherwise(ask - (ask - bid) * depth)
    lots = (_random(count, size.seed, number, 8) * 20).floor() + 1
    groups = (_random(count, size.seed, number, 9) * 12).floor().cast(pl.Int64)
    done = matched.select(
        "sid",
        "ts",
        side=pl.when(bought).then(pl.lit("buy")).otherwise(pl.lit("sell")),
        quantity=lots * 100,
        price=price.round(4),
        commission=lots * 0.35,
        strategy=pl.lit("strategy-") + (groups % 4).cast(pl.String),
        venue=pl.lit("V") + (groups % 3).cast(pl.String),
    ).sort("ts", maintain_order=True)
    width = max(1, math.ceil(math.log10(count + 1)))
    identity = pl.lit(f"{number:03}-") + pl.int_range(count).cast(pl.String).str.zfill(width)
    return done.with_columns(fill_id=identity)


def write_plain(folder: Path, size: Size) -> None:
    """The data as most desks have it: a Parquet file each of fills and of quotes for a day,
    compressed with zstd, ordered by time, with symbols as text."""
    for kind in ("fills", "quotes"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for day, fills, quotes in generated(size):
        for kind, frame in (("fills", fills), ("quotes", quotes)):
            frame.write_parquet(folder / kind / f"{day.isoformat()}.parquet", compression="zstd")
