"""The second look at plain fills (`costs/plain_sums.py`): those in the buckets that hold a wanted
rank are found by one number for their group and bucket."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from mechexo.costs.arrays import Array
from mechexo.costs.buckets import FINE, bucket_numbers, coarser_numbers
from mechexo.costs.group_keys import By, keys_of
from mechexo.costs.merging import OF_SLIPPAGE
from mechexo.costs.plain_fills import ROWS_AT_ONCE
from mechexo.costs.plain_ledger import PlainLedger
from mechexo.value_classes import dataclass

_MANY = 2**26
"""A table with more places is not made: the numbers are searched for instead."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The buckets that a grouping wants, of the cells of one ledger."""

    per_octave: int
    groups: pl.DataFrame
    """The keys of each group; no column of all fills together."""
    first: Array
    """The number of each cell's first bucket."""
    lowest: int
    """The bucket before the lowest wanted one."""
    width: int
    """How many numbers a group has: one more on each side for all that lies further out."""
    numbers: Array
    """The wanted ones, ascending."""
    table: Array | None
    """Whether each number is wanted."""

    def among(self, buckets: Array, cells: Array) -> Array:
        """The places of the fills that are wanted, by their buckets and cells."""
        number = (buckets - self.lowest).clip(0, self.width - 1).astype(np.intp)
        if len(self.first) > 1:
            number += self.first.take(cells)
        if self.table is not None:
            wanted = self.table.take(number)
        else:
            near = self.numbers.searchsorted(number).clip(max=len(self.numbers) - 1)
            wanted = self.numbers.take(near) == number
        places: Array = wanted.nonzero()[0]
        return places

    def keyed(self, cells: Array) -> pl.DataFrame:
        """The keys of the fills of these cells."""
        return self.groups[self.first.take(cells) // self.width]


def plain_seen(
    ledger: PlainLedger, wanted: Mapping[By, pl.DataFrame], fineness: Mapping[By, int]
) -> dict[By, pl.DataFrame]:
    """The plain fills that lie in some buckets of their groups.

    Args:
        ledger: of the fills.
        wanted: keys, `OF_SLIPPAGE` and bucket, for each grouping.
        fineness: how many buckets an octave has in each grouping.

    Returns:
        keys, total_bps and notional, for each grouping.
    """
    asked = {by: _wanted(ledger.cells, by, wanted[by], fineness[by]) for by in wanted}
    cell, total_bps, notional = ledger.rows.cell, ledger.rows.total_bps, ledger.rows.notional
    hits: dict[By, list[Array]] = {by: [] for by in asked}
    for start in range(0, len(cell), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        buckets = {FINE: bucket_numbers(total_bps[rows], FINE)}
        for by, each in asked.items():
            if each.per_octave not in buckets:
                buckets[each.per_octave] = coarser_numbers(buckets[FINE], each.per_octave)
            if len(each.numbers):
                hits[by].append(each.among(buckets[each.per_octave], cell[rows]) + start)
    seen = {}
    for by, each in asked.items():
        places = np.concatenate([np.empty(0, np.intp), *hits[by]])
        own = [pl.Series("total_bps", total_bps.take(places))]
        own += [pl.Series("notional", notional.take(places))]
        keyed = each.keyed(cell.take(places)).get_columns() if keys_of(by) else []
        seen[by] = pl.DataFrame([*keyed, *own])
    return seen


def _wanted(cells: pl.DataFrame, by: By, buckets: pl.DataFrame, per_octave: int) -> _Wanted:
    keys = keys_of(by)
    own = buckets.filter(~pl.col(OF_SLIPPAGE)).with_columns(pl.col("bucket").cast(pl.Int64))
    groups = cells.select(keys).unique(maintain_order=True)
    if keys:
        numbered = groups.with_row_index("group")
        own = own.join(numbered, on=keys, nulls_equal=True)
        placed = cells.join(numbered, on=keys, how="left", nulls_equal=True, maintain_order="left")
        group = placed["group"].to_numpy().astype(np.intp)
        of_own = own["group"].to_numpy().astype(np.intp)
    else:
        group, of_own = np.zeros(1, np.intp), np.zeros(len(own), np.intp)
    bucket = own["bucket"].to_numpy()
    lowest = int(bucket.min()) - 1 if len(bucket) else 0
    width = int(bucket.max()) - lowest + 2 if len(bucket) else 1
    numbers = np.sort(of_own * width + bucket - lowest)
    size = width * max(len(groups), 1)
    table = None
    if size <= _MANY:
        table = np.zeros(size, bool)
        table[numbers] = True
    return _Wanted(per_octave, groups, group * width, lowest, width, numbers, table)
