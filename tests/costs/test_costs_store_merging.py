"""Parts of the fills that are merged say the same as all fills at once."""

from __future__ import annotations

import math
import random
from functools import reduce
from itertools import accumulate, pairwise

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from costs.engine_desks import alike
from costs.oracle import percentile
from costs.statistics_oracle import Row
from costs.statistics_rows import HORIZON, ROWS, UNPAID, priced_frame
from mechexo.costs.aggregate import PERCENTILES, grouped, totals
from mechexo.costs.buckets import (
    COARSE,
    FINE,
    FINEST,
    bucket,
    bucket_middle,
    bucket_width,
    coarser,
    fineness,
)
from mechexo.costs.dimensions import Grouping
from mechexo.costs.group_keys import key, keys_of
from mechexo.costs.merged_rows import markout_points, rows_of
from mechexo.costs.merging import (
    OF_SLIPPAGE,
    Partial,
    Question,
    dimensions_by_name,
    merge,
    merged_buckets,
    partial_of,
)
from mechexo.costs.percentiles import Buckets, exact, located
from mechexo.costs.values import CostRow

pytestmark = pytest.mark.slow

some = settings(max_examples=15, deadline=None)
RULES = Grouping(zone="America/New_York", tags=())
ASKED = (("day",), ("symbol",), ("symbol", "hour"), ("source",), ("strategy", "venue"), ())
QUESTION = Question(ASKED, RULES, (HORIZON,))


class Parts:
    """The parts of some fills, and a second look at them."""

    def __init__(self, frames: list[pl.DataFrame], question: Question = QUESTION) -> None:
        made = [partial_of(frame, question) for frame in frames]
        self.question = question
        self.dimensions = dimensions_by_name(question, frames[0].columns)
        self.parts = [partial for partial, _ in made]
        self.ledger = pl.concat([ledger for _, ledger in made])
        self.looked_at = 0

    def second(self, buckets: Buckets) -> pl.DataFrame:
        rows = self.ledger.with_columns(
            bucket=bucket(pl.col("total_bps"), buckets.per_octave),
        )
        found = rows.join(
            buckets.wanted,
            on=[*keys_of(buckets.by), OF_SLIPPAGE, "bucket"],
            how="semi",
            nulls_equal=True,
        )
        self.looked_at += len(found)
        return found.drop("bucket")

    def rows(self, by: tuple[str, ...], merged: Partial | None = None) -> tuple[CostRow, ...]:
        whole = merged or merge(self.parts, self.question)
        rows, error = rows_of(whole, by, self.question, self.dimensions, self.second)
        assert error == 0.0
        return rows


def cut(frame: pl.DataFrame, places: list[int]) -> list[pl.DataFrame]:
    edges = [0, *sorted(min(place, len(frame)) for place in places), len(frame)]
    return [frame[low:high] for low, high in pairwise(edges)]


@some
@given(ROWS | UNPAID, st.lists(st.integers(0, 40), max_size=4))
@example([], [])
@example([], [0])
def test_merged_parts_say_what_all_fills_at_once_say(rows: list[Row], places: list[int]) -> None:
    priced = priced_frame(rows, markouts=True)
    parts = Parts(cut(priced, places))
    for by in ASKED:
        whole = grouped(priced, by, RULES) if by else (totals(priced),)
        merged = parts.rows(by)
        assert len(merged) == len(whole)
        for one, other in zip(merged, whole, strict=True):
            assert alike(one, other), (by, one, other)


def same(one: pl.DataFrame, other: pl.DataFrame) -> None:
    """Equal but for the rounding of floats and the order of rows."""
    assert_frame_equal(
        one, other, check_exact=False, check_row_order=False, rel_tol=1e-9, abs_tol=1e-9
    )


