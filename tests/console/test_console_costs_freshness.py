"""Periods of the costs screen, prices anew, and what it says when that fails."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import cast

import psutil
import pytest

from console.costs_desk import costs_desk, write_rows
from console.costs_screen import names, opened
from console.driving import Show, press, screen_text, settled
from mechexo.desk import Desk
from mechexo_tui.app import MechexoApp
from mechexo_tui.screens.costs import CostsScreen

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return costs_desk(make_desk)


# Periods


async def test_periods_have_their_keys(desk: Desk, show: Show) -> None:
    async with show(desk, 120, 40) as pilot:
        assert "5 days: 02-23 00:00 to 03-02 14:30" in await opened(pilot)
        await press(pilot, "m")
        text = screen_text(pilot)
        assert "20 days: 02-02 00:00 to 03-02 14:30" in text
        assert names(text) == ["2026-02-06", "2026-02-26", "2026-02-27"]
        await press(pilot, "t")
        text = screen_text(pilot)
        assert "today: 03-02 00:00 to 03-02 14:30" in text
        assert "no fills in this period" in text
        await press(pilot, "w")
        assert "5 days" in screen_text(pilot)


async def test_a_period_can_be_asked_for_and_a_bad_one_is_refused_in_place(
    desk: Desk, show: Show
) -> None:
    async with show(desk, 120, 40) as pilot:
        await opened(pilot, "d", *"2026-02-27 to 2026-02-06", "enter")
        assert "is empty" in screen_text(pilot)
        await press(pilot, "ctrl+u", *"2026-02-06..2026-02-26", "enter")
        text = screen_text(pilot)
        assert "2026-02-06 to 2026-02-26: 02-06 00:00 to 02-27 00:00" in text
        assert names(text) == ["2026-02-06", "2026-02-26"]


async def test_a_new_period_begins_at_the_top_with_the_same_groups(desk: Desk, show: Show) -> None:
    async with show(desk, 120, 40) as pilot:
        await opened(pilot, "tab", "enter", "enter", "m")
        text = screen_text(pilot)
        assert "Costs by symbol  20 days" in text
        await press(pilot, "q")
        assert "Alert history" in screen_text(pilot)


# Freshness and failure


async def test_r_prices_anew_also_another_period_than_the_overview_s(
    desk: Desk, show: Show
) -> None:
    async with show(desk, 120, 40) as pilot:
        assert "of 27 fills" in await opened(pilot)
        write_rows(desk.root, more=2)
        await press(pilot, "r")
        await settled(pilot, costs=True)
        assert "of 31 fills" in screen_text(pilot)
        await press(pilot, "m")
        assert "of 43 fills" in screen_text(pilot)
        write_rows(desk.root, more=3)
        await press(pilot, "r")
        await settled(pilot, costs=True)
        await settled(pilot)
        assert "of 45 fills" in screen_text(pilot)


@pytest.mark.parametrize("period", ["w", "m"])
async def test_a_source_that_fails_says_why_and_leaves_what_was_shown_with_its_age(
    desk: Desk, show: Show, period: str
) -> None:
    async with show(desk, 120, 40) as pilot:
        before = await opened(pilot, period, "enter")
        (desk.root / "quotes.csv").unlink()
        await press(pilot, "r")
        await settled(pilot, costs=True)
        await settled(pilot)
        text = screen_text(pilot)
        assert "? UNKNOWN" in text
        assert "quotes.csv" in text
        assert "shown as of 14:30" in text
        assert names(text) == names(before)
        # What is held can still be looked at.
        await press(pilot, "enter")
        assert "Costs by order_id" in screen_text(pilot)
        write_rows(desk.root)
        await press(pilot, "r")
        await settled(pilot, costs=True)
        await settled(pilot)
        assert "? UNKNOWN" not in screen_text(pilot)


async def test_a_desk_without_fills_says_what_to_set(
    make_desk: Callable[..., Desk], show: Show
) -> None:
    async with show(make_desk("")) as pilot:
        text = await opened(pilot)
        assert "? UNKNOWN" in text
        assert "fills" in text


def kill_the_process_apart() -> None:
    """Kill this process's costs servers; other children may end while they are looked at."""
    killed = 0
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if "mechexo_tui.costs_server" in child.cmdline():
                child.kill()
                child.wait()
                killed += 1
    assert killed


async def test_a_crash_of_the_process_apart_is_said_and_the_next_key_finds_another(
    desk: Desk, show: Show
) -> None:
    async with show(desk, 120, 40) as pilot:
        before = await opened(pilot)
        app = cast("MechexoApp", pilot.app)
        kill_the_process_apart()
        assert names(screen_text(pilot)) == names(before)
        await press(pilot, "enter")
        await settled(pilot)
        assert "Costs by symbol" in screen_text(pilot)
        assert app.is_running


async def test_the_cursor_stays_on_its_fill_when_more_come_before_it(
    desk: Desk, show: Show
) -> None:
    async with show(desk, 120, 40) as pilot:
        await opened(pilot, "o", "T", *["j"] * 4)
        screen = cast("CostsScreen", pilot.app.screen)
        fill = screen.copied.split("quote")[0]
        write_rows(desk.root, more=4)
        await press(pilot, "r")
        await settled(pilot, costs=True)
        await settled(pilot)
        assert screen.copied.split("quote")[0] == fill


async def test_a_refresh_without_news_paints_nothing(desk: Desk, show: Show) -> None:
    async with show(desk, 120, 40) as pilot:
        await opened(pilot, "enter")
        painted: list[object] = []
        screen = pilot.app.screen
        original = screen._compositor.render_partial_update
        screen._compositor.render_partial_update = (  # type: ignore[method-assign]
            lambda: painted.append(1) or original()
        )
        await press(pilot, "r")
        await settled(pilot, costs=True)
        assert painted == []
