"""What a window cost beyond its baseline, of priced fills: known answers and an oracle."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.window_rows import Row, judged, many, slow_opinion
from mechexo.costs.incident_window_values import FEWEST_FILLS, FEWEST_ORDERS, Verdict

ROWS = st.lists(
    st.builds(
        Row,
        symbol=st.sampled_from(["AAA", "BBB", "CCC"]),
        cost=st.floats(-50, 50),
        notional=st.sampled_from([None, 1_000.0, 10_000.0, 123_456.78]),
        order=st.sampled_from([None, "", "o1", "o2", "o3"]),
        side=st.sampled_from([1, -1]),
        minute=st.integers(0, 59),
        suspect=st.sampled_from([False, False, False, True]),
    ),
    max_size=40,
)


def noisy(count: int, mean_bps: float, seed: int, symbol: str = "AAA") -> list[Row]:
    dice = random.Random(seed)
    notionals = [dice.uniform(5_000, 50_000) for _ in range(count)]
    return [
        Row(symbol, notional * dice.gauss(mean_bps, 3) / 1e4, notional, f"{symbol}{place}")
        for place, notional in enumerate(notionals)
    ]


def test_the_extra_cost_of_each_symbol_is_weighted_by_the_windows_notional() -> None:
    # AAA: 4 bps against 1 on 300,000 is 90; BBB: 6 bps against 5 on 100,000 is 10.
    window = many(30, Row("AAA", 4.0, 10_000.0)) + many(10, Row("BBB", 6.0, 10_000.0))
    baseline = many(10, Row("AAA", 1.0, 10_000.0)) + many(50, Row("BBB", 5.0, 10_000.0))
    found = judged(window, baseline).matched
    assert found is not None
    assert found.difference_ccy == pytest.approx(100.0)
    assert found.difference_bps == pytest.approx(2.5)
    assert found.window_bps == pytest.approx(4.5)
    assert found.baseline_bps == pytest.approx(2.0)


def test_another_mix_of_symbols_is_no_cost() -> None:
    window = many(30, Row("DEAR", 9.0)) + many(10, Row("CHEAP", 1.0))
    baseline = many(10, Row("DEAR", 9.0)) + many(90, Row("CHEAP", 1.0))
    found = judged(window, baseline)
    assert found.matched is not None
    assert found.matched.difference_ccy == pytest.approx(0.0, abs=1e-9)
    assert found.window.cost_bps == pytest.approx(7.0)
    assert found.baseline.cost_bps == pytest.approx(1.8)


def test_what_hurts_is_positive_and_what_helps_is_negative() -> None:
    assert judged(noisy(60, 9, 1), noisy(60, 2, 2)).verdict is Verdict.MORE
    assert judged(noisy(60, 2, 1), noisy(60, 9, 2)).verdict is Verdict.LESS
    assert judged(noisy(60, 2, 1), noisy(60, 2, 2)).verdict is Verdict.NOT_TOLD_APART


def test_cash_is_the_bps_on_the_matched_notional_also_at_the_ends_of_the_interval() -> None:
    found = judged(noisy(60, 9, 1), noisy(60, 2, 2))
    assert found.matched is not None
    assert found.likely is not None
    weight = found.matched.notional / 1e4
    assert found.likely.low_ccy == pytest.approx(found.likely.low_bps * weight)
    assert found.likely.high_ccy == pytest.approx(found.likely.high_bps * weight)
    assert found.likely.low_ccy < found.matched.difference_ccy < found.likely.high_ccy


@pytest.mark.slow
@given(window=ROWS, baseline=ROWS)
def test_it_agrees_with_plain_loops(window: list[Row], baseline: list[Row]) -> None:
    found, slow = judged(window, baseline), slow_opinion(window, baseline)
    known = {row.symbol for row in found.symbols if row.difference_ccy is not None}
    assert known == slow.symbols
    assert (found.matched is None) == (not slow.symbols)
    if found.matched is not None:
        assert found.matched.notional == pytest.approx(slow.notional)
        assert found.matched.difference_ccy == pytest.approx(slow.extra_ccy, abs=1e-6)
        counts = (found.matched.fills, found.matched.baseline_fills)
        assert counts == slow.fills


@pytest.mark.slow
@given(window=ROWS, baseline=ROWS)
def test_every_fill_is_priced_unpriced_or_suspect(window: list[Row], baseline: list[Row]) -> None:
    found = judged(window, baseline)
    own = {row.symbol for row in window}
    rows = ([*window], [row for row in baseline if row.symbol in own])
    for side, expected in zip((found.window, found.baseline), rows, strict=True):
        assert side.fills == len(expected)
        assert side.priced + side.unpriced + side.suspects == side.fills
        assert side.suspects == sum(row.suspect for row in expected)


@pytest.mark.slow
@given(window=ROWS, baseline=ROWS, seed=st.randoms(use_true_random=False))
def test_the_order_of_the_fills_does_not_matter(
    window: list[Row], baseline: list[Row], seed: random.Random
) -> None:
    # Each of its own order and moment, so that a fill is the same one wherever it stands.
    window, baseline = (
        [replace(row, order=f"o{place}") for place, row in enumerate(rows)]
        for rows in (window, baseline)
    )
    shuffled = list(window)
    seed.shuffle(shuffled)
    one, other = judged(window, baseline), judged(shuffled, baseline)
    assert one.verdict == other.verdict
    assert (one.matched is None) == (other.matched is None)
    if one.matched is not None and other.matched is not None:
        assert one.matched.difference_ccy == pytest.approx(other.matched.difference_ccy, abs=1e-6)
    if one.likely is not None and other.likely is not None:
        assert one.likely.low_bps == pytest.approx(other.likely.low_bps, abs=1e-6)


def test_without_a_baseline_nothing_is_compared_and_it_says_so() -> None:
    found = judged(many(40, Row("AAA")), many(40, Row("BBB")))
    assert (found.matched, found.likely) == (None, None)
    assert found.verdict is Verdict.TOO_FEW
    assert found.why_not == "its symbols have no fill in the same hours of the 4 weeks before"
    assert found.symbols[0].difference_ccy is None
    assert found.window.cost_ccy == pytest.approx(80.0)


def test_a_symbol_without_a_baseline_is_left_out_of_the_difference_and_named() -> None:
    window = many(30, Row("AAA", 4.0)) + many(10, Row("NEW", 50.0))
    found = judged(window, many(30, Row("AAA", 1.0)))
    assert found.matched is not None
    assert found.matched.difference_ccy == pytest.approx(90.0)
    assert found.matched.share == pytest.approx(0.75)
    assert any("25% of the window's notional" in line and "NEW" in line for line in found.warnings)
    assert [row.symbol for row in found.symbols] == ["AAA", "NEW"]


def test_one_order_of_a_symbol_is_no_baseline() -> None:
    one = [Row("AAA", 1.0, order="the same") for _ in range(30)]
    found = judged(many(30, Row("AAA")), one)
    assert found.matched is None
    assert "no symbol of the window has 2 orders" in found.why_not


def test_fills_without_a_price_are_counted_and_are_no_zero() -> None:
    unpriced = many(37, Row(notional=None))
    found = judged(unpriced, many(30, Row()))
    assert (found.window.unpriced, found.window.measured) == (37, 0)
    assert (found.window.cost_ccy, found.window.cost_bps) == (None, None)
    assert found.why_not == "none of the 37 fills of the window has a known cost"
    half = judged(many(30, Row(cost=4.0)) + unpriced, many(30, Row(cost=1.0)))
    assert half.matched is not None
    assert half.matched.difference_bps == pytest.approx(3.0)
    assert "37 of the 67 fills of the window have no known cost" in half.warnings


def test_an_empty_window_says_so() -> None:
    found = judged([], many(30, Row()))
    assert found.verdict is Verdict.TOO_FEW
    assert found.why_not == "no fill lies in the window"


@pytest.mark.parametrize("side", ["window", "baseline"])
def test_with_too_few_fills_there_is_a_figure_and_no_interval(side: str) -> None:
    few, enough = noisy(FEWEST_FILLS - 1, 9, 1), noisy(60, 2, 2)
    sides = (few, enough) if side == "window" else (enough, few)
    found = judged(*sides)
    assert found.matched is not None
    assert found.likely is None
    assert found.verdict is Verdict.TOO_FEW
    assert found.why_not == (
        f"only 19 matched fills of 19 orders in the {side}: 20 fills of 10 orders are needed"
    )
    sides = (noisy(FEWEST_FILLS, 9, 1), enough)
    assert judged(*sides).likely is not None


def test_many_fills_of_few_orders_are_too_few() -> None:
    orders = [f"o{place % (FEWEST_ORDERS - 1)}" for place in range(90)]
    window = [replace(row, order=order) for row, order in zip(noisy(90, 9, 1), orders, strict=True)]
    found = judged(window, noisy(60, 2, 2))
    assert found.likely is None
    assert "90 matched fills of 9 orders in the window" in found.why_not


def test_fills_that_come_in_orders_tell_less_than_fills_of_their_own() -> None:
    singles, baseline = noisy(120, 5, 1), noisy(120, 2, 2)
    singles = sorted(singles, key=lambda row: (row.cost or 0.0) / (row.notional or 1.0))
    grouped = [replace(row, order=f"o{place // 10}") for place, row in enumerate(singles)]
    alone, together = judged(singles, baseline).likely, judged(grouped, baseline).likely
    assert alone is not None
    assert together is not None
    assert together.high_bps - together.low_bps > 1.5 * (alone.high_bps - alone.low_bps)


def test_without_any_commission_the_slippage_is_compared() -> None:
    window = many(30, Row(cost=None, slippage=4.0))
    found = judged(window, many(30, Row(cost=9.0, slippage=1.0)))
    assert found.measure == "slippage"
    assert found.matched is not None
    assert found.matched.difference_bps == pytest.approx(3.0)
    assert any("slippage is compared" in line for line in found.warnings)


def test_other_sides_sizes_or_hours_are_a_warning() -> None:
    baseline = many(30, Row(side=1, minute=0))
    alike = judged(many(30, Row(side=1, minute=20)), baseline)
    assert not any("the difference may be theirs" in line for line in alike.warnings)
    for other, word in ((Row(side=-1), "sides"), (Row(minute=45), "half hours")):
        assert any(word in line for line in judged(many(30, other), baseline).warnings), word
    large = judged(many(30, Row(notional=500_000.0)), baseline)
    assert any("sizes" in line for line in large.warnings)


def test_a_baseline_of_one_day_is_a_warning() -> None:
    day = 24 * 60
    rows = [replace(row, minute=place % 2 * day) for place, row in enumerate(noisy(60, 2, 2))]
    window = noisy(30, 2, 1)
    assert any("one day" in line for line in judged(window, noisy(60, 2, 2)).warnings)
    two = judged(window, rows)
    assert [each.measured for each in two.days] == [30, 30]
    assert not any("one day" in line for line in two.warnings)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    sides = noisy(40, 4, 1), noisy(60, 2, 2)
    assert judged(*sides, seed=5) == judged(*sides, seed=5)
    assert judged(*sides, seed=5).likely != judged(*sides, seed=6).likely


def test_fills_that_all_cost_the_same_have_an_interval_of_no_width() -> None:
    found = judged(many(30, Row(cost=4.0)), many(30, Row(cost=1.0))).likely
    assert found is not None
    assert (found.low_bps, found.high_bps) == (pytest.approx(3.0), pytest.approx(3.0))


def slow_interval(window: Sequence[Row], baseline: Sequence[Row], draws: int) -> tuple[float, ...]:
    """Percentiles of plain redrawing; every row is an order of its own."""
    dice = random.Random(99)
    by_symbol: dict[str, list[Row]] = {}
    for row in baseline:
        by_symbol.setdefault(row.symbol, []).append(row)
    drawn = []
    for _ in range(draws):
        rates = {}
        for symbol, rows in by_symbol.items():
            again = dice.choices(rows, k=len(rows) - 1)
            rates[symbol] = sum(r.cost or 0 for r in again) / sum(r.notional or 0 for r in again)
        own = dice.choices(list(window), k=len(window) - 1)
        extra = sum((r.cost or 0) - (r.notional or 0) * rates[r.symbol] for r in own)
        drawn.append(1e4 * extra / sum(r.notional or 0 for r in own))
    drawn.sort()
    return drawn[int(0.025 * draws)], drawn[int(0.975 * draws)]


@pytest.mark.slow
def test_the_interval_is_that_of_plain_redrawing() -> None:
    window = noisy(60, 5, 1) + noisy(40, 8, 2, "BBB")
    baseline = noisy(80, 2, 3) + noisy(30, 4, 4, "BBB")
    found = judged(window, baseline).likely
    assert found is not None
    low, high = slow_interval(window, baseline, 4_000)
    assert found.low_bps == pytest.approx(low, abs=0.08 * (high - low))
    assert found.high_bps == pytest.approx(high, abs=0.08 * (high - low))


@pytest.mark.slow
def test_an_interval_of_95_percent_holds_the_truth_about_that_often() -> None:
    """Ten symbols with six orders each on each side; of 300 experiments 95 % should hold it."""
    held = 0
    for trial in range(300):
        window, baseline = (
            [
                row
                for place in range(10)
                for row in noisy(6, mean + place, 20 * trial + 2 * place + side, f"S{place}")
            ]
            for side, mean in enumerate((3.0, 2.0))
        )
        found = judged(window, baseline).likely
        assert found is not None
        held += found.low_bps <= 1.0 <= found.high_bps
    assert abs(held / 300 - 0.95) < 3 * math.sqrt(0.95 * 0.05 / 300)
