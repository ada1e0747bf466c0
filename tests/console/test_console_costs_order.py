"""The costs screen with the desk's orders and the market's volumes beside its fills."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from console.costs_desk import TOML, write_rows
from console.driving import Show, press, screen_text, settled
from mechexo.costs.values import BenchmarkCost, CostRow, OrderCost, Sensitivity
from mechexo.desk import Desk
from mechexo_tui.panels.costs_head import sensitivity_lines
from mechexo_tui.panels.costs_order import order_lines
from mechexo_tui.widgets.format import UNICODE, Look
from mechexo_tui.widgets.lines import text_of, width_of

NOW = datetime(2026, 3, 2, 14, 33, tzinfo=UTC)
LOOK = Look(120, NOW, ZoneInfo("UTC"))
ORDER = OrderCost(
    order_id="o1", symbol="AAPL", side="buy", ordered=600.0, filled=400.0, fills=2,
    unpriced_fills=0, decided_at=NOW, arrival_at=NOW, ended_at=NOW, decision_price=100.0,
    arrival_price=100.0, average_price=100.25, end_price=101.0, notional=60_000.0,
    total_ccy=-12.5, total_bps=-2.08, delay_bps=1.25, drift_bps=-4.5, spread_bps=0.5,
    beyond_bps=0.25, opportunity_bps=0.3, fees_bps=0.12,
    benchmarks={"arrival": BenchmarkCost(100.0, 25.0), "vwap": BenchmarkCost(None, None, "none")},
)  # fmt: skip

TOTALS = CostRow({}, 40, 40, 1e6, None, None, 1.071, *(None,) * 7)


def texts(lines: object) -> str:
    return "\n".join(text_of(line) for line in lines)  # type: ignore[attr-defined]


def test_an_order_says_what_was_filled_what_it_cost_and_of_what() -> None:
    said = texts(order_lines(ORDER, "", "USD", LOOK, tall=True))
    assert (
        "400 of 600 filled at 100.25; shortfall -2.08 bps of what was ordered, -12.50 USD" in said
    )
    assert "delay +1.25  drift -4.50  half-spread +0.50  beyond +0.25" in said
    assert "average price against arrival +25.00  VWAP –  TWAP –" in said


def test_what_is_not_known_of_an_order_is_a_dash_with_its_reason() -> None:
    partly = replace(
        ORDER, total_bps=None, total_ccy=None, delay_bps=None, reason="no arrival time"
    )
    said = texts(order_lines(partly, "", "USD", LOOK, tall=False))
    assert "shortfall – bps" in said
    assert "delay –" in said
    assert f"{UNICODE.warning} no arrival time" in said
    assert "average price" not in said


def test_without_an_order_only_the_reason_is_said_if_there_is_one() -> None:
    assert order_lines(None, "", "USD", LOOK, tall=True) == []
    assert "does not have it" in texts(
        order_lines(None, "does not have it", "USD", LOOK, tall=True)
    )


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_an_order_fits_its_terminal_and_no_figure_is_parted_from_its_name(width: int) -> None:
    lines = [
        text_of(line)
        for line in order_lines(ORDER, "why " * 40, "USD", LOOK.wide(width), tall=True)
    ]
    assert all(width_of(line) <= width for line in lines)
    for figure in ("delay +1.25", "opportunity +0.30", "half-spread +0.50"):
        assert any(figure in line for line in lines)


def test_the_slippage_by_other_rules_stands_beside_the_one_by_this_rule() -> None:
    other = Sensitivity("last quote at or before the fill", 40, 0.673)
    said = texts(sensitivity_lines((other,), TOTALS, LOOK))
    assert "slippage would be +0.673 instead of +1.071 bps, of 40 fills, by the last quote" in said


# On the screen


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    desk = make_desk(TOML + 'orders = "orders.csv"\nbars = "bars.csv"\n')
    write_rows(desk.root)
    (desk.root / "orders.csv").write_text(
        "order_id,symbol,side,quantity,decision_at,arrival_at,end_at\n"
        "o26A0,AAPL,buy,300,2026-02-26T14:59:59Z,2026-02-26T14:59:59.5Z,2026-02-26T15:01:00Z\n"
    )
    days = "".join(
        f"2026-02-{day:02}T21:00:00Z,{symbol},{100 + day},{volume}\n"
        for day in range(2, 26)
        for symbol, volume in (("AAPL", 100_000), ("MSFT", 1_000))
    )
    (desk.root / "bars.csv").write_text("ts,symbol,close,volume\n" + days)
    return desk


@pytest.mark.slow
@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_an_order_opens_into_its_fills_with_its_shortfall_above(
    desk: Desk, show: Show, size: tuple[int, int]
) -> None:
    async with show(desk, *size) as pilot:
        await settled(pilot, costs=True)
        for keys in (("4",), ("enter",), ("enter",), ("enter",)):
            await press(pilot, *keys)
            await settled(pilot, costs=True)
        text = screen_text(pilot)
        assert "o26A0" in text
        assert "its fills are on the other side" in text
        assert "order: 200 of 300 filled" in text


@pytest.mark.slow
async def test_fills_are_grouped_by_their_share_of_the_volume(desk: Desk, show: Show) -> None:
    async with show(desk, 120, 40) as pilot:
        await settled(pilot, costs=True)
        await press(pilot, "4", "b")
        await press(pilot, *"adv", "enter")
        await settled(pilot, costs=True)
        text = screen_text(pilot)
        assert "Costs by adv" in text
        assert "0.1% to 1%" in text
        assert "5% and over" in text


@pytest.mark.slow
async def test_plots_say_what_the_slippage_would_be(desk: Desk, show: Show) -> None:
    async with show(desk, 200, 60) as pilot:
        await settled(pilot, costs=True)
        await press(pilot, "4", "v")
        await settled(pilot, costs=True)
        assert "slippage would be" in screen_text(pilot)
