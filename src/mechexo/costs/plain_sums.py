"""What plain fills add up to (`costs/plain_fills.py`): the parts and the ledger of
`costs/merging.py`, added up in runs of fills whose keys are the same.

Fills come by symbol and time, and once more so those with a stale quote, so that those of one
symbol and hour are one run; fills whose keys change with every second one are put into the order of
their keys first.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from mechexo.costs.aggregate import PARTS
from mechexo.costs.arrays import Array
from mechexo.costs.buckets import FINE, bucket_numbers, coarser_numbers
from mechexo.costs.group_keys import By
from mechexo.costs.merging import OF_SLIPPAGE, Partial, Question
from mechexo.costs.plain_fills import PlainFills
from mechexo.costs.plain_keys import Runs, kind_for, runs_of
from mechexo.costs.plain_ledger import PlainLedger, PlainRows
from mechexo.value_classes import dataclass

OTHER_WAYS = frozenset({"size", "adv", "source", "order_id"})
"""Dimensions that plain fills cannot be grouped by: made of what they cost, or of many values."""
_MANY = 2**22
"""So many buckets of groups are not counted in a table."""
_SPARSE = 4
"""Where there are so many of them for each fill, those with fills are numbered first."""
_AMOUNTS = (
    *("notional", "traded_value", "commission_ccy"),
    *(f"{part}_ccy" for part in PARTS if part != "commission"),
)


@dataclass(frozen=True, slots=True)
class PlainSums:
    """What plain fills add up to."""

    partial: Partial
    ledger: PlainLedger
    residual_bps: float


def plain_sums(
    fills: pl.DataFrame, plain: PlainFills, symbols: tuple[str, ...], question: Question
) -> PlainSums:
    """What the plain ones of some fills add up to.

    Args:
        fills: all of them.
        plain: the plain ones, at least one.
        symbols: the names of their symbols, by number.
        question: what is asked; without `OTHER_WAYS`.

    Raises:
        NotPlainError: a fill's parts do not add up.
        UsageError: a dimension is unknown.
    """
    runs, plain = runs_of(fills, plain, symbols, question)
    total_bps, notional = np.empty(len(plain)), np.empty(len(plain))
    buckets = np.empty(len(plain), np.int32)
    sums, residual = _added(plain, runs, question, total_bps, notional, buckets)
    cell, first = runs.numbered(question.dimensions)
    of_fill = np.repeat(cell.astype(kind_for(len(first))), runs.lengths)
    return PlainSums(
        Partial(
            {by: _grouped(sums, runs, by, question.horizons) for by in question.summed},
            _counted(runs, question, total_bps, notional, buckets),
        ),
        PlainLedger(pl.DataFrame(runs.keys_of(first)), PlainRows(of_fill, total_bps, notional)),
        residual,
    )


def _added(
    plain: PlainFills,
    runs: Runs,
    question: Question,
    total_bps: Array,
    notional: Array,
    buckets: Array,
) -> tuple[dict[str, Array], float]:
    """The sums of the parts of runs that were priced together, each with its run; and the largest
    residual.

    Fills in each fill's total_bps, notional and bucket.
    """
    worst = 0.0
    parts: list[dict[str, Array]] = []
    for rows, cost, residual in plain.priced():
        worst = max(worst, residual)
        own_bps = cost["total_bps"]
        total_bps[rows], notional[rows] = own_bps, cost["notional"]
        buckets[rows] = bucket_numbers(own_bps, FINE)
        own = runs.between(rows.start, rows.start + len(own_bps))
        starts = np.maximum(runs.starts[own] - rows.start, 0)
        lengths = np.diff(starts, append=len(own_bps))
        parts.append(
            {
                "run": np.arange(own.start, own.stop),
                "fills": lengths,
                **{name: np.add.reduceat(cost[name], starts) for name in _AMOUNTS},
                **_moments("total", own_bps, starts, lengths, lengths),
                "min_bps": np.minimum.reduceat(own_bps, starts),
                "max_bps": np.maximum.reduceat(own_bps, starts),
                **_later_sums(cost, question.horizons, starts, lengths),
            }
        )
    return {name: np.concatenate([each[name] for each in parts]) for name in parts[0]}, worst


def _later_sums(
    cost: Mapping[str, Array], horizons: tuple[str, ...], starts: Array, lengths: Array
) -> dict[str, Array]:
    sums = {}
    for label in horizons:
        known = cost[f"known_{label}"]
        count = np.add.reduceat(known, starts, dtype=np.int64)
        for name in ("notional", "slippage_ccy"):
            sums[f"{name}_{label}_known"] = np.add.reduceat(cost[name] * known, starts)
        for name in ("realised", "impact"):
            sums[f"{name}_{label}_ccy"] = np.add.reduceat(cost[f"{name}_{label}_ccy"], starts)
        sums |= _moments(label, cost[f"realised_{label}_bps"], starts, lengths, count, known)
    return sums


def _moments(
    name: str,
    value: Array,
    starts: Array,
    lengths: Array,
    count: Array,
    known: Array | float = 1.0,
) -> dict[str, Array]:
    """How many there are, their mean, and the sum of their squared deviations from it.

    Where a value is not known it is zero, and so is what is made of it.
    """
    mean = np.add.reduceat(value, starts) / np.maximum(count, 1)
    deviation = (value - np.repeat(mean, lengths)) * known
    return {
        f"{name}_n": count,
        f"{name}_mean": mean,
        f"{name}_m2": np.add.reduceat(deviation * deviation, starts),
    }


def _grouped(
    sums: Mapping[str, Array], runs: Runs, by: By, horizons: tuple[str, ...]
) -> pl.DataFrame:
    """The sums of each group and class, in the columns of `costs.merging.merging_sums`."""
    group, first = runs.numbered(by, classes=True)
    number = group[sums["run"]]

    def added(values: Array) -> Array:
        return np.bincount(number, weights=values, minlength=len(first))

    found: dict[str, Array] = {"fills": added(sums["fills"]).astype(np.int64)}
    for name in _AMOUNTS:
        found["commission" if name == "commission_ccy" else name] = added(sums[name])
    least, most = np.full(len(first), np.inf), np.full(len(first), -np.inf)
    np.minimum.at(least, number, sums["min_bps"])
    np.maximum.at(most, number, sums["max_bps"])
    for name in ("total", *horizons):
        if name != "total":
            later = (f"{amount}_{name}_known" for amount in ("notional", "slippage_ccy"))
            found |= {each: added(sums[each]) for each in later}
            later = (f"{amount}_{name}_ccy" for amount in ("realised", "impact"))
            found |= {each: added(sums[each]) for each in later}
        own, mean = sums[f"{name}_n"], sums[f"{name}_mean"]
        count = added(own)
        whole = added(own * mean) / np.maximum(count, 1)
        between = own * (mean - whole[number]) ** 2
        found[f"{name}_n"] = count.astype(np.int64)
        found[f"{name}_mean"] = whole
        found[f"{name}_m2"] = added(sums[f"{name}_m2"]) + added(between)
        if name == "total":
            found |= {"min_bps": least, "max_bps": most}
    return pl.DataFrame(
        [
            *runs.keys_of(first, by),
            runs.classes(first),
            *(pl.Series(name, values) for name, values in found.items()),
        ]
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """Fills by group and bucket, those that have any."""

    first: Array
    """A run of each group."""
    lowest: int
    width: int
    """The lowest bucket, and how many there are: a place is group x width + bucket - lowest."""
    places: Array
    n: Array
    sum: Array
    notional: Array

    def of_fewer(self, runs: Runs, by: By) -> _Table:
        """The same by a grouping that does not tell these groups further apart."""
        number, first = runs.numbered(by)
        of_group = number[self.first]
        at = of_group[self.places // self.width] * self.width + self.places % self.width
        added = (np.bincount(at, weights=each) for each in (self.n, self.sum, self.notional))
        n, total, notional = added
        held = n.nonzero()[0]
        return _Table(
            *(first, self.lowest, self.width, held),
            *(n[held].astype(np.int64), total[held], notional[held]),
        )

    def frame(self, runs: Runs, by: By) -> pl.DataFrame:
        """As `costs.merging.Partial` has it."""
        return pl.DataFrame(
            [
                *runs.keys_of(self.first[self.places // self.width], by),
                pl.Series(OF_SLIPPAGE, [False]).new_from_index(0, len(self.places)),
                pl.Series("bucket", (self.places % self.width + self.lowest).astype(np.int32)),
                pl.Series("n", self.n),
                pl.Series("sum", self.sum),
                pl.Series("notional", self.notional),
            ]
        )


def _counted(
    runs: Runs, question: Question, total_bps: Array, notional: Array, fine: Array
) -> dict[By, pl.DataFrame]:
    """Fills by group and bucket, for each grouping that is counted."""
    varied = runs.varied
    tables: dict[By, _Table] = {}
    for by in sorted(question.counted, key=lambda by: -len(varied.intersection(by))):
        per_octave = question.fineness(by)
        told_apart = [
            table
            for other, table in tables.items()
            if question.fineness(other) == per_octave and varied.intersection(by) <= set(other)
        ]
        if told_apart:
            tables[by] = told_apart[0].of_fewer(runs, by)
        else:
            own = fine if per_octave == FINE else coarser_numbers(fine, per_octave)
            tables[by] = _table(runs, by, own, total_bps, notional)
    return {by: table.frame(runs, by) for by, table in tables.items()}


def _table(runs: Runs, by: By, buckets: Array, total_bps: Array, notional: Array) -> _Table:
    number, first = runs.numbered(by)
    lowest = int(buckets.min())
    width = int(buckets.max()) - lowest + 1
    at = np.repeat(number * width - lowest, runs.lengths)
    at += buckets
    filled: Array | None = None
    cells = len(first) * width
    if cells > _MANY:
        filled, at = np.unique(at, return_inverse=True)
    elif cells > _SPARSE * len(at):
        filled, at = _numbered(at, cells)
    n = np.bincount(at)
    held = n.nonzero()[0]
    total, weight = (np.bincount(at, weights=each)[held] for each in (total_bps, notional))
    return _Table(first, lowest, width, held if filled is None else filled, n[held], total, weight)


def _numbered(places: Array, cells: int) -> tuple[Array, Array]:
    """The places that there are, ascending, and the number of each one: as `np.unique` tells, by a
    table of all."""
    there = np.zeros(cells, bool)
    there[places] = True
    held = there.nonzero()[0]
    number = np.empty(cells, np.int32)
    number[held] = np.arange(len(held), dtype=np.int32)
    return held, number.take(places)
