"""A command is contained: whatever it does, nothing of it outlives its time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from mechexo.runbook.step_output import StepOutput
from mechexo.runbook.step_process import Ended, run
from runbook.followed import PATIENCE_S, until
from support.processes import gone

pytestmark = pytest.mark.slow

GRACE_S = 0.5


def run_it(
    command: str,
    folder: Path,
    *,
    timeout_s: float = PATIENCE_S,
    cancel: threading.Event | None = None,
    keep: bool = False,
) -> tuple[Ended, str]:
    """Runs a command; returns how it ended and the end of what it said."""
    output = StepOutput()
    ended = run(
        command,
        folder=folder,
        environment={"PAGER": "cat"},
        timeout_s=timeout_s,
        to=output,
        cancel=cancel,
        keep=keep,
        grace_s=GRACE_S,
    )
    return ended, output.text()


def pid_in(file: Path) -> int:
    """The process number that a command wrote down."""
    until(lambda: file.exists() and file.read_text().strip())
    return int(file.read_text())


def test_a_command_ends_with_its_code_and_both_its_streams_in_order(tmp_path: Path) -> None:
    ended, said = run_it("echo one; echo two >&2; echo three; exit 7", tmp_path)
    assert (ended.how, ended.exit_code, ended.left, ended.stuck) == ("ended", 7, (), ())
    assert said == "one\ntwo\nthree"


def test_it_runs_in_its_folder_without_input_or_terminal(tmp_path: Path) -> None:
    _, said = run_it("pwd; cat; tty; (: </dev/tty) 2>/dev/null || echo no terminal", tmp_path)
    assert said.split("\n") == [str(tmp_path), "not a tty", "no terminal"]


def test_a_folder_that_is_not_there_starts_nothing(tmp_path: Path) -> None:
    ended, _ = run_it("true", tmp_path / "nowhere")
    assert (ended.how, ended.exit_code) == ("not_started", None)
    assert "nowhere" in ended.why


def test_a_signal_is_told_as_a_shell_tells_it(tmp_path: Path) -> None:
    assert run_it("kill -9 $$", tmp_path)[0].exit_code == 128 + 9


def test_a_command_that_hangs_is_ended_at_its_time(tmp_path: Path) -> None:
    ended, said = run_it("echo begun; echo $$ >pid; sleep 1000", tmp_path, timeout_s=3.0)
    assert (ended.how, ended.exit_code, said) == ("timed_out", None, "begun")
    assert gone(pid_in(tmp_path / "pid"))


def test_a_command_that_ignores_sigterm_is_killed_with_its_children(tmp_path: Path) -> None:
    command = (
        "trap '' TERM HUP INT; sh -c 'trap \"\" TERM; echo $$ >child; while :; do sleep 1; done' &"
        " echo $$ >pid; while :; do sleep 1; done"
    )
    ended, _ = run_it(command, tmp_path, timeout_s=3.0)
    assert (ended.how, ended.stuck) == ("timed_out", ())
    assert gone(pid_in(tmp_path / "pid"))
    assert gone(pid_in(tmp_path / "child"))


def test_a_stopped_command_is_ended_too(tmp_path: Path) -> None:
    ended, _ = run_it("echo $$ >pid; kill -STOP $$", tmp_path, timeout_s=3.0)
    assert ended.how == "timed_out"
    assert gone(pid_in(tmp_path / "pid"))


FORKS_AWAY = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for each in (0, 1, 2):
            os.dup2(nowhere, each)
        with open("away.new", "w") as file:
            file.write(str(os.getpid()))
        os.rename("away.new", "away")
        time.sleep(1000)
    os._exit(0)
os.wait()
"""


FORKS_ON = """
import os, time
forks = 0
while True:
    if os.fork():
        os._exit(0)
    forks += 1
    with open("forks.new", "w") as file:
        file.write(str(forks))
    os.rename("forks.new", "forks")
"""


def test_what_forks_and_exits_all_the_time_is_ended(tmp_path: Path) -> None:
    (tmp_path / "on.py").write_text(FORKS_ON)
    run_it(f"{sys.executable} on.py; while [ ! -e forks ]; do sleep 0.05; done", tmp_path)
    forks = (tmp_path / "forks").read_text()
    time.sleep(0.2)
    assert (tmp_path / "forks").read_text() == forks


@pytest.mark.parametrize("hangs", [False, True], ids=["at its end", "at its time"])
def test_what_forks_away_into_its_own_session_is_ended_as_well(tmp_path: Path, hangs: bool) -> None:
    (tmp_path / "away.py").write_text(FORKS_AWAY)
    command = f"{sys.executable} away.py; while [ ! -e away ]; do sleep 0.05; done"
    ended, _ = run_it(
        command + ("; sleep 1000" if hangs else ""), tmp_path, timeout_s=5.0 if hangs else 60.0
    )
    assert ended.how == ("timed_out" if hangs else "ended")
    if not hangs:
        assert str(pid_in(tmp_path / "away")) in "".join(ended.left)
    assert gone(pid_in(tmp_path / "away"))


