"""Percentiles of groups from buckets: within the width of one, or exact after a second look.

A percentile needs the values at two ranks. The counts of the buckets say in which bucket each rank
lies; only the values of those buckets are looked at again and sorted, a few in a hundred of all.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from mechexo.costs.aggregate import PERCENTILES, WEIGHTED_PERCENTILES, WINSORISED
from mechexo.costs.arrays import Array
from mechexo.costs.buckets import bucket, bucket_middle, bucket_width
from mechexo.costs.group_keys import By, keys_of
from mechexo.costs.merging import OF_SLIPPAGE
from mechexo.costs.ranked import TIE, Blocks, Values, ranked
from mechexo.errors import MechexoError
from mechexo.value_classes import dataclass

_BOUNDS = {f"bound_{place}": level for place, level in enumerate(WINSORISED)}
"""The percentiles at which values are drawn in."""
_BOUND_NAMES = ("bound_0", "bound_1")
RANKED = {**PERCENTILES, **_BOUNDS}
"""All percentiles by rank that are looked up."""
_GROUP = "group"


@dataclass(frozen=True, slots=True)
class Buckets:
    """A grouping's buckets in order, with what lies before each."""

    by: By
    per_octave: int
    groups: pl.DataFrame
    """group, keys, group_n and group_weight."""
    frame: pl.DataFrame
    """group, keys, `OF_SLIPPAGE`, bucket, n, sum, notional; before and weight_before (fills and
    notional of the buckets before it in its group); and holds: whether a wanted rank or weight lies
    in it."""

    @property
    def wanted(self) -> pl.DataFrame:
        """The keys, `OF_SLIPPAGE` and buckets whose values a second look must bring."""
        return self.frame.filter("holds").select(*keys_of(self.by), OF_SLIPPAGE, "bucket")


def located(buckets: pl.DataFrame, by: By, per_octave: int) -> Buckets:
    """Finds the buckets that hold the ranks of the percentiles.

    Args:
        buckets: as `costs.merging.merged_buckets` gives them.
        by: their grouping.
        per_octave: their fineness.
    """
    keys = keys_of(by)
    ordered = buckets.sort(*keys, "bucket")
    changes = [pl.col(name).ne_missing(pl.col(name).shift(1)) for name in keys]
    number = pl.any_horizontal(*changes).cast(pl.UInt32).cum_sum() if keys else pl.lit(0, pl.UInt32)
    frame = ordered.with_columns(number.alias(_GROUP)).with_columns(
        before=(pl.col("n").cum_sum() - pl.col("n")).over(_GROUP),
        weight_before=(pl.col("notional").cum_sum() - pl.col("notional")).over(_GROUP),
    )
    groups = frame.group_by(_GROUP).agg(
        pl.col(keys).first(),
        group_n=pl.col("n").sum(),
        group_weight=pl.col("notional").sum(),
    )
    sized = frame.join(
        groups.select(_GROUP, "group_n", "group_weight"), on=_GROUP, maintain_order="left"
    )
    holds = pl.any_horizontal(
        pl.Series(_hold_ranks(frame[_GROUP].to_numpy(), frame["n"].to_numpy())),
        *(_reaches(level) for level in WEIGHTED_PERCENTILES.values()),
    )
    marked = sized.with_columns(holds=holds).drop("group_n", "group_weight")
    return Buckets(by, per_octave, groups, marked)


def _hold_ranks(group: Array, n: Array) -> Array:
    """Whether each bucket holds a rank of a percentile; buckets of a group lie together."""
    holds = np.zeros(len(n), bool)
    if not len(n):
        return holds
    first = np.concatenate([[0], (group[1:] != group[:-1]).nonzero()[0] + 1])
    ends = n.cumsum()
    before = ends[first] - n[first]
    group_n = np.add.reduceat(n, first)
    for level in RANKED.values():
        rank = np.floor((group_n - 1) * level).astype(np.int64)
        for each in (rank, np.minimum(rank + 1, group_n - 1)):
            holds[ends.searchsorted(before + each, side="right")] = True
    return holds


