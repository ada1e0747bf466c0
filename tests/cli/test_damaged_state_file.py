"""A state file that is damaged, incomplete or gone is one clear line, never a defect."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mechexo.alerts import operations as alerts
from mechexo.desk import Desk
from mechexo.state import store
from mechexo.watch import tick
from support.program import environment, mechexo, one_line

pytestmark = pytest.mark.slow

COMMANDS = (("status",), ("alerts", "list"), ("report", "shift"), ("tick",), ("doctor",))
# Each in a run of its own, and all in one process: it is what they import that takes the time.
RUN = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from mechexo.cli import main
config, answers = sys.argv[1], []
for words in json.loads(sys.argv[2]):
    sys.argv = ["mechexo", "--config", config, *words]
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        try: main()
        except SystemExit as leaving: answers.append(leaving.code)
    answers[-1] = (answers[-1], out.getvalue(), err.getvalue())
print(json.dumps(answers))
"""


def made_tables() -> list[str]:
    with closing(sqlite3.connect(":memory:")) as fresh:
        for file in sorted((Path(store.__file__).parent / "migrations").glob("*.sql")):
            fresh.executescript(file.read_text())
        rows = fresh.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
    return ["migration", *(name for (name,) in rows)]


TABLES = made_tables()
STATUS_READS = {"migration", "health_probe", "ops_newest", "ops_span", "alert", "delivery", "tick"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk with an alert that was sent, in a state file of one part."""
    config = tmp_path_factory.mktemp("whole") / "mechexo.toml"
    config.write_text(
        '[desk]\nname = "test"\n[quiet_hours]\nenabled = false\n'
        '[channels.box]\nurl = "file://box.jsonl"\n[probes.memory]\n'
        'kind = "host"\nmetric = "memory_pct"\ncritical_above = -1\nfail_after = 1\n[flows.bars]\n'
    )
    desk = Desk.open(config)
    tick(desk)
    assert alerts.deliveries(desk)[0].state == "sent"
    desk.state.close()
    with closing(sqlite3.connect(desk.state.path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    return config.parent


def overwrite(file: Path, table: str, *, leaf: bool = False) -> None:
    """Puts garbage in the place of the table's first page, or of the last of its rows."""
    with closing(sqlite3.connect(file)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        (page,) = connection.execute(query, (table,)).fetchone()
    content = bytearray(file.read_bytes())
    start = (page - 1) * 4096
    if leaf:
        # An inner page names its last child in its own head.
        assert content[start] == 5
        start = (int.from_bytes(content[start + 8 : start + 12], "big") - 1) * 4096
    content[start : start + 4096] = b"\xff" * 4096
    file.write_bytes(content)


def drop(file: Path, table: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"DROP TABLE {table}")


def answers(config: Path) -> dict[str, tuple[int, str, str]]:
    """Exit code, stdout and stderr of every command."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(config), json.dumps(COMMANDS)],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    )
    found = map(tuple, json.loads(done.stdout))
    return dict(zip(map(" ".join, COMMANDS), found, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("damage", [overwrite, drop])
@pytest.mark.parametrize("table", TABLES)
def test_whichever_table_is_damaged_each_command_says_so_in_one_line_or_does_without_it(
    whole: Path, tmp_path: Path, table: str, damage: Callable[[Path, str], None]
) -> None:
    desk = shutil.copytree(whole, tmp_path / "desk")
    file = desk / "state" / "mechexo.sqlite"
    damage(file, table)
    said = answers(desk / "mechexo.toml")
    for command, (code, out, err) in said.items():
        assert "defect" not in err, command
        if err:
            # The tick names its failed parts below its answer, and then ends with 1.
            assert code == (1 if out else 5), (command, err)
            assert err.count("\n") == 1, (command, err)
            assert str(file) in err, command
        elif command != "doctor":
            assert code == 0, (command, out)
    assert said["doctor"][0] == 1
    assert "CRITICAL  state file" in said["doctor"][1]
    if table in STATUS_READS or (table, damage) == ("alert_event", drop):
        assert said["status"][0] == 5, said["status"]
    assert list(file.parent.glob("mechexo-crash-*")) == []


def test_a_list_that_meets_damage_half_way_is_one_line_and_exit_5(desk: Desk) -> None:
    for number in range(300):
        alerts.raise_alert(
            desk, key=str(number), severity="high", name="n", summary="s" * 300, labels={}
        )
    desk.state.close()
    with closing(sqlite3.connect(desk.state.path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    overwrite(desk.state.path, "alert", leaf=True)
    done = mechexo("alerts", "list", config=desk.config_path)
    assert done.returncode == 5
    one_line(done, str(desk.state.path), "damaged")


def test_the_doctor_names_what_is_missing_of_an_incomplete_state_file(desk: Desk) -> None:
    with desk.state.write() as writing:
        writing.execute("DROP TABLE silence")
        writing.execute("DROP TRIGGER audit_is_never_changed")
        writing.execute("DROP INDEX alert_started")
        writing.execute("CREATE INDEX alert_started ON alert (resolved_at)")
    done = mechexo("doctor", config=desk.config_path)
    assert done.returncode == 1
    missing = (
        *("table silence", "index alert_started", "trigger audit_is_never_changed"),
        "index silence_end",
    )
    assert f"is not as mechexo made it; missing or changed: {', '.join(missing)}" in done.stdout


def test_the_doctor_finds_damage_that_no_command_stumbles_over(desk: Desk) -> None:
    desk.state.close()
    with closing(sqlite3.connect(desk.state.path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    overwrite(desk.state.path, "flow_run_by_start")
    assert "CRITICAL  state file" in mechexo("doctor", config=desk.config_path).stdout


@pytest.mark.parametrize("gone", ["file", "folder"])
def test_a_state_file_that_goes_while_it_is_read_is_said_to_have_gone(
    desk: Desk, gone: str
) -> None:
    folder = desk.state.path.parent
    assert alerts.list_alerts(desk) == ()
    shutil.rmtree(folder) if gone == "folder" else desk.state.path.unlink()
    with pytest.raises(store.StateError, match=r"mechexo\.sqlite: the state file has gone; put it"):
        alerts.list_alerts(desk)
    assert not desk.state.path.exists()
