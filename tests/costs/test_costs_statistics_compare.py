"""Two samples of fills compared: intervals that mean what they say, and warnings about the mix."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costs.oracle import percentile
from costs.statistics_oracle import Row
from costs.statistics_rows import ROWS, T0, priced_frame
from mechexo.costs.bootstrap import BLOCKS, Interval, Sample, difference_interval, in_blocks
from mechexo.costs.compare import compare
from mechexo.costs.dimensions import Grouping
from mechexo.costs.findings import Comparison, Difference, Resampling

some = settings(max_examples=20, deadline=None)
Pairs = Sequence[tuple[float, float]]
"""(amount, weight) of each fill."""


def generated(count: int, mean_bps: float, seed: int, *, spread_bps: float = 5.0) -> Pairs:
    """Fills of uneven size whose cost in bps does not depend on it."""
    dice = random.Random(seed)
    weights = [dice.expovariate(1e-4) for _ in range(count)]
    return [(weight * dice.gauss(mean_bps, spread_bps) / 1e4, weight) for weight in weights]


def sample(pairs: Pairs) -> Sample:
    return Sample(
        pl.Series([amount for amount, _ in pairs], dtype=pl.Float64),
        pl.Series([weight for _, weight in pairs], dtype=pl.Float64),
    )


def interval(first: Pairs, second: Pairs, *, seed: int = 1, resamples: int = 2_000) -> Interval:
    return difference_interval(sample(first), sample(second), Resampling(0.95, resamples, seed))


def bps(pairs: Pairs) -> float:
    return 1e4 * math.fsum(a for a, _ in pairs) / math.fsum(w for _, w in pairs)


def slow_bca(first: Pairs, second: Pairs, resamples: int, seed: int) -> tuple[float, float]:
    """The textbook's BCa by plain loops: its own dice, and the acceleration by leaving out each."""
    dice, normal = random.Random(seed), statistics.NormalDist()
    estimate = bps(second) - bps(first)
    drawn = sorted(
        bps(dice.choices(second, k=len(second))) - bps(dice.choices(first, k=len(first)))
        for _ in range(resamples)
    )
    bias = normal.inv_cdf(sum(value < estimate for value in drawn) / resamples)
    squares = cubes = 0.0
    for pairs, sign in ((first, -1), (second, 1)):
        left_out = [bps([*pairs[:place], *pairs[place + 1 :]]) for place in range(len(pairs))]
        centre = statistics.fmean(left_out)
        influence = [sign * (len(pairs) - 1) * (centre - value) for value in left_out]
        squares += math.fsum(value**2 for value in influence) / len(pairs) ** 2
        cubes += math.fsum(value**3 for value in influence) / len(pairs) ** 3
    acceleration = cubes / (6 * squares**1.5)
    ends = []
    for tail in (0.025, 0.975):
        shift = bias + normal.inv_cdf(tail)
        ends.append(percentile(drawn, normal.cdf(bias + shift / (1 - acceleration * shift))))
    return ends[0], ends[1]


def skewed(count: int, seed: int) -> Pairs:
    """Fills of one size, most of them cheap and a few very dear."""
    dice = random.Random(seed)
    return [(3 * dice.lognormvariate(0, 1.2), 1e4) for _ in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("second", "bound"),
    [(generated(60, 4.0, 4), 0.03), (skewed(40, 4), 0.06)],
    ids=["even", "skew"],
)
def test_the_interval_is_the_textbooks(second: Pairs, bound: float) -> None:
    first = generated(40, 2.0, 3, spread_bps=0.5)
    found = interval(first, second, resamples=40_000)
    low, high = slow_bca(first, second, 20_000, seed=99)
    assert found.method == "BCa"
    assert found.low == pytest.approx(low, abs=bound * (high - low))
    assert found.high == pytest.approx(high, abs=bound * (high - low))


