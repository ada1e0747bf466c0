"""The costs screen of the real program on a pseudo-terminal: bytes, and nothing left behind."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import psutil
import pytest

from console.costs_desk import costs_desk
from mechexo.desk import Desk
from support.processes import has_ended
from support.pseudo_terminal import COLOUR_CODES, PseudoTerminal

PROGRAM = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from mechexo.clock import SystemClock
SystemClock.now = lambda self: datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
from mechexo_tui.app import run
sys.exit(run(Path(sys.argv[1])))
"""

pytestmark = [pytest.mark.slow, pytest.mark.terminal]


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return costs_desk(make_desk)


def console(desk: Desk, columns: int, rows: int, **environ: str) -> PseudoTerminal:
    argv = [sys.executable, "-c", PROGRAM, str(desk.config_path)]
    return PseudoTerminal(argv, columns, rows, environ={"LANG": "C.UTF-8", **environ})


def after(terminal: PseudoTerminal, keys: str) -> bytes:
    terminal.send(keys)
    return terminal.collect(quiet_s=1.5, timeout_s=20).data


@pytest.mark.parametrize(("columns", "rows", "budget"), [(120, 40, 12_000), (80, 24, 8_000)])
def test_going_about_stays_within_the_budget_of_a_section(
    desk: Desk, columns: int, rows: int, budget: int
) -> None:
    with console(desk, columns, rows) as terminal:
        terminal.collect(quiet_s=3.0, timeout_s=30)
        for key in ("4", "\r", "\r", "\r", "\r", "q", "q", "v", "q", "x", "q", "q", "q"):
            assert len(after(terminal, key)) <= budget, key
        after(terminal, "\t")
        for key in "TT":
            assert len(after(terminal, key)) <= 2_500
        assert len(after(terminal, "j")) <= 1_200
        assert after(terminal, "r") == b"", "nothing changed, nothing written"


def test_leaving_takes_the_process_apart_along(desk: Desk) -> None:
    with console(desk, 120, 40) as terminal:
        terminal.collect(quiet_s=3.0, timeout_s=30)
        after(terminal, "4")
        assert "Costs by day" in terminal.screen
        (child,) = psutil.Process(terminal.pid).children()
        terminal.send("\x03")
        assert terminal.ended_within(5.0) is not None
        deadline = time.monotonic() + 5.0
        while not has_ended(child):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_without_colour_the_screen_says_as_much(desk: Desk) -> None:
    with console(desk, 120, 40, NO_COLOR="1") as terminal:
        first = terminal.collect(quiet_s=3.0, timeout_s=30).data
        data = after(terminal, "4")
        assert COLOUR_CODES.findall(first + data) == []
        for sign in ("██ commission", "▒▒ half-spread", "░░ beyond", "priced 25 of 27"):
            assert sign in terminal.screen
