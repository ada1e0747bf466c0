"""What a screen asks beside the fills: average volumes, one order's shortfall, other rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from mechexo.clock import VirtualClock
from mechexo.costs.expecting import impact
from mechexo.costs.operations import orders, report
from mechexo.costs.running import grouping, price_period
from mechexo.costs.viewing import Viewer
from mechexo.costs.viewing_beside import beside
from mechexo.costs.views import FillsAsked, PlotsAsked, TableAsked
from mechexo.desk import Desk

pytestmark = pytest.mark.slow

OPEN = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
START, END = OPEN - timedelta(hours=2), OPEN + timedelta(hours=8)
FILES = """
[costs]
fills = "fills.parquet"
quotes = "quotes.parquet"
zone = "UTC"
"""
ORDERS = 'orders = "orders.parquet"\n'
BARS = 'bars = "bars.parquet"\n'


def fill_desk(desk: Desk) -> Desk:
    """Two symbols, a quote a second later dearer; two fills of each order, the second order's side
    sold; ten days of bars before."""
    moments = [OPEN + timedelta(seconds=n) for n in range(120)]
    quotes = [
        (at, symbol, 99.99 + n / 100, 100.01 + n / 100)
        for symbol in ("AAA", "BBB")
        for n, at in enumerate(moments)
    ]
    pl.DataFrame(quotes, schema=["ts", "symbol", "bid", "ask"], orient="row").write_parquet(
        desk.root / "quotes.parquet"
    )
    fills = [
        (f"f{n}", OPEN + timedelta(seconds=10 * n + 10), symbol, side, 100.0 * (n + 1), order)
        for n, (symbol, side, order) in enumerate(
            [("AAA", "buy", "o1"), ("AAA", "buy", "o1"), ("BBB", "sell", "o2"), ("BBB", "buy", "")]
        )
    ]
    names = ["fill_id", "ts", "symbol", "side", "quantity", "order_id"]
    frame = pl.DataFrame(fills, schema=names, orient="row").with_columns(
        price=100.1,
        commission=0.5,
        order_id=pl.when(pl.col("order_id") != "").then("order_id"),
    )
    frame.write_parquet(desk.root / "fills.parquet")
    sent = {"decision_at": OPEN + timedelta(seconds=2), "arrival_at": OPEN + timedelta(seconds=5)}
    asked = pl.DataFrame(
        {
            "order_id": ["o1", "o2"],
            "symbol": ["AAA", "BBB"],
            "side": ["buy", "sell"],
            "quantity": [400.0, 300.0],
        }
    ).with_columns(**{name: pl.lit(at) for name, at in sent.items()})
    asked.with_columns(end_at=OPEN + timedelta(seconds=60)).write_parquet(
        desk.root / "orders.parquet"
    )
    days = [OPEN - timedelta(days=n) for n in range(1, 11)]
    bars = [
        (day, symbol, 100.0 + n, volume)
        for symbol, volume in (("AAA", 1_000.0), ("BBB", 1e6))
        for n, day in enumerate(days)
    ]
    pl.DataFrame(bars, schema=["ts", "symbol", "close", "volume"], orient="row").write_parquet(
        desk.root / "bars.parquet"
    )
    return desk


@pytest.fixture
def made(make_desk) -> Callable[[str], Desk]:
    clock = VirtualClock(OPEN + timedelta(hours=9))
    return lambda toml: replace(fill_desk(make_desk(toml)), clock=clock)


def viewer(desk: Desk) -> Viewer:
    run = price_period(desk, START, END)
    more = beside(desk, START, END)
    return Viewer(run, desk.settings.costs, grouping(desk), START, END, more)


def test_groups_by_volume_are_those_of_the_command(made) -> None:
    desk = made(FILES + BARS)
    page = viewer(desk).table(TableAsked(("adv",)))
    by_command = report(desk, start=START, end=END, by=("adv",)).by["adv"]
    no_markouts = {"realised_bps": None, "impact_bps": None, "markout_fills": None}
    assert page.rows == tuple(replace(row, **no_markouts) for row in by_command)
    # 100 and 200 of 1,000 shares a day; 300 and 400 of a million.
    assert [(row.key["adv"], row.fills) for row in page.rows] == [
        ("0.01% to 0.1%", 2),
        ("5% and over", 2),
    ]


def test_a_bucket_of_volume_opens_into_its_fills_first_of_all(made) -> None:
    view = viewer(made(FILES + BARS))
    among = (("adv", "5% and over"),)
    assert [fill.symbol for fill in view.fills(FillsAsked(among)).fills] == ["AAA", "AAA"]
    assert view.plots(PlotsAsked(among)).totals.fills == 2
    assert [row.key["side"] for row in view.table(TableAsked(("side",), among)).rows] == ["buy"]


def test_what_was_looked_at_before_the_volumes_were_read_is_the_same_after(made) -> None:
    view = viewer(made(FILES + BARS))
    before = view.table(TableAsked(("symbol",)))
    view.table(TableAsked(("adv",)))
    assert view.table(TableAsked(("symbol",))) == before


def test_volume_is_a_dimension_where_the_market_s_days_are_known(made) -> None:
    assert "adv" in viewer(made(FILES + BARS)).head.dimensions
    assert "adv" not in viewer(made(FILES)).head.dimensions


@pytest.mark.parametrize("order_id", ["o1", "o2"])
def test_an_order_s_fills_come_with_its_shortfall_as_the_command_gives_it(
    made, order_id: str
) -> None:
    desk = made(FILES + ORDERS)
    page = viewer(desk).fills(FillsAsked((("symbol", "AAA"), ("order_id", order_id))))
    (known,) = [each for each in orders(desk, start=START, end=END) if each.order_id == order_id]
    assert page.order == known
    assert page.order is not None
    assert page.order.total_bps is not None
    assert page.order_reason == ""


def test_an_order_that_lived_beyond_the_period_is_told_whole(made) -> None:
    desk = made(FILES + ORDERS)
    end = OPEN + timedelta(seconds=15)
    run = price_period(desk, START, end)
    more = beside(desk, START, end)
    view = Viewer(run, desk.settings.costs, grouping(desk), START, end, more)
    page = view.fills(FillsAsked((("order_id", "o1"),)))
    assert page.order is not None
    # One of its fills is in the period.
    assert (page.count, page.order.fills, page.order.filled) == (1, 2, 300.0)


def test_an_order_that_the_source_does_not_know_is_said(made) -> None:
    desk = made(FILES + ORDERS)
    path = desk.root / "orders.parquet"
    pl.read_parquet(path).filter(pl.col("order_id") != "o2").write_parquet(path)
    page = viewer(desk).fills(FillsAsked((("order_id", "o2"),)))
    assert (page.order, page.count) == (None, 1)
    assert page.order_reason == "[costs] orders does not have this order"


def test_orders_that_cannot_be_read_do_not_keep_the_fills_away(made) -> None:
    desk = made(FILES + ORDERS)
    view = viewer(desk)
    (desk.root / "orders.parquet").write_bytes(b"no Parquet")
    page = view.fills(FillsAsked((("order_id", "o1"),)))
    assert (page.order, page.count) == (None, 2)
    assert "orders.parquet" in page.order_reason


@pytest.mark.parametrize("among", [(), (("symbol", "AAA"),), (("order_id", "(none)"),)])
def test_fills_of_no_order_or_of_several_have_no_shortfall(made, among) -> None:
    page = viewer(made(FILES + ORDERS)).fills(FillsAsked(among))
    assert (page.order, page.order_reason) == (None, "")


def test_without_a_source_of_orders_there_is_none_and_no_complaint(made) -> None:
    page = viewer(made(FILES)).fills(FillsAsked((("order_id", "o1"),)))
    assert (page.order, page.order_reason) == (None, "")


def test_plots_say_what_the_slippage_would_be_by_other_rules(made) -> None:
    desk = made(FILES)
    plots = viewer(desk).plots(PlotsAsked())
    assert plots.sensitivity == report(desk, start=START, end=END).sensitivity
    of_one = viewer(desk).plots(PlotsAsked((("symbol", "BBB"),)))
    at_once, later = of_one.sensitivity
    assert (at_once.priced, later.priced) == (2, 2)
    # A fill stands on the second of a new quote, a cent above the one before.
    assert at_once.slippage_bps != of_one.totals.slippage_bps
    assert later.slippage_bps == pytest.approx(of_one.totals.slippage_bps)


def order_rows(desk: Desk, *rows: tuple[str, timedelta, timedelta, float]) -> None:
    """Makes these the desk's orders, in AAA: id, arrival and end after `OPEN`, quantity."""
    pl.DataFrame(
        [(name, OPEN + first, OPEN + last, quantity) for name, first, last, quantity in rows],
        schema=["order_id", "arrival_at", "end_at", "quantity"],
        orient="row",
    ).with_columns(symbol=pl.lit("AAA"), side=pl.lit("buy")).write_parquet(
        desk.root / "orders.parquet"
    )