def test_a_child_left_with_the_pipe_does_not_hold_the_run(tmp_path: Path) -> None:
    ended, said = run_it("sleep 1000 & echo $! >pid; echo done", tmp_path)
    assert (ended.how, ended.exit_code, said) == ("ended", 0, "done")
    assert len(ended.left) == 1
    assert gone(pid_in(tmp_path / "pid"))


def test_a_change_may_keep_what_it_started_in_the_background(tmp_path: Path) -> None:
    ended, _ = run_it("setsid sleep 1000 >/dev/null 2>&1 & echo $! >pid", tmp_path, keep=True)
    pid = pid_in(tmp_path / "pid")
    try:
        assert (ended.how, ended.exit_code, len(ended.left)) == ("ended", 0, 1)
        assert not gone(pid)
    finally:
        os.kill(pid, signal.SIGKILL)


def test_even_what_may_stay_is_ended_when_time_runs_out(tmp_path: Path) -> None:
    command = "setsid sleep 1000 >/dev/null 2>&1 & echo $! >pid; sleep 1000"
    ended, _ = run_it(command, tmp_path, keep=True, timeout_s=3.0)
    assert ended.how == "timed_out"
    assert gone(pid_in(tmp_path / "pid"))


def test_a_flood_of_a_gigabyte_leaves_memory_as_it_was(tmp_path: Path) -> None:
    us, peak = psutil.Process(), 0
    before = us.memory_info().rss
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.01):
            peak = max(peak, us.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    said: list[int] = []
    output = StepOutput(lambda text: said.append(len(text)))
    try:
        ended = run(
            "head -c 1073741824 /dev/zero",
            folder=tmp_path,
            environment={},
            timeout_s=600.0,
            to=output,
        )
    finally:
        done.set()
        watcher.join()
    assert (ended.how, ended.exit_code) == ("ended", 0)
    assert peak - before < 16 * 1024 * 1024
    assert sum(said) < 1_000_000


def test_a_flood_without_an_end_is_ended_at_its_time(tmp_path: Path) -> None:
    ended, said = run_it("yes mechexo", tmp_path, timeout_s=3.0)
    assert ended.how == "timed_out"
    assert len(said) <= 8192


def test_a_run_that_is_cancelled_ends(tmp_path: Path) -> None:
    cancel = threading.Event()
    found: list[Ended] = []
    runner = threading.Thread(
        target=lambda: found.append(run_it("echo $$ >pid; sleep 1000", tmp_path, cancel=cancel)[0])
    )
    runner.start()
    pid = pid_in(tmp_path / "pid")
    cancel.set()
    runner.join(PATIENCE_S)
    assert [each.how for each in found] == ["cancelled"]
    assert gone(pid)


def test_an_error_of_who_reads_the_output_ends_the_command(tmp_path: Path) -> None:
    class Failing(StepOutput):
        def add(self, chunk: bytes) -> None:
            raise RuntimeError("no room")

    with pytest.raises(RuntimeError, match="no room"):
        run(
            "echo $$ >pid; echo hello; sleep 1000",
            folder=tmp_path,
            environment={},
            timeout_s=PATIENCE_S,
            to=Failing(),
            grace_s=GRACE_S,
        )
    assert gone(pid_in(tmp_path / "pid"))


CALLER = """
import sys
from pathlib import Path
from mechexo.runbook.step_output import StepOutput
from mechexo.runbook.step_process import run
run(sys.argv[1], folder=Path(sys.argv[2]), environment={}, timeout_s=1000, to=StepOutput(),
    grace_s=0.5)
"""


def test_when_the_caller_is_killed_everything_is_ended(tmp_path: Path) -> None:
    command = "setsid sh -c 'echo $$ >away; exec sleep 1000' & echo $$ >pid; sleep 1000"
    caller = subprocess.Popen([sys.executable, "-c", CALLER, command, str(tmp_path)])
    pids = [pid_in(tmp_path / name) for name in ("pid", "away")]
    caller.kill()
    caller.wait()
    until(lambda: all(map(gone, pids)))


def test_a_command_that_kills_its_watcher_is_ended_and_its_outcome_is_not_known(
    tmp_path: Path,
) -> None:
    command = "setsid sh -c 'echo $$ >away; exec sleep 1000' &\n"
    command += "while [ ! -s away ]; do sleep 0.05; done; kill -9 $PPID; sleep 1000"
    ended, _ = run_it(command, tmp_path)
    assert (ended.how, ended.exit_code) == ("lost", None)
    assert gone(pid_in(tmp_path / "away"))
