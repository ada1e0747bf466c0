"""The desk's own switch does what the runbook's commands promise."""

from __future__ import annotations

import subprocess
from pathlib import Path

from mechexo.config import load_settings
from mechexo.paper import trading


def do(paper: Path, variable: str) -> subprocess.CompletedProcess[str]:
    command = load_settings(paper / "mechexo.toml").runbook.variables[variable]
    return subprocess.run(command, shell=True, cwd="/", capture_output=True, text=True, check=False)


def test_halt_and_resume_set_the_flag(paper: Path) -> None:
    assert do(paper, "HALT_COMMAND").stdout == "trading is halted\n"
    assert trading.flag(paper, "trading_enabled") == "false"
    assert do(paper, "RESUME_COMMAND").stdout == "trading goes on\n"
    assert trading.flag(paper, "trading_enabled") == "true"


def test_there_is_never_an_open_order_to_cancel(paper: Path) -> None:
    assert "no order is working" in do(paper, "CANCEL_ALL_COMMAND").stdout


def test_flatten_halts_closes_and_books(paper: Path, query) -> None:
    total = "SELECT realised + unrealised FROM pnl ORDER BY day DESC LIMIT 1"
    before = query(total)
    assert "12 positions are closed" in do(paper, "FLATTEN_COMMAND").stdout
    assert set(trading.quantities(paper).values()) == {0}
    assert trading.flag(paper, "trading_enabled") == "false"
    realised = query("SELECT realised FROM pnl ORDER BY day DESC LIMIT 1")
    assert abs(realised[0][0] - before[0][0]) < 0.01


def test_without_a_database_one_line_and_code_1(paper: Path) -> None:
    (paper / "trading.sqlite").unlink()
    done = do(paper, "HALT_COMMAND")
    assert done.returncode == 1
    assert done.stderr.startswith("desk: there is no ")
    assert not (paper / "trading.sqlite").exists()
