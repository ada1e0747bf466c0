"""Steps that misbehave, run from the console in a real terminal: it stays usable."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator

import psutil
import pytest

from mechexo import following
from mechexo.desk import Desk
from mechexo.incidents import operations as incidents
from mechexo.runbook.following_values import StepOutcome, StepRun
from support.serving import until
from support.tmux import Tmux

pytestmark = [pytest.mark.slow, pytest.mark.terminal]

STEPS = {
    "flood": ("yes 'a line of it' | head -c 300000000; echo the end", 60),
    "terminal": ("stty -echo raw </dev/tty; printf '\\033c\\033[?1049l' >/dev/tty; "
                 "printf '\\033[2J\\033]0;title\\007'; reset; echo untouched", 30),
    "deaf": ("trap '' TERM INT HUP; echo deaf; while :; do sleep 1; done", 3),
}  # fmt: skip


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    """A desk with an entry whose steps misbehave, and an incident that follows it."""
    desk = make_desk('[runbook]\nfolder = "own"\n')
    entry = ["---", "schema: 1", "id: misbehaving", "title: Steps that misbehave",
             "severity: SEV3", "---", "", "## Diagnosis", ""]  # fmt: skip
    for number, (name, (command, timeout)) in enumerate(STEPS.items(), 1):
        fence = f"```sh {{id={name} risk=read timeout={timeout}}}\n{command}\n```"
        entry += [f"{number}. See what {name} does.", "", textwrap.indent(fence, "   "), ""]
    folder = desk.root / "own"
    folder.mkdir()
    (folder / "misbehaving.md").write_text("\n".join(entry))
    incidents.open_incident(desk, title="t", severity="SEV3", runbook="misbehaving")
    return desk


@pytest.fixture
def console(desk: Desk) -> Iterator[Tmux]:
    """The console on the entry, in tmux."""
    program = [sys.executable, "-m", "mechexo", "--config", str(desk.config_path), "console"]
    with Tmux(program, 100, 36, {"LANG": "C.UTF-8"}) as terminal:
        terminal.wait_for("help")
        terminal.keys("7")
        terminal.wait_for("Steps that misbehave")
        terminal.keys("/")
        terminal.keys(*"misbehaving", "Enter")
        terminal.wait_for("1 entry")
        terminal.keys("Enter")
        terminal.wait_for("steps ticked", "incident 1")
        yield terminal


def run_of(desk: Desk, name: str) -> StepRun:
    """The newest run of a step."""
    states = following.progress(desk, 1, "misbehaving").steps
    found = next(each.run for each in states if each.step.id == name)
    assert found is not None
    return found


def start(console: Tmux, down: int) -> None:
    """Runs the step so many rows below the first."""
    console.keys(*"j" * down, "Enter")
    console.wait_for("What would run", "at most")
    console.keys("Enter")
    console.wait_for("it only reads")
    console.keys("Enter")


def test_a_flood_of_output_is_cut_and_keys_still_work(desk: Desk, console: Tmux) -> None:
    start(console, 0)
    console.wait_for("the end", "● ok", timeout_s=90)
    console.keys("q")
    console.wait_for("steps ticked")
    run = run_of(desk, "flood")
    assert run.outcome is StepOutcome.OK
    assert len(run.output) < 100_000


def test_the_terminal_of_the_console_is_out_of_reach(desk: Desk, console: Tmux) -> None:
    start(console, 1)
    console.wait_for("untouched", "● ok", timeout_s=60)
    console.keys("?")
    console.wait_for("What can be done")
    console.keys("q")
    console.wait_for("Last run")
    assert "\x1b" not in run_of(desk, "terminal").output


def test_a_step_that_hears_no_signal_is_ended_at_its_timeout(desk: Desk, console: Tmux) -> None:
    start(console, 2)
    console.wait_for("timed out", timeout_s=60)
    assert run_of(desk, "deaf").outcome is StepOutcome.TIMED_OUT
    deaf = STEPS["deaf"][0]
    until(lambda: not any(deaf in words for words in command_lines()), "an end of all of it")


def command_lines() -> list[str]:
    """What runs on this machine."""
    every = psutil.process_iter(["cmdline"])
    return [" ".join(each.info["cmdline"] or ()) for each in every]
