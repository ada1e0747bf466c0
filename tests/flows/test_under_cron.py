"""A wrapped job as cron runs it: a bare environment, any signal, any exit code, much output, no
room on the disk."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mechexo.clock import SystemClock
from mechexo.desk import Desk
from mechexo.flows import child
from mechexo.flows import operations as flows
from mechexo.flows.values import RunState
from support.program import command
from support.small_disk import FILLER, fill

pytestmark = pytest.mark.slow

MOST_RSS_KB = 80_000


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """What cron gives a job, less HOME; the cache is the test's, so that nobody's own is written
    into."""
    return {
        "PATH": "/usr/bin:/bin",
        "SHELL": "/bin/sh",
        "LOGNAME": "somebody",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }


def words(desk: Desk, *job: str, options: tuple[str, ...] = ()) -> list[str]:
    return command("flows", "exec", "nightly", *options, "--", *job, config=desk.config_path)


def only_run(desk: Desk) -> tuple[RunState, int | None, str]:
    [run] = flows.runs(desk)
    return run.state, run.exit_code, run.tail


def test_a_job_under_cron_s_bare_environment_is_run_and_recorded(
    desk: Desk, bare: dict[str, str]
) -> None:
    every = ("--lock", "--expect-every", "1d", "--grace", "15m", "--timeout", "1h")
    script = 'echo "${HOME-no home} ${TERM-no terminal} $PATH"; pwd; exit 7'
    for _ in range(2):  # The second time by the kept facts.
        done = subprocess.run(
            words(desk, "sh", "-c", script, options=every),
            env=bare,
            cwd="/",
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (7, "")
        assert done.stdout == "no home no terminal /usr/bin:/bin\n/\n"
    assert [run.exit_code for run in flows.runs(desk)] == [7, 7]


def test_the_job_s_environment_is_what_cron_gave(desk: Desk, bare: dict[str, str]) -> None:
    # Python gives itself an LC_CTYPE where there is none, which a job would sort and read by.
    for given in (bare, bare | {"LC_CTYPE": "C"}, bare | {"LANG": "C.UTF-8"}):
        alone = subprocess.run(["env"], capture_output=True, env=given)
        done = subprocess.run(words(desk, "env"), capture_output=True, env=given)
        assert sorted(done.stdout.splitlines()) == sorted(alone.stdout.splitlines())


def test_a_closed_stdin_is_closed_for_the_job_too(desk: Desk, bare: dict[str, str]) -> None:
    script = "read line || echo none; test -e /proc/$$/fd/0 && echo open"
    job = ["sh", "-c", script]
    closing = ["sh", "-c", 'exec "$@" <&-', "-"]
    alone = subprocess.run([*closing, *job], capture_output=True, env=bare)
    done = subprocess.run([*closing, *words(desk, *job)], capture_output=True, env=bare)
    assert done.stdout == alone.stdout == b"none\n"
    assert done.returncode == alone.returncode == 1
    assert only_run(desk)[0] is RunState.FAILED


def test_closed_streams_take_no_place_of_the_state_file(desk: Desk, bare: dict[str, str]) -> None:
    shell = 'exec "$@" <&- >&- 2>&-'
    job = words(desk, "sh", "-c", "echo out; echo err >&2; exit 3", options=("--lock",))
    subprocess.run(["sh", "-c", shell, "-", *job], env=bare)
    assert flows.runs(desk)[0].exit_code is not None
    assert desk.verify_audit().problems == ()


ENDS_A_JOB = ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "ALRM")


@pytest.mark.parametrize("name", ENDS_A_JOB)
def test_a_signal_goes_to_the_job_and_its_end_by_it_is_the_exit_code(desk: Desk, name: str) -> None:
    number = signal.Signals[f"SIG{name}"]
    with subprocess.Popen(
        words(desk, "sh", "-c", "echo ready; exec sleep 600"),
        stdout=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    ) as wrapper:
        assert wrapper.stdout is not None
        assert wrapper.stdout.readline() == b"ready\n"
        wrapper.send_signal(number)
        assert wrapper.wait(60) == 128 + number
    assert only_run(desk)[:2] == (RunState.FAILED, 128 + number)


@pytest.mark.parametrize("name", [*ENDS_A_JOB, "WINCH", "CONT"])
def test_a_job_that_minds_a_signal_hears_it_and_goes_on(desk: Desk, name: str) -> None:
    number = signal.Signals[f"SIG{name}"]
    script = (
        "import os, signal, time\n"
        "seen = []\n"
        f"signal.signal({int(number)}, lambda *_: (seen.append(1), os.write(1, b'heard\\n')))\n"
        "os.write(1, b'ready\\n')\n"
        "while not seen: time.sleep(0.01)\n"
        "raise SystemExit(9)\n"
    )
    with subprocess.Popen(
        words(desk, sys.executable, "-c", script),
        stdout=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    ) as wrapper:
        assert wrapper.stdout is not None
        assert wrapper.stdout.readline() == b"ready\n"
        wrapper.send_signal(number)
        assert wrapper.stdout.readline() == b"heard\n"
        assert wrapper.wait(60) == 9


def test_a_signal_after_the_job_s_end_does_not_lose_its_record(desk: Desk, tmp_path: Path) -> None:
    done = tmp_path / "done"
    # The job itself takes the writers' lock, so that its end has to wait for its turn.
    with Path(f"{desk.state.path}.lock").open("a") as lock:
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        with subprocess.Popen(
            words(desk, "sh", "-c", f"cat {fifo}; touch {done}; exit 6"), stderr=subprocess.DEVNULL
        ) as wrapper:
            with fifo.open("w"):
                # Its start is on record: the job reads.
                fcntl.flock(lock, fcntl.LOCK_EX)
            deadline = time.monotonic() + 30
            while not (done.exists() and _has_no_children(wrapper.pid)):
                assert time.monotonic() < deadline, "the job never ended"
                time.sleep(0.02)
            wrapper.terminate()
            fcntl.flock(lock, fcntl.LOCK_UN)
            assert wrapper.wait(60) == 6
    assert only_run(desk)[:2] == (RunState.FAILED, 6)


def _has_no_children(pid: int) -> bool:
    return not Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 75, 124, 126, 127, 128, 130, 137, 254, 255])
def test_exit_codes_pass_through_the_whole_program(desk: Desk, code: int) -> None:
    assert subprocess.run(words(desk, "sh", "-c", f"exit {code}")).returncode == code
    assert only_run(desk)[1] == code


def test_every_exit_code_is_that_of_the_job() -> None:
    ended = {code: child.run(["sh", "-c", f"exit {code}"]) for code in range(256)}
    assert {code: end.exit_code for code, end in ended.items()} == {n: n for n in range(256)}
    assert not any(end.timed_out for end in ended.values())


def test_a_gigabyte_of_output_passes_whole_and_is_never_held(desk: Desk) -> None:
    size = 1 << 30
    # The job's parent is the wrapper; the kernel tells the most memory that it ever had.
    script = f"head -c {size} /dev/zero; grep VmHWM /proc/$PPID/status >&2"
    with (
        subprocess.Popen(["wc", "-c"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as counting,
        subprocess.Popen(
            words(desk, "sh", "-c", script), stdout=counting.stdin, stderr=subprocess.PIPE
        ) as wrapper,
    ):
        assert counting.stdin is not None
        counting.stdin.close()
        assert counting.stdout is not None
        assert wrapper.stderr is not None
        assert int(counting.stdout.read()) == size
        most_kb = int(wrapper.stderr.read().split()[1])
    assert wrapper.returncode == 0
    assert most_kb < MOST_RSS_KB
    assert len(only_run(desk)[2]) <= 8192


def test_a_full_disk_stops_no_job_and_its_run_is_told_of(
    small_disk: Path, make_desk: Callable[..., Desk]
) -> None:
    config = make_desk().config_path
    text = config.read_text().replace("\n", f'\nstate = "{small_disk}/s.sqlite"\n', 1)
    config.write_text(text)
    desk = Desk.open(config, clock=SystemClock())
    fill(small_disk)
    done = subprocess.run(
        words(desk, "sh", "-c", "echo ran; exit 7"), capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (7, "ran\n")
    assert "the disk is full" in done.stderr
    (small_disk / FILLER).unlink()
    recorded = any(run.exit_code == 7 for run in flows.runs(desk))
    assert recorded != ("NOT RECORDED: nightly failed with 7" in done.stderr)
    assert desk.verify_audit().problems == ()


def test_a_limit_on_the_size_of_files_stops_no_job(desk: Desk) -> None:
    done = subprocess.run(
        words(desk, "sh", "-c", "echo ran; exit 7"),
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
    )
    assert (done.returncode, done.stdout) == (7, "ran\n")
    assert "NOT RECORDED: nightly failed with 7" in done.stderr


def test_output_that_a_full_disk_refuses_is_said_and_kept_in_the_record(
    desk: Desk, small_disk: Path
) -> None:
    with (small_disk / "log").open("wb") as log:
        fill(small_disk)
        done = subprocess.run(
            words(desk, "sh", "-c", "echo one line; yes"), stdout=log, stderr=subprocess.PIPE
        )
    assert done.returncode == 128 + signal.SIGPIPE
    assert b"the output of sh was cut off: stdout: No space left on device" in done.stderr
    assert only_run(desk)[2].startswith("one line\n")


# The interpreter may lie where only root can read it: all is imported, by a job on another desk,
# before root is given up.
AS_ANOTHER = """
import os, sys
import mechexo.crash, mechexo.flows.spool
from mechexo.entry import _job, main
warm, *words = sys.argv[1:]
for _ in range(2):
    _job(["--config", warm, "flows", "exec", "warm", "--lock", "--", "true"])
os.environ.pop("HOME")
os.environ.pop("XDG_CACHE_HOME", None)
os.setgroups([])
os.setresgid(54321, 54321, 54321)
os.setresuid(54321, 54321, 54321)
sys.argv[1:] = words
main()
"""


def test_a_user_without_a_home_or_a_name_runs_jobs_too(desk: Desk, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs the right to become another user")
    warm = tmp_path / "warm" / "mechexo.toml"
    warm.parent.mkdir()
    warm.write_text(desk.config_path.read_text())
    for path in (*desk.config_path.parent.rglob("*"), desk.config_path.parent):
        os.chown(path, 54321, 54321)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and "pytest" in str(folder):
            folder.chmod(0o755)
    # Another user cannot write this suite's figures of coverage.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    job = words(desk, "sh", "-c", "id -u; exit 7", options=("--lock",))
    done = subprocess.run(
        [sys.executable, "-c", AS_ANOTHER, str(warm), *job[3:]],
        capture_output=True,
        text=True,
        env=environ,
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, "54321\n", "")
    assert only_run(desk)[1] == 7
