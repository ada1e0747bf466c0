"""Expected costs: the model that made generated orders is found again, a wrong one is noticed."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costs.statistics_oracle import Row
from costs.statistics_rows import ROWS, priced_frame
from mechexo.costs.dimensions import Grouping
from mechexo.costs.findings import ImpactFit
from mechexo.costs.impact import (
    DEFAULT_Y,
    expected_costs,
    fit_impact,
    sample_of_fills,
    sample_of_orders,
)
from mechexo.costs.values import OrderCost

SIGMAS = {"AAA": 120.0, "BBB": 200.0, "CCC": 350.0}
"""Daily volatility, bps."""
ADV = 1_000_000.0
FACTS = pl.DataFrame(
    {"symbol": list(SIGMAS), "sigma_bps": list(SIGMAS.values()), "adv": ADV, "days": 60}
)


@dataclass(frozen=True)
class Order:
    symbol: str
    quantity: float
    actual_bps: float | None
    spread_bps: float | None = 2.0
    reason: str | None = None


def frame(orders: Sequence[Order]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "order_id": [f"o{n}" for n in range(len(orders))],
            "symbol": [order.symbol for order in orders],
            "quantity": [order.quantity for order in orders],
            "actual_bps": [order.actual_bps for order in orders],
            "spread_bps": [order.spread_bps for order in orders],
            "reason": [order.reason for order in orders],
        },
        schema_overrides={"actual_bps": pl.Float64, "spread_bps": pl.Float64, "reason": pl.String},
    )


def generated(
    seed: int, *, count: int = 400, y: float = 0.9, exponent: float = 0.5, noise: float = 0.15
) -> list[Order]:
    """Orders whose cost follows the model, with noise that grows with the volatility."""
    dice = random.Random(seed)
    orders = []
    for _ in range(count):
        symbol = dice.choice(list(SIGMAS))
        share = 10 ** dice.uniform(-5, -1)
        cost = SIGMAS[symbol] * (y * share**exponent + dice.gauss(0, noise))
        orders.append(Order(symbol, share * ADV, 2.0 + cost))
    return orders


def fit(orders: Sequence[Order]) -> ImpactFit:
    return fit_impact(frame(orders), FACTS)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("y", [0.3, 0.9, 1.7])
def test_the_y_and_the_exponent_that_made_the_orders_are_found(seed: int, y: float) -> None:
    found = fit(generated(seed, count=2_000, y=y))
    assert found.y is not None
    assert found.y_se is not None
    assert abs(found.y - y) < 4 * found.y_se
    assert found.y_se < 0.1
    if y < 0.5:
        return
    assert found.exponent is not None
    assert found.exponent_se is not None
    assert abs(found.exponent - 0.5) < 4 * found.exponent_se


@pytest.mark.slow
def test_the_standard_errors_are_those_of_many_repetitions() -> None:
    fits = [fit(generated(seed)) for seed in range(300)]
    for name, error, truth in (("y", "y_se", 0.9), ("exponent", "exponent_se", 0.5)):
        known = [each for each in fits if getattr(each, name) is not None]
        assert len(known) > 290
        values = [getattr(each, name) for each in known]
        errors = [getattr(each, error) for each in known]
        assert statistics.median(errors) == pytest.approx(statistics.stdev(values), rel=0.2)
        held = sum(
            abs(value - truth) < 1.96 * spread for value, spread in zip(values, errors, strict=True)
        )
        assert held / len(known) == pytest.approx(0.95, abs=0.045)
    blamed = sum(any("does not hold" in remark for remark in each.remarks) for each in fits)
    assert blamed / len(fits) < 0.1


@pytest.mark.parametrize("exponent", [0.0, 0.25, 1.0])
def test_a_wrong_model_is_noticed(exponent: float) -> None:
    y = {0.0: 0.3, 0.25: 0.5, 1.0: 10.0}[exponent]
    found = fit(generated(7, count=2_000, y=y, exponent=exponent))
    assert found.exponent == pytest.approx(exponent, abs=0.1)
    assert any("the square-root model does not hold" in remark for remark in found.remarks)


def test_orders_without_impact_are_not_given_one() -> None:
    found = fit(generated(3, y=0.0))
    assert found.y is not None
    assert any("not told apart from zero" in remark for remark in found.remarks)


def test_an_exact_square_root_is_found_exactly() -> None:
    orders = generated(1, count=50, y=1.25, noise=0.0)
    found = fit(orders)
    assert found.y == pytest.approx(1.25, rel=1e-9)
    assert found.y_se == pytest.approx(0.0, abs=1e-9)
    assert found.r_squared == pytest.approx(1.0)
    assert found.exponent == pytest.approx(0.5, abs=1e-5)
    assert found.free_y == pytest.approx(1.25, rel=1e-4)
    assert found.remarks == ()


def slow_fit(orders: Sequence[Order]) -> tuple[float, float]:
    """Y and its HC1 error by plain loops."""
    pairs = [
        (
            SIGMAS[o.symbol] * math.sqrt(o.quantity / ADV),
            (o.actual_bps or 0.0) - (o.spread_bps or 0.0),
        )
        for o in orders
    ]
    square = math.fsum(x * x for x, _ in pairs)
    y = math.fsum(x * c for x, c in pairs) / square
    meat = math.fsum((x * (c - y * x)) ** 2 for x, c in pairs)
    return y, math.sqrt(meat * len(pairs) / (len(pairs) - 1)) / square


def slow_exponent_error(orders: Sequence[Order], y: float, exponent: float) -> float:
    """HC1 of the exponent: the textbook's sandwich (J'J)^-1 J' diag(e^2) J (J'J)^-1 n / (n - 2)."""
    slopes, rest = [], []
    for order in orders:
        share = order.quantity / ADV
        cost = SIGMAS[order.symbol] * share**exponent
        slopes.append((cost, y * cost * math.log(share)))
        rest.append((order.actual_bps or 0.0) - (order.spread_bps or 0.0) - y * cost)
    a, b, d = (
        math.fsum(slope[i] * slope[j] for slope in slopes) for i, j in ((0, 0), (0, 1), (1, 1))
    )
    row = (-b / (a * d - b * b), a / (a * d - b * b))
    scores = [
        (row[0] * slope[0] + row[1] * slope[1]) * e for slope, e in zip(slopes, rest, strict=True)
    ]
    return math.sqrt(math.fsum(s * s for s in scores) * len(orders) / (len(orders) - 2))


def squares(orders: Sequence[Order], exponent: float) -> float:
    pairs = [
        (SIGMAS[o.symbol] * (o.quantity / ADV) ** exponent, (o.actual_bps or 0.0) - 2.0)
        for o in orders
    ]
    y = math.fsum(x * c for x, c in pairs) / math.fsum(x * x for x, _ in pairs)
    return math.fsum((c - y * x) ** 2 for x, c in pairs)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.3, 0.5, 0.8]))
def test_the_fit_is_that_of_plain_loops(seed: int, exponent: float) -> None:
    orders = generated(seed, count=120, exponent=exponent, y=1.5, noise=0.05)
    found = fit(orders)
    y, error = slow_fit(orders)
    assert found.y == pytest.approx(y, rel=1e-9)
    assert found.y_se == pytest.approx(error, rel=1e-9)
    assert found.exponent is not None
    assert found.free_y is not None
    error = slow_exponent_error(orders, found.free_y, found.exponent)
    assert found.exponent_se == pytest.approx(error, rel=1e-4)
    best = squares(orders, found.exponent)
    for step in (-0.2, -0.01, -0.001, 0.001, 0.01, 0.2):
        assert squares(orders, found.exponent + step) >= best - 1e-9 * best


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_the_order_of_the_orders_does_not_move_the_fit(seed: int, dice: random.Random) -> None:
    orders = generated(seed, count=60)
    one = fit(orders)
    dice.shuffle(orders)
    other = fit(orders)
    assert one.y == pytest.approx(other.y, rel=1e-9)
    if one.exponent is None or other.exponent is None:
        assert one.exponent is other.exponent
        assert one.exponent_why_not == other.exponent_why_not != ""
    else:
        assert one.exponent == pytest.approx(other.exponent, rel=1e-4, abs=1e-4)


def test_one_order_gives_no_fit_and_says_why() -> None:
    found = fit(generated(1, count=1))
    assert (found.y, found.exponent) == (None, None)
    assert found.why_not == "1 orders are too few: 10 are needed"


def test_orders_of_one_size_give_no_fit_and_say_why() -> None:
    found = fit([Order("AAA", 5_000.0, 2.0 + n) for n in range(40)])
    assert found.y is None
    assert "cannot be seen" in found.why_not
    assert found.exponent_why_not == found.why_not


def test_a_price_that_never_moved_gives_no_fit_and_says_why() -> None:
    still = FACTS.with_columns(sigma_bps=0.0)
    found = fit_impact(frame(generated(1, count=40)), still)
    assert found.y is None
    assert found.why_not == (
        "0 orders are too few: 10 are needed (40 left out: the price never moved)"
    )


def test_orders_without_their_facts_are_left_out_and_counted() -> None:
    orders = [
        *generated(1, count=50),
        Order("ZZZ", 100.0, 3.0),
        Order("AAA", 0.5 * ADV, 3.0),
        Order("AAA", 100.0, None, None, "a fill has no reference"),
        Order("AAA", 100.0, 3.0, None),
        Order("AAA", 0.0, 3.0),
    ]
    found = fit(orders)
    assert found.orders == 50
    assert found.left_out == {
        "a fill has no reference": 1,
        "more than 25% of the daily volume": 1,
        "no slippage or spread is known": 1,
        "no volatility is known": 1,
        "nothing was filled": 1,
    }
    assert found.y == fit(orders[:50]).y


def test_costs_that_are_all_the_spread_fit_a_y_of_zero() -> None:
    found = fit([replace(order, actual_bps=2.0) for order in generated(1, count=40)])
    assert (found.y, found.r_squared) == (0.0, 0.0)
    assert found.exponent is None
    assert found.exponent_why_not


def test_expected_and_actual_differ_by_the_residual() -> None:
    orders = generated(1, count=50, y=1.25, noise=0.0)
    orders[7] = replace(orders[7], actual_bps=(orders[7].actual_bps or 0.0) + 9.0)
    found = expected_costs(frame(orders), FACTS, fit(generated(1, count=50, y=1.25, noise=0.0)))
    assert [each.order_id for each in found] == [f"o{n}" for n in range(50)]
    assert found[7].residual_bps == pytest.approx(9.0)
    assert found[8].residual_bps == pytest.approx(0.0, abs=1e-6)
    first = found[0]
    assert first.participation is not None
    assert first.impact_bps == pytest.approx(
        1.25 * SIGMAS[first.symbol] * math.sqrt(first.participation)
    )


def test_beyond_the_cap_the_share_is_cut_and_marked() -> None:
    (large,) = expected_costs(frame([Order("AAA", 4 * ADV, 10.0)]), FACTS)
    assert (large.participation, large.capped) == (0.25, True)
    assert large.impact_bps == pytest.approx(DEFAULT_Y * 120.0 * 0.5)


def test_an_order_that_is_still_to_come_has_an_expectation_and_no_residual() -> None:
    past = generated(1, count=20)
    (*_, coming) = expected_costs(frame([*past, Order("AAA", 1_000.0, None, None)]), FACTS)
    assert coming.expected_bps is not None
    assert (coming.actual_bps, coming.residual_bps, coming.reason) == (None, None, "")


def test_an_order_in_an_unknown_symbol_has_no_expectation_and_says_why() -> None:
    (order,) = expected_costs(frame([Order("ZZZ", 1_000.0, 5.0, None)]), FACTS)
    assert (order.expected_bps, order.residual_bps) == (None, None)
    assert order.reason == ("no volatility is known; no daily volume is known; no spread is known")


@settings(max_examples=30, deadline=None)
@given(ROWS)
def test_orders_are_made_of_all_their_fills(rows: list[Row]) -> None:
    names = {row.fill_id: f"o{place % 3}" if place % 4 else None for place, row in enumerate(rows)}
    priced = priced_frame(rows).with_columns(
        order_id=pl.Series([names[fill] for fill in priced_frame(rows)["fill_id"]], dtype=pl.String)
    )
    expected: dict[tuple[str, str, date], list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row.ts, row.fill_id)):
        key = (names[row.fill_id] or f"fill {row.fill_id}", row.symbol, row.ts.date())
        expected.setdefault(key, []).append(row)
    found = sample_of_fills(priced).to_dicts()
    assert [(row["order_id"], row["symbol"]) for row in found] == [key[:2] for key in expected]
    for row, fills in zip(found, expected.values(), strict=True):
        assert row["quantity"] == sum(fill.quantity for fill in fills)
        if not all(fill.counts for fill in fills):
            unpriced = any(fill.source == "none" for fill in fills)
            why = "has no reference" if unpriced else "is suspect: too far from the mid"
            assert (row["actual_bps"], row["reason"]) == (None, f"a fill {why}")
            continue
        notional = math.fsum(fill.notional or 0.0 for fill in fills)
        cash = math.fsum(fill.cash("slippage") or 0.0 for fill in fills)
        assert row["actual_bps"] == pytest.approx(1e4 * cash / notional, rel=1e-9, abs=1e-9)
        if all(fill.half is not None for fill in fills):
            spread = math.fsum(fill.cash("spread") or 0.0 for fill in fills)
            assert row["spread_bps"] == pytest.approx(1e4 * spread / notional, rel=1e-9)
            assert row["reason"] is None
        else:
            assert row["spread_bps"] is None
            assert row["reason"] == "a fill's reference has no spread"


T0 = datetime(2026, 3, 3, 23, 30, tzinfo=UTC)


def filled(*fills: tuple[str, int, float]) -> pl.DataFrame:
    """Priced fills, in the order of time: order id, hours after `T0`, quantity."""
    rows = [
        Row(f"f{n}", T0 + timedelta(hours=hours), "AAA", 1, quantity, 100.01, 100.0, 0.01)
        for n, (_, hours, quantity) in enumerate(fills)
    ]
    ids = pl.Series([order_id for order_id, _, _ in fills], dtype=pl.String)
    return priced_frame(rows).with_columns(order_id=ids)


def arrived(*orders: tuple[str, str, int | None]) -> pl.DataFrame:
    """Orders of an id and a symbol that arrived so many hours after `T0`."""
    return pl.DataFrame(
        [
            (order_id, symbol, None if hours is None else T0 + timedelta(hours=hours))
            for order_id, symbol, hours in orders
        ],
        schema={"order_id": pl.String, "symbol": pl.String, "arrival_at": pl.Datetime("us", "UTC")},
        orient="row",
    )


def quantities(sample: pl.DataFrame) -> list[tuple[str, float, str | None]]:
    return list(sample.select("order_id", "quantity", "reason").iter_rows())


def test_without_the_desks_orders_an_id_is_one_order_a_session_day() -> None:
    fills = filled(("1", 0, 10.0), ("1", 1, 20.0), ("1", 2, 30.0))
    assert quantities(sample_of_fills(fills)) == [("1", 10.0, None), ("1", 50.0, None)]
    from_evening = Grouping("UTC", day_starts=time(18))
    assert quantities(sample_of_fills(fills, days=from_evening)) == [("1", 60.0, None)]


def test_the_desks_orders_tell_orders_of_one_id_apart() -> None:
    fills = filled(("1", 0, 10.0), ("1", 1, 20.0), ("1", 30, 30.0))
    orders = arrived(("1", "AAA", 0), ("1", "AAA", 24))
    assert quantities(sample_of_fills(fills, orders=orders)) == [
        ("1", 30.0, None),
        ("1", 30.0, None),
    ]


def test_an_order_over_several_days_is_one_where_the_desks_orders_say_so() -> None:
    fills = filled(("1", 0, 10.0), ("2", 0, 1.0), ("1", 24, 20.0), ("2", 24, 2.0))
    found = sample_of_fills(fills, orders=arrived(("1", "AAA", 0)))
    # Of what they do not know it is assumed that ids are used once a day.
    assert sorted(quantities(found)) == [("1", 30.0, None), ("2", 1.0, None), ("2", 2.0, None)]


@pytest.mark.parametrize(
    ("orders", "reason"),
    [
        ([("1", "AAA", 0), ("1", "AAA", 0)], "another order has its id, symbol and arrival"),
        ([("1", "AAA", 0), ("1", "AAA", None)], "lack an arrival"),
        ([("1", "BBB", 0)], "another symbol"),
    ],
)
def test_an_order_whose_fills_cannot_be_told_has_a_reason_and_no_cost(
    orders: list[tuple[str, str, int | None]], reason: str
) -> None:
    (found,) = sample_of_fills(filled(("1", 0, 10.0)), orders=arrived(*orders)).to_dicts()
    assert reason in found["reason"]
    assert (found["actual_bps"], found["spread_bps"]) == (None, None)


def test_shortfalls_count_the_drift_that_an_order_made_itself() -> None:
    whole = OrderCost(
        *("o1", "AAA", "buy", 100.0, 80.0, 4, 0, None, None, None, None, None, None, None, 1e4),
        drift_bps=3.0,
        slippage_bps=2.0,
        spread_bps=1.5,
    )
    lacking = replace(whole, order_id="o2", drift_bps=None, reason="a fill has no reference")
    unquoted = replace(whole, order_id="o3", spread_bps=None)
    rows = sample_of_orders([whole, lacking, unquoted]).to_dicts()
    assert [(row["quantity"], row["actual_bps"], row["spread_bps"]) for row in rows] == [
        (80.0, 5.0, 1.5),
        (80.0, None, None),
        (80.0, 5.0, None),
    ]
    assert [row["reason"] for row in rows] == [
        None,
        "a fill has no reference",
        "its fills have no spread",
    ]
