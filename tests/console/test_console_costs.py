"""The costs screen: from days into fills and their quotes, grouped, sorted, filtered."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import cast

import pytest

from console.costs_desk import costs_desk
from console.costs_screen import SIZES, names, opened, row_of
from console.driving import Show, press, screen_text, settled
from mechexo.desk import Desk
from mechexo_tui.actions import COSTS, actions_of
from mechexo_tui.screens.costs import CostsScreen
from mechexo_tui.screens.help import help_lines
from mechexo_tui.widgets.footer import footer_line
from mechexo_tui.widgets.lines import text_of, width_of

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return costs_desk(make_desk)


# Going down and back


@pytest.mark.parametrize("size", SIZES)
async def test_a_day_opens_into_symbols_orders_fills_and_the_quotes_of_one(
    desk: Desk, show: Show, size: tuple[int, int]
) -> None:
    async with show(desk, *size) as pilot:
        text = await opened(pilot)
        assert "Costs by day" in text
        assert names(text) == ["2026-02-26", "2026-02-27"]
        assert "Costs by symbol" in (text := await opened(pilot, "enter"))
        assert names(text) == ["AAPL", "MSFT"]
        assert "costs > 2026-02-26" in text
        await press(pilot, "j", "enter")
        text = screen_text(pilot)
        assert "Costs by order_id" in text
        assert names(text) == ["o26M0", "o26M1", "o26M2"]
        await press(pilot, "enter")
        text = screen_text(pilot)
        assert "priced 2 of 2 fills" in text
        assert "15:00:00.000" in text
        assert "15:01:00.000" in text
        await press(pilot, "j", "enter")
        text = screen_text(pilot)
        assert "sold 100 MSFT" in text
        await press(pilot, *["pagedown"] * 3)
        assert "reference" in screen_text(pilot)
        for title in ("Fills", "Costs by order_id", "Costs by symbol", "Costs by day"):
            await press(pilot, "q")
            assert title in screen_text(pilot)
        await press(pilot, "q")
        assert "Alert" in screen_text(pilot)


async def test_going_back_finds_the_row_one_came_from(desk: Desk, show: Show) -> None:
    async with show(desk) as pilot:
        await opened(pilot, "j", "enter", "j", "enter", "q", "q")
        screen = cast("CostsScreen", pilot.app.screen)
        assert screen.active.index == 1
        assert "2026-02-27" in screen.copied


async def test_esc_h_and_backspace_go_back_as_q_does(desk: Desk, show: Show) -> None:
    async with show(desk) as pilot:
        await opened(pilot)
        for key in ("escape", "h", "backspace"):
            await press(pilot, "enter")
            assert "Costs by symbol" in screen_text(pilot)
            await press(pilot, key)
            assert "Costs by day" in screen_text(pilot)


async def test_f_lists_the_fills_of_a_row_and_o_all_of_the_table(desk: Desk, show: Show) -> None:
    async with show(desk, 120, 40) as pilot:
        text = await opened(pilot, "f")
        assert "priced 12 of 12 fills" in text
        assert "costs > 2026-02-26 > fills" in text
        await press(pilot, "q", "o")
        assert "priced 25 of 27 fills" in screen_text(pilot)


# Groups, order, words


async def test_tab_goes_through_the_dimensions_that_the_fills_have(desk: Desk, show: Show) -> None:
    async with show(desk, 120, 40) as pilot:
        await opened(pilot)
        seen = []
        for _ in range(8):
            await press(pilot, "tab")
            found = re.search(r"Costs by (\S+)", screen_text(pilot))
            assert found is not None
            seen.append(found[1])
        assert seen == [
            *("symbol", "hour", "side", "strategy", "size", "source", "order_id", "day")
        ]


async def test_groups_can_be_named_and_combined_and_tab_completes(desk: Desk, show: Show) -> None:
    async with show(desk, 120, 40) as pilot:
        await opened(pilot, "b", *"symb", "tab", *"+si", "tab")
        assert "side  size" in screen_text(pilot)
        await press(pilot, *"d", "tab", "enter")
        text = screen_text(pilot)
        assert "Costs by symbol and side" in text
        assert row_of(text, "AAPL", "buy")
        assert row_of(text, "MSFT", "sell")
        await press(pilot, "j", "f")
        assert "costs > AAPL > sell > fills" in screen_text(pilot)


async def test_what_cannot_be_grouped_by_is_said_and_the_question_stays(
    desk: Desk, show: Show
) -> None:
    async with show(desk) as pilot:
        await opened(pilot, "b", *"symbl", "enter")
        assert "did you mean symbol?" in screen_text(pilot)
        await press(pilot, "escape")
        assert "Costs by day" in screen_text(pilot)


async def test_the_command_line_knows_the_screen_s_words(desk: Desk, show: Show) -> None:
    async with show(desk) as pilot:
        await opened(pilot, "colon", *"by", "enter")
        await press(pilot, *"side", "enter")
        assert "Costs by side" in screen_text(pilot)
        await press(pilot, "colon", *"plots", "enter")
        assert "Total by day" in screen_text(pilot)


async def test_rows_are_sorted_by_shifted_letters_and_turned_round(desk: Desk, show: Show) -> None:
    async with show(desk, 120, 40) as pilot:
        text = await opened(pilot, "b", *"order_id", "enter", "T")
        totals = [float(line.split()[1].strip("<")) for line in text.splitlines()
                  if re.match(r"  o\d\d\w\d ", line)]  # fmt: skip
        assert totals == sorted(totals, reverse=True)
        assert "totalv" in text
        await press(pilot, "T")
        text = screen_text(pilot)
        assert "total^" in text
        again = [float(line.split()[1].strip("<")) for line in text.splitlines()
                 if re.match(r"  o\d\d\w\d ", line)]  # fmt: skip
        assert again == totals[::-1]
        await press(pilot, "N")
        assert "order_id v" in screen_text(pilot)


@pytest.mark.parametrize("key", list("TCSHBAVFN"))
async def test_fills_are_sorted_by_every_figure(desk: Desk, show: Show, key: str) -> None:
    async with show(desk, 200, 60) as pilot:
        text = await opened(pilot, "o", key)
        assert "? UNKNOWN" not in text
        head = next(line for line in text.splitlines() if line.startswith("  time"))
        assert re.search(r"\wv| v", head), head


async def test_words_keep_groups_and_fills_as_one_types(desk: Desk, show: Show) -> None:
    async with show(desk, 120, 40) as pilot:
        await opened(pilot, "tab", "slash", *"ms")
        await settled(pilot)
        assert names(screen_text(pilot)) == ["MSFT"]
        await press(pilot, "enter", "enter")
        text = screen_text(pilot)
        assert "costs > MSFT > by order_id" in text
        await press(pilot, "q")
        assert names(screen_text(pilot)) == ["MSFT"]
        await press(pilot, "escape")
        assert names(screen_text(pilot)) == ["AAPL", "MSFT"]
        await press(pilot, "o", "slash", *"canary sell", "enter")
        text = screen_text(pilot)
        assert "priced 8 of 8 fills" in text
        assert " buy " not in text
        await press(pilot, "escape", "slash", *"nowhere", "enter")
        assert "none has these words" in screen_text(pilot)


async def test_keys_typed_ahead_of_the_prompt_are_its_text(desk: Desk, show: Show) -> None:
    async with show(desk, 120, 40) as pilot:
        await opened(pilot)
        for key in ("b", *"side", "enter"):
            await pilot.press(key)
        await settled(pilot)
        assert "Costs by side" in screen_text(pilot)


# Keys, footers, help, sizes


@pytest.mark.parametrize("screen", sorted(COSTS))
def test_each_level_has_its_keys_its_help_and_a_way_out(screen: str) -> None:
    from console.test_console_actions import at

    keys = [key for action in actions_of(screen) for key in action.keys]
    assert sorted(keys) == sorted(set(keys))
    help_text = "\n".join(text_of(line) for line in help_lines(at(screen), 100))
    for action in actions_of(screen):
        assert action.text.split()[0] in help_text
    for width in (60, 80, 200):
        foot = text_of(footer_line(at(screen), width))
        assert "? help" in foot
        assert "q back" in foot
        assert width_of(foot) <= width


async def test_below_the_smallest_size_there_is_still_a_list(desk: Desk, show: Show) -> None:
    async with show(desk, 50, 12) as pilot:
        text = await opened(pilot)
        assert "2026-02-26" in text
        await press(pilot, "enter")
        assert "AAPL" in screen_text(pilot)


async def test_a_change_of_size_fits_the_table_to_it(desk: Desk, show: Show) -> None:
    async with show(desk, 200, 60) as pilot:
        assert "notional" in await opened(pilot)
        await pilot.resize_terminal(80, 24)
        await settled(pilot)
        text = screen_text(pilot)
        assert "notional" not in text
        assert all(width_of(line) <= 80 for line in text.splitlines())
        assert "│" in row_of(text, "2026-02-26")
