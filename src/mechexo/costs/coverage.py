"""What stands behind the figures, and what stands outside them with its reason."""

from __future__ import annotations

import polars as pl

from mechexo.costs.fills import Fills
from mechexo.costs.values import Coverage, UnpricedFill

SOURCES = ("quote", "stale", "auction", "trade", "bar", "arrival", "suspect", "none")
"""Where fills stand by the source of their reference price, best first."""

LISTED = 1000
"""How many fills of each kind are listed; the counts are always whole."""


def coverage(fills: Fills, priced: pl.DataFrame) -> Coverage:
    """Counts every row read once: priced, unpriced, suspect or rejected."""
    named = priced.select("fill_id", "ts", "symbol", "reason", "suspect")
    return covered(priced, named.filter(pl.col("reason").is_not_null()), fills.rejected)


def covered(priced: pl.DataFrame, outside: pl.DataFrame, rejected: pl.DataFrame) -> Coverage:
    """As `coverage`.

    Args:
        priced: suspect, ref_source, reason and commission of every accepted fill.
        outside: fill_id, ts, symbol, reason and suspect of those outside the figures.
        rejected: fill_id, ts, symbol and reason of the rows that are no fills.
    """
    counts = dict.fromkeys(SOURCES, 0)
    mix = priced.lazy().group_by("suspect", "ref_source").len().collect(engine="streaming")
    for suspect, source, count in mix.iter_rows():
        counts["suspect" if suspect else source] += count
    unpriced = outside.filter(~pl.col("suspect"))
    suspects = outside.filter(pl.col("suspect"))
    in_figures = len(priced) - counts["suspect"] - counts["none"]
    lacking = pl.col("reason").is_null() & pl.col("commission").is_null()
    return Coverage(
        fills=len(priced),
        priced=in_figures,
        by_benchmark={
            name: count for name, count in counts.items() if count or name in ("quote", "none")
        },
        unpriced=_listed(unpriced),
        suspects=_listed(suspects),
        rejected=_listed(rejected),
        unpriced_count=len(unpriced),
        suspect_count=len(suspects),
        rejected_count=len(rejected),
        without_commission=int(priced.select(lacking.sum()).item()),
        reasons=_reasons(pl.concat([outside["reason"], rejected["reason"]])),
    )


def _listed(rows: pl.DataFrame) -> tuple[UnpricedFill, ...]:
    columns = rows.head(LISTED).select("fill_id", "ts", "symbol", "reason")
    return tuple(
        UnpricedFill(fill_id or "", at, symbol or "", reason)
        for fill_id, at, symbol, reason in columns.iter_rows()
    )


def _reasons(reasons: pl.Series) -> dict[str, int]:
    counted = (
        reasons.alias("reason").value_counts().sort(["count", "reason"], descending=[True, False])
    )
    return dict(counted.iter_rows())
