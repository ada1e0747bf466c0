"""Percentiles of groups from buckets: within the width of one, or exact after a second look.

A percentile needs the values at two ranks. The counts of the buckets say in which bucket each rank
lies; only the values of those buckets are looked at again and sorted, a few in a hundred of all.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from mechexo.costs.aggregate import PERCENTILES, WEIGHTED_PERCENTILES, WINSORISED
from mechexo.costs.merging import By, bucket, bucket_middle, bucket_width, keys_of

RANKED = {**PERCENTILES, **{f"p{level * 100:g}": level for level in WINSORISED}}
"""All percentiles by rank that are looked up; those at which values are drawn in included."""

_TIE = 1 - 1e-12
"""A cumulative weight this close to its mark has reached it: sums of floats round."""
_ALL = "all fills"
"""The key of a grouping without dimensions."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """A grouping's buckets in order, with what lies before each."""

    by: By
    frame: pl.DataFrame
    """Keys, bucket, n, sum, notional; before and weight_before (fills and notional of the buckets
    before it in its group); group_n, group_weight; and holds: whether a wanted rank lies in it."""

    @property
    def keys(self) -> list[str]:
        """The key columns; one that is the same throughout when there is no dimension."""
        return keys_of(self.by) or [_ALL]

    @property
    def wanted(self) -> pl.DataFrame:
        """The keys and buckets whose values a second look must bring."""
        return self.frame.filter("holds").select(*keys_of(self.by), "bucket")


def located(buckets: pl.DataFrame, by: By) -> Buckets:
    """Finds the buckets that hold the ranks of the percentiles.

    Args:
        buckets: as `costs.merging.merged_buckets` gives them.
        by: their grouping.
    """
    keys = keys_of(by) or [_ALL]
    frame = buckets if by else buckets.with_columns(pl.lit(0).alias(_ALL))
    frame = frame.sort(*keys, "bucket").with_columns(
        before=pl.col("n").cum_sum().over(keys) - pl.col("n"),
        weight_before=pl.col("notional").cum_sum().over(keys) - pl.col("notional"),
        group_n=pl.col("n").sum().over(keys),
        group_weight=pl.col("notional").sum().over(keys),
    )
    ranks = [rank for level in RANKED.values() for rank in (_rank(level), _next_rank(level))]
    holds = pl.any_horizontal(
        *(_covers(rank) for rank in ranks),
        *(
            (pl.col("weight_before") < _mark(level))
            & (pl.col("weight_before") + pl.col("notional") >= _mark(level))
            for level in WEIGHTED_PERCENTILES.values()
        ),
    )
    return Buckets(by, frame.with_columns(holds=holds))


def exact(buckets: Buckets, values: pl.DataFrame) -> pl.DataFrame:
    """The percentiles and the winsorised mean of each group.

    Args:
        buckets: the grouping's.
        values: keys, total_bps and notional of all fills in the wanted buckets.

    Returns:
        Keys, `X_bps` for each percentile of `costs.aggregate`, winsorised_mean_bps; and error_bps,
        which is zero.
    """
    keys = buckets.keys
    if not buckets.by:
        values = values.with_columns(pl.lit(0).alias(_ALL))
    places = buckets.frame.filter("holds").drop("n", "sum", "notional")
    within = [*keys, "bucket"]
    rows = (
        values.with_columns(bucket=bucket("total_bps"))
        .join(places, on=within)
        .sort(*keys, "total_bps", "notional")
        .with_columns(
            before=pl.col("before") + pl.int_range(pl.len()).over(within),
            weight_before=pl.col("weight_before")
            + pl.col("notional").cum_sum().over(within)
            - pl.col("notional"),
        )
        .rename({"total_bps": "value"})
        .with_columns(n=pl.lit(1, pl.Int64), half=pl.lit(0.0))
    )
    return _figures(buckets, rows, buckets.frame.filter(~pl.col("holds")))


def approximate(buckets: Buckets) -> pl.DataFrame:
    """As `exact`, without a second look: each value is taken as the middle of its bucket.

    `error_bps` says how far a group's figures may be off.
    """
    rows = buckets.frame.with_columns(
        value=bucket_middle(pl.col("bucket")), half=bucket_width(pl.col("bucket")) / 2
    )
    return _figures(buckets, rows, buckets.frame.head(0))


def _figures(buckets: Buckets, rows: pl.DataFrame, rest: pl.DataFrame) -> pl.DataFrame:
    """Looks the percentiles up in rows of n like values each, ordered by keys and value.

    `rest` are the buckets that the rows leave out.
    """
    keys = buckets.keys
    found = rows.group_by(keys).agg(
        *(_percentile(level).alias(f"{name}_bps") for name, level in RANKED.items()),
        *(
            pl.col("value")
            .filter(pl.col("weight_before") + pl.col("notional") >= _mark(level))
            .first()
            .fill_null(pl.col("value").last())
            .alias(f"{name}_bps")
            for name, level in WEIGHTED_PERCENTILES.items()
        ),
        pl.col("half").filter("holds").max().alias("error_bps"),
    )
    low, high = (pl.col(f"p{level * 100:g}_bps") for level in WINSORISED)
    bounds = found.select(*keys, low=low, high=high)
    seen = rows.join(bounds, on=keys).select(
        *keys, drawn=pl.col("value").clip(pl.col("low"), pl.col("high")) * pl.col("n")
    )
    # A bucket that holds no wanted rank lies wholly on one side of each bound.
    unseen = rest.join(bounds, on=keys).select(
        *keys,
        drawn=pl.when(pl.col("bucket") < bucket("low"))
        .then(pl.col("n") * pl.col("low"))
        .when(pl.col("bucket") > bucket("high"))
        .then(pl.col("n") * pl.col("high"))
        .otherwise("sum"),
    )
    drawn = pl.concat([seen, unseen]).group_by(keys).agg(pl.col("drawn").sum())
    sizes = buckets.frame.group_by(keys).agg(pl.col("group_n").first())
    whole = found.join(drawn, on=keys).join(sizes, on=keys)
    return whole.select(
        *keys_of(buckets.by),
        *(f"{name}_bps" for name in (*PERCENTILES, *WEIGHTED_PERCENTILES)),
        "error_bps",
        winsorised_mean_bps=pl.col("drawn") / pl.col("group_n"),
    )


def _percentile(level: float) -> pl.Expr:
    """Type 7: linear between the values at the two nearest ranks."""
    low, high = (
        pl.col("value").filter(_covers(rank)).first() for rank in (_rank(level), _next_rank(level))
    )
    share = _place(level).first() - _rank(level).first()
    return low + (high - low) * share


def _place(level: float) -> pl.Expr:
    return (pl.col("group_n") - 1) * level


def _rank(level: float) -> pl.Expr:
    return _place(level).floor().cast(pl.Int64)


def _next_rank(level: float) -> pl.Expr:
    return pl.min_horizontal(_rank(level) + 1, pl.col("group_n") - 1)


def _covers(rank: pl.Expr) -> pl.Expr:
    return (pl.col("before") <= rank) & (rank < pl.col("before") + pl.col("n"))


def _mark(level: float) -> pl.Expr:
    return level * pl.col("group_weight") * _TIE
