"""The real console on a real desk, at the sizes people have, key by key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from console.driving import Show, fill_desk, press, screen_text, settled, until
from mechexo.actor import Actor
from mechexo.alerts import operations as alerts
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo_tui.widgets.line_list import LineList

pytestmark = pytest.mark.slow


async def test_below_sixty_by_sixteen_a_plain_list_still_works(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, 20, 5) as pilot:
        assert "PAPER" in screen_text(pilot)
        await press(pilot, "j", "k")
        assert "CRITICAL risk_li" in screen_text(pilot)
        await press(pilot, "b")
        assert "A risk limit" in screen_text(pilot)
        await press(pilot, "q")
        assert "CRITICAL" in screen_text(pilot)
        assert "? help" in screen_text(pilot)
        assert "q quit" in screen_text(pilot)


async def test_ascii_only_means_ascii_only(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, 120, 40, ascii=True) as pilot:
        for key in "1234567890":
            text = screen_text(pilot)
            own = [line for line in text.splitlines() if not line.isascii()]
            assert own == []
            await press(pilot, key)


async def test_read_only_says_so_and_changes_nothing(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, read_only=True) as pilot:
        assert "read-only" in screen_text(pilot)
        await press(pilot, "a")
        assert "the console was opened read-only" in screen_text(pilot)


async def test_a_viewer_is_told_which_role_is_needed(
    make_desk: Callable[..., Desk], tmp_path: Path, clock: VirtualClock, show: Show
) -> None:
    desk = fill_desk(make_desk, tmp_path, clock)
    viewer = desk.acting_as(Actor(424242, "guest"))
    async with show(viewer) as pilot:
        await press(pilot, "a")
        assert "needs the role responder; guest is viewer" in screen_text(pilot)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("2", ("Alerts", "severity", "What happened", "gross exposure")),
        ("3", ("Flows", "Data pipeline", "● COMPLETED", "Runs")),
        ("4", ("Costs by day", "commission", "spread", "slippage", "priced", "6 of 6 fills")),
        ("5", ("System resources", "gateway", "✖ CRITICAL", "uptime")),
        ("6", ("Risk and trading", "gross_exposure", "112%", "trading_enabled")),
        ("7", ("Runbook", "✖ SEV1", "Trading is halted")),
        ("8", ("Messages", "Audit log", "alerts.raise")),
    ],
)
@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_a_digit_goes_to_its_screen_and_q_comes_back(
    busy_desk: Desk, show: Show, key: str, words: tuple[str, ...], size: tuple[int, int]
) -> None:
    async with show(busy_desk, *size) as pilot:
        await press(pilot, key)
        await settled(pilot, costs=key == "4")
        text = screen_text(pilot)
        for word in words:
            assert word in text, word
        await press(pilot, "q")
        assert "Alert history and analysis" in screen_text(pilot)


async def test_enter_opens_runs_probes_entries_and_audit_entries(
    busy_desk: Desk, show: Show
) -> None:
    async with show(busy_desk) as pilot:
        await press(pilot, "3", "G", "enter")
        assert "42 bars written" in screen_text(pilot)
        await press(pilot, "q", "5", "enter")
        assert "failed in a row" in screen_text(pilot)
        await press(pilot, "q", "7", "enter")
        assert "First 60 seconds" in screen_text(pilot)
        await press(pilot, "q", "8", "G", "enter")
        assert "hash" in screen_text(pilot)


async def test_help_is_about_this_screen(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk) as pilot:
        await press(pilot, "question_mark")
        text = screen_text(pilot)
        assert "On the screen overview" in text
        assert "Acknowledge the alert" in text
        await press(pilot, "q", "4", "question_mark")
        assert "On the screen costs" in screen_text(pilot)


async def test_capital_r_writes_the_shift_report_and_says_where(
    busy_desk: Desk, show: Show
) -> None:
    async with show(busy_desk, 200, 60) as pilot:
        await press(pilot, "R")
        assert "the shift report is in" in screen_text(pilot)
    (report,) = (busy_desk.state.path.parent / "reports").glob("shift-*.md")
    assert "gross exposure" in report.read_text()


async def test_y_shows_what_it_copied(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, 120, 40) as pilot:
        await press(pilot, "y")
        assert "clipboard: CRITICAL risk_limits: gross exposure above its limit" in screen_text(
            pilot
        )


async def test_a_name_with_control_codes_cannot_steer_the_terminal(
    busy_desk: Desk, show: Show
) -> None:
    alerts.raise_alert(
        busy_desk, key="evil", severity="critical", name="evil", summary="a\x1b[2Jb\u202ec",
        labels={},
    )  # fmt: skip
    async with show(busy_desk, 120, 40) as pilot:
        text = screen_text(pilot)
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "evil" in text


async def test_a_list_that_was_shifted_begins_at_its_edge_when_one_comes_back(
    busy_desk: Desk, show: Show
) -> None:
    async with show(busy_desk, 60, 24) as pilot:
        await press(pilot, "x")
        await until(pilot, "Rollback, dry run")
        await press(pilot, "G", "right")
        diff = pilot.app.screen.query_one(LineList)
        assert diff.left > 0
        await press(pilot, "question_mark", "q")
        assert diff.left == 0


async def test_what_is_said_takes_the_lines_it_needs(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, 60, 24) as pilot:
        await press(pilot, "R")
        await until(pilot, "the shift report is in")
        (report,) = (busy_desk.state.path.parent / "reports").iterdir()
        shown = "".join(line.strip() for line in screen_text(pilot).splitlines()[-4:])
        assert report.name in shown


async def test_a_list_says_that_there_is_more_of_it(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, 80, 24) as pilot:
        await press(pilot, "question_mark")
        assert "▾" in screen_text(pilot)
        assert "▴" not in screen_text(pilot)
        await press(pilot, "G")
        assert "▴" in screen_text(pilot)
        assert "▾" not in screen_text(pilot)
