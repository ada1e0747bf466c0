"""Implementation shortfall: exact, and every part by its definition."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costs.frames import UTC_US, fills_frame, quotes_frame
from costs.oracle import Fill, Quote, at
from mechexo.costs.fills import normalise_fills
from mechexo.costs.kernel import price_fills
from mechexo.costs.orders import Session, order_costs
from mechexo.costs.quotes import normalise_quotes
from mechexo.costs.rules import QuoteRule
from mechexo.costs.values import OrderCost

UTC_DAY = Session(ZoneInfo("UTC"))
QUOTES = [
    Quote(at(0), "AAA", 99.9, 100.1),
    Quote(at(10), "AAA", 100.1, 100.3),
    Quote(at(20), "AAA", 100.3, 100.5),
    Quote(at(60), "AAA", 100.9, 101.1),
]


def orders_frame(*orders: dict[str, Any]) -> pl.DataFrame:
    moments = dict.fromkeys(("decision_at", "arrival_at", "end_at"), UTC_US)
    return pl.DataFrame(
        list(orders),
        schema={
            "order_id": pl.String, "symbol": pl.String, "side": pl.String, "quantity": pl.Float64,
            **moments, "benchmark_price": pl.Float64,
        },
    )  # fmt: skip


def order(**changes: Any) -> dict[str, Any]:
    usual = {
        "order_id": "o", "symbol": "AAA", "side": "buy", "quantity": 100.0,
        "decision_at": at(5), "arrival_at": at(15), "end_at": at(61), "benchmark_price": None,
    }  # fmt: skip
    return usual | changes


def cost(
    orders: list[dict[str, Any]],
    fills: list[tuple[Fill, str]],
    quotes: list[Quote] | None = None,
    *,
    as_of: datetime = at(100),
    session: Session = UTC_DAY,
    trades: pl.DataFrame | None = None,
    rule: QuoteRule = QuoteRule(),
) -> tuple[OrderCost, ...]:
    ids = pl.Series("order_id", [name for _, name in fills], dtype=pl.String)
    checked = normalise_fills(fills_frame([fill for fill, _ in fills]).with_columns(ids), "USD")
    frame = orders_frame(*orders)
    symbols = tuple(sorted({*frame["symbol"], *checked.accepted["symbol"]}))
    known = normalise_quotes(quotes_frame(QUOTES if quotes is None else quotes), symbols, rule)
    priced = price_fills(checked, known, rule)
    return order_costs(frame, priced, known, rule, session=session, as_of=as_of, trades=trades)


FIRST = Fill("f", at(16), "AAA", "buy", 40, 100.3, 1.0)
SECOND = Fill("g", at(30), "AAA", "buy", 30, 100.55, 1.0)


def test_every_part_is_what_its_definition_says() -> None:
    (found,) = cost([order()], [(FIRST, "o"), (SECOND, "o")])
    prices = (found.decision_price, found.arrival_price, found.end_price)
    assert prices == pytest.approx((100.0, 100.2, 101.0))
    assert found.delay_ccy == pytest.approx(70 * 0.2)
    assert found.drift_ccy == pytest.approx(30 * 0.2)
    assert found.spread_ccy == pytest.approx(70 * 0.1)
    assert found.beyond_ccy == pytest.approx(30 * 0.05)
    assert found.slippage_ccy == pytest.approx(70 * 0.1 + 30 * 0.05)
    assert found.opportunity_ccy == pytest.approx(30 * 1.0)
    assert found.fees_ccy == pytest.approx(2.0)
    paper_minus_actual = 40 * 0.3 + 30 * 0.55 + 30 * 1.0 + 2.0
    assert found.total_ccy == pytest.approx(paper_minus_actual)
    assert found.notional == pytest.approx(100 * 100.0)
    assert found.total_bps == pytest.approx(paper_minus_actual)
    assert found.reason == ""
    assert found.residual_ccy == pytest.approx(0.0, abs=1e-9)
    assert found.sources == {"quote": 2}


def test_without_a_decision_time_the_arrival_is_the_decision_and_the_delay_unknown() -> None:
    (found,) = cost([order(decision_at=None)], [(FIRST, "o"), (SECOND, "o")])
    assert (found.delay_ccy, found.delay_bps) == (None, None)
    assert found.opportunity_ccy == pytest.approx(30 * 0.8)
    assert found.notional == pytest.approx(100 * 100.2)
    assert found.total_ccy == pytest.approx(40 * 0.1 + 30 * 0.35 + 30 * 0.8 + 2)


def test_an_order_that_never_filled_costs_its_opportunity() -> None:
    (found,) = cost([order(side="sell")], [])
    assert (found.fills, found.filled, found.average_price) == (0, 0.0, None)
    assert found.total_ccy == found.opportunity_ccy == pytest.approx(-100.0)


def test_a_whole_fill_needs_no_end() -> None:
    (found,) = cost([order(quantity=40.0, end_at=None)], [(FIRST, "o")])
    assert found.opportunity_ccy == 0.0
    assert found.total_ccy is not None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"end_at": None}, "no end time"),
        ({"arrival_at": None}, "no arrival time"),
        ({"arrival_at": at(-400)}, "no valid quote at its arrival"),
        ({"decision_at": at(-400)}, "no valid quote at its decision"),
        ({"side": "hold"}, "neither buy nor sell"),
        ({"side": "sell"}, "the other side"),
        ({"symbol": "BBB"}, "another symbol"),
        ({"quantity": 69.0}, "more was filled than ordered"),
        ({"quantity": 0.0}, "not above zero"),
        ({"quantity": float("nan")}, "not above zero"),
    ],
)
def test_what_cannot_be_known_is_none_with_its_reason(changes: dict[str, Any], reason: str) -> None:
    (found,) = cost([order(**changes)], [(FIRST, "o"), (SECOND, "o")])
    assert found.total_ccy is None
    assert found.total_bps is None
    assert reason in found.reason


def test_a_fill_without_a_commission_leaves_the_fees_unknown() -> None:
    unpaid = Fill("f", at(16), "AAA", "buy", 40, 100.3, None)
    (found,) = cost([order()], [(unpaid, "o")])
    assert (found.fees_ccy, found.total_ccy) == (None, None)
    assert "fills without a commission" in found.reason
    assert found.slippage_ccy == pytest.approx(4.0)


def test_a_fill_without_a_reference_leaves_drift_and_slippage_unknown() -> None:
    quotes = [*QUOTES[:2], Quote(at(40), "AAA", 0.0, 0.0), Quote(at(60), "AAA", 100.9, 101.1)]
    late = Fill("g", at(50), "AAA", "buy", 30, 100.5, 1.0)
    (found,) = cost([order()], [(FIRST, "o"), (late, "o")], quotes)
    assert found.unpriced_fills == 1
    assert (found.drift_ccy, found.slippage_ccy, found.total_ccy) == (None, None, None)
    assert found.delay_ccy == pytest.approx(70 * 0.2)


def test_a_suspect_fill_leaves_drift_and_slippage_unknown_and_says_so() -> None:
    suspect = Fill("g", at(30), "AAA", "buy", 30, 120.0, 1.0)
    (found,) = cost([order()], [(FIRST, "o"), (suspect, "o")])
    assert (found.drift_ccy, found.slippage_ccy, found.spread_ccy) == (None, None, None)
    assert (found.total_ccy, found.total_bps, found.residual_ccy) == (None, None, None)
    assert found.reason == "suspect fills: too far from the mid"
    assert (found.unpriced_fills, found.sources) == (0, {"quote": 1, "suspect": 1})
    assert found.fees_ccy == pytest.approx(2.0)
    arrival = found.benchmarks["arrival"]
    assert arrival.price == pytest.approx(100.2)
    assert (arrival.slippage_bps, arrival.note) == (None, found.reason)


def test_benchmarks_are_held_against_the_average_price() -> None:
    trades = pl.DataFrame(
        {
            "ts": [at(14), at(15), at(20), at(61), at(62)],
            "symbol": ["AAA"] * 5,
            "price": [1.0, 100.2, 100.6, 101.0, 900.0],
            "size": [9.0, 10.0, 20.0, 10.0, 9.0],
        },
        schema_overrides={"ts": UTC_US},
    )
    (found,) = cost(
        [order(benchmark_price=100.0)], [(FIRST, "o"), (SECOND, "o")],
        as_of=at(100_000), trades=trades,
    )  # fmt: skip
    average = (40 * 100.3 + 30 * 100.55) / 70
    prices = {
        "arrival": 100.2,
        "vwap": (1002 + 2012 + 1010) / 40,
        "twap": (5 * 100.2 + 40 * 100.4 + 1 * 101.0) / 46,
        "close": 101.0,
        "given": 100.0,
    }
    assert set(found.benchmarks) == set(prices)
    for name, price in prices.items():
        assert found.benchmarks[name].price == pytest.approx(price), name
        assert found.benchmarks[name].slippage_bps == pytest.approx(
            1e4 * (average - price) / price
        ), name


def test_a_benchmark_that_is_not_there_says_why() -> None:
    (found,) = cost([order()], [(FIRST, "o")], as_of=at(100))
    assert found.benchmarks["close"].price is None
    assert "no closing quote yet" in found.benchmarks["close"].note
    assert "no trades" in found.benchmarks["vwap"].note


def test_the_close_is_the_exchanges_and_of_the_orders_own_day() -> None:
    session = Session(ZoneInfo("America/New_York"), time(9, 31))  # 30 s after the last quote
    (found,) = cost([order()], [(FIRST, "o")], session=session, as_of=at(100_000))
    assert found.benchmarks["close"].price == pytest.approx(101.0)
    day_after = [order(decision_at=at(90_000), arrival_at=at(90_000), end_at=at(90_060))]
    (found,) = cost(day_after, [], session=session, as_of=at(900_000))
    assert found.benchmarks["close"].price is None


def test_the_close_of_an_order_in_the_evening_is_that_of_the_session_that_has_begun() -> None:
    new_york = ZoneInfo("America/New_York")
    session = Session(new_york, time(16), time(18))
    evening, next_close = 9 * 3600, 30.5 * 3600  # 18:30, and 16:00 of the day after
    quotes = [*QUOTES, Quote(at(evening), "AAA", 109.9, 110.1),
              Quote(at(next_close - 60), "AAA", 119.9, 120.1),
              Quote(at(next_close + 60), "AAA", 129.9, 130.1)]  # fmt: skip
    lived = order(decision_at=at(evening + 5), arrival_at=at(evening + 5), end_at=at(evening + 65))
    (found,) = cost([lived], [], quotes, session=session, as_of=at(900_000))
    assert found.benchmarks["close"].price == pytest.approx(120.0)
    (found,) = cost([lived], [], quotes, session=session, as_of=at(evening + 100))
    assert found.benchmarks["close"].price is None


def test_a_time_weighted_price_says_how_much_of_the_time_had_quotes() -> None:
    quotes = [QUOTES[0], Quote(at(20), "AAA", 0.0, 0.0)]
    (found,) = cost([order(arrival_at=at(10), end_at=at(30))], [], quotes)
    assert found.benchmarks["twap"].price == pytest.approx(100.0)
    assert found.benchmarks["twap"].note == "valid quotes for 50% of its life"


MIDS = st.lists(st.integers(9_000, 11_000).map(lambda cents: cents / 100), min_size=3, max_size=12)


@settings(max_examples=80, deadline=None)
@given(
    MIDS,
    st.sampled_from(["buy", "sell"]),
    st.lists(st.tuples(st.integers(1, 110), st.integers(1, 40), st.integers(-30, 30)), max_size=6),
    st.integers(0, 60),
    st.sampled_from([1.0, 50.0]),
    st.sampled_from([1.0, 1.17]),
    st.booleans(),
)
def test_the_parts_are_paper_minus_actual_and_wagners_total(
    mids: list[float],
    side: str,
    executions: list[tuple[int, int, int]],
    more: int,
    multiplier: float,
    fx: float,
    decided: bool,
) -> None:
    quotes = [Quote(at(10 * n), "AAA", mid - 0.05, mid + 0.05) for n, mid in enumerate(mids)]
    fills = [
        Fill(f"f{n}", at(s), "AAA", side, float(q), 100 + c / 100, 0.5, multiplier, fx)
        for n, (s, q, c) in enumerate(sorted(executions))
    ]
    ordered = float(sum(fill.quantity for fill in fills) + more) or 1.0
    asked = order(
        side=side, quantity=ordered, decision_at=at(1) if decided else None,
        arrival_at=at(2), end_at=at(10 * len(mids)),
    )  # fmt: skip
    none_is_suspect = QuoteRule(suspect_pct=100.0)
    (found,) = cost([asked], [(fill, "o") for fill in fills], quotes, rule=none_is_suspect)
    if found.reason:
        assert "multiplier" in found.reason
        return
    sign = 1 if side == "buy" else -1
    unit = multiplier * fx if fills else 1.0
    decision, arrival = found.decision_price, found.arrival_price
    start = decision if decided else arrival
    end = found.end_price
    assert start is not None
    assert arrival is not None
    assert end is not None
    filled = sum(fill.quantity for fill in fills)
    paper = sign * ordered * unit * (end - start)
    actual = sign * unit * sum(f.quantity * (end - f.price) for f in fills) - 0.5 * len(fills)
    assert found.total_ccy == pytest.approx(paper - actual, rel=1e-9, abs=1e-6)
    assert found.residual_ccy == pytest.approx(0.0, abs=1e-6)
    if decided:
        wagner = sign * unit * (
            ordered * (arrival - start) + (ordered - filled) * (end - arrival)
        ) + sum(part or 0.0 for part in (found.drift_ccy, found.slippage_ccy, found.fees_ccy))
        assert found.total_ccy == pytest.approx(wagner, rel=1e-9, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(9_000, 11_000)), min_size=1, max_size=10),
    st.integers(0, 30),
    st.integers(0, 30),
)
def test_the_time_weighted_price_is_the_one_of_a_walk_through_the_interval(
    steps: list[tuple[int, int]], first: int, second: int
) -> None:
    start, end = sorted((first, second))
    by_moment = dict(sorted(steps))
    quotes = [Quote(at(s), "AAA", c / 100 - 0.01, c / 100 + 0.01) for s, c in by_moment.items()]
    (found,) = cost([order(arrival_at=at(start), decision_at=None, end_at=at(end))], [], quotes)
    standing = [
        next((c / 100 for s, c in reversed(by_moment.items()) if s <= second), None)
        for second in range(start, end)
    ]
    known = [mid for mid in standing if mid is not None]
    expected = sum(known) / len(known) if known else None
    if start == end:
        expected = next((c / 100 for s, c in reversed(by_moment.items()) if s <= start), None)
    price = found.benchmarks["twap"].price
    assert price == (None if expected is None else pytest.approx(expected, rel=1e-9))


def test_orders_of_many_symbols_do_not_mix() -> None:
    quotes = [
        *QUOTES,
        *(Quote(q.ts, "BBB", q.bid and q.bid / 10, q.ask and q.ask / 10) for q in QUOTES),
    ]
    other = Fill("h", at(16), "BBB", "buy", 100, 10.03, 0.0)
    first, second = cost(
        [order(quantity=40.0), order(order_id="p", symbol="BBB")],
        [(FIRST, "o"), (other, "p")], quotes,
    )  # fmt: skip
    assert second.arrival_price == pytest.approx(10.02)
    assert first.benchmarks["twap"].price == pytest.approx(
        10 * (second.benchmarks["twap"].price or 0)
    )
    assert second.decided_at == at(5)
    assert timedelta(seconds=46) == (second.ended_at or at(0)) - at(15)


DAY_S = 86_400
LATER = Fill("h", at(DAY_S + 16), "AAA", "buy", 60, 100.35, 1.0)
ON_TWO_DAYS = [*QUOTES, *(Quote(q.ts + timedelta(days=1), "AAA", q.bid, q.ask) for q in QUOTES)]


def on_the_day_after(**changes: Any) -> dict[str, Any]:
    """The usual order a day later."""
    moments = ("decision_at", "arrival_at", "end_at")
    return {**order(), **{name: order()[name] + timedelta(days=1) for name in moments}, **changes}


def test_orders_of_one_id_on_two_days_are_two_orders() -> None:
    fills = [(FIRST, "1"), (LATER, "1")]
    both = [order(order_id="1"), on_the_day_after(order_id="1")]
    first, second = cost(both, fills, ON_TWO_DAYS)
    assert [(each.filled, each.fills, each.reason) for each in (first, second)] == [
        (40.0, 1, ""),
        (60.0, 1, ""),
    ]
    assert (first,) == cost([order(order_id="1")], fills[:1], ON_TWO_DAYS)
    assert (second,) == cost(both[1:], fills[1:], ON_TWO_DAYS)


def test_the_order_in_which_orders_of_one_id_are_listed_does_not_matter() -> None:
    fills = [(FIRST, "1"), (LATER, "1")]
    both = [order(order_id="1"), on_the_day_after(order_id="1")]
    assert cost(both[::-1], fills, ON_TWO_DAYS) == cost(both, fills, ON_TWO_DAYS)[::-1]


def test_a_fill_is_of_the_order_that_arrived_last_at_or_before_it() -> None:
    second = Fill("g", at(30), "AAA", "buy", 30, 100.55, 1.0)
    orders = [order(arrival_at=at(15)), order(arrival_at=at(30)), order(arrival_at=at(31))]
    found = cost(orders, [(FIRST, "o"), (second, "o")])
    assert [each.filled for each in found] == [40.0, 30.0, 0.0]


def test_a_fill_before_all_orders_of_its_id_is_of_the_first() -> None:
    early = Fill("e", at(12), "AAA", "buy", 10, 100.3, 1.0)
    found = cost([on_the_day_after(), order()], [(early, "o"), (FIRST, "o")], ON_TWO_DAYS)
    assert [each.filled for each in found] == [0.0, 50.0]


def test_an_order_without_an_arrival_counts_from_its_decision() -> None:
    orders = [order(arrival_at=None), on_the_day_after(arrival_at=None)]
    found = cost(orders, [(FIRST, "o"), (LATER, "o")], ON_TWO_DAYS)
    assert [each.filled for each in found] == [40.0, 60.0]


def test_an_order_that_lives_over_several_days_has_the_fills_of_all_of_them() -> None:
    lasting = order(order_id="gtc", end_at=at(DAY_S + 61))
    (found,) = cost([lasting], [(FIRST, "gtc"), (LATER, "gtc")], ON_TWO_DAYS)
    assert (found.filled, found.reason) == (100.0, "")


def test_orders_of_one_id_in_two_symbols_are_two_orders() -> None:
    quotes = [*QUOTES, *(Quote(q.ts, "BBB", q.bid, q.ask) for q in QUOTES)]
    other = Fill("h", at(16), "BBB", "buy", 70, 100.3, 1.0)
    found = cost([order(), order(symbol="BBB")], [(FIRST, "o"), (other, "o")], quotes)
    assert [(each.symbol, each.filled, each.reason) for each in found] == [
        ("AAA", 40.0, ""),
        ("BBB", 70.0, ""),
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "another order has its id, symbol and arrival"),
        ({"quantity": 70.0}, "another order has its id, symbol and arrival"),
        ({"arrival_at": None, "decision_at": None}, "lack an arrival and a decision time"),
    ],
)
def test_orders_that_nothing_tells_apart_have_a_reason_and_no_figures(
    changes: dict[str, Any], reason: str
) -> None:
    for found in cost([order(), order(**changes)], [(FIRST, "o"), (SECOND, "o")]):
        assert (found.fills, found.filled, found.total_ccy, found.notional) == (0, 0.0, None, None)
        assert reason in found.reason


def test_an_order_that_is_listed_twice_spoils_no_other_of_its_id() -> None:
    orders = [order(), order(), on_the_day_after()]
    *_, other = cost(orders, [(FIRST, "o"), (LATER, "o")], ON_TWO_DAYS)
    assert (other.filled, other.reason) == (60.0, "")


def test_a_fill_in_a_symbol_of_no_order_of_its_id_is_held_against_the_one_that_arrived_last() -> (
    None
):
    stray = Fill("h", at(DAY_S + 16), "CCC", "buy", 60, 100.35, 1.0)
    first, second = cost([order(), on_the_day_after()], [(FIRST, "o"), (stray, "o")], ON_TWO_DAYS)
    assert first.reason == ""
    assert (second.reason, second.total_ccy) == ("its fills are of another symbol", None)


@pytest.mark.parametrize("order_id", ["", "  ", None])
def test_an_order_without_an_id_says_so(order_id: str | None) -> None:
    (found,) = cost([order(order_id=order_id)], [])
    assert (found.total_ccy, found.reason) == (None, "no order id: no fill can be its own")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from(["AAA", "BBB"]), st.integers(0, 9)),
        max_size=8,
    ),
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["AAA", "BBB"]), st.integers(0, 9)),
        max_size=12,
    ),
)
def test_no_fill_is_counted_in_two_orders(
    known: list[tuple[str, str, int]], executions: list[tuple[str, str, int]]
) -> None:
    orders = [
        order(order_id=name, symbol=symbol, arrival_at=at(second)) for name, symbol, second in known
    ]
    fills = [
        (Fill(f"f{n}", at(second), symbol, "buy", 1.0, 100.0, 0.0), name)
        for n, (name, symbol, second) in enumerate(executions)
    ]
    found = cost(orders, fills)
    for each, (name, symbol, second) in zip(found, known, strict=True):
        alike = sorted(other for *key, other in known if key == [name, symbol])
        if alike.count(second) > 1:
            assert each.fills == 0
        elif each.reason != "its fills are of another symbol":
            after = [other for other in alike if other > second]
            first = -1 if second == alike[0] else second
            own = [
                at_s
                for *key, at_s in executions
                if key == [name, symbol] and first <= at_s < min(after, default=99)
            ]
            assert each.fills == len(own)
    assert sum(each.fills for each in found) <= len(fills)
