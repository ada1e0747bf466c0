"""Costs of groups from parts: what one day's fills add up to, and what many days' do.

A part holds, for each grouping, sums that add (counts, amounts, weights, means with their squared
deviations, minima and maxima) and the fills' own total_bps counted in buckets. Merging is
associative and commutative up to the rounding of floats, so days may come in any order and from
any machine. From the buckets every percentile is known within the width of one; a second look at
the fills, at the few buckets that hold a wanted rank only, makes them exact (`percentiles.py`).

The figures are those of `costs/aggregate.py`, which has all fills in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import polars as pl

from mechexo.costs.aggregate import PARTS
from mechexo.costs.buckets import FINE, bucket, coarser, fineness
from mechexo.costs.dimensions import (
    SOURCES,
    Dimension,
    Grouping,
    dimensions_of,
    traded_value,
)
from mechexo.costs.group_keys import By, keys_of, keys_of_fills
from mechexo.value_classes import dataclass

_MANY_ROWS = 30_000
OF_SLIPPAGE = "of_slippage"
"""The column that tells whose own value is a slippage, for want of a commission, and no total."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the fills."""

    groupings: tuple[By, ...]
    rules: Grouping
    horizons: tuple[str, ...] = ()
    """The labels of markouts."""

    @property
    def all(self) -> tuple[By, ...]:
        """The groupings, and all fills together."""
        return tuple(dict.fromkeys((*self.groupings, ())))

    @property
    def dimensions(self) -> By:
        """All dimensions of all groupings."""
        return tuple(dict.fromkeys(name for by in self.groupings for name in by))

    def fineness(self, by: By) -> int:
        """How many buckets an octave has in a grouping."""
        return fineness(by, self.rules.tags)

    @property
    def summed(self) -> tuple[By, ...]:
        """The groupings whose sums are kept: no part of another, whose sums say theirs too."""
        return _not_within(self.all)

    @property
    def counted(self) -> tuple[By, ...]:
        """The groupings whose buckets are kept, likewise among those alike in fineness."""
        kinds = {self.fineness(by) for by in self.all}
        alike = ([by for by in self.all if self.fineness(by) == kind] for kind in sorted(kinds))
        return tuple(by for each in alike for by in _not_within(each))

    def sums_of(self, by: By) -> By:
        """The grouping whose sums say those of `by`."""
        return next(each for each in self.summed if set(by) <= set(each))

    def buckets_of(self, by: By) -> By:
        """The grouping whose buckets say those of `by`."""
        own = self.fineness(by)
        return next(
            each for each in self.counted if set(by) <= set(each) and self.fineness(each) == own
        )


def _not_within(groupings: Sequence[By]) -> tuple[By, ...]:
    return tuple(by for by in groupings if not any(set(by) < set(other) for other in groupings))


@dataclass(frozen=True, slots=True)
class Partial:
    """What some fills add up to."""

    sums: Mapping[By, pl.DataFrame]
    """Keys (`key_` and the dimension), `class` (`class_of`), and the sums."""
    buckets: Mapping[By, pl.DataFrame]
    """Keys, `OF_SLIPPAGE`, bucket, and of the fills' own values in it n, sum and their notional."""


@dataclass(frozen=True, slots=True)
class Class:
    """What decides which figures a fill has: fills alike in these have the same ones."""

    counts: bool
    """In the figures: priced and not suspect."""
    source: str
    """`suspect`, or where the reference price came from."""
    commission: bool
    """Whether it is known."""
    spread: bool
    """Whether the reference has one."""


@lru_cache
def class_of(code: int) -> Class:
    """What a number of the column `class` stands for."""
    return Class(bool(code & 1), SOURCES[code >> 3], not code & 2, not code & 4)


