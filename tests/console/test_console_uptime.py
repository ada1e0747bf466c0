"""What the console says of the uptime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from console.driving import Show, press, screen_text, settled
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.health import operations as health
from mechexo.health.values import Burn, Uptime, UptimeWindow
from mechexo_tui.panels.probes import uptime_aside, uptime_rows
from mechexo_tui.widgets.format import Look
from mechexo_tui.widgets.lines import text_of

LOOK = Look(120, datetime(2026, 3, 2, 14, 33, tzinfo=UTC), ZoneInfo("UTC"))
CALM = Burn("1h", "5m", 14.4, 0.0)
UPTIME = Uptime(
    objective_pct=99.5,
    window_days=30,
    achieved_pct=99.9,
    budget_left_s=10_000.0,
    known_s=2_592_000.0,
    unknown_s=0.0,
    windows=(
        UptimeWindow(24, 100.0, 432.0, 0.0, 86_400.0, 0.0),
        UptimeWindow(24 * 7, 99.95, 3_024.0, 302.4, 604_800.0, 0.0),
        UptimeWindow(24 * 30, 99.9, 12_960.0, 2_592.0, 2_592_000.0, 0.0),
    ),
    fast=CALM,
    slow=replace(CALM, long="6h", short="30m", limit=6.0),
)
OVERSPENT = replace(UPTIME, budget_left_s=-7_200.0)
BURNING = replace(UPTIME, fast=replace(CALM, rate=20.04))


def said(uptime: Uptime) -> str:
    (row,) = uptime_rows(uptime, LOOK)
    return text_of(row.line)


def test_the_uptime_is_one_line_with_its_budget_and_its_other_windows() -> None:
    assert said(UPTIME) == (
        "  uptime  99.90% of 99.5% over 30 days  2h46m of the budget left · 24h 100.00% · 7d 99.95%"
    )
    assert uptime_aside(UPTIME, LOOK) == "uptime 99.90%"


def test_an_overspent_budget_and_a_burn_are_said_in_words() -> None:
    assert "overspent by 2h ·" in said(OVERSPENT)
    assert uptime_aside(OVERSPENT, LOOK) == "uptime 99.90%, overspent"
    assert "spent 20.0x too fast over 1h  2h46m of the budget left" in said(BURNING)
    assert uptime_aside(BURNING, LOOK) == "uptime 99.90%, spent too fast"


def test_an_uptime_that_was_never_measured_is_no_figure() -> None:
    new = replace(UPTIME, achieved_pct=None, budget_left_s=None)
    assert said(new) == "  uptime  – of 99.5% over 30 days  not measured yet"
    assert uptime_aside(new, LOOK) == ""


async def test_the_overview_shows_it_beside_the_machines(
    make_desk: Callable[..., Desk], clock: VirtualClock, show: Show
) -> None:
    desk = make_desk()
    health.record_ops_ok(desk, True)
    clock.advance(timedelta(minutes=1))
    health.record_ops_ok(desk, True)
    async with show(desk) as pilot:
        assert "· uptime 100.00%" in screen_text(pilot)
        await press(pilot, "5")
        await settled(pilot)
        assert "uptime  100.00% of 99.5% over 30 days  3h36m of the budget" in screen_text(pilot)