def exact(buckets: Buckets, values: pl.DataFrame) -> pl.DataFrame:
    """The percentiles and the winsorised mean of each group.

    Args:
        buckets: the grouping's.
        values: keys, total_bps and notional of all fills in the wanted buckets.

    Returns:
        Keys, `X_bps` for each percentile of `costs.aggregate`, winsorised_mean_bps; and error_bps,
        which is zero.

    Raises:
        MechexoError: other fills than those that were counted.
    """
    keys = keys_of(buckets.by)
    if keys:
        own = values.join(buckets.groups.select(*keys, _GROUP), on=keys, nulls_equal=True)
    else:
        own = values.with_columns(pl.lit(0, pl.UInt32).alias(_GROUP))
    groups = buckets.groups.sort(_GROUP)
    if groups.is_empty():
        return approximate(buckets)
    from_zero = pl.col(_GROUP) - groups[_GROUP][0]
    blocks = Blocks.of(buckets.frame.with_columns(from_zero))
    held = blocks.n[blocks.holds]
    if len(own) != held.sum():
        raise MechexoError(
            f"costs: {held.sum()} fills were counted where there are {len(own)}; "
            "this is a fault of mechexo"
        )
    rows = own.select(from_zero, "notional", value="total_bps")
    found = ranked(
        blocks,
        Values.of(rows, held),
        groups["group_n"].to_numpy(),
        groups["group_weight"].to_numpy(),
        levels=RANKED,
        weighted=WEIGHTED_PERCENTILES,
        bounds=_BOUND_NAMES,
    )
    shown = {name: found[name] for name in (*PERCENTILES, *WEIGHTED_PERCENTILES)}
    return pl.DataFrame(
        [
            *groups.select(keys).get_columns(),
            *(pl.Series(f"{name}_bps", each).fill_nan(None) for name, each in shown.items()),
            pl.Series("error_bps", [0.0]).new_from_index(0, len(groups)),
            (pl.Series("drawn", found["drawn"]) / groups["group_n"]).alias("winsorised_mean_bps"),
        ]
    )


def approximate(buckets: Buckets) -> pl.DataFrame:
    """As `exact`, without a second look: each value is taken as the middle of its bucket.

    `error_bps` says how far a group's figures may be off.
    """
    rows = buckets.frame.filter("holds").select(
        _GROUP,
        "bucket",
        "notional",
        "n",
        value=bucket_middle(pl.col("bucket"), buckets.per_octave),
    )
    return _figures(buckets, rows, bucket_width(pl.col("bucket"), buckets.per_octave) / 2)


def _figures(buckets: Buckets, rows: pl.DataFrame, half: pl.Expr) -> pl.DataFrame:
    """Looks the percentiles up in rows of the buckets that hold a wanted rank: group, bucket,
    value, notional, a row for every fill; or, with n, one for all fills of a bucket."""
    places = buckets.frame.filter("holds").join(buckets.groups.drop(keys_of(buckets.by)), on=_GROUP)
    ends = [f"{name}{side}" for name in RANKED for side in ("_low", "_high")]
    ranked = (
        _at_ranks(places, rows)
        .group_by(_GROUP)
        .agg(pl.col("value").filter(pl.col("ask") == end).first().alias(end) for end in ends)
    )
    found = (
        buckets.groups.select(_GROUP, *keys_of(buckets.by), "group_n")
        .join(ranked, on=_GROUP, how="left")
        .with_columns(_between(name, level) for name, level in RANKED.items())
    )
    for name, level in WEIGHTED_PERCENTILES.items():
        found = found.join(
            _at_weight(places, rows, level).rename({"value": f"{name}_bps"}), on=_GROUP, how="left"
        )
    errors = places.group_by(_GROUP).agg(half.max().alias("error_bps"))
    return (
        found.join(_drawn_in(buckets, rows, found), on=_GROUP, how="left")
        .join(errors, on=_GROUP, how="left")
        .select(
            *keys_of(buckets.by),
            *(f"{name}_bps" for name in (*PERCENTILES, *WEIGHTED_PERCENTILES)),
            "error_bps",
            winsorised_mean_bps=pl.col("drawn") / pl.col("group_n"),
        )
    )


def _between(name: str, level: float) -> pl.Expr:
    """The percentile between the values at its two ranks."""
    low, high = pl.col(f"{name}_low"), pl.col(f"{name}_high")
    return (low + (high - low) * (_place(level) - _rank(level))).alias(f"{name}_bps")


