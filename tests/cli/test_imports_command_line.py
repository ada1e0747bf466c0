"""What the quick commands may not import, because it would be felt at every call."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mechexo.desk import Desk
from rollback.flags.places import TABLE, flag_in, run
from support.program import environment, mechexo

HEAVY = {"textual", "polars", "apprise", "httpx", "git", "pydantic", "sqlite_utils", "rich", "yaml"}

DUMP = """
import atexit, sys
atexit.register(lambda: sys.stderr.write("\\nIMPORTED " + " ".join(sys.modules)))
sys.argv = ["mechexo", *sys.argv[1:]]
from mechexo.cli import main
main()
"""


def imported(*arguments: str, config: Path | None = None) -> set[str]:
    """The packages that a run of the program has imported at its end."""
    named = ["--config", str(config)] if config else []
    done = subprocess.run(
        [sys.executable, "-c", DUMP, *named, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    assert "Traceback" not in done.stderr
    modules = done.stderr.rpartition("IMPORTED ")[2].split()
    assert "mechexo.cli" in modules
    return {module.partition(".")[0] for module in modules}


def test_help_imports_nothing_heavy() -> None:
    assert not imported("--help") & HEAVY


def test_help_reads_no_configuration_and_lists_every_command() -> None:
    from mechexo.cli import COMMANDS

    done = mechexo("--help")
    assert done.returncode == 0
    for command in COMMANDS:
        assert f"  {command} " in done.stdout


@pytest.mark.parametrize("options", [[], ["--json"], ["--nagios"]])
def test_status_imports_nothing_heavy(desk: Desk, options: list[str]) -> None:
    # The first read of a configuration checks it, for which pydantic is needed; it is kept.
    mechexo("status", config=desk.config_path)
    assert not imported("status", *options, config=desk.config_path) & HEAVY


def test_a_halt_imports_nothing_heavy(desk: Desk) -> None:
    flags = '[rollback.flags]\ndatabase = "flags.sqlite"\nsafer = { trading_enabled = "off" }\n'
    desk.config_path.write_text(f"{desk.config_path.read_text()}\n{flags}")
    run(desk.path("flags.sqlite"), TABLE, "INSERT INTO flags VALUES ('trading_enabled', 1, '')")
    mechexo("status", config=desk.config_path)
    halt = ("flags", "set", "trading_enabled", "false")
    assert not imported(*halt, config=desk.config_path) & HEAVY
    assert flag_in(desk.path("flags.sqlite")) == "0"


def test_a_new_configuration_costs_status_its_check_and_no_more(desk: Desk) -> None:
    desk.config_path.write_text(desk.config_path.read_text() + "\n# changed\n")
    assert imported("status", config=desk.config_path) & HEAVY <= {"pydantic"}
