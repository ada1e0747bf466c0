"""Costs of groups of priced fills: notional-weighted figures and the spread of the fills' own.

The priced fills, those without a `reason`, stand behind every figure. A component that some of
them lack (the commission of a late statement, the spread against a trade's price) stands on those
that have it, over their own notional, and the row says how much that is.

Frames are those of `costs.kernel.price_fills`, with or without the markouts' columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from mechexo.costs.dimensions import (
    NO_VALUE,
    SOURCES,
    Dimension,
    Grouping,
    dimensions_of,
    source,
    traded_value,
)
from mechexo.costs.own_values import STATISTICS
from mechexo.costs.values import FEW, CostRow, SourceShare

PARTS = ("commission", "spread", "beyond", "slippage", "total")
PERCENTILES = {"p5": 0.05, "p25": 0.25, "p50": 0.50, "p75": 0.75, "p95": 0.95, "p99": 0.99}
WEIGHTED_PERCENTILES = {"weighted_p50": 0.50, "weighted_p95": 0.95}
WINSORISED = (0.01, 0.99)
"""The percentiles to which values beyond them are drawn in."""

_TIE = 1 - 1e-12
"""A cumulative weight this close to its mark has reached it: sums of floats round."""


def totals(priced: pl.DataFrame) -> CostRow:
    """The costs of all fills together."""
    return _rows(priced, ())[0]


def grouped(
    priced: pl.DataFrame, by: Sequence[str], grouping: Grouping | str
) -> tuple[CostRow, ...]:
    """The costs by one dimension, or by several at once, ordered by their values.

    `grouping` holds the rules of days, sessions and buckets; a zone's name stands for the rules
    with that zone and nothing else set.

    Raises:
        UsageError: a dimension is unknown.
    """
    rules = Grouping(zone=grouping) if isinstance(grouping, str) else grouping
    return _rows(priced, dimensions_of(by, rules, priced.columns))


def with_keys(priced: pl.DataFrame, by: Sequence[str], grouping: Grouping) -> pl.DataFrame:
    """The fills with each dimension of `by` as text, in columns named `key_` and the dimension.

    Raises:
        UsageError: a dimension is unknown.
    """
    dimensions = dimensions_of(by, grouping, priced.columns)
    names = [f"key_{each.name}" for each in dimensions]
    keyed = priced.with_columns(
        each.code.alias(name) for each, name in zip(dimensions, names, strict=True)
    )
    return keyed.with_columns(
        _as_text(keyed[name], each) for each, name in zip(dimensions, names, strict=True)
    )


def fills_of(priced: pl.DataFrame, key: Mapping[str, str], grouping: Grouping) -> pl.DataFrame:
    """The fills behind a row: those whose dimensions have the values of its key.

    Raises:
        UsageError: a dimension is unknown.
    """
    chosen = pl.lit(True)
    for name, value in key.items():
        chosen &= pl.col(f"key_{name}") == value
    return with_keys(priced, tuple(key), grouping).filter(chosen).select(priced.columns)


def _as_text(codes: pl.Series, dimension: Dimension) -> pl.Series:
    if codes.dtype == pl.String:
        return codes
    known = codes.unique().drop_nulls().to_list()
    return codes.replace_strict(
        known, [dimension.text(code) for code in known], default=NO_VALUE, return_dtype=pl.String
    )


def _rows(priced: pl.DataFrame, dimensions: Sequence[Dimension]) -> tuple[CostRow, ...]:
    horizons = horizons_of(priced)
    keys = [f"key_{each.name}" for each in dimensions]
    # Before figures are blanked: a fill that counts in none still has its size.
    keyed = priced.with_columns(
        each.code.alias(key) for each, key in zip(dimensions, keys, strict=True)
    )
    frame = _figures_only(keyed, horizons)
    sums = _by(frame, keys, _sums(horizons))
    totals_of = _spreads(frame.filter(pl.col("total_bps").is_not_null()), keys, "total_bps")
    slippages_of = _spreads(
        frame.filter("counts", pl.col("total_bps").is_null()), keys, "slippage_bps"
    )
    mixes = _mixes(frame, keys)
    rows = []
    for row in sums.sort(keys).iter_rows(named=True) if keys else sums.iter_rows(named=True):
        codes = tuple(row[key] for key in keys)
        key = {
            each.name: NO_VALUE if code is None else each.text(code)
            for each, code in zip(dimensions, codes, strict=True)
        }
        own = totals_of.get(codes, {})
        with_total = own.get("n", 0)
        if not with_total:
            own = slippages_of.get(codes, {})
        rows.append(_row(key, row, with_total, own, mixes.get(codes, {}), horizons))
    return tuple(rows)


def _spreads(
    frame: pl.DataFrame, keys: Sequence[str], own: str
) -> dict[tuple[Any, ...], dict[str, Any]]:
    """How the fills' own values in a column are spread, by group; they are all known."""
    if frame.is_empty():
        return {}
    spread = _by(frame.sort(own, maintain_order=True), keys, _statistics(pl.col(own)))
    return {tuple(row[key] for key in keys): row for row in spread.iter_rows(named=True)}


def horizons_of(priced: pl.DataFrame) -> tuple[str, ...]:
    """The labels of the markouts that the frame has, in the order of its columns."""
    return tuple(
        name.removeprefix("realised_").removesuffix("_ccy")
        for name in priced.columns
        if name.startswith("realised_") and name.endswith("_ccy")
    )


def _figures_only(priced: pl.DataFrame, horizons: Sequence[str]) -> pl.DataFrame:
    """Blanks the figures of fills that do not count in them."""
    counts = pl.col("reason").is_null()
    blanked = ["notional", "total_bps", *(f"{part}_ccy" for part in PARTS)]
    blanked += [f"{name}_{label}_ccy" for label in horizons for name in ("realised", "impact")]
    return priced.with_columns(
        counts.alias("counts"),
        pl.col("commission").alias("commission_all"),
        traded_value().alias("traded_value"),
        *(pl.when(counts).then(pl.col(name)).alias(name) for name in blanked),
    )


