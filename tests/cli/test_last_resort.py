"""How a run ends that cannot answer, that is interrupted early, or that meets a defect."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mechexo import tick_log
from mechexo.actor import Role
from mechexo.desk import Desk
from mechexo.shift_report import shift_report
from support.program import command, environment, mechexo, one_line

pytestmark = pytest.mark.slow

READING = [
    ("--help",),
    ("--version",),
    ("status",),
    ("status", "--json"),
    ("tick",),
    ("alerts", "list"),
    ("alerts", "list", "--csv"),
    ("audit", "log"),
    ("doctor",),
    ("runbook", "list"),
    ("report", "shift"),
]


def in_shell(redirection: str, *words: str, desk: Desk) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", f'"$@" {redirection}', "sh", *command(*words, config=desk.config_path)],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
        timeout=60,
    )


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_an_answer_that_finds_no_room_is_one_line_and_exit_5(
    words: tuple[str, ...], desk: Desk
) -> None:
    done = in_shell("> /dev/full", *words, desk=desk)
    assert done.returncode == 5, done.stderr
    one_line(done, "the answer could not be written to stdout", "No space left")


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_closed_stdout_is_one_line_and_exit_5(words: tuple[str, ...], desk: Desk) -> None:
    done = in_shell(">&-", *words, desk=desk)
    assert done.returncode == 5, done.stderr
    one_line(done, "the answer could not be written to stdout")


def test_a_tick_without_a_place_to_answer_has_done_its_work(desk: Desk) -> None:
    assert in_shell(">&- 2>&- <&-", "tick", desk=desk).returncode == 5
    assert tick_log.last(desk.state) is not None


@pytest.mark.parametrize("redirection", ["2>&-", "2> /dev/full"])
def test_a_remark_that_nobody_can_be_told_changes_nothing(redirection: str, desk: Desk) -> None:
    out = desk.root / "report.md"
    done = in_shell(redirection, "report", "shift", "--out", str(out), desk=desk)
    assert done.returncode == 0
    assert out.is_file()


def test_a_reader_that_has_seen_enough_is_no_failure_to_speak_of(desk: Desk) -> None:
    done = in_shell("| true", "--help", desk=desk)
    assert (done.returncode, done.stderr) == (0, "")


INTERRUPTED_IMPORT = """
import signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "mechexo.cli":
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
sys.argv = ["mechexo", "--help"]
from mechexo.entry import main
main()
"""


def test_an_interrupt_while_commands_are_imported_is_quiet_and_130() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_IMPORT], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_both_ways_of_starting_use_the_guarded_entry() -> None:
    from importlib.metadata import entry_points

    ours = {e.name: e.value for e in entry_points(group="console_scripts")}
    assert ours["mechexo"] == ours["mech-exo"] == "mechexo.entry:main"


DEFECT = """
import sys
import mechexo.desk_status as place
def broken(desk):
    here = "a-local-value"
    raise KeyError("postgresql://reader:hunter2@db/trading " + sys.argv[0])
place.read_status = broken
sys.argv = ["mechexo", *sys.argv[1:]]
from mechexo.entry import main
main()
"""


def with_a_defect(desk: Desk, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", DEFECT, "--config", str(desk.config_path), *words],
        capture_output=True,
        text=True,
        check=False,
        env=environment(env),
    )


def reports(desk: Desk) -> list[Path]:
    return list(desk.state.path.parent.glob("mechexo-crash-*.txt"))


def test_a_defect_is_one_line_that_names_a_report_beside_the_state_file(desk: Desk) -> None:
    done = with_a_defect(desk, "status")
    assert done.returncode == 1
    (report,) = reports(desk)
    one_line(done, "unexpected KeyError", str(report))
    assert report.stat().st_mode & 0o777 == 0o600
    said = report.read_text()
    assert "Traceback" in said
    assert "in broken" in said
    assert "hunter2" not in said + done.stderr
    assert "here = 'a-local-value'" not in said


def test_a_plug_in_is_told_unknown_about_a_defect(desk: Desk) -> None:
    done = with_a_defect(desk, "status", "--nagios")
    assert done.returncode == 3
    assert done.stdout.startswith("MECHEXO UNKNOWN - unexpected KeyError")
    assert reports(desk)


def test_the_traceback_is_shown_when_asked_for(desk: Desk) -> None:
    done = with_a_defect(desk, "status", MECHEXO_DEBUG="1")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.parametrize("output", [(), ("--json",), ("--csv",)], ids=str)
def test_a_damaged_audit_entry_hides_no_other(output: tuple[str, ...], desk: Desk) -> None:
    damaged_entry(desk)
    done = mechexo("audit", "log", *output, config=desk.config_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "damaged" in done.stdout
    assert "{broken" in done.stdout
    assert "test.second" in done.stdout


def test_a_damaged_audit_entry_hides_no_other_in_the_shift_report(desk: Desk) -> None:
    damaged_entry(desk)
    actions = shift_report(desk).partition("## Actions")[2]
    assert "damaged: {broken" in actions
    assert "not a time" in actions
    assert "test.second" in actions


def damaged_entry(desk: Desk) -> None:
    for action in ("test.first", "test.second"):
        with desk.operation(action, "target", needs=Role.VIEWER, reason="why"):
            pass
    desk.state.close()
    connection = sqlite3.connect(desk.state.path)
    connection.executescript(
        "DROP TRIGGER audit_is_never_changed;"
        "UPDATE audit SET actor = '{broken', payload = '', at = 'not a time' WHERE seq = 1"
    )
    connection.close()


def test_a_state_file_without_its_tables_is_one_line_and_exit_5(desk: Desk) -> None:
    with desk.state.write() as writing:
        writing.execute("DROP TABLE tick")
    done = mechexo("status", config=desk.config_path)
    assert done.returncode == 5
    one_line(done, str(desk.state.path), "no such table: tick")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", [*READING, ("costs",), ("flows", "list")], ids=" ".join)
def test_a_reader_that_has_left_changes_nothing_of_the_exit_code(
    words: tuple[str, ...], unbuffered: str, desk: Desk
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    left = subprocess.run(
        command(*words, config=desk.config_path),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env=environment({"PYTHONUNBUFFERED": unbuffered}),
        timeout=60,
    )
    os.close(writing)
    whole = mechexo(*words, config=desk.config_path)
    assert (left.returncode, left.stderr) == (whole.returncode, whole.stderr)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_our_glyphs_gets_plain_ones(encoding: str, desk: Desk) -> None:
    done = subprocess.run(
        command("status", config=desk.config_path),
        capture_output=True,
        check=False,
        env=environment({"PYTHONIOENCODING": encoding}),
        timeout=60,
    )
    told = done.stdout.decode(encoding)
    assert "ops_ok  ? UNKNOWN   no - 7 cards unknown" in told.replace("\N{MIDDLE DOT}", "-")


def test_an_ascii_stdout_says_ok_and_critical_with_signs_of_their_own() -> None:
    script = (
        "from mechexo.streams import dependable_streams\n"
        "from mechexo.cli.words import WORDS\n"
        "with dependable_streams(): print(*WORDS.values(), '\u8a71', sep='|')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=environment({"PYTHONIOENCODING": "ascii"}),
    )
    assert done.stdout == "o OK|! WARNING|? UNKNOWN|X CRITICAL|?\n"
