"""`mechexo runbook step`, `tick` and `steps` as people and scripts run them."""

from __future__ import annotations

import json
import os
import sqlite3
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mechexo import following
from mechexo.desk import Desk
from runbook.followed import following_desk, until
from support.program import command, document, mechexo, one_line
from support.pseudo_terminal import PseudoTerminal, plain

pytestmark = pytest.mark.slow

MakeDesk = Callable[..., Desk]
PATIENCE_S = 60.0
COMMANDS = (
    ("echo looked >>ran; echo I looked", "id=look"),
    ("echo acted >>ran", "id=act risk=danger confirm=typed undo=look"),
    ("echo failed >>ran; exit 4", "id=fail"),
    ("echo $NOT_SET", "id=blocked"),
)


@pytest.fixture
def config(make_desk: MakeDesk) -> Path:
    return following_desk(make_desk, *COMMANDS).config_path


def ran(config: Path) -> list[str]:
    """What the commands of the entry left behind."""
    file = config.parent / "ran"
    return file.read_text().split() if file.exists() else []


def test_without_a_terminal_and_a_yes_nothing_runs_and_the_command_is_shown(config: Path) -> None:
    done = mechexo("runbook", "step", "sample", "look", "act", config=config)
    assert done.returncode == 2
    assert "echo looked >>ran" in done.stderr
    assert "nothing was run; to run it: --yes --typed act" in done.stderr
    assert ran(config) == []


def test_with_a_yes_it_runs_and_says_how_it_went(config: Path) -> None:
    done = mechexo("runbook", "step", "sample", "look", "--yes", config=config)
    assert done.returncode == 0
    assert "  $ echo looked >>ran; echo I looked\nI looked\n● ok · exit code 0" in done.stdout
    assert ran(config) == ["looked"]


def test_a_danger_needs_its_id_typed_besides_a_yes(config: Path) -> None:
    done = mechexo("runbook", "step", "sample", "act", "--yes", config=config)
    assert done.returncode == 3
    one_line(done.__class__(done.args, 3, "", done.stderr), "--typed act")
    assert ran(config) == []
    done = mechexo("runbook", "step", "sample", "act", "--yes", "--typed", "act", config=config)
    assert (done.returncode, ran(config)) == (0, ["acted"])


@pytest.mark.parametrize("mode", ["paper", "live"])
def test_a_refused_step_among_them_opens_no_incident_and_lets_none_run(
    make_desk: MakeDesk, mode: str
) -> None:
    config = following_desk(make_desk, *COMMANDS, mode=mode).config_path
    typed = ["--typed", "act"] if mode == "live" else []
    done = mechexo("runbook", "step", "sample", "look", "act", "--yes", *typed, config=config)
    one_line(done.__class__(done.args, done.returncode, "", done.stderr), "sample/act")
    assert done.returncode == (2 if mode == "live" else 3)
    assert ran(config) == []
    assert document(mechexo("incident", "list", "--json", config=config))["incidents"] == []


def test_with_the_state_file_locked_it_says_how_to_run_it_by_hand(config: Path) -> None:
    assert mechexo("incident", "open", "t", config=config).returncode == 0
    holder = sqlite3.connect(config.parent / "state" / "mechexo.sqlite")
    holder.execute("BEGIN IMMEDIATE")
    try:
        done = mechexo("runbook", "step", "sample", "look", "--yes", config=config)
    finally:
        holder.close()
    assert done.returncode == 4
    assert f"by hand it is: cd {config.parent} && echo looked" in done.stderr
    assert ran(config) == []


def test_a_step_that_somebody_runs_is_not_offered_to_be_run_by_hand(make_desk: MakeDesk) -> None:
    made = following_desk(make_desk, ("echo begun >>ran; sleep 1000", "id=look"))
    desk = Desk.open(made.config_path)  # On the clock that the program below has.
    number, cancel = following.incident_for(desk, "sample").id, threading.Event()
    runner = threading.Thread(
        target=lambda: following.run_step(desk, number, "sample", "look", cancel=cancel)
    )
    runner.start()
    try:
        until(lambda: ran(desk.config_path))
        done = mechexo("runbook", "step", "sample", "look", "--yes", config=desk.config_path)
    finally:
        cancel.set()
        runner.join(PATIENCE_S)
    assert done.returncode == 4
    assert "is being run by " in done.stderr
    assert "by hand" not in done.stderr


def test_steps_stop_at_the_first_that_fails(config: Path) -> None:
    done = mechexo("runbook", "step", "sample", "fail", "look", "--yes", config=config)
    assert done.returncode == 1
    assert "✖ failed · exit code 4" in done.stdout
    assert "not run: look" in done.stderr
    assert ran(config) == ["failed"]


def test_a_blocked_step_among_them_lets_none_run(config: Path) -> None:
    done = mechexo("runbook", "step", "sample", "look", "blocked", "--yes", config=config)
    assert done.returncode == 2
    one_line(done, "$NOT_SET is not set")
    assert ran(config) == []


def test_the_reads_run_in_one_go_and_what_is_passed_over_is_said(config: Path) -> None:
    done = mechexo("runbook", "step", "sample", "--reads", "--yes", "--json", config=config)
    found = document(done)
    assert done.returncode == 1
    assert [(run["step_id"], run["outcome"]) for run in found["runs"]] == [
        ("look", "ok"),
        ("fail", "failed"),
    ]
    assert found["skipped"][0]["step"] == "blocked"
    assert ran(config) == ["looked", "failed"]


