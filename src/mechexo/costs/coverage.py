"""What stands behind the figures, and what stands outside them with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import polars as pl

from mechexo.costs.fills import Fills
from mechexo.costs.values import Coverage, UnpricedFill

SOURCES = ("quote", "stale", "auction", "trade", "bar", "arrival", "suspect", "none")
"""Where fills stand by the source of their reference price, best first."""

LISTED = 1000
"""How many fills of each kind are listed; the counts are always whole."""


def coverage(fills: Fills, priced: pl.DataFrame) -> Coverage:
    """Counts every row read once: priced, unpriced, suspect or rejected."""
    mix = priced.lazy().group_by("suspect", "ref_source").len().collect(engine="streaming")
    sources: Counter[str] = Counter()
    for suspect, source, count in mix.iter_rows():
        sources["suspect" if suspect else source] += count
    lacking = pl.col("reason").is_null() & pl.col("commission").is_null()
    named = priced.select("fill_id", "ts", "symbol", "reason", "suspect")
    outside = named.filter(pl.col("reason").is_not_null())
    return covered(sources, priced.select(lacking.sum()).item(), outside, fills.rejected)


def covered(
    sources: Mapping[str, int],
    without_commission: int,
    outside: pl.DataFrame,
    rejected: pl.DataFrame,
) -> Coverage:
    """The coverage of accepted fills that were counted.

    Args:
        sources: how many have each source, suspect ones apart.
        without_commission: how many in the figures have none.
        outside: fill_id, ts, symbol, reason and suspect of those outside the figures.
        rejected: fill_id, ts, symbol and reason of the rows that are no fills.
    """
    unpriced = outside.filter(~pl.col("suspect"))
    suspects = outside.filter(pl.col("suspect"))
    counts = {name: sources.get(name, 0) for name in SOURCES}
    fills = sum(counts.values())
    return Coverage(
        fills=fills,
        priced=fills - counts["suspect"] - counts["none"],
        by_benchmark={
            name: count for name, count in counts.items() if count or name in ("quote", "none")
        },
        unpriced=_listed(unpriced),
        suspects=_listed(suspects),
        rejected=_listed(rejected),
        unpriced_count=len(unpriced),
        suspect_count=len(suspects),
        rejected_count=len(rejected),
        without_commission=without_commission,
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