def test_many_fills_are_put_together_into_blocks_and_none_is_lost() -> None:
    many = sample(generated(3 * BLOCKS + 7, 2.5, 6))
    units = in_blocks(many, random.Random(1))
    assert len(units) == BLOCKS
    assert units.bps == pytest.approx(many.bps, rel=1e-12)
    assert in_blocks(units, random.Random(1)) is units


@pytest.mark.slow
def test_an_interval_of_95_percent_holds_the_truth_about_that_often() -> None:
    """Of 600 experiments 95 % should; the bound is three standard errors of that."""
    held = 0
    for trial in range(600):
        found = interval(
            generated(200, 2.0, 2 * trial), generated(200, 3.0, 2 * trial + 1), resamples=600
        )
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 1.0 <= found.high
    assert abs(held / 600 - 0.95) < 3 * math.sqrt(0.95 * 0.05 / 600)


@pytest.mark.slow
def test_many_fills_drawn_in_blocks_give_the_width_that_theory_gives() -> None:
    first, second = generated(4 * BLOCKS, 2.0, 5), generated(3 * BLOCKS + 7, 2.5, 6)
    found = interval(first, second)
    error = 0.0
    for pairs in (first, second):
        mean = math.fsum(weight for _, weight in pairs) / len(pairs)
        centre = bps(pairs)
        error += math.fsum(((1e4 * a - centre * w) / mean) ** 2 for a, w in pairs) / len(pairs) ** 2
    assert found.low is not None
    assert found.high is not None
    assert (found.high - found.low) / (2 * 1.96 * math.sqrt(error)) == pytest.approx(1.0, abs=0.08)
    assert found.low < bps(second) - bps(first) < found.high


def test_a_seed_gives_the_same_interval_and_another_seed_another() -> None:
    first, second = generated(40, 2.0, 1), generated(40, 3.0, 2)
    assert interval(first, second, seed=5) == interval(first, second, seed=5)
    assert interval(first, second, seed=5) != interval(first, second, seed=6)


def test_swapping_the_sides_mirrors_the_interval() -> None:
    first, second = generated(200, 2.0, 1), generated(200, 3.0, 2)
    one, other = interval(first, second), interval(second, first)
    assert one.low is not None
    assert other.high is not None
    assert one.low == pytest.approx(-other.high, abs=0.15)


def test_one_fill_on_a_side_has_no_interval() -> None:
    found = interval([(1.0, 1e4)], generated(40, 2.0, 1))
    assert (found.low, found.high) == (None, None)
    assert "at least two fills" in found.note


def test_costs_that_never_vary_have_an_interval_without_width() -> None:
    found = interval([(1.0, 1e4)] * 30, [(1.5, 1e4)] * 30)
    assert (found.low, found.high) == (pytest.approx(0.5), pytest.approx(0.5))
    assert "the same for every fill" in found.note


EXCHANGE = Grouping("America/New_York")


def fills(count: int, bps_each: float, **changes: object) -> list[Row]:
    dice = random.Random(count)
    return [
        replace(
            Row(
                f"{bps_each}-{n:03}",
                T0 + timedelta(seconds=n),
                "AAA" if n % 2 else "BBB",
                1,
                dice.choice([100.0, 1_000.0, 20_000.0]),
                100 + (bps_each + dice.gauss(0, 0.5)) / 100,
                100.0,
                0.01,
            ),
            **changes,  # type: ignore[arg-type]
        )
        for n in range(count)
    ]


def against(first: Sequence[Row], second: Sequence[Row], seed: int = 1) -> Comparison:
    return compare(
        priced_frame(first),
        priced_frame(second),
        labels=("X", "Y"),
        grouping=EXCHANGE,
        currency="USD",
        quote_rule="",
        resampling=Resampling(seed=seed),
    )


def component(answer: Comparison, name: str) -> Difference:
    (found,) = [each for each in answer.differences if each.component == name]
    return found


