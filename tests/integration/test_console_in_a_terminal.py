"""The night, end to end: the real program in a real terminal, an alert, its runbook, its undo."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mechexo.config import load_settings
from mechexo_tui.facts import STATE_LOOK_S
from support.tmux import Tmux

MECHEXO = str(Path(sys.executable).with_name("mechexo"))

pytestmark = [
    pytest.mark.terminal,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]


def mechexo(desk: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [MECHEXO, "--config", str(desk / "mechexo.toml"), *words],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def paper_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A paper desk that ran once and has an alert whose suspect is a configuration file."""
    folder = tmp_path_factory.mktemp("night") / "desk"
    made = subprocess.run(
        [MECHEXO, "demo", "--dir", str(folder), "--seed", "7", "--headless"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert made.returncode in (0, 1), made.stderr
    raised = mechexo(
        folder,
        *("alerts", "raise", "--key", "risk:gross", "--severity", "critical"),
        *("--name", "gross_exposure", "--summary", "gross exposure above its limit"),
        *("--label", "suspect=config/risk.yaml", "--runbook", "risk-breach"),
    )
    assert raised.returncode == 0, raised.stderr
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 60)])
def test_an_alert_opens_its_runbook_and_its_dry_run_diff(
    paper_desk: Path, columns: int, rows: int
) -> None:
    argv = [MECHEXO, "--config", str(paper_desk / "mechexo.toml"), "console"]
    with Tmux(argv, columns, rows, {"LANG": "C.UTF-8"}) as terminal:
        overview = terminal.wait_for("PAPER", "gross_exposure")
        assert "CRITICAL" in overview
        terminal.keys("Enter")
        terminal.wait_for("First 60 seconds")
        terminal.keys("q")
        terminal.wait_for("PAPER", "gross_exposure")
        terminal.keys("x")
        terminal.wait_for("config/risk.yaml", "@@")
        terminal.keys("q")
        terminal.wait_for("PAPER", "gross_exposure")
        terminal.keys("q")
        terminal.wait_for("ended with 0")


def test_the_console_shows_without_being_asked_what_another_process_wrote(paper_desk: Path) -> None:
    # It asks the state file every second; reading everything again is minutes away.
    assert STATE_LOOK_S <= 1.0
    assert load_settings(paper_desk / "mechexo.toml").refresh.dashboard >= timedelta(minutes=5)
    argv = [MECHEXO, "--config", str(paper_desk / "mechexo.toml"), "console"]
    with Tmux(argv, 120, 40, {"LANG": "C.UTF-8"}) as terminal:
        terminal.wait_for("PAPER", "gross_exposure")
        raised = mechexo(
            paper_desk,
            # No reason against ops_ok, which is judged again in between.
            *("alerts", "raise", "--key", "late-news", "--severity", "medium"),
            *("--name", "late_news", "--summary", "raised while the console was open"),
        )
        assert raised.returncode == 0, raised.stderr
        terminal.wait_for("late_news")
        terminal.keys("q")
        terminal.wait_for("ended with 0")


def test_acknowledging_in_the_console_is_what_the_command_line_then_says(paper_desk: Path) -> None:
    argv = [MECHEXO, "--config", str(paper_desk / "mechexo.toml"), "console"]
    with Tmux(argv, 80, 24, {"LANG": "C.UTF-8"}) as terminal:
        terminal.wait_for("PAPER", "gross_exposure")
        terminal.keys("a")
        terminal.wait_for("note")
        terminal.keys("Enter")
        terminal.wait_for("acknowledged")
        terminal.keys("q")
        terminal.wait_for("ended with 0")
    listed = mechexo(paper_desk, "alerts", "list", "--json")
    assert '"acknowledged"' in listed.stdout
