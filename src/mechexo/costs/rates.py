"""Exchange rates to the base currency, for amounts that carry none."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from mechexo.costs.matching import KeySpace, known_before, numbered

OLDEST = timedelta(days=7)
"""A rate older than this is none: it covers a long weekend of daily rates."""


def rate_at(frame: pl.DataFrame, currency: str, rates: pl.DataFrame | None) -> pl.Series:
    """For each row the last rate known at its ts of the currency in a column; null without one.

    Args:
        frame: has ts (UTC, us) and the column named by `currency`.
        currency: the name of the column with the currency.
        rates: ts (UTC, us), currency, rate (base units for one of it). None: no rate is known.
    """
    none = pl.Series("rate", [None], dtype=pl.Float64).new_from_index(0, len(frame))
    if rates is None or frame.is_empty():
        return none
    valid = rates.filter(
        pl.col("rate").is_finite() & (pl.col("rate") > 0) & pl.col("ts").is_not_null()
    )
    names = tuple(valid["currency"].drop_nulls().unique().sort().to_list())
    if not names:
        return none
    right = numbered(valid.rename({"currency": "symbol"}), names)
    left = numbered(frame.select("ts", symbol=pl.col(currency)).with_row_index("row"), names)
    reach_us = OLDEST // timedelta(microseconds=1)
    space = KeySpace.over(left["ts"], right["ts"], symbols=len(names), reach_us=reach_us)
    matched = known_before(
        left.filter(pl.col("ts").is_not_null() & (pl.col("sid") >= 0))
        .with_columns(space.key())
        .sort("key", maintain_order=True),
        right.select(space.key(), "rate").sort("key", maintain_order=True),
        strictly=False,
        reach_us=reach_us,
    )
    return left.join(matched.select("row", "rate"), on="row", how="left", maintain_order="left")[
        "rate"
    ]
