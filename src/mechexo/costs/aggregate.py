"""Costs of groups of priced fills: notional-weighted figures and percentiles.

Every figure of a group stands on the same fills, the priced ones that are not suspect; where the
commission of some is unknown, commission and total stand on those that have it, over their own
notional, and the coverage says how many lack it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from mechexo.costs.values import CostRow

NO_VALUE = "(none)"
"""The key of fills whose tag is missing."""

PARTS = ("commission", "spread", "beyond", "slippage", "total")
PERCENTILES = {"p50_bps": 0.50, "p95_bps": 0.95, "p99_bps": 0.99}


def dimensions(zone: str) -> dict[str, pl.Expr]:
    """What fills can be grouped by, as text; days and hours are those of `zone`."""
    local = pl.col("ts").dt.convert_time_zone(zone)
    return {
        "day": local.dt.strftime("%Y-%m-%d"),
        "symbol": pl.col("symbol"),
        "hour": local.dt.strftime("%H:00"),
        "strategy": pl.col("strategy"),
        "venue": pl.col("venue"),
        "side": pl.when(pl.col("side") > 0).then(pl.lit("buy")).otherwise(pl.lit("sell")),
        "liquidity": pl.col("liquidity"),
    }


def totals(priced: pl.DataFrame) -> CostRow:
    """The costs of all fills together."""
    return _row({}, _in_figures(priced).select(_sums()).row(0, named=True))


def grouped(priced: pl.DataFrame, by: Sequence[str], zone: str) -> tuple[CostRow, ...]:
    """The costs by one dimension or a combination, ordered by their keys."""
    known = dimensions(zone)
    keys = [known[name].fill_null(NO_VALUE).alias(name) for name in by]
    groups = _in_figures(priced).group_by(keys, maintain_order=True).agg(_sums()).sort(by)
    return tuple(
        _row({name: str(row[name]) for name in by}, row) for row in groups.iter_rows(named=True)
    )


def _in_figures(priced: pl.DataFrame) -> pl.DataFrame:
    """Blanks the figures of fills that do not count in them."""
    counts = (pl.col("ref_source") != "none") & ~pl.col("suspect")
    blanked = ["notional", "total_bps", *(f"{part}_ccy" for part in PARTS)]
    return priced.with_columns(
        counts.alias("counts"),
        pl.col("commission").alias("commission_all"),
        *(pl.when(counts).then(pl.col(name)).alias(name) for name in blanked),
    )


def _sums() -> list[pl.Expr]:
    def known_sum(value: pl.Expr) -> pl.Expr:
        return pl.when(value.count() > 0).then(value.sum())

    expressions = [
        pl.len().alias("fills"),
        pl.col("counts").sum().alias("priced"),
        pl.col("notional").sum().alias("notional_sum"),
        known_sum(pl.col("commission_all")).alias("commission_all_ccy"),
    ]
    for part in PARTS:
        amount = pl.col(f"{part}_ccy")
        weight = pl.when(amount.is_not_null()).then(pl.col("notional"))
        expressions.append(known_sum(amount).alias(f"{part}_sum"))
        expressions.append((1e4 * known_sum(amount) / known_sum(weight)).alias(f"{part}_mean"))
    expressions += [
        pl.col("total_bps").quantile(level, interpolation="linear").alias(name)
        for name, level in PERCENTILES.items()
    ]
    return expressions


def _row(key: dict[str, str], sums: dict[str, Any]) -> CostRow:
    return CostRow(
        key=key,
        fills=sums["fills"],
        priced=sums["priced"],
        notional=sums["notional_sum"],
        **{f"{part}_bps": sums[f"{part}_mean"] for part in PARTS},
        **{name: sums[name] for name in PERCENTILES},
        **{f"{part}_ccy": sums[f"{part}_sum"] for part in PARTS if part != "beyond"},
        commission_all_ccy=sums["commission_all_ccy"],
    )