def _class(sources: pl.Series) -> pl.Expr:
    place = pl.lit(SOURCES.index("suspect"), pl.UInt8)
    # Most periods have quotes and nothing else to compare with.
    usual = ("quote", "stale", "none")
    told = sources.to_frame("ref_source").select(
        pl.any_horizontal(pl.col("ref_source") == name for name in usual).all()
    )
    number = pl.lit(0, pl.UInt8)
    for name in usual if told.item() else SOURCES:
        number += (pl.col("ref_source") == name).cast(pl.UInt8) * SOURCES.index(name)
    source = pl.when("suspect").then(place).otherwise(number)
    return (
        source * 8
        + pl.col("reason").is_null().cast(pl.UInt8)
        + pl.col("commission").is_null().cast(pl.UInt8) * 2
        + pl.col("spread_ccy").is_null().cast(pl.UInt8) * 4
    ).alias("class")


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
        The part; and the keys, total_bps (the slippage_bps where `OF_SLIPPAGE`, null where a fill
        does not count), `OF_SLIPPAGE` and notional.

    Raises:
        UsageError: a dimension is unknown.
    """
    return partial_of_pieces([piece_of(priced, question)], question)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of the fills that one partial is made of."""

    cells: pl.DataFrame
    """What they add up to by all dimensions and `class`."""
    ledger: pl.DataFrame
    """As of `partial_of`, with the finest bucket of each."""


def piece_of(priced: pl.DataFrame, question: Question) -> Piece:
    """Some fills added up by all dimensions: a fill is a few numbers from here on.

    Raises:
        UsageError: a dimension is unknown.
    """
    own, of_slippage = _own_value(priced)
    keyed = keys_of_fills(priced, question.dimensions, question.rules)
    rows = priced.select(
        *keyed.get_columns(),
        _class(priced["ref_source"]),
        own.alias("total_bps"),
        of_slippage.alias(OF_SLIPPAGE),
        traded_value().alias("traded_value"),
        *(name for name in _ADDED if name not in ("fills", "traded_value")),
        *later_columns(question.horizons),
    )
    keys = keys_of(question.dimensions)
    return Piece(
        _grouped(rows, [*keys, "class"], _sums(question.horizons)),
        rows.select(
            *(*keys, "total_bps", OF_SLIPPAGE, "notional"), bucket=bucket(pl.col("total_bps"), FINE)
        ),
    )


def partial_of_pieces(pieces: Sequence[Piece], question: Question) -> tuple[Partial, pl.DataFrame]:
    """As `partial_of`, of the fills of all pieces, at least one."""
    cells = pl.concat([each.cells for each in pieces])
    fine = pl.concat([each.ledger for each in pieces])
    buckets: dict[By, pl.DataFrame] = {}
    for by in sorted(question.counted, key=lambda by: -len(_fixed(fine, keys_of(by))[1])):
        per_octave = question.fineness(by)
        among = [each for each in buckets if question.fineness(each) == per_octave]
        buckets[by] = _counted(fine, by, per_octave, {each: buckets[each] for each in among})
    sums = {by: merged_sums(cells, by, question.horizons) for by in question.summed}
    return Partial(sums, buckets), fine.drop("bucket")


def _own_value(priced: pl.DataFrame) -> tuple[pl.Expr, pl.Expr]:
    """A fill's own total, or its slippage where it has no commission, null where it does not
    count; and which of them it is."""
    own, of_slippage = pl.col("total_bps"), pl.lit(False)
    if priced["commission"].null_count():
        own, of_slippage = pl.coalesce(own, "slippage_bps"), pl.col("commission").is_null()
    if priced["suspect"].any():
        own = pl.when(pl.col("reason").is_null()).then(own)
    return own, of_slippage


def _counted(
    rows: pl.DataFrame, by: By, per_octave: int, counted: Mapping[By, pl.DataFrame]
) -> pl.DataFrame:
    """Fills by group and bucket.

    `counted` are other groupings of the same fills, counted as finely: when one tells apart all
    that this one does on this day, its groups are added up.
    """
    names = [*keys_of(by), OF_SLIPPAGE]
    fixed, varied = _fixed(rows, names)
    keys = [*varied, "bucket"]
    for each in counted.values():
        if set(varied) <= set(each.columns):
            added = each.lazy().group_by(keys).agg(pl.col("n", "sum", "notional").sum())
            return _collected(added.with_columns(fixed), len(each)).select(*names, *_COUNTED)
    at = rows if per_octave == FINE else rows.with_columns(coarser(pl.col("bucket"), per_octave))
    found = _grouped(at, [*names, "bucket"], _COUNTS)
    return found.filter(pl.col("bucket").is_not_null())


