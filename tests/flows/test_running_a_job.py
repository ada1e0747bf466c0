"""A wrapped job behaves as it would alone, and its run is on record."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mechexo.actor import Actor
from mechexo.desk import Desk
from mechexo.errors import NotAllowedError, UsageError
from mechexo.flows import executing, spool
from mechexo.flows import operations as flows
from mechexo.flows.values import FlowRun, RunState
from mechexo.health.records import check_ins as check_ins_of
from mechexo.health.values import CheckIn
from mechexo.jobs import ping, run_job, run_named

pytestmark = pytest.mark.slow

NOBODYS = '[access]\nowner_is_admin = false\nothers = "viewer"\nresponder = ["cron"]\n'
MECHEXO = [sys.executable, "-m", "mechexo"]


@pytest.fixture
def wrapped(desk: Desk) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Runs `mechexo flows exec nightly -- …` as cron would."""

    def run(
        *command: str, options: tuple[str, ...] = (), stdin: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            exec_words(desk, *command, options=options),
            input=stdin,
            capture_output=True,
            check=False,
            timeout=60,
        )

    return run


def exec_words(desk: Desk, *command: str, options: tuple[str, ...] = ()) -> list[str]:
    words = ["--config", str(desk.config_path), "flows", "exec", "nightly", *options, "--"]
    return [*MECHEXO, *words, *command]


def check_ins(desk: Desk) -> dict[str, CheckIn]:
    return dict(check_ins_of(desk.state))


def only_run(desk: Desk) -> FlowRun:
    [run] = flows.runs(desk)
    return run


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def test_bytes_exit_code_and_record_of_a_job(
    desk: Desk, wrapped: Callable[..., subprocess.CompletedProcess[bytes]]
) -> None:
    script = "cat; printf 'err\\377\\n' >&2; exit 3"
    done = wrapped("sh", "-c", script, stdin=b"in\0\xff\r\n")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"in\0\xff\r\n", b"err\xff\n")
    run = only_run(desk)
    assert (run.flow, run.state, run.exit_code) == ("nightly", RunState.FAILED, 3)
    assert run.ended_at is not None
    assert run.duration_s is not None
    assert "err\ufffd" in run.tail


def test_the_end_of_a_job_is_in_the_audit_log(
    desk: Desk, wrapped: Callable[..., subprocess.CompletedProcess[bytes]]
) -> None:
    wrapped("sh", "-c", "exit 3")
    [entry] = desk.audit_entries()
    assert (entry.action, entry.target, entry.outcome) == ("flows.exec", "nightly", "failed")
    payload = json.loads(entry.payload)
    assert (payload["exit_code"], payload["run"]) == (3, only_run(desk).id)
    assert json.loads(entry.actor)["uid"] == os.getuid()
    assert desk.verify_audit().problems == ()