@settings(max_examples=12, deadline=None)
@given(ROWS, st.lists(st.integers(0, 40), min_size=3, max_size=4), st.randoms())
def test_merging_is_associative_and_commutative(
    rows: list[Row], places: list[int], dice: random.Random
) -> None:
    asked = Question((("symbol",), ("source",)), RULES, (HORIZON,))
    parts = [partial_of(part, asked)[0] for part in cut(priced_frame(rows, markouts=True), places)]
    merged = merge(parts, asked)
    shuffled = list(parts)
    dice.shuffle(shuffled)

    def two(one: Partial, other: Partial) -> Partial:
        return merge([one, other], asked)

    for other in (
        merge(shuffled, asked),
        reduce(two, parts),
        two(shuffled[0], reduce(two, reversed(shuffled[1:]))),
    ):
        for by in asked.summed:
            same(merged.sums[by], other.sums[by])
        for by in asked.counted:
            same(merged.buckets[by], other.buckets[by])


@some
@given(ROWS)
def test_the_markout_curve_is_that_of_all_fills(rows: list[Row]) -> None:
    priced = priced_frame(rows, markouts=True)
    parts = Parts(cut(priced, [7, 13]))
    (point,) = markout_points(merge(parts.parts, QUESTION), QUESTION, {HORIZON: 60.0})
    total = totals(priced)
    known = [row for row in rows if row.counts and row.later_mid is not None]
    assert point.fills == len(known)
    assert alike(point.realised_bps, total.realised_bps[HORIZON])
    assert alike(point.impact_bps, total.impact_bps[HORIZON])
    if known:
        assert point.slippage_bps == pytest.approx(point.realised_bps + point.impact_bps, abs=1e-9)
        assert point.markout_bps == -point.realised_bps
    if len(known) > 1:
        own = [row.cash("realised") / row.notional * 1e4 for row in known]
        mean = sum(own) / len(own)
        deviation = math.sqrt(sum((each - mean) ** 2 for each in own) / (len(own) - 1))
        assert point.se_bps == pytest.approx(deviation / math.sqrt(len(own)), abs=1e-9)


VALUES = st.one_of(
    st.floats(-1e9, 1e9),
    st.floats(-50, 50),
    st.sampled_from([0.0, -0.0, 1e-12, -1e-12, FINEST, -FINEST, 1.0, 2.0]),
)


def ledger(values: list[float], weights: list[float] | None = None) -> pl.DataFrame:
    return pl.DataFrame(
        {"total_bps": values, "notional": weights or [1.0] * len(values)},
        schema={"total_bps": pl.Float64, "notional": pl.Float64},
    )


def buckets_of(rows: pl.DataFrame, per_octave: int) -> Buckets:
    counted = rows.group_by(bucket=bucket(pl.col("total_bps"), per_octave)).agg(
        pl.len().cast(pl.Int64).alias("n"),
        pl.col("total_bps").sum().alias("sum"),
        pl.col("notional").sum(),
    )
    totals_only = counted.with_columns(pl.lit(False).alias(OF_SLIPPAGE))
    return located(merged_buckets(totals_only, ()), (), per_octave)


def looked_at(rows: pl.DataFrame, buckets: Buckets) -> pl.DataFrame:
    placed = rows.with_columns(bucket=bucket(pl.col("total_bps"), buckets.per_octave))
    return placed.join(buckets.wanted, on="bucket", how="semi").drop("bucket")


@settings(max_examples=150, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=60), st.sampled_from([FINE, COARSE]))
def test_percentiles_are_exact_whatever_the_values(values: list[float], per_octave: int) -> None:
    rows = ledger(values)
    buckets = buckets_of(rows, per_octave)
    (found,) = exact(buckets, looked_at(rows, buckets)).iter_rows(named=True)
    for name, level in PERCENTILES.items():
        expected = percentile(values, level)
        assert found[f"{name}_bps"] == pytest.approx(expected, rel=1e-12, abs=1e-12)