def test_show_tells_exactly_what_would_run_and_runs_nothing(config: Path) -> None:
    done = mechexo("runbook", "step", "sample", "look", "--show", config=config)
    assert done.returncode == 0
    for told in ("$ echo looked >>ran; echo I looked", f"in {config.parent} on ", "at most 60 s"):
        assert told in done.stdout
    done = mechexo("runbook", "step", "sample", "blocked", "--show", "--json", config=config)
    assert done.returncode == 1
    assert "NOT_SET" in document(done)["steps"][0]["blocked"]
    assert ran(config) == []


def test_ticks_and_runs_are_in_the_checklist(config: Path) -> None:
    mechexo("runbook", "step", "sample", "fail", "--yes", config=config)
    assert mechexo("runbook", "tick", "sample", "look", "fail", config=config).returncode == 0
    assert "1 of 4" in mechexo("runbook", "tick", "sample", "fail", "--undo", config=config).stdout
    found = document(mechexo("runbook", "steps", "sample", "--json", config=config))
    look, _, fail, blocked = found["steps"]
    assert (found["incident"], found["ticked"], look["ticked"]) == (1, 1, True)
    assert (fail["run"]["outcome"], fail["run"]["exit_code"]) == ("failed", 4)
    assert "NOT_SET" in blocked["blocked"]
    shown = mechexo("runbook", "steps", "sample", config=config).stdout
    assert "incident 1: A sample" in shown
    assert "✔ done" in shown
    assert "✖ failed" in shown


def test_the_checklist_of_an_entry_that_nobody_follows_opens_no_incident(config: Path) -> None:
    shown = mechexo("runbook", "steps", "sample", config=config).stdout
    assert "no incident goes on" in shown
    found = document(mechexo("incident", "list", "--json", config=config))
    assert found["incidents"] == []


def test_opening_listing_searching_and_exporting_run_nothing(config: Path, tmp_path: Path) -> None:
    for words in (
        ("list",),
        ("show", "sample"),
        ("show", "sample", "--json"),
        ("search", "something", "odd"),
        ("match", "sample_alert"),
        ("export", "--out", tmp_path / "all.md"),
        ("export", "--format", "html", "--out", tmp_path / "all.html"),
        ("export", "--format", "folder", "--out", tmp_path / "folder"),
        ("check",),
        ("steps", "sample"),
        ("tick", "sample", "look", "act"),
        ("step", "sample", "look", "act", "--show"),
    ):
        done = mechexo("runbook", *words, config=config)
        assert "Traceback" not in done.stderr
        assert done.returncode in (0, 1), (words, done.stderr)
    assert ran(config) == []


def on_terminal(config: Path, *words: str) -> PseudoTerminal:
    return PseudoTerminal(command("runbook", "step", "sample", *words, config=config))


def seen(terminal: PseudoTerminal, text: str) -> str:
    """What the terminal shows, once it shows this."""
    found = terminal.collect(until=lambda data: text in plain(data), timeout_s=PATIENCE_S)
    assert text in plain(found.data)
    return plain(found.data)


def test_on_a_terminal_the_command_is_shown_and_asked_for(config: Path) -> None:
    with on_terminal(config, "look") as terminal:
        assert "$ echo looked >>ran" in seen(terminal, "Run it? [y/N]")
        terminal.send("n\n")
        seen(terminal, "nothing was run")
    assert ran(config) == []
    with on_terminal(config, "look") as terminal:
        seen(terminal, "Run it? [y/N]")
        terminal.send("y\n")
        seen(terminal, "● ok")
    assert ran(config) == ["looked"]


def test_on_a_terminal_a_danger_runs_only_when_its_id_is_typed(config: Path) -> None:
    with on_terminal(config, "act") as terminal:
        assert "DANGER" in seen(terminal, "Type act to run it:")
        terminal.send("y\n")
        seen(terminal, "nothing was run")
    assert ran(config) == []
    with on_terminal(config, "act") as terminal:
        seen(terminal, "Type act to run it:")
        terminal.send("act\n")
        seen(terminal, "● ok")
    assert ran(config) == ["acted"]


def test_a_step_that_changes_the_terminals_modes_leaves_them_as_they_were(
    make_desk: MakeDesk,
) -> None:
    ours, theirs = os.openpty()
    name = os.ttyname(theirs)
    before = termios.tcgetattr(theirs)
    # By its standard input, by its controlling terminal, and by name.
    change = f"stty raw -echo; stty raw </dev/tty; stty -F {name} raw -echo; echo changed >>ran"
    config = following_desk(make_desk, (change, "id=look")).config_path
    words = " ".join(command("runbook", "step", "sample", "look", "--yes", config=config))
    with PseudoTerminal(
        ["sh", "-c", f"exec {words} <{name} >{name} 2>&1"],
    ) as terminal:
        begin = time.monotonic()
        while terminal.ended_within(0.05) is None:
            os.set_blocking(ours, False)
            try:
                os.read(ours, 65536)
            except BlockingIOError:
                assert time.monotonic() - begin < PATIENCE_S
    assert ran(config) == ["changed"]
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)


def test_a_run_that_is_told_to_end_is_cancelled_on_record(make_desk: MakeDesk) -> None:
    desk = following_desk(make_desk, ("printf 'be%s\\n' gun; sleep 1000", "id=look"))
    with on_terminal(desk.config_path, "look", "--yes") as terminal:
        seen(terminal, "begun")
        terminal.send("\x03")
        assert terminal.ended_within(PATIENCE_S) is not None
    done = mechexo("runbook", "steps", "sample", "--json", config=desk.config_path)
    assert json.loads(done.stdout)["steps"][0]["run"]["outcome"] == "cancelled"
