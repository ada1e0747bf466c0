"""What the HTML report aggregates before it renders: parts, bars, averages."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.reports_desk import TOML, fill_desk, results_of
from mechexo.costs.report_html.charts import markouts, waterfall
from mechexo.costs.report_html.data import distribution, moving_average, parts, whole_bps
from mechexo.costs.values import CostRow, MarkoutPoint
from mechexo.desk import Desk


@pytest.fixture
def desk(make_desk) -> Desk:
    desk = make_desk(TOML)
    fill_desk(desk)
    return desk


def test_a_row_of_fallbacks_and_unknown_commissions_still_adds_up() -> None:
    row = CostRow(
        key={},
        fills=3,
        priced=3,
        notional=3000.0,
        commission_bps=10.0,
        spread_bps=5.0,
        slippage_bps=6.0,
        total_bps=17.5,
        p50_bps=None,
        p95_bps=None,
        p99_bps=None,
        commission_ccy=2.0,
        slippage_ccy=1.8,
        total_ccy=3.5,
        spread_ccy=0.5,
        beyond_ccy=0.25,
        component_notional={"total": 2000.0, "slippage": 3000.0},
    )
    found = parts(row)
    assert [part.name for part in found] == ["commission", "spread", "beyond", "rest"]
    assert sum(part.ccy for part in found) == pytest.approx(3.5)
    assert sum(part.bps for part in found) == pytest.approx(whole_bps(row))


AMOUNTS = st.floats(-1e6, 1e6, allow_nan=False)


@given(commission=AMOUNTS, spread=st.floats(0, 1e6), beyond=AMOUNTS, notional=st.floats(1, 1e9))
def test_the_parts_of_a_whole_row_are_three_and_leave_nothing_over(
    commission: float, spread: float, beyond: float, notional: float
) -> None:
    total = commission + spread + beyond
    row = CostRow(
        key={},
        fills=1,
        priced=1,
        notional=notional,
        commission_bps=1e4 * commission / notional,
        spread_bps=1e4 * spread / notional,
        slippage_bps=1e4 * (spread + beyond) / notional,
        total_bps=1e4 * total / notional,
        p50_bps=None,
        p95_bps=None,
        p99_bps=None,
        commission_ccy=commission,
        slippage_ccy=spread + beyond,
        total_ccy=total,
        spread_ccy=spread,
        beyond_ccy=beyond,
        component_notional={"total": notional},
    )
    assert [part.name for part in parts(row)] == ["commission", "spread", "beyond"]


COSTS = st.lists(st.floats(-500, 500, allow_nan=False), min_size=1, max_size=300)


@given(costs=COSTS)
def test_the_distribution_counts_every_fill_once_in_the_bar_of_its_cost(
    costs: list[float],
) -> None:
    frame = pl.DataFrame(
        {
            "total_bps": costs,
            "notional": 10.0,
            "reason": pl.Series([None] * len(costs), dtype=pl.String),
        }
    )
    bins = distribution(frame)
    assert sum(each.fills for each in bins) == len(costs)
    assert sum(each.notional for each in bins) == pytest.approx(10.0 * len(costs))
    for each in bins:
        low = float("-inf") if each.low_bps is None else each.low_bps
        high = float("inf") if each.high_bps is None else each.high_bps
        near = 1e-9 * max(1.0, *(abs(cost) for cost in costs))
        strictly = sum(low + near <= cost < high - near for cost in costs)
        loosely = sum(low - near <= cost < high + near for cost in costs)
        assert strictly <= each.fills <= loosely
    assert len(bins) <= 60


def test_the_distribution_leaves_out_what_the_figures_leave_out(desk: Desk) -> None:
    results = results_of(desk)
    counted = sum(each.fills for each in distribution(results.priced))
    assert counted == results.report.totals.with_total < len(results.priced)


def test_the_moving_average_weighs_days_by_their_notional(desk: Desk) -> None:
    days = results_of(desk).report.by["day"]
    averages = moving_average(days, 3)
    assert averages[:2] == [None, None]
    window = days[2:5]
    expected = 1e4 * sum(row.total_ccy or 0 for row in window)
    expected /= sum(row.component_notional["total"] for row in window)
    assert averages[4] == pytest.approx(expected)


def test_a_curve_without_a_known_market_is_not_drawn() -> None:
    assert markouts([MarkoutPoint("1s", 1.0, 0, 0.0, None, None, None, None)]) is None
    empty = CostRow({}, 0, 0, 0.0, *([None] * 10))
    assert waterfall(empty) is None
