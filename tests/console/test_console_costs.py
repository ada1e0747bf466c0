"""The costs screen: from days into fills and their quotes, sorted, filtered, drawn, exported."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import cast

import psutil
import pytest
from textual.pilot import Pilot

from console.costs_desk import costs_desk, write_rows
from console.driving import Show, press, screen_text, settled, until
from mechexo.actor import Actor
from mechexo.costs.records import acknowledgements
from mechexo.desk import Desk
from mechexo_tui.actions import COSTS, actions_of
from mechexo_tui.app import MechexoApp
from mechexo_tui.screens.costs import CostsScreen
from mechexo_tui.screens.help import help_lines
from mechexo_tui.widgets.footer import footer_line
from mechexo_tui.widgets.lines import text_of, width_of

pytestmark = pytest.mark.slow

SIZES = [(80, 24), (120, 40), (200, 60), (60, 16)]


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return costs_desk(make_desk)


async def opened(pilot: Pilot[int], *keys: str) -> str:
    """The costs screen, and what it shows after more keys."""
    await settled(pilot, costs=True)
    await press(pilot, "4", *keys)
    await settled(pilot, costs=True)
    return screen_text(pilot)


def row_of(text: str, *words: str) -> str:
    """The first line that begins with these words."""
    found = [
        line.strip() for line in text.splitlines() if line.split()[: len(words)] == list(words)
    ]
    assert found, f"no line begins with {words} on:\n{text}"
    return found[0]


def names(text: str) -> list[str]:
    """What the rows below the row of all are called."""
    lines = text.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("  all "))
    return [line.split()[0] for line in lines[start + 1 : -1] if "│" in line]


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


# What is beside the figures


async def test_what_is_outside_and_why_parts_are_more_than_their_sum_stands_above(
    desk: Desk, show: Show
) -> None:
    async with show(desk, 120, 40) as pilot:
        text = await opened(pilot)
        assert "priced 25 of 27 fills (92.6%): 25 quote; 1 unpriced, 1 suspect, 1 rejected" in text
        assert "< commission unknown for 1 of 25 priced fills" in text
        assert re.search(r"all\s+\S+<", text)
        # The day on which all is known carries no mark.
        assert "<" not in row_of(text, "2026-02-26")
        assert "<" in row_of(text, "2026-02-27")
        assert "reference: mid of the last valid quote strictly before the fill" in text


async def test_a_group_without_figures_has_dashes(desk: Desk, show: Show) -> None:
    async with show(desk, 120, 40) as pilot:
        text = await opened(pilot, "b", *"source", "enter")
        assert row_of(text, "none").split()[1:3] == ["–", "–"]
        await press(pilot, "G", "f")
        assert "no quote recent enough" in screen_text(pilot)


async def test_few_fills_mark_their_outer_percentiles(desk: Desk, show: Show) -> None:
    async with show(desk, 200, 60) as pilot:
        text = await opened(pilot)
        assert re.search(r"\d\*\s+\S+\*", row_of(text, "2026-02-26"))
        assert "* under 20 fills" in text


async def test_the_bars_can_be_read_in_ascii_and_without_colour(desk: Desk, show: Show) -> None:
    async with show(desk, 120, 40, ascii=True) as pilot:
        text = await opened(pilot)
        assert text.isascii()
        assert "## commission  == half-spread  .. beyond" in text
        assert re.search(r"\|#+=+", row_of(text, "2026-02-26"))
        await press(pilot, "v")
        assert screen_text(pilot).isascii()


# Plots and exceptions


@pytest.mark.parametrize("size", SIZES)
async def test_v_draws_days_times_distribution_and_markouts_of_what_is_shown(
    desk: Desk, show: Show, size: tuple[int, int]
) -> None:
    async with show(desk, *size) as pilot:
        text = await opened(pilot, "tab", "enter", "v")
        assert "costs > AAPL > plots" in text
        seen = text
        for _ in range(6):
            await press(pilot, "pagedown")
            seen += screen_text(pilot)
        for words in ("of AAPL", "Total by day", "Total by time of day", "Distribution", "Markout",
                      "12 fills", "p50"):  # fmt: skip
            assert words in seen, words
        await press(pilot, "q")
        assert "Costs by order_id" in screen_text(pilot)


async def test_exceptions_are_listed_and_acknowledged_with_a_note(desk: Desk, show: Show) -> None:
    async with show(desk, 200, 60) as pilot:
        text = await opened(pilot, "x")
        assert "To be looked at" in text
        assert "suspect" in text
        assert "commission missing" in text
        assert "rejected" in text
        await press(pilot, "a")
        assert "a note, or just enter" in screen_text(pilot)
        await press(pilot, *"split", "enter")
        await until(pilot, "was looked at by tester")
        await settled(pilot)
        text = screen_text(pilot)
        assert "✔ tester: split" in text
        assert "1 looked at" in text
        ((fill_id, kind),) = acknowledgements(desk.state)
        assert (fill_id, kind) == ("x2", "suspect")
        assert desk.audit_entries()[-1].action == "costs.acknowledge"


async def test_an_exception_opens_into_its_fill(desk: Desk, show: Show) -> None:
    async with show(desk, 120, 40) as pilot:
        text = await opened(pilot, "x", "enter")
        assert "bought 100 AAPL at 140.00" in text
        assert "suspect: so far from its reference" in text
        await press(pilot, "q")
        assert "To be looked at" in screen_text(pilot)


async def test_a_rejected_row_cannot_be_opened_or_is_said_not_to_be_there(
    desk: Desk, show: Show
) -> None:
    async with show(desk, 120, 40) as pilot:
        await opened(pilot, "x", "slash", *"rejected", "enter", "enter")
        assert "there is no fill 'x4'" in screen_text(pilot)
        await press(pilot, "q")
        assert "To be looked at" in screen_text(pilot)


async def test_left_without_an_answer_nothing_is_acknowledged(desk: Desk, show: Show) -> None:
    async with show(desk) as pilot:
        await opened(pilot, "x", "a", "escape")
        assert "not acknowledged" in screen_text(pilot)
        assert acknowledgements(desk.state) == {}


async def test_a_viewer_and_a_read_only_console_acknowledge_nothing(
    make_desk: Callable[..., Desk], show: Show
) -> None:
    desk = costs_desk(make_desk)
    async with show(desk.acting_as(Actor(4242, "guest"))) as pilot:
        await opened(pilot, "x", "a")
        assert "needs the role responder" in screen_text(pilot)
    async with show(desk, read_only=True) as pilot:
        await opened(pilot, "x", "a")
        assert "opened read-only" in screen_text(pilot)
    assert acknowledgements(desk.state) == {}


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


async def test_a_crash_of_the_process_apart_is_said_and_the_next_key_finds_another(
    desk: Desk, show: Show
) -> None:
    async with show(desk, 120, 40) as pilot:
        before = await opened(pilot)
        app = cast("MechexoApp", pilot.app)
        for child in psutil.Process().children():
            if "mechexo_tui.costs_server" in " ".join(child.cmdline()):
                child.kill()
                child.wait()
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


# Files


@pytest.mark.parametrize(
    ("keys", "name", "rows"),
    [
        (("tab",), "costs-symbol", 2),
        (("o", "slash", *"canary", "enter"), "costs-fills", 12),
        (("x",), "costs-exceptions", 3),
        (("v",), "costs-plots", 4),
        (("o", "enter"), "costs-fill", 1),
    ],
)
async def test_e_writes_all_that_is_shown_beside_the_state_file_and_says_where(
    desk: Desk, show: Show, keys: tuple[str, ...], name: str, rows: int
) -> None:
    async with show(desk, 200, 60) as pilot:
        await opened(pilot, *keys, "e")
        await until(pilot, " in ")
        (path,) = (desk.state.path.parent / "reports").glob(f"{name}-*.csv")
        assert str(path) in screen_text(pilot).replace("\n ", "")
        with path.open(newline="") as file:
            assert len(list(csv.DictReader(file))) >= rows


async def test_an_export_that_fails_says_why(desk: Desk, show: Show) -> None:
    async with show(desk, 200, 60) as pilot:
        Path(desk.state.path.parent / "reports").write_text("in the way")
        await opened(pilot, "e")
        await until(pilot, "reports")
        assert "cannot be written" in screen_text(pilot)


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