def test_a_dearer_broker_is_told_apart_and_an_equal_one_is_not() -> None:
    dearer = component(against(fills(60, 1.0), fills(70, 3.0)), "total")
    assert dearer.difference_bps == pytest.approx(2.0, abs=0.5)
    assert dearer.told_apart
    assert not component(against(fills(60, 1.0), fills(70, 1.0)), "total").told_apart


def test_the_differences_of_the_components_add_up() -> None:
    answer = against(fills(60, 1.0, commission=0.5), fills(70, 3.0, commission=2.0))
    parts = {each.component: each.difference_bps or 0.0 for each in answer.differences}
    assert parts["slippage"] == pytest.approx(parts["spread"] + parts["beyond"])
    assert parts["total"] == pytest.approx(parts["slippage"] + parts["commission"])


@some
@given(ROWS, ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_fills_does_not_move_an_interval(
    first: list[Row], second: list[Row], dice: random.Random
) -> None:
    def shuffled(rows: list[Row]) -> pl.DataFrame:
        order = list(range(len(rows)))
        dice.shuffle(order)
        return priced_frame(rows)[order] if order else priced_frame(rows)

    def answer(one: pl.DataFrame, other: pl.DataFrame) -> Comparison:
        return compare(
            one,
            other,
            labels=("X", "Y"),
            grouping=EXCHANGE,
            currency="USD",
            quote_rule="",
            resampling=Resampling(resamples=200),
        )

    before = answer(priced_frame(first), priced_frame(second))
    after = answer(shuffled(first), shuffled(second))
    assert before.differences == after.differences
    assert before.warnings == after.warnings


@some
@given(ROWS, ROWS)
def test_a_difference_is_that_of_the_two_headlines(first: list[Row], second: list[Row]) -> None:
    answer = against(first, second)
    for each in answer.differences:
        one, other = (
            getattr(row, f"{each.component}_bps") for row in (answer.first, answer.second)
        )
        if one is None or other is None:
            assert each.difference_bps is None
            assert each.note
            continue
        assert each.difference_bps == pytest.approx(other - one, rel=1e-9, abs=1e-9)
        assert each.note or (each.low_bps is not None and each.high_bps is not None)


def test_equal_mixes_overlap_wholly_and_draw_no_warning() -> None:
    answer = against(fills(60, 1.0), fills(60, 3.0))
    assert answer.symbol_overlap == pytest.approx(1.0)
    assert answer.size_overlap == pytest.approx(1.0)
    assert answer.warnings == ()


def test_other_symbols_and_sizes_are_warned_of() -> None:
    answer = against(fills(60, 1.0), fills(60, 3.0, symbol="CCC", quantity=1.0))
    assert (answer.symbol_overlap, answer.size_overlap) == (0.0, 0.0)
    assert [warning.split(":")[0] for warning in answer.warnings] == [
        "they trade other symbols",
        "they trade other sizes",
    ]


def test_the_overlap_is_the_smaller_share_of_each_symbol() -> None:
    first = fills(60, 1.0, quantity=100.0, price=100.0, symbol="AAA")
    half = [replace(row, symbol="BBB") if n % 4 else row for n, row in enumerate(first)]
    assert against(first, half).symbol_overlap == pytest.approx(0.25)


def test_few_fills_and_poor_coverage_are_warned_of() -> None:
    unpriced = fills(30, 1.0, source="none", mid=None, half=None)
    few = against(
        fills(19, 1.0), fills(60, 1.5) + [replace(r, fill_id=f"u{r.fill_id}") for r in unpriced]
    )
    assert "X has only 19 fills with a total" in few.warnings
    assert any(warning.startswith("Y has a reference for only") for warning in few.warnings)


def test_a_side_without_fills_has_no_difference_and_says_why() -> None:
    answer = against([], fills(30, 1.0))
    assert answer.symbol_overlap is None
    assert {each.difference_bps for each in answer.differences} == {None}
    assert {each.note for each in answer.differences} == {"a side has no fill with it"}
