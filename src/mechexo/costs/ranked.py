"""Exact percentiles of many groups at once, from the values of the buckets that hold their ranks:
`costs.percentiles.exact` on arrays."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from mechexo.costs.arrays import Array
from mechexo.value_classes import dataclass

_GROUP_BITS = 40
"""A group has fewer fills than this many bits count."""
_GROUPS_AT_ONCE = 1_000
"""So many groups' weights are added up in one line: rounding stays far below `TIE`."""
TIE = 1 - 1e-12
"""A cumulative weight this close to its mark has reached it: sums of floats round."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """The buckets of all groups, by group and bucket."""

    group: Array
    bucket: Array
    n: Array
    sum: Array
    before: Array
    """Fills of the group in lower buckets."""
    weight: Array
    weight_before: Array
    holds: Array
    """Whether its values are known."""

    @classmethod
    def of(cls, frame: pl.DataFrame) -> Blocks:
        """Those of `costs.percentiles.Buckets.frame`."""
        ordered = frame.sort("group", "bucket")
        names = ("group", "bucket", "n", "sum", "before", "notional", "weight_before", "holds")
        return cls(*(ordered[name].to_numpy() for name in names))


@dataclass(frozen=True, slots=True)
class Values:
    """The values of the buckets that are known, by group and value."""

    value: Array
    notional: Array
    start: Array
    """Where those of each known bucket begin."""

    @classmethod
    def of(cls, frame: pl.DataFrame, known: Array) -> Values:
        """Those of a frame (group, value, notional); `known` says how many each known bucket has,
        by group and bucket."""
        value = frame["value"].to_numpy()
        order = value.argsort()
        group = frame["group"].to_numpy()
        # Groups of 16 bits are sorted by radix.
        small = np.uint16 if len(known) < 2**16 else group.dtype
        order = order[group.astype(small)[order].argsort(kind="stable")]
        return cls(
            value[order],
            frame["notional"].to_numpy()[order],
            np.concatenate([[0], known.cumsum()]),
        )


def ranked(
    blocks: Blocks,
    values: Values,
    group_n: Array,
    group_weight: Array,
    levels: Mapping[str, float],
    weighted: Mapping[str, float],
    bounds: tuple[str, str],
) -> dict[str, Array]:
    """The percentiles of each group by name, and `drawn`: the sum of its values, those beyond the
    two percentiles `bounds` drawn in to them.

    Args:
        blocks: the buckets of all groups, which are numbered from 0.
        values: the values of those that hold a rank.
        group_n: how many values each group has.
        group_weight: their notional.
        levels: of percentiles by rank (type 7).
        weighted: of percentiles by notional.
        bounds: two of `levels`.
    """
    held = blocks.holds.nonzero()[0]
    key = (blocks.group[held].astype(np.int64) << _GROUP_BITS) + blocks.before[held]
    groups = np.arange(len(group_n), dtype=np.int64)

    def at(rank: Array) -> tuple[Array, Array]:
        """The value at a rank of each group, and which known bucket it lies in."""
        block = key.searchsorted((groups << _GROUP_BITS) + rank, side="right") - 1
        within = rank - blocks.before[held[block]]
        return values.value[values.start[block] + within], block

    found: dict[str, Array] = {}
    ends: list[Array] = []
    for name, level in levels.items():
        place = (group_n - 1) * level
        rank = np.floor(place).astype(np.int64)
        low, first = at(rank)
        high, last = at(np.minimum(rank + 1, group_n - 1))
        found[name] = low + (high - low) * (place - rank)
        if name in bounds:
            ends += [first, last]
    for name, level in weighted.items():
        found[name] = _at_weight(blocks, values, held, group_weight, level)
    low, high = (found[name] for name in bounds)
    found["drawn"] = _drawn(blocks, values, (ends[0], ends[1], ends[2], ends[3]), low, high)
    return found


def _at_weight(
    blocks: Blocks, values: Values, held: Array, group_weight: Array, level: float
) -> Array:
    """The smallest value with which each group's notional reaches a part of the whole."""
    share = level * group_weight[blocks.group[held]] * TIE
    before = blocks.weight_before[held]
    reaches = ((before < share) & (before + blocks.weight[held] >= share)).nonzero()[0]
    found = np.full(len(group_weight), np.nan)
    for first in range(0, len(reaches), _GROUPS_AT_ONCE):
        block = reaches[first : first + _GROUPS_AT_ONCE]
        whole = group_weight[blocks.group[held[block]]]
        start, end = values.start[block], values.start[block + 1]
        rows, begins = _rows(start, end)
        so_far = (values.notional[rows] / np.repeat(whole, end - start)).cumsum()
        ahead = np.concatenate([[0.0], so_far])[begins]
        mark = level * TIE - before[block] / whole + ahead
        place = np.clip(so_far.searchsorted(mark), begins, begins + (end - start) - 1)
        found[blocks.group[held[block]]] = values.value[rows[place]]
    return found


def _drawn(
    blocks: Blocks, values: Values, ends: tuple[Array, Array, Array, Array], low: Array, high: Array
) -> Array:
    """The sum of each group's values, those beyond the bounds drawn in to them.

    `ends` are the buckets of the two values next to the lower bound and of those next to the upper.
    """
    held = blocks.holds.nonzero()[0]
    edge = np.unique(np.concatenate(ends))
    lowest, highest = held[ends[0]], held[ends[3]]
    # A bucket without a value next to a bound lies wholly on one side of it.
    other = np.ones(len(blocks.n), bool)
    other[held[edge]] = False
    place = other.nonzero()[0]
    group, n = blocks.group[place], blocks.n[place]
    inside = np.where(place > highest[group], n * high[group], blocks.sum[place])
    drawn = np.where(place < lowest[group], n * low[group], inside)
    whole = np.bincount(group, weights=drawn, minlength=len(low))
    rows, _ = _rows(values.start[edge], values.start[edge + 1])
    group = np.repeat(blocks.group[held[edge]], blocks.n[held[edge]])
    own = values.value[rows].clip(low[group], high[group])
    return whole + np.bincount(group, weights=own, minlength=len(low))


def _rows(start: Array, end: Array) -> tuple[Array, Array]:
    """The rows of some ranges one after the other, and where each range begins among them."""
    lengths = end - start
    begins = lengths.cumsum() - lengths
    return np.repeat(start - begins, lengths) + np.arange(lengths.sum()), begins