def test_several_orders_of_one_id_are_not_taken_for_one(made) -> None:
    desk = made(FILES + ORDERS)
    ten, fifteen, later = (timedelta(seconds=n) for n in (10, 15, 60))
    order_rows(desk, ("o1", ten, fifteen, 100.0), ("o1", fifteen, later, 200.0))
    page = viewer(desk).fills(FillsAsked((("order_id", "o1"),)))
    assert page.order is None
    assert page.order_reason.startswith("[costs] orders has 2 orders of this id in the period")
    found = orders(desk, start=START, end=END)
    assert [(each.filled, each.reason) for each in found] == [(100.0, ""), (200.0, "")]


def test_fills_of_an_earlier_order_of_the_id_stay_its_own_where_it_is_not_asked_for(made) -> None:
    desk = made(FILES + ORDERS)
    zero, ten, fifteen, later = (timedelta(seconds=n) for n in (0, 10, 15, 60))
    # The long one is why fills from before the period are read.
    order_rows(
        desk,
        ("long", zero, later, 5.0),
        ("o1", ten, fifteen, 100.0),
        ("o1", timedelta(seconds=18), later, 200.0),
    )
    found = orders(desk, start=OPEN + timedelta(seconds=17), end=END)
    assert [(each.order_id, each.filled) for each in found] == [("long", 0.0), ("o1", 200.0)]


@pytest.mark.parametrize(("toml", "quantities"), [(ORDERS, [100.0, 200.0]), ("", [300.0])])
def test_expected_costs_tell_orders_of_one_id_apart_where_the_desk_s_orders_do(
    made, toml: str, quantities: list[float]
) -> None:
    desk = made(FILES + toml + BARS)
    ten, fifteen, later = (timedelta(seconds=n) for n in (10, 15, 60))
    order_rows(desk, ("o1", ten, fifteen, 100.0), ("o1", fifteen, later, 200.0))
    found = impact(desk, START, END).orders
    assert sorted(each.quantity for each in found if each.order_id == "o1") == quantities