def _by(frame: pl.DataFrame, keys: Sequence[str], sums: Sequence[pl.Expr]) -> pl.DataFrame:
    if not keys:
        return frame.select(sums)
    return frame.group_by(keys, maintain_order=True).agg(sums)


def _known_sum(value: pl.Expr) -> pl.Expr:
    """The sum of what is known; null, not zero, when nothing is."""
    return pl.when(value.count() > 0).then(value.sum())


def _weighted(amount: str) -> list[pl.Expr]:
    """1e4 sum(Y) / sum(N) over the fills that have Y, and that sum(N)."""
    weight = pl.when(pl.col(amount).is_not_null()).then(pl.col("notional"))
    return [
        (1e4 * _known_sum(pl.col(amount)) / _known_sum(weight)).alias(f"{amount}_mean"),
        weight.sum().alias(f"{amount}_notional"),
    ]


def _sums(horizons: Sequence[str]) -> list[pl.Expr]:
    expressions = [
        pl.len().alias("fills"),
        pl.col("counts").sum().alias("priced"),
        pl.col("notional").sum().alias("notional_sum"),
        _known_sum(pl.col("commission_all")).alias("commission_all_ccy"),
    ]
    for part in PARTS:
        expressions.append(_known_sum(pl.col(f"{part}_ccy")).alias(f"{part}_sum"))
        expressions += _weighted(f"{part}_ccy")
    for label in horizons:
        expressions += _weighted(f"realised_{label}_ccy") + _weighted(f"impact_{label}_ccy")
        expressions.append(pl.col(f"realised_{label}_ccy").count().alias(f"{label}_fills"))
    return expressions


def _statistics(own: pl.Expr) -> list[pl.Expr]:
    """Of the fills' own values, which are sorted and known. Percentiles are of type 7."""

    def percentile(level: float) -> pl.Expr:
        return own.quantile(level, interpolation="linear")

    reached = pl.col("notional").cum_sum()
    whole = pl.col("notional").sum()
    low, high = (percentile(level) for level in WINSORISED)
    return [
        pl.len().alias("n"),
        own.mean().alias("mean_bps"),
        own.std().alias("sd_bps"),
        (own.std() / pl.len().sqrt()).alias("se_bps"),
        own.min().alias("min_bps"),
        own.max().alias("max_bps"),
        own.clip(low, high).mean().alias("winsorised_mean_bps"),
        *(percentile(level).alias(f"{name}_bps") for name, level in PERCENTILES.items()),
        *(
            own.filter(reached >= level * whole * _TIE).first().alias(f"{name}_bps")
            for name, level in WEIGHTED_PERCENTILES.items()
        ),
    ]


def own_statistics(
    found: Mapping[str, float | None], *, with_total: int, priced: int
) -> dict[str, Any]:
    """The fields of a row for statistics of its fills' own values: of their totals, or of their
    slippages where none of the priced fills has a total."""
    known = {name: found.get(name) for name in STATISTICS}
    if with_total or not priced:
        return known
    return {**dict.fromkeys(known), "slippage_statistics": known}


def _mixes(
    frame: pl.DataFrame, keys: Sequence[str]
) -> dict[tuple[Any, ...], dict[str, SourceShare]]:
    """The shares of each source of reference prices in each group, best source first."""
    parts = (
        frame.with_columns(source=source())
        .group_by([*keys, "source"], maintain_order=True)
        .agg(pl.len().alias("fills"), pl.col("traded_value").sum())
    )
    found: dict[tuple[Any, ...], dict[str, tuple[int, float]]] = {}
    for row in parts.iter_rows(named=True):
        group = found.setdefault(tuple(row[key] for key in keys), {})
        group[row["source"]] = (row["fills"], row["traded_value"])
    return {codes: _shares(group) for codes, group in found.items()}


def _shares(group: Mapping[str, tuple[int, float]]) -> dict[str, SourceShare]:
    fills = sum(count for count, _ in group.values())
    value = sum(amount for _, amount in group.values())
    return {
        name: SourceShare(group[name][0], group[name][0] / fills, group[name][1] / value)
        for name in SOURCES
        if name in group
    }


def _row(
    key: dict[str, str],
    sums: Mapping[str, Any],
    with_total: int,
    own: Mapping[str, Any],
    mix: Mapping[str, SourceShare],
    horizons: Sequence[str],
) -> CostRow:
    return CostRow(
        key=key,
        fills=sums["fills"],
        priced=sums["priced"],
        notional=sums["notional_sum"],
        **{f"{part}_bps": sums[f"{part}_ccy_mean"] for part in PARTS},
        **{f"{part}_ccy": sums[f"{part}_sum"] for part in PARTS},
        **own_statistics(own, with_total=with_total, priced=sums["priced"]),
        commission_all_ccy=sums["commission_all_ccy"],
        with_total=with_total,
        few=with_total < FEW,
        component_notional={part: sums[f"{part}_ccy_notional"] for part in PARTS},
        sources=mix,
        realised_bps=dict(_by_horizon(sums, "realised", horizons)) if horizons else None,
        impact_bps=dict(_by_horizon(sums, "impact", horizons)) if horizons else None,
        markout_fills={label: sums[f"{label}_fills"] for label in horizons} if horizons else None,
    )


def _by_horizon(
    sums: Mapping[str, Any], name: str, horizons: Sequence[str]
) -> Iterator[tuple[str, float | None]]:
    return ((label, sums[f"{name}_{label}_ccy_mean"]) for label in horizons)