def _at_ranks(places: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The value at each wanted rank of each group: group, ask, value."""
    asks = pl.concat(
        [
            places.filter(_covers(rank(level))).select(
                _GROUP,
                "bucket",
                ask=pl.lit(f"{name}{side}"),
                within=rank(level) - pl.col("before"),
            )
            for name, level in RANKED.items()
            for side, rank in (("_low", _rank), ("_high", _next_rank))
        ]
    )
    within = [_GROUP, "bucket"]
    needed = asks.select(within).unique()
    ordered = (
        rows.lazy()
        .select(*within, "value")
        .join(needed.lazy(), on=within, how="semi")
        .group_by(within)
        .agg(pl.col("value").sort())
        .collect(engine="in-memory")
    )
    # Without a second look a bucket is one value, which stands for all of its ranks.
    last = pl.col("value").list.len().cast(pl.Int64) - 1
    value = pl.col("value").list.get(pl.min_horizontal("within", last))
    return asks.join(ordered, on=within).select(_GROUP, "ask", value=value)


def _at_weight(places: pl.DataFrame, rows: pl.DataFrame, level: float) -> pl.DataFrame:
    """The smallest value with which a group's notional reaches a part of the whole."""
    within = [_GROUP, "bucket"]
    marks = places.filter(_reaches(level)).select(*within, "weight_before", mark=_mark(level))
    return (
        rows.join(marks, on=within)
        .sort(_GROUP, "value", "notional")
        .with_columns(reached=pl.col("weight_before") + pl.col("notional").cum_sum().over(_GROUP))
        .group_by(_GROUP)
        .agg(
            pl.col("value")
            .filter(pl.col("reached") >= pl.col("mark"))
            .first()
            .fill_null(pl.col("value").last())
        )
    )


def _drawn_in(buckets: Buckets, rows: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """The sum of each group's values, those beyond the bounds drawn in to them: group, drawn."""
    low, high = (pl.col(f"{name}_bps") for name in _BOUNDS)
    ends = [f"{name}{side}" for name in _BOUNDS for side in ("_low", "_high")]
    bounds = found.select(_GROUP, *ends, low=low, high=high)
    edges = pl.concat(
        bounds.select(_GROUP, bucket=bucket(pl.col(end), buckets.per_octave)) for end in ends
    ).unique()
    within = [_GROUP, "bucket"]
    count = pl.col("n") if "n" in rows.columns else pl.lit(1)
    seen = (
        rows.join(edges, on=within, how="semi")
        .join(bounds, on=_GROUP)
        .select(_GROUP, drawn=pl.col("value").clip(pl.col("low"), pl.col("high")) * count)
    )
    # A bucket without a rank of a bound lies wholly on one side of it.
    fits = buckets.per_octave
    unseen = (
        buckets.frame.join(edges, on=within, how="anti")
        .join(bounds, on=_GROUP)
        .select(
            _GROUP,
            drawn=pl.when(pl.col("bucket") < bucket(pl.col("low"), fits))
            .then(pl.col("n") * pl.col("low"))
            .when(pl.col("bucket") > bucket(pl.col("high"), fits))
            .then(pl.col("n") * pl.col("high"))
            .otherwise("sum"),
        )
    )
    return pl.concat([seen, unseen]).group_by(_GROUP).agg(pl.col("drawn").sum())


def _place(level: float) -> pl.Expr:
    """Type 7: where in the ordered values a percentile lies."""
    return (pl.col("group_n") - 1) * level


def _rank(level: float) -> pl.Expr:
    return _place(level).floor().cast(pl.Int64)


def _next_rank(level: float) -> pl.Expr:
    return pl.min_horizontal(_rank(level) + 1, pl.col("group_n") - 1)


def _covers(rank: pl.Expr) -> pl.Expr:
    return (pl.col("before") <= rank) & (rank < pl.col("before") + pl.col("n"))


def _mark(level: float) -> pl.Expr:
    return level * pl.col("group_weight") * TIE


def _reaches(level: float) -> pl.Expr:
    mark = _mark(level)
    return (pl.col("weight_before") < mark) & (pl.col("weight_before") + pl.col("notional") >= mark)
