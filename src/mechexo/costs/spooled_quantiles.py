"""Percentiles of values that may be larger than memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import polars as pl

from mechexo.costs.buckets import FINE, bucket


def quantiles(parts: Iterable[pl.DataFrame], name: str, levels: Sequence[float]) -> list[float]:
    """Percentiles (type 7, linear) of a column; none when there are no values.

    Args:
        parts: frames with the column, without nulls; looked at twice.
        name: of the column.
        levels: from 0.0 to 1.0.
    """
    own = bucket(pl.col(name), FINE).alias("bucket")
    counted = [part.group_by(own).agg(n=pl.len().cast(pl.Int64)) for part in parts]
    if not sum(map(len, counted)):
        return []
    counts = pl.concat(counted).group_by("bucket").agg(pl.col("n").sum()).sort("bucket")
    reached = counts["n"].cum_sum()
    places = [level * (reached[-1] - 1) for level in levels]
    ranks = {rank for place in places for rank in (math.floor(place), math.ceil(place))}
    # The bucket of each rank, and how many values lie before it.
    at = {rank: int(reached.search_sorted(rank, side="right")) for rank in sorted(ranks)}
    wanted = counts["bucket"].gather(sorted(set(at.values()))).implode()
    seen = pl.concat(
        [part.select(name, own).filter(pl.col("bucket").is_in(wanted)) for part in parts]
    ).sort("bucket", name)
    values = seen.partition_by("bucket", as_dict=True, include_key=False)

    def value(rank: int) -> float:
        number = counts["bucket"][at[rank]]
        before = reached[at[rank]] - counts["n"][at[rank]]
        return float(values[number,][name][rank - before])

    return [
        value(math.floor(place))
        + (value(math.ceil(place)) - value(math.floor(place))) * (place % 1)
        for place in places
    ]
