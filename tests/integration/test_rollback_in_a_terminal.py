"""A rollback, end to end: the real program in a real terminal plans, applies and undoes it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.rollback_desk import BAD_FLOW, BAD_WEIGHTS, GOOD_FLOW, GOOD_WEIGHTS, TOML
from rollback.histories import History
from support.tmux import Tmux

MECHEXO = str(Path(sys.executable).with_name("mechexo"))

pytestmark = [
    pytest.mark.terminal,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]


@pytest.fixture
def history(tmp_path: Path) -> History:
    """A live desk's repository, whose last commit went wrong 12 minutes ago."""
    now = datetime.now(UTC)
    folder = tmp_path / "desk"
    made = History.begin(folder / "repo")
    made.commit(
        {"flows/reweight.py": GOOD_FLOW, "config/weights.yaml": GOOD_WEIGHTS},
        now - timedelta(days=4),
        "Set up the desk",
    )
    made.commit(
        {"flows/reweight.py": BAD_FLOW, "config/weights.yaml": BAD_WEIGHTS},
        now - timedelta(minutes=12),
        "Make reweighting faster",
    )
    desk = '[desk]\nname = "night"\nmode = "live"\n'
    (folder / "mechexo.toml").write_text(desk + TOML)
    return made


def digest_on(screen: str) -> str:
    """The beginning of the digest, as a person reads it."""
    found = re.search(r"digest ([0-9a-f]{8})…", screen)
    assert found, screen
    return found[1]


def set_market_hours_aside(terminal: Tmux) -> str:
    """Without a calendar the market of a live desk counts as open; the screen after that."""
    terminal.wait_for("1 GUARD FAILS", "o sets aside, by name: market hours")
    terminal.keys("o")
    terminal.wait_for("set which guard aside?")
    terminal.keys("Tab", "Enter")
    return terminal.wait_for("▲ SET ASIDE   market hours", "CAN BE APPLIED")


def apply_it(terminal: Tmux, screen: str, reason: str) -> str:
    """Confirms the plan on the screen; the screen once it is applied."""
    terminal.keys("a")
    terminal.wait_for("because:")
    terminal.keys("Enter")
    terminal.wait_for("a live desk needs a reason")
    terminal.keys(reason, "Enter")
    terminal.wait_for("its digest begins with:")
    terminal.keys(digest_on(screen), "Enter")
    return terminal.wait_for("● APPLIED", f"reason: {reason}", "u takes it back", timeout_s=60)


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 60)])
def test_a_bad_deployment_goes_back_and_comes_again(
    history: History, columns: int, rows: int
) -> None:
    config = str(history.root.parent / "mechexo.toml")
    weights, flow = history.root / "config/weights.yaml", history.root / "flows/reweight.py"
    argv = [MECHEXO, "--config", config, "console"]
    with Tmux(argv, columns, rows, {"LANG": "C.UTF-8"}) as terminal:
        terminal.wait_for("LIVE")
        terminal.keys("X")
        terminal.wait_for("Back to when: reweight", "now: Make reweighting")
        terminal.keys("Enter", "Enter")
        terminal.wait_for("strategy.max_gross  10.0 -> 1.0", "● OK")
        planned = set_market_hours_aside(terminal)
        applied = apply_it(terminal, planned, "weights")
        assert "● OK     commit:" in applied
        assert (weights.read_text(), flow.read_text()) == (GOOD_WEIGHTS, GOOD_FLOW)
        terminal.keys("u")
        terminal.wait_for("undo of", "strategy.max_gross  1.0 -> 10.0")
        undo = set_market_hours_aside(terminal)
        apply_it(terminal, undo, "back")
        assert (weights.read_text(), flow.read_text()) == (BAD_WEIGHTS, BAD_FLOW)
        terminal.keys("q")
        terminal.wait_for("● APPLIED", "reason: weights")
        terminal.keys("1")
        terminal.wait_for("q quit")
        terminal.keys("q")
        terminal.wait_for("ended with 0")
    assert history.git("status", "--porcelain") == ""
    listed = subprocess.run(
        [MECHEXO, "--config", config, "rollback", "history", "--applied", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert listed.stdout.count('"applied"') == 2
