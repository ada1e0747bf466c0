"""Buckets of many parts added up in one table: with a place for each that there may be, which is
three times as fast as looking for each among those that there are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from mechexo.costs.arrays import Array

_PLACES_A_ROW = 4
"""A table with more places than this for each row is not worth it."""


def added_in_table(buckets: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame | None:
    """The sums of buckets that are alike in some keys and in their number.

    Args:
        buckets: keys, bucket, n (of one fill or more), sum, notional.
        keys: which of its columns.

    Returns:
        Keys, bucket, n, sum and notional; None where a key is null or no number, or where numbers
        lie too far apart.
    """
    names = [*keys, "bucket"]
    place = np.zeros(len(buckets), np.int64)
    places = 1
    for column in buckets.select(names).iter_columns():
        numbers = _numbers(column)
        if numbers is None or not len(numbers):
            return None
        lowest = int(numbers.min())
        size = int(numbers.max()) - lowest + 1
        places *= size
        if places > _PLACES_A_ROW * len(buckets):
            return None
        place *= size
        place += numbers
        place -= lowest
    n = np.bincount(place, weights=buckets["n"].to_numpy())
    held = n.nonzero()[0]
    example = np.empty(places, np.int64)
    example[place] = np.arange(len(place))
    rows = pl.Series(example[held])
    return pl.DataFrame(
        [
            *buckets.select(pl.col(names).gather(rows)).get_columns(),
            pl.Series("n", n[held].astype(np.int64)),
            *(
                pl.Series(name, np.bincount(place, weights=buckets[name].to_numpy())[held])
                for name in ("sum", "notional")
            ),
        ]
    )


def _numbers(column: pl.Series) -> Array | None:
    """What stands for the values of a column; None where some are null or texts."""
    numbers = column.cast(pl.UInt8) if column.dtype == pl.Boolean else column.to_physical()
    if column.null_count() or not numbers.dtype.is_integer():
        return None
    return numbers.to_numpy()