def test_a_viewer_s_job_runs_on_a_live_desk_but_turns_no_heartbeat(
    make_desk: Callable[..., Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    desk = make_desk(NOBODYS, mode="live", actor=Actor(4242, "guest"))
    run = run_job(desk, "nightly", ["sh", "-c", "exit 3"])
    assert (run.state, run.exit_code) == (RunState.FAILED, 3)
    assert check_ins(desk) == {}
    [entry] = desk.audit_entries()
    assert (entry.action, json.loads(entry.payload)["role"]) == ("flows.exec", "viewer")
    said = capsys.readouterr().err
    assert "the check-in of nightly is not recorded" in said
    assert "needs the role responder; guest is viewer" in said


def test_a_responder_s_job_on_a_live_desk_is_checked_in(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(NOBODYS, mode="live", actor=Actor(4242, "cron"))
    run_job(desk, "nightly", ["true"])
    assert check_ins(desk)["nightly"].ok


def test_a_viewer_s_ping_is_refused_and_on_record(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(NOBODYS, actor=Actor(4242, "guest"))
    with pytest.raises(NotAllowedError, match=r"flows\.ping needs the role responder"):
        ping(desk, "nightly")
    assert check_ins(desk) == {}
    assert [(e.action, e.outcome) for e in desk.audit_entries()] == [("flows.ping", "refused")]


def test_a_ping_on_a_live_desk_needs_no_person_s_reason(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(NOBODYS, mode="live", actor=Actor(4242, "cron"))
    ping(desk, "nightly", ok=False, detail="no data")
    assert not check_ins(desk)["nightly"].ok
    [entry] = desk.audit_entries()
    payload = json.loads(entry.payload)
    assert (entry.action, entry.target, entry.outcome) == ("flows.ping", "nightly", "done")
    assert payload["reason"] == "checked in by its job"
    assert payload["after"] == {"ok": False, "detail": "no data"}


def test_a_ping_for_a_name_that_cannot_be_shown_leaves_nothing(desk: Desk) -> None:
    with pytest.raises(UsageError):
        ping(desk, "a\nb")
    assert desk.audit_entries() == ()


def test_a_job_that_ends_well_is_completed_and_checked_in(
    desk: Desk, wrapped: Callable[..., subprocess.CompletedProcess[bytes]]
) -> None:
    assert wrapped("true").returncode == 0
    assert only_run(desk).state is RunState.COMPLETED
    assert only_run(desk).exit_code == 0


def test_much_output_passes_unchanged_and_only_its_end_is_kept(
    desk: Desk, wrapped: Callable[..., subprocess.CompletedProcess[bytes]]
) -> None:
    done = wrapped("sh", "-c", "seq 200000; echo last >&2")
    assert done.stdout == b"".join(b"%d\n" % number for number in range(1, 200001))
    assert done.stderr == b"last\n"
    tail = only_run(desk).tail
    assert len(tail.encode()) <= 8192
    assert "\n200000\n" in tail


def test_stdout_and_stderr_in_one_place_keep_their_order(desk: Desk) -> None:
    script = "for i in 1 2 3 4 5; do echo out$i; echo err$i >&2; done"
    done = subprocess.run(
        exec_words(desk, "sh", "-c", script),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=True,
    )
    expected = b"".join(b"out%d\nerr%d\n" % (i, i) for i in range(1, 6))
    assert done.stdout == expected
    assert only_run(desk).tail == expected.decode()


def test_death_by_a_signal_exits_with_128_and_its_number(
    desk: Desk, wrapped: Callable[..., subprocess.CompletedProcess[bytes]]
) -> None:
    assert wrapped("sh", "-c", "kill -9 $$").returncode == 137
    assert only_run(desk).exit_code == 137
    assert only_run(desk).state is RunState.FAILED


def test_a_command_that_does_not_exist_is_recorded_with_127(
    desk: Desk, wrapped: Callable[..., subprocess.CompletedProcess[bytes]]
) -> None:
    done = wrapped("no-such-command-here")
    assert done.returncode == 127
    assert done.stderr == b"mechexo: no-such-command-here: command not found\n"
    assert (only_run(desk).exit_code, only_run(desk).state) == (127, RunState.FAILED)
    assert "command not found" in only_run(desk).tail


def test_a_command_that_may_not_be_executed_is_recorded_with_126(
    desk: Desk, wrapped: Callable[..., subprocess.CompletedProcess[bytes]], tmp_path: Path
) -> None:
    plain = tmp_path / "plain.txt"
    plain.touch(mode=0o644)
    assert wrapped(str(plain)).returncode == 126
    assert only_run(desk).exit_code == 126


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_go_on_to_the_whole_group_of_the_job(desk: Desk, number: signal.Signals) -> None:
    # Both the shell and its own child have to notice.
    script = (
        "import os, signal, sys, time\n"
        "child = os.fork()\n"
        "who = 'parent' if child else 'child'\n"
        "def seen(n, f):\n"
        "    os.write(1, f'{who} {n}\\n'.encode())\n"
        "    if child: os.wait()\n"
        "    os._exit(5)\n"
        "for n in (1, 2, 15): signal.signal(n, seen)\n"
        "os.write(1, b'ready\\n')\n"
        "while True: time.sleep(1)\n"
    )
    with subprocess.Popen(
        exec_words(desk, sys.executable, "-c", script),
        stdout=subprocess.PIPE,
        # Whoever runs the tests under nohup has the hangup ignored from the start.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    ) as wrapper:
        assert wrapper.stdout is not None
        assert [wrapper.stdout.readline() for _ in range(2)] == [b"ready\n"] * 2
        wrapper.send_signal(number)
        lines = sorted(wrapper.stdout.read().splitlines())
    assert lines == [b"child %d" % number, b"parent %d" % number]
    assert wrapper.returncode == 5
    assert only_run(desk).exit_code == 5


def test_a_job_under_nohup_goes_on_ignoring_the_hangup(desk: Desk) -> None:
    script = "echo ready; sleep 0.3; echo survived"
    with subprocess.Popen(
        exec_words(desk, "sh", "-c", script),
        stdout=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    ) as wrapper:
        assert wrapper.stdout is not None
        assert wrapper.stdout.readline() == b"ready\n"
        wrapper.send_signal(signal.SIGHUP)
        assert wrapper.stdout.read() == b"survived\n"
    assert wrapper.returncode == 0


def test_a_job_that_takes_too_long_is_ended_and_recorded_as_timed_out(
    desk: Desk, wrapped: Callable[..., subprocess.CompletedProcess[bytes]]
) -> None:
    done = wrapped("sh", "-c", "echo begun; exec sleep 60", options=("--timeout", "1s"))
    assert (done.returncode, done.stdout) == (124, b"begun\n")
    assert done.stderr == b"mechexo: sh took longer than 1s and was ended: exit code 124\n"
    assert only_run(desk).state is RunState.TIMED_OUT
    assert only_run(desk).tail == "begun\n"


@pytest.mark.slow
def test_a_job_that_ignores_the_request_to_end_is_killed(
    desk: Desk, wrapped: Callable[..., subprocess.CompletedProcess[bytes]]
) -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
    done = wrapped(sys.executable, "-c", stubborn, options=("--timeout", "0.5s"))
    assert done.returncode == 124
    assert only_run(desk).state is RunState.TIMED_OUT


def test_what_the_job_leaves_in_the_background_can_go_on_writing(desk: Desk) -> None:
    script = "(sleep 0.5; echo later) & echo now"
    with subprocess.Popen(exec_words(desk, "sh", "-c", script), stdout=subprocess.PIPE) as wrapper:
        assert wrapper.stdout is not None
        assert wrapper.stdout.readline() == b"now\n"
        assert wrapper.wait(30) == 0
        assert only_run(desk).state is RunState.COMPLETED
        assert wrapper.stdout.read() == b"later\n"


def test_a_job_whose_reader_goes_away_notices_as_it_would_alone(desk: Desk) -> None:
    with subprocess.Popen(exec_words(desk, "yes"), stdout=subprocess.PIPE) as wrapper:
        assert wrapper.stdout is not None
        wrapper.stdout.read(10)
        wrapper.stdout.close()
    assert wrapper.returncode == 128 + signal.SIGPIPE
    assert only_run(desk).exit_code == 128 + signal.SIGPIPE


def test_a_job_at_a_terminal_can_read_from_it(desk: Desk) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, exec_words(desk, "sh", "-c", "read x; echo got-$x"))
    os.write(terminal, b"hello\n")
    shown = b""
    while b"got-hello" not in shown:
        shown += os.read(terminal, 1024)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(terminal)


def test_a_run_whose_wrapper_was_killed_is_found_lost(desk: Desk) -> None:
    with subprocess.Popen(
        exec_words(desk, "sh", "-c", "echo $$; exec sleep 60"), stdout=subprocess.PIPE
    ) as wrapper:
        assert wrapper.stdout is not None
        job = int(wrapper.stdout.readline())
        assert only_run(desk).state is RunState.RUNNING
        wrapper.kill()
        wrapper.wait()
        os.kill(job, signal.SIGKILL)
    run = only_run(desk)
    assert (run.state, run.exit_code, run.ended_at) == (RunState.LOST, None, None)
    stored = desk.state.row("SELECT state FROM flow_run")
    assert stored is not None
    assert stored["state"] == "lost"


def test_a_locked_state_file_neither_stops_the_job_nor_loses_its_run(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(executing, "START_WAIT_S", 0.05)
    monkeypatch.setattr(executing, "END_WAIT_S", 0.05)
    with Path(f"{desk.state.path}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = flows.execute(desk, "nightly", ["sh", "-c", "echo ran; exit 4"])
        assert flows.runs(desk) == ()
    assert (run.id, run.exit_code) == (0, 4)
    out, remarks = capfd.readouterr()
    assert out == "ran\n"
    assert "not recorded yet" in remarks
    assert "is recorded with the next one" in remarks
    found = only_run(desk.acting_as(Actor(4242, "reader")))
    assert (found.state, found.exit_code, found.tail) == (RunState.FAILED, 4, "ran\n")
    assert not spool.folder_of(desk.state.path).exists()
    assert only_run(desk) == found
    # Whoever reads takes the run over, but it was the job's own account that ran it.
    [entry] = desk.audit_entries()
    assert (entry.action, entry.outcome) == ("flows.exec", "failed")
    assert json.loads(entry.actor)["name"] == "tester"


def test_an_end_that_could_not_be_written_completes_its_run_later(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executing, "END_WAIT_S", 0.05)
    lock = Path(f"{desk.state.path}.lock")
    # The job itself takes the writers' lock and leaves it to a sleeping child of its own.
    script = f"exec 9>>{lock}; flock 9; sleep 1 9>&9 & exit 0"
    flows.execute(desk, "nightly", ["sh", "-c", script])
    assert len(list(spool.folder_of(desk.state.path).iterdir())) == 1
    reader = desk.acting_as(Actor(4242, "reader"))
    wait_for(lambda: only_run(reader).state is RunState.COMPLETED)
    [entry] = desk.audit_entries()
    assert (entry.action, entry.outcome) == ("flows.exec", "completed")
    assert json.loads(entry.actor)["name"] == "tester"


def test_a_run_that_can_be_written_nowhere_is_said_on_stderr(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(executing, "START_WAIT_S", 0.05)
    monkeypatch.setattr(executing, "END_WAIT_S", 0.05)
    spool.folder_of(desk.state.path).touch()
    with Path(f"{desk.state.path}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = flows.execute(desk, "nightly", ["sh", "-c", "exit 4"])
    assert run.exit_code == 4
    assert "NOT RECORDED: nightly failed with 4" in capfd.readouterr().err


def test_a_broken_configuration_does_not_stop_the_job(
    desk: Desk, wrapped: Callable[..., subprocess.CompletedProcess[bytes]]
) -> None:
    desk.config_path.write_text("[desk\n")
    done = wrapped("sh", "-c", "echo ran; exit 4")
    assert (done.returncode, done.stdout) == (4, b"ran\n")
    assert b"this run will not be recorded" in done.stderr


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "\x1b[2J", "x" * 81])
def test_a_name_that_cannot_be_shown_is_refused(desk: Desk, name: str) -> None:
    with pytest.raises(UsageError, match="is no name for a flow"):
        flows.execute(desk, name, ["true"])


def test_without_a_command_nothing_is_run(desk: Desk) -> None:
    with pytest.raises(UsageError, match="no command to run"):
        flows.execute(desk, "nightly", [])


def test_the_interrupt_key_at_a_terminal_reaches_the_job_once(desk: Desk) -> None:
    script = (
        "import os, signal, time\n"
        "count = 0\n"
        "def seen(n, f):\n"
        "    global count\n"
        "    count += 1\n"
        "signal.signal(2, seen)\n"
        "os.write(1, b'ready\\n')\n"
        "while not count: time.sleep(0.01)\n"
        "time.sleep(0.3)\n"
        "os.write(1, f'seen {count}\\n'.encode())\n"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, exec_words(desk, sys.executable, "-c", script))
    shown = b""
    while b"ready" not in shown:
        shown += os.read(terminal, 1024)
    os.write(terminal, b"\x03")
    while b"seen" not in shown:
        shown += os.read(terminal, 1024)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(terminal)
    assert b"seen 1" in shown
    assert only_run(desk).state is RunState.COMPLETED


def test_a_job_without_a_desk_says_too_that_it_took_too_long(tmp_path: Path) -> None:
    words = ["--config", str(tmp_path / "none.toml"), "flows", "exec", "nightly"]
    done = subprocess.run(
        [*MECHEXO, *words, "--timeout", "0.5s", "--", "sleep", "60"],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 124
    assert b"sleep took longer than 0.5s and was ended: exit code 124\n" in done.stderr


def test_a_defect_while_recording_changes_nothing_of_the_job(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("mechexo.flows.records.insert", broken)
    run = run_job(desk, "nightly", ["sh", "-c", "echo ran; exit 4"])
    assert run.exit_code == 4
    out, remarks = capfd.readouterr()
    assert out == "ran\n"
    assert remarks.count("unexpected RuntimeError: a defect") == 2
    assert "the run waits in" in remarks
    monkeypatch.undo()
    assert only_run(desk).exit_code == 4


def test_a_defect_while_the_desk_is_opened_does_not_stop_the_job(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("mechexo.jobs.open_quickly", broken)
    code = run_named(desk.config_path, "nightly", ["sh", "-c", "exit 4"], executing.Terms())
    assert code == 4
    assert "this run will not be recorded: unexpected RuntimeError" in capfd.readouterr().err


def test_a_rollback_that_cannot_be_asked_about_does_not_stop_the_job(
    make_desk: Callable[..., Desk],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError(37, "No locks available")

    desk = make_desk(
        '[rollback]\nrepository = "repo"\n[rollback.flows.nightly]\npaths = ["x/**"]\n'
    )
    monkeypatch.setattr("mechexo.rolling_back.wait_while_under_way", broken)
    code = run_named(desk.config_path, "nightly", ["sh", "-c", "exit 4"], executing.Terms())
    assert code == 4
    assert "nightly runs all the same" in capfd.readouterr().err
    assert only_run(desk).exit_code == 4
