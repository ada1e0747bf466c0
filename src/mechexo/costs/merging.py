"""Costs of groups from parts: what one day's fills add up to, and what many days' do.

A part holds, for each grouping, sums that add (counts, amounts, weights, means with their squared
deviations, minima and maxima) and the fills' own total_bps counted in buckets. Merging is
associative and commutative up to the rounding of floats, so days may come in any order and from
any machine. From the buckets every percentile is known within the width of one; a second look at
the fills, at the few buckets that hold a wanted rank only, makes them exact (`percentiles.py`).

The figures are those of `costs/aggregate.py`, which has all fills in memory.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from mechexo.costs.aggregate import PARTS
from mechexo.costs.dimensions import Dimension, Grouping, dimensions_of, traded_value

By = tuple[str, ...]
"""A grouping: the names of its dimensions; none for all fills together."""

BUCKETS_PER_OCTAVE = 32
"""How finely total_bps are counted: a bucket is at most 1/32 of its value wide."""
FINEST = 2.0**-10
"""Values nearer to zero than this, in bps, share a bucket."""

_MANTISSA = 52
_CLASS = ("counts", "ref_source", "suspect", "no_commission", "no_spread")
"""What decides which figures a fill has: fills alike in these have the same ones."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the fills."""

    groupings: tuple[By, ...]
    rules: Grouping
    horizons: tuple[str, ...] = ()
    """The labels of markouts."""

    @property
    def parents(self) -> tuple[By, ...]:
        """The groupings that are not part of another: the rest follows from them."""
        each = dict.fromkeys(tuple(by) for by in (*self.groupings, ()))
        return tuple(
            by for by in each if not any(set(by) < set(other) for other in each if other != by)
        )

    def parent_of(self, by: By) -> By:
        """The parent from which a grouping's figures follow."""
        return next(each for each in self.parents if set(by) <= set(each))

    @property
    def dimensions(self) -> By:
        """All dimensions of all groupings."""
        return tuple(dict.fromkeys(name for by in self.groupings for name in by))


@dataclass(frozen=True, slots=True)
class Partial:
    """What some fills add up to, by parent grouping."""

    sums: Mapping[By, pl.DataFrame]
    """Keys (`key_` and the dimension), the columns that decide which figures a fill has (counts,
    ref_source, suspect, no_commission, no_spread), and the sums."""
    buckets: Mapping[By, pl.DataFrame]
    """Keys, bucket (Int64), and of the fills' total_bps in it: n, sum and their notional."""


def key(name: str) -> str:
    """The column of a dimension."""
    return f"key_{name}"


def keys_of(by: By) -> list[str]:
    """The columns of a grouping's dimensions."""
    return [key(name) for name in by]


def dimensions_by_name(question: Question, columns: Sequence[str]) -> dict[str, Dimension]:
    """Each dimension of the question, for a frame of priced fills with these columns.

    Raises:
        UsageError: a dimension is unknown.
    """
    found = dimensions_of(question.dimensions, question.rules, columns)
    return {each.name: each for each in found}


def partial_of(priced: pl.DataFrame, question: Question) -> tuple[Partial, pl.DataFrame]:
    """What priced fills add up to, and the ledger that a second look at them needs.

    Args:
        priced: as `costs.kernel.price_fills` gives them, or `costs.markouts.add_markouts`.
        question: what is asked.

    Returns:
        The part; and the keys, total_bps and notional of the fills that have a total and count.

    Raises:
        UsageError: a dimension is unknown.
    """
    dimensions = dimensions_by_name(question, priced.columns)
    keyed = priced.with_columns(
        *(each.code.alias(key(name)) for name, each in dimensions.items()),
        counts=pl.col("reason").is_null(),
    )
    cells = (
        keyed.lazy()
        .with_columns(
            no_commission=pl.col("commission").is_null(),
            no_spread=pl.col("spread_ccy").is_null(),
            traded_value=traded_value(),
        )
        .group_by(*keys_of(question.dimensions), *_CLASS)
        .agg(_sums(question.horizons))
        .collect(engine="streaming")
    )
    ledger = keyed
    if not keyed["counts"].all() or keyed["total_bps"].null_count():
        ledger = keyed.filter(pl.col("counts") & pl.col("total_bps").is_not_null())
    ledger = ledger.select(*keys_of(question.dimensions), "total_bps", "notional")
    sums = {by: _merged_sums(cells, by, question.horizons) for by in question.parents}
    return Partial(sums, {by: counted(ledger, by) for by in question.parents}), ledger


def counted(ledger: pl.DataFrame, by: By) -> pl.DataFrame:
    """A ledger's fills by group and bucket."""
    return (
        ledger.lazy()
        .group_by(*keys_of(by), bucket("total_bps").alias("bucket"))
        .agg(
            n=pl.len().cast(pl.Int64),
            sum=pl.col("total_bps").sum(),
            notional=pl.col("notional").sum(),
        )
        .collect(engine="streaming")
    )


def merge(parts: Sequence[Partial], question: Question) -> Partial:
    """What the fills of all parts together add up to; of no part, nothing."""
    return Partial(
        {
            by: _merged_sums(pl.concat([part.sums[by] for part in parts]), by, question.horizons)
            for by in (question.parents if parts else ())
        },
        {
            by: merged_buckets(pl.concat([part.buckets[by] for part in parts]), by)
            for by in (question.parents if parts else ())
        },
    )


