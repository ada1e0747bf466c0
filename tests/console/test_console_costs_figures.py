"""What stands beside the figures of the costs screen, what is drawn, acknowledged and exported."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from console.costs_desk import costs_desk
from console.costs_screen import SIZES, opened, row_of
from console.driving import Show, press, screen_text, settled, until
from mechexo.actor import Actor
from mechexo.costs.records import acknowledgements
from mechexo.desk import Desk

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return costs_desk(make_desk)


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
