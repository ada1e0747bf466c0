"""How far a difference of two weighted costs can be trusted: the two-sample bootstrap.

The fills of each side are drawn again with replacement, independently of the other side, and the
interval is the bias-corrected and accelerated one (BCa; Efron 1987, for two samples Davison and
Hinkley 1997, chapter 5). The acceleration comes from the fills' exact influence on a ratio of sums.

More fills than `BLOCKS` are first put together into so many blocks at random, and the blocks are
drawn: sums of random fills vary as the fills do, and the work stays bounded.

Of fills of very uneven size it takes about 150 for an interval of 95 % to hold the truth 94 times
in 100; with 30 it does 91 times.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from statistics import NormalDist

import polars as pl

from mechexo.costs.findings import Resampling
from mechexo.value_classes import dataclass

BLOCKS = 5_000
"""The most units of a side that are drawn from."""

_DRAWN_AT_ONCE = 2_000_000
_WORD = 2**32
STILL = 1e-11
"""A standard error under this share of the figures is rounding, and no spread."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One side: each fill's cost and its notional, in the same currency. No nulls, weights > 0."""

    amounts: pl.Series
    weights: pl.Series

    def __len__(self) -> int:
        return len(self.amounts)

    @property
    def bps(self) -> float | None:
        """1e4 sum(amount) / sum(weight); None without fills."""
        if not len(self):
            return None
        return 1e4 * float(self.amounts.sum()) / float(self.weights.sum())


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the difference lies, second minus first, in bps. None where it cannot be said."""

    low: float | None
    high: float | None
    method: str = ""
    note: str = ""


def difference_interval(first: Sample, second: Sample, how: Resampling) -> Interval:
    """The interval of second minus first of the notional-weighted bps.

    The same samples in the same order with the same seed give the same answer.
    """
    if min(len(first), len(second)) < 2:
        return Interval(None, None, note="an interval needs at least two fills on each side")
    assert first.bps is not None
    assert second.bps is not None
    estimate = second.bps - first.bps
    error, acceleration = _influence(first, second)
    if error <= STILL * max(1.0, abs(first.bps), abs(second.bps)):
        return Interval(estimate, estimate, note="the same for every fill of a side")
    dice = random.Random(how.seed)
    drawn = _drawn(second, how.resamples, dice) - _drawn(first, how.resamples, dice)
    return interval_of(drawn.sort(), estimate, acceleration, how.confidence)


def _influence(first: Sample, second: Sample) -> tuple[float, float]:
    """The standard error of the difference by the fills' influence, and the acceleration."""
    squares = cubes = 0.0
    for sample, sign in ((first, -1.0), (second, 1.0)):
        bps, count = sample.bps or 0.0, len(sample)
        influence = sign * (1e4 * sample.amounts - bps * sample.weights) / sample.weights.mean()
        squares += float((influence**2).sum()) / count**2
        cubes += float((influence**3).sum()) / count**3
    return math.sqrt(squares), (cubes / (6 * squares**1.5) if squares else 0.0)


def _drawn(sample: Sample, resamples: int, dice: random.Random) -> pl.Series:
    """The weighted bps of so many samples drawn again."""
    units = in_blocks(sample, dice)
    count = len(units)
    parts = []
    for rows in _portions(resamples, max(1, _DRAWN_AT_ONCE // count)):
        places = (_words(dice, rows * count).cast(pl.UInt64) * count // _WORD).cast(pl.UInt32)
        amounts, weights = (
            side.gather(places).reshape((rows, count)).arr.sum()
            for side in (units.amounts, units.weights)
        )
        parts.append(1e4 * amounts / weights)
    return pl.concat(parts)


def in_blocks(sample: Sample, dice: random.Random) -> Sample:
    """At most `BLOCKS` units, each the sum of some fills taken at random; all fills are in one."""
    count = len(sample)
    if count <= BLOCKS:
        return sample
    sums = (
        pl.DataFrame({"amounts": sample.amounts, "weights": sample.weights})
        .with_columns(order=_words(dice, count))
        .sort("order", maintain_order=True)
        .with_columns(block=pl.int_range(pl.len()) * BLOCKS // count)
        .group_by("block", maintain_order=True)
        .agg(pl.col("amounts").sum(), pl.col("weights").sum())
    )
    return Sample(sums["amounts"], sums["weights"])


def _portions(whole: int, most: int) -> Iterator[int]:
    while whole > 0:
        yield min(whole, most)
        whole -= most


def _words(dice: random.Random, count: int) -> pl.Series:
    """Uniform numbers of 32 bits: the same for a seed on every machine and version of Polars."""
    kind = pl.Array(pl.UInt32, count)
    return pl.Series([dice.randbytes(4 * count)]).bin.reinterpret(dtype=kind).explode()


def interval_of(
    drawn: pl.Series, estimate: float, acceleration: float, confidence: float
) -> Interval:
    """The BCa interval of the drawn values, which are sorted; that of their percentiles where BCa
    has none."""
    normal = NormalDist()
    tails = ((1 - confidence) / 2, (1 + confidence) / 2)
    ranked = drawn.to_list()
    below = (bisect_left(ranked, estimate) + bisect_right(ranked, estimate)) / (2 * len(ranked))
    method, note, levels = "percentile", "too few distinct fills for BCa", tails
    if 0 < below < 1:
        bias = normal.inv_cdf(below)
        shifted = [bias + normal.inv_cdf(tail) for tail in tails]
        if all(acceleration * shift < 1 for shift in shifted):
            method, note = "BCa", ""
            low, high = (normal.cdf(bias + shift / (1 - acceleration * shift)) for shift in shifted)
            levels = (low, high)
    ends = [drawn.quantile(level, interpolation="linear") for level in levels]
    return Interval(ends[0], ends[1], method, note)
