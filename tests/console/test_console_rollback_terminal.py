"""The rollback screens of the real program on a pseudo-terminal: bytes, colours, plain signs."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from console.rollback_desk import rollback_desk
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
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
def desk(make_desk: Callable[..., Desk], tmp_path: Path, clock: VirtualClock) -> Desk:
    return rollback_desk(make_desk, tmp_path / "desk", clock)[0]


def console(desk: Desk, columns: int, rows: int, **environ: str) -> PseudoTerminal:
    argv = [sys.executable, "-c", PROGRAM, str(desk.config_path)]
    return PseudoTerminal(argv, columns, rows, environ={"LANG": "C.UTF-8", **environ})


def after(terminal: PseudoTerminal, keys: str, text: str = "") -> bytes:
    """What is written after some keys; waits for a text that git or a worker brings."""
    terminal.send(keys)
    data = b""
    if text:
        data = terminal.collect(timeout_s=30, until=lambda _: text in terminal.screen).data
        assert text in terminal.screen, text
    return data + terminal.collect(quiet_s=1.0, timeout_s=10).data


@pytest.mark.parametrize(("columns", "rows", "budget"), [(120, 40, 12_000), (80, 24, 8_000)])
def test_going_about_stays_within_the_budget_of_a_section(
    desk: Desk, columns: int, rows: int, budget: int
) -> None:
    with console(desk, columns, rows) as terminal:
        terminal.collect(quiet_s=3.0, timeout_s=30)
        for key, text in (("X", "now:"), ("\r", ""), ("\r", "CAN BE APPLIED")):
            assert len(after(terminal, key, text)) <= budget, text
        for key in "nnvqq?q":
            assert len(after(terminal, key)) <= budget, key
        assert after(terminal, "r") == b"", "nothing changed, nothing written"
        terminal.send("q")


def test_without_colour_the_screens_say_as_much(desk: Desk) -> None:
    with console(desk, 120, 40, NO_COLOR="1") as terminal:
        data = terminal.collect(quiet_s=3.0, timeout_s=30).data
        data += after(terminal, "X", "now:") + after(terminal, "\r")
        data += after(terminal, "\r", "CAN BE APPLIED")
        shown = terminal.screen
        data += after(terminal, "v")
        shown += terminal.screen
        assert COLOUR_CODES.findall(data) == []
        for sign in ("CAN BE APPLIED", "● OK", "-  max_gross: 10.0", "+  max_gross: 1.0"):
            assert sign in shown, sign


def test_a_terminal_without_utf8_gets_nothing_but_ascii(desk: Desk) -> None:
    with console(desk, 120, 40, LC_ALL="C") as terminal:
        data = terminal.collect(quiet_s=3.0, timeout_s=30).data
        data += after(terminal, "X", "now:") + after(terminal, "\r")
        data += after(terminal, "\r", "CAN BE APPLIED")
        for key in "nva":
            data += after(terminal, key)
        data += after(terminal, "\r", "digest begins with")
        digest = re.findall(r"digest ([0-9a-f]{8})", terminal.screen)[-1]
        data += after(terminal, f"{digest}\r", "o APPLIED")
        assert "o APPLIED" in terminal.screen
        assert [byte for byte in data if byte > 127] == []