def merged_buckets(buckets: pl.DataFrame, by: By) -> pl.DataFrame:
    """Buckets of fewer dimensions, or of more fills, ordered by keys and bucket."""
    keys = [*keys_of(by), "bucket"]
    return buckets.group_by(keys).agg(pl.col("n", "sum", "notional").sum()).sort(keys)


def bucket(column: str) -> pl.Expr:
    """The bucket (Int64) of a value: larger values never have a smaller one.

    The exponent and the first bits of the mantissa, as they stand in a float: so wide as the value
    is large, whatever the data's range, with no bounds to agree upon.
    """
    bits = _MANTISSA - BUCKETS_PER_OCTAVE.bit_length() + 1
    value = pl.col(column)
    size = value.abs().clip(lower_bound=FINEST).reinterpret(dtype=pl.Int64) // (1 << bits)
    size = size - _offset()
    return pl.when(value < 0).then(-size).otherwise(size)


def bucket_width(bucket: pl.Expr) -> pl.Expr:
    """How wide a bucket is, in the unit of its values."""
    size = bucket.abs()
    octave = (size // BUCKETS_PER_OCTAVE).cast(pl.Float64)
    start = FINEST * pl.lit(2.0).pow(octave)
    return pl.when(size == 0).then(pl.lit(2.1 * FINEST)).otherwise(start / BUCKETS_PER_OCTAVE)


def bucket_middle(bucket: pl.Expr) -> pl.Expr:
    """The middle of a bucket."""
    size = bucket.abs()
    octave = (size // BUCKETS_PER_OCTAVE).cast(pl.Float64)
    part = (size % BUCKETS_PER_OCTAVE).cast(pl.Float64) + 0.5
    middle = FINEST * pl.lit(2.0).pow(octave) * (1 + part / BUCKETS_PER_OCTAVE)
    return pl.when(size == 0).then(pl.lit(0.0)).otherwise(bucket.sign() * middle)


def _offset() -> int:
    """The bucket of the finest value, which becomes bucket 0 with all that is nearer to zero."""
    bits = _MANTISSA - BUCKETS_PER_OCTAVE.bit_length() + 1
    return int.from_bytes(struct.pack(">d", FINEST), "big") >> bits


_ADDED = (
    *("fills", "notional", "traded_value", "commission"),
    *(f"{part}_ccy" for part in PARTS if part != "commission"),
)
"""Plain sums; `commission` is that of all fills."""


def _sums(horizons: Sequence[str]) -> list[pl.Expr]:
    own = pl.when("counts").then(pl.col("total_bps"))
    found = [
        pl.len().cast(pl.Int64).alias("fills"),
        *(pl.col(name).sum() for name in _ADDED if name != "fills"),
        *_moments("total", own),
        own.min().alias("min_bps"),
        own.max().alias("max_bps"),
    ]
    for label in horizons:
        known = pl.col("counts") & pl.col(f"realised_{label}_ccy").is_not_null()
        found += [
            pl.when(known).then(pl.col(name)).sum().alias(f"{name}_{label}_known")
            for name in ("notional", "slippage_ccy")
        ]
        found += [
            pl.when(known).then(pl.col(f"{name}_{label}_ccy")).sum().alias(f"{name}_{label}_ccy")
            for name in ("realised", "impact")
        ]
        found += _moments(label, pl.when(known).then(pl.col(f"realised_{label}_bps")))
    return found


def _moments(name: str, value: pl.Expr) -> list[pl.Expr]:
    """How many there are, their mean, and the sum of their squared deviations from it."""
    return [
        value.count().cast(pl.Int64).alias(f"{name}_n"),
        value.mean().alias(f"{name}_mean"),
        (value.var(ddof=0) * value.count()).alias(f"{name}_m2"),
    ]


def _merged_moments(name: str) -> list[pl.Expr]:
    count, mean = pl.col(f"{name}_n"), pl.col(f"{name}_mean")
    whole = pl.when(count.sum() > 0).then((count * mean).sum() / count.sum())
    between = (count * (mean - whole) ** 2).sum()
    return [
        count.sum(),
        whole.alias(f"{name}_mean"),
        (pl.col(f"{name}_m2").sum() + between).alias(f"{name}_m2"),
    ]


def _merged_sums(sums: pl.DataFrame, by: By, horizons: Sequence[str]) -> pl.DataFrame:
    keys = [*keys_of(by), *_CLASS]
    return sums.group_by(keys).agg(merging_sums(horizons)).sort(keys, nulls_last=False)


def merging_sums(horizons: Sequence[str]) -> list[pl.Expr]:
    """What becomes of the sums of parts that come together."""
    found = [
        *(pl.col(name).sum() for name in _ADDED),
        *_merged_moments("total"),
        pl.col("min_bps").min(),
        pl.col("max_bps").max(),
    ]
    for label in horizons:
        found += [
            pl.col(f"notional_{label}_known", f"slippage_ccy_{label}_known").sum(),
            pl.col(f"realised_{label}_ccy", f"impact_{label}_ccy").sum(),
            *_merged_moments(label),
        ]
    return found
