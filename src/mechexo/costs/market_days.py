"""What a market's days say of a symbol: its daily volatility and its average daily volume.

Prices and volumes are as traded: over a split they need bars that are adjusted, or days after it.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from mechexo.costs.dimensions import Grouping, session_date

FEWEST_RETURNS = 5
"""With fewer daily returns no volatility is known."""

DAYS_KEPT = 60
"""The newest days behind the facts."""

_DAILY = {"symbol": pl.String, "day": pl.Date, "close": pl.Float64, "volume": pl.Float64}


def daily_bars(
    grouping: Grouping,
    *,
    trades: pl.DataFrame | None = None,
    bars: pl.DataFrame | None = None,
    quotes: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """One row for each symbol and session day: symbol, day (Date), close, volume (null where it is
    not known), sorted.

    The close is the day's last trade, else the close of its last bar, else its last mid; the
    volume that of the trades, else of the bars.

    Args:
        grouping: the rules of session days.
        trades: ts (Datetime, UTC), symbol, price; optional size and seq.
        bars: ts of the end, symbol, close; optional volume.
        quotes: ts, symbol, bid, ask; optional seq.
    """
    parts = []
    if trades is not None:
        parts.append(_days(trades, pl.col("price"), "size", grouping))
    if bars is not None:
        # A bar belongs to the day in which it was made, also when it ends with it.
        ended = bars.with_columns(pl.col("ts") - pl.duration(microseconds=1))
        parts.append(_days(ended, pl.col("close"), "volume", grouping))
    if quotes is not None:
        valid = (pl.col("bid") > 0) & (pl.col("ask") >= pl.col("bid"))
        middle = pl.when(valid).then((pl.col("bid") + pl.col("ask")) / 2)
        parts.append(_days(quotes, middle, None, grouping))
    if not parts:
        return pl.DataFrame(schema=_DAILY)
    return (
        pl.concat(parts)
        .group_by("symbol", "day", maintain_order=True)
        .agg(pl.col("close").drop_nulls().first(), pl.col("volume").drop_nulls().first())
        .sort("symbol", "day")
    )


def _days(
    rows: pl.DataFrame, price: pl.Expr, volume: str | None, grouping: Grouping
) -> pl.DataFrame:
    has_volume = volume is not None and volume in rows.columns
    amount = pl.col(volume) if has_volume and volume else pl.lit(None)
    known = (price > 0) & price.is_finite()
    # Of one moment the last by its number closes the day; without numbers, the last that came.
    order = [name for name in ("ts", "seq") if name in rows.columns]
    traded = pl.when(pl.col("volume").count() > 0).then(pl.col("volume").sum())
    return (
        rows.select(
            "ts",
            "symbol",
            session_date(grouping).alias("day"),
            pl.when(known).then(price).cast(pl.Float64).alias("close"),
            amount.cast(pl.Float64).alias("volume"),
            *order[1:],
        )
        .sort(order, maintain_order=True, nulls_last=False)
        .group_by("symbol", "day", maintain_order=True)
        .agg(pl.col("close").drop_nulls().last(), traded.alias("volume"))
    )


def symbol_facts(daily: pl.DataFrame, *, before: date | None = None) -> pl.DataFrame:
    """One row for each symbol: symbol, sigma_bps, adv, days (of closes); sorted.

    sigma_bps is the standard deviation (n - 1) of the daily log returns, 1e4 times; null with fewer
    than `FEWEST_RETURNS`. adv is the mean daily volume, in the units of the volume.

    Args:
        daily: as `daily_bars` gives them.
        before: only days before this one; a day that is not over has too little volume.
    """
    kept = daily if before is None else daily.filter(pl.col("day") < before)
    kept = (
        kept.sort("symbol", "day")
        .group_by("symbol", maintain_order=True)
        .tail(DAYS_KEPT)
        .with_columns(step=pl.col("close").log() - pl.col("close").log().shift(1).over("symbol"))
    )
    enough = pl.col("step").count() >= FEWEST_RETURNS
    return (
        kept.group_by("symbol", maintain_order=True)
        .agg(
            sigma_bps=pl.when(enough).then(1e4 * pl.col("step").std()),
            adv=pl.col("volume").mean(),
            days=pl.col("close").count(),
        )
        .sort("symbol")
    )


def add_adv(priced: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """The fills with their symbol's average daily volume in a column `adv`, for the dimension of
    that name; null where it is not known."""
    return priced.join(
        facts.select("symbol", "adv"), on="symbol", how="left", maintain_order="left"
    )