def _grouped(rows: pl.DataFrame, keys: Sequence[str], sums: Sequence[pl.Expr]) -> pl.DataFrame:
    """Sums by keys. A key that is the same throughout is not looked at again."""
    fixed, varied = _fixed(rows, keys)
    frame = rows.lazy()
    added = frame.group_by(varied).agg(sums) if varied else frame.select(sums)
    found = _collected(added, len(rows))
    return found.with_columns(fixed).select(*keys, pl.exclude(keys))


def _fixed(rows: pl.DataFrame, keys: Sequence[str]) -> tuple[list[pl.Expr], list[str]]:
    """The keys that are the same for all rows, and those that are not."""
    values = {name: _one_value(rows[name]) for name in keys}
    same = [
        pl.lit(value, dtype=rows.schema[name]).alias(name)
        for name, value in values.items()
        if value is not None
    ]
    return same, [name for name in keys if values[name] is None]


def _collected(query: pl.LazyFrame, rows: int) -> pl.DataFrame:
    """The sums of so many rows. The streaming engine adds up in small tables that stay in the
    processor's caches; for few rows it takes longer to set out."""
    return query.collect(engine="streaming" if rows > _MANY_ROWS else "in-memory")


def _one_value(column: pl.Series) -> object:
    """The value of a column that has no other; None when it has."""
    usual = column.dtype.is_temporal() or column.dtype == pl.Boolean
    if not len(column) or column.null_count() or not usual:
        return None
    first = column[0]
    return first if column.min() == column.max() else None


def merge(parts: Sequence[Partial], question: Question) -> Partial:
    """What the fills of all parts together add up to; of no part, nothing."""
    if not parts:
        return Partial({}, {})
    return Partial(
        {
            by: merged_sums(pl.concat([part.sums[by] for part in parts]), by, question.horizons)
            for by in question.summed
        },
        {
            by: merged_buckets(pl.concat([part.buckets[by] for part in parts]), by)
            for by in question.counted
        },
    )


def merged_buckets(buckets: pl.DataFrame, by: By) -> pl.DataFrame:
    """Buckets of fewer dimensions, or of more fills."""
    from mechexo.costs.bucket_table import added_in_table  # NumPy: see `costs.loading`

    fixed, varied = _fixed(buckets, [OF_SLIPPAGE])
    keys = [*keys_of(by), *varied]
    found = added_in_table(buckets, keys)
    if found is None:
        added = buckets.lazy().group_by([*keys, "bucket"])
        found = _collected(added.agg(pl.col("n", "sum", "notional").sum()), len(buckets))
    return found.with_columns(fixed).select(*keys_of(by), OF_SLIPPAGE, *_COUNTED)


_LATER = (("realised", "ccy"), ("realised", "bps"), ("impact", "ccy"))
"""What of the markouts is added up."""


def later_columns(horizons: Sequence[str]) -> list[str]:
    """The columns of the markouts that are added up."""
    return [f"{name}_{label}_{unit}" for label in horizons for name, unit in _LATER]


_ADDED = (
    *("fills", "notional", "traded_value", "commission"),
    *(f"{part}_ccy" for part in PARTS if part != "commission"),
)
"""Plain sums; `commission` is that of all fills."""
_COUNTED = ("bucket", "n", "sum", "notional")
_COUNTS = (
    pl.len().cast(pl.Int64).alias("n"),
    pl.col("total_bps").sum().alias("sum"),
    pl.col("notional").sum(),
)


def _sums(horizons: Sequence[str]) -> list[pl.Expr]:
    found = [
        pl.len().cast(pl.Int64).alias("fills"),
        *(pl.col(name).sum() for name in _ADDED if name != "fills"),
        *_moments("total", pl.col("total_bps")),
        pl.col("total_bps").min().alias("min_bps"),
        pl.col("total_bps").max().alias("max_bps"),
    ]
    counts = pl.col("class") % 2 == 1
    for label in horizons:
        known = counts & pl.col(f"realised_{label}_ccy").is_not_null()
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


def merged_sums(sums: pl.DataFrame, by: By, horizons: Sequence[str]) -> pl.DataFrame:
    """Sums of fewer dimensions, or of more fills."""
    keys = [*keys_of(by), "class"]
    return _collected(sums.lazy().group_by(keys).agg(merging_sums(horizons)), len(sums))


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