@settings(deadline=None)
@given(st.lists(VALUES, min_size=2, max_size=30), st.sampled_from([FINE, COARSE]))
def test_buckets_keep_the_order_of_values_and_hold_them(
    values: list[float], per_octave: int
) -> None:
    frame = pl.DataFrame({"value": sorted(values)}).with_columns(
        bucket=bucket(pl.col("value"), per_octave), fine=bucket(pl.col("value"), FINE)
    )
    assert frame["bucket"].is_sorted()
    assert frame.select((coarser(pl.col("fine"), per_octave) == pl.col("bucket")).all()).item()
    bounded = frame.with_columns(
        off=(bucket_middle(pl.col("bucket"), per_octave) - pl.col("value")).abs(),
        half=bucket_width(pl.col("bucket"), per_octave) / 2,
    )
    assert bounded.select((pl.col("off") <= pl.col("half") * (1 + 1e-12)).all()).item()
    wide = bounded.filter(pl.col("bucket") != 0)
    narrow = 2 * pl.col("half") <= pl.col("value").abs() / per_octave * (1 + 1e-4)
    assert wide.select(narrow.all()).item()


@some
@given(ROWS)
def test_without_a_second_look_percentiles_are_off_by_no_more_than_is_said(rows: list[Row]) -> None:
    priced = priced_frame(rows, markouts=True)
    parts = Parts(cut(priced, [11]))
    merged = merge(parts.parts, QUESTION)
    for by in ASKED:
        near, error = rows_of(merged, by, QUESTION, parts.dimensions, None)
        for one, other in zip(near, parts.rows(by, merged), strict=True):
            assert (one.with_total, one.total_bps) == (other.with_total, other.total_bps)
            for name in (*(f"{each}_bps" for each in PERCENTILES), "weighted_p50_bps"):
                exactly = getattr(other, name)
                if exactly is None:
                    assert getattr(one, name) is None
                else:
                    assert abs(getattr(one, name) - exactly) <= error * (1 + 1e-9)


def test_a_second_look_sees_few_of_many_fills() -> None:
    dice = random.Random(3)
    values = [dice.gauss(1.5, 4.0) for _ in range(200_000)]
    rows = ledger(values, [dice.uniform(1, 9) for _ in values])
    buckets = buckets_of(rows, FINE)
    wanted = looked_at(rows, buckets)
    assert len(wanted) < 0.03 * len(values)
    assert len(looked_at(rows, buckets_of(rows, COARSE))) < 0.1 * len(values)
    (found,) = exact(buckets, wanted).iter_rows(named=True)
    assert found["p95_bps"] == pytest.approx(percentile(values, 0.95), rel=1e-12)
    low, high = percentile(values, 0.01), percentile(values, 0.99)
    drawn = math.fsum(min(max(each, low), high) for each in values) / len(values)
    assert found["winsorised_mean_bps"] == pytest.approx(drawn, rel=1e-9)
    ordered = sorted(zip(values, rows["notional"], strict=True))
    reached = list(accumulate(weight for _, weight in ordered))
    value = next(
        value for (value, _), sum_ in zip(ordered, reached, strict=True) if sum_ >= reached[-1] / 2
    )
    assert found["weighted_p50_bps"] == value


def test_only_groupings_that_are_no_part_of_another_are_kept() -> None:
    asked = Question((("symbol",), ("symbol", "hour"), ("day",)), RULES)
    assert asked.summed == (("symbol", "hour"), ("day",))
    assert asked.sums_of(("symbol",)) == ("symbol", "hour")
    assert asked.sums_of(()) == ("symbol", "hour")
    assert Question((), RULES).summed == ((),)
    assert key("day") == "key_day"


def test_few_large_groups_are_counted_more_finely_than_many_small_ones() -> None:
    asked = Question((("symbol",), ("hour",), ("symbol", "hour"), ("algo",)), RULES)
    assert asked.counted == (("symbol", "hour"), ("hour",), ("algo",))
    assert (asked.buckets_of(("symbol",)), asked.buckets_of(())) == (("symbol", "hour"), ("hour",))
    assert (fineness(("hour",)), fineness(("algo",), ("algo",))) == (FINE, COARSE)
