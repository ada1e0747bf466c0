"""The `host` and `process` kinds on this very machine."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path

import psutil
import pytest
from pydantic import ValidationError

from mechexo.health.kinds.host import Options as HostOptions
from mechexo.health.kinds.host import judge_clock
from mechexo.health.kinds.process import judge_unit
from mechexo.health.values import Status
from mechexo.kernel_clock import KernelClock, interpret, read_kernel_clock


@pytest.mark.parametrize(
    ("metric", "low", "high"),
    [
        ("cpu_pct", 0, 100),
        ("memory_pct", 1, 100),
        ("disk_free_pct", 0, 100),
        ("load_per_core", 0, 1000),
        ("open_files_pct", 0, 100),
    ],
)
def test_a_metric_is_a_believable_number(look_with, metric, low, high):
    outcome = look_with("host", metric=metric)
    assert outcome.status == Status.OK
    assert low <= outcome.value <= high


def test_the_free_bytes_are_those_of_the_disk(look_with, tmp_path):
    outcome = look_with("host", metric="disk_free_bytes", critical_above=1)
    assert outcome.status == Status.CRITICAL
    assert outcome.value == pytest.approx(psutil.disk_usage(str(tmp_path)).free, rel=0.05)
    assert "B, above 1" in outcome.detail


def test_a_disk_that_is_not_there_is_unknown(look_with):
    outcome = look_with("host", metric="disk_free_pct", path="nowhere", critical_below=10)
    assert outcome.status == Status.UNKNOWN
    assert "disk_free_pct cannot be read" in outcome.detail


def test_limits_turn_a_number_into_a_verdict(look_with):
    warned = look_with("host", metric="memory_pct", warn_above=0, critical_above=100)
    assert warned.status == Status.WARNING
    assert warned.detail.endswith("%, above 0")


def test_the_kernel_answers_about_its_clock():
    clock = read_kernel_clock()
    assert clock.problem or abs(clock.offset_ms) < 1000


@pytest.mark.parametrize(
    ("state", "status"), [(5, 0x40), (5, 0), (0, 0x40)], ids=["both", "state", "bit"]
)
def test_an_unsynchronised_clock_is_unknown_with_the_reason(state, status):
    outcome = judge_clock(HostOptions(metric="clock_offset_ms"), interpret(state, status, 0))
    assert outcome.status == Status.UNKNOWN
    assert outcome.value is None
    assert "not synchronised" in outcome.detail


@pytest.mark.parametrize(
    ("status", "offset", "offset_ms"), [(0x1, -2500, -2.5), (0x2001, 2_500_000, 2.5)]
)
def test_the_offset_is_read_in_its_unit_and_judged_without_its_sign(status, offset, offset_ms):
    clock = interpret(0, status, offset)
    assert clock == KernelClock(offset_ms)
    options = HostOptions(metric="clock_offset_ms", warn_above=1, critical_above=2)
    outcome = judge_clock(options, clock)
    assert (outcome.status, outcome.value) == (Status.CRITICAL, 2.5)


def test_a_clock_that_the_kernel_does_not_tell_is_unknown():
    outcome = judge_clock(
        HostOptions(metric="clock_offset_ms"), KernelClock(problem="no such call")
    )
    assert (outcome.status, outcome.detail) == (Status.UNKNOWN, "no such call")


SLEEPER = f"sleeper-{uuid.uuid4().hex}"


@pytest.fixture
def sleeper():
    # Other tests may run beside this one: its sleeper is like no other.
    code = f"import time; time.sleep(60) # {SLEEPER}"
    process = subprocess.Popen([sys.executable, "-c", code])
    yield process
    process.kill()
    process.wait()


def test_a_process_is_found_by_its_name_and_command(look_with, sleeper):
    name = Path(sys.executable).name
    outcome = look_with("process", name=name, command_contains=SLEEPER)
    assert (outcome.status, outcome.value) == (Status.OK, 1.0)


def test_too_few_of_them_is_a_failure(look_with, sleeper):
    name = Path(sys.executable).name
    outcome = look_with("process", name=name, command_contains=SLEEPER, at_least=2)
    assert outcome.status == Status.CRITICAL
    assert outcome.detail == f"1 {name} running, expected at least 2"


def test_a_process_is_found_by_its_pid_file(look_with, sleeper, tmp_path):
    (tmp_path / "run.pid").write_text(f"{sleeper.pid}\n")
    assert look_with("process", pid_file="run.pid").status == Status.OK


def test_a_process_that_ended_is_a_failure(look_with, sleeper, tmp_path):
    (tmp_path / "run.pid").write_text(str(sleeper.pid))
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert "zombie" in look_with("process", pid_file="run.pid").detail
    sleeper.wait()
    outcome = look_with("process", pid_file="run.pid")
    assert outcome.status == Status.CRITICAL
    assert outcome.detail == f"process {sleeper.pid} of run.pid does not run"


def test_another_process_with_the_same_number_is_not_taken_for_it(look_with, sleeper, tmp_path):
    pid_file = tmp_path / "run.pid"
    pid_file.write_text(str(sleeper.pid))
    assert (
        "is another one"
        in look_with("process", pid_file="run.pid", command_contains="gateway").detail
    )
    os.utime(pid_file, (1_000_000_000, 1_000_000_000))
    outcome = look_with("process", pid_file="run.pid")
    assert outcome.status == Status.CRITICAL
    assert "begun after the pid file" in outcome.detail


@pytest.mark.parametrize(
    ("text", "status", "detail"),
    [
        (None, Status.CRITICAL, "there is no pid file run.pid"),
        ("pid: 12", Status.UNKNOWN, "run.pid does not hold a process number"),
        ("", Status.UNKNOWN, "run.pid does not hold a process number"),
        ("-4", Status.CRITICAL, "process -4 of run.pid does not run"),
        ("9" * 30, Status.CRITICAL, f"process {'9' * 30} of run.pid does not run"),
    ],
)
def test_a_pid_file_that_is_missing_or_wrong_says_so(look_with, tmp_path, text, status, detail):
    if text is not None:
        (tmp_path / "run.pid").write_text(text)
    outcome = look_with("process", pid_file="run.pid")
    assert (outcome.status, outcome.detail) == (status, detail)


@pytest.mark.skipif(Path("/run/systemd/system").is_dir(), reason="systemd runs here")
def test_a_unit_is_unknown_where_systemd_does_not_run(look_with):
    outcome = look_with("process", unit="gateway.service")
    assert outcome.status == Status.UNKNOWN
    assert outcome.detail == "systemd does not run on this machine"


@pytest.mark.skipif(not Path("/run/systemd/system").is_dir(), reason="systemd does not run here")
def test_a_unit_that_does_not_exist_is_a_failure(look_with):
    assert look_with("process", unit="no-such-unit.service").status == Status.CRITICAL


@pytest.mark.parametrize(
    ("shown", "status", "detail"),
    [
        ("LoadState=loaded\nActiveState=active\nSubState=running\n", Status.OK, "active (running)"),
        ("ActiveState=activating\nSubState=auto-restart", Status.WARNING, "activating (auto-res"),
        (
            "LoadState=loaded\nActiveState=failed\nSubState=failed\nResult=exit-code",
            Status.CRITICAL,
            "is failed (failed, exit-code)",
        ),
        (
            "LoadState=loaded\nActiveState=inactive\nSubState=dead\nResult=success",
            Status.CRITICAL,
            "is inactive (dead)",
        ),
        ("LoadState=not-found\nActiveState=inactive", Status.CRITICAL, "systemd knows no unit"),
        ("", Status.UNKNOWN, "said nothing"),
    ],
)
def test_what_systemctl_shows_is_read(shown, status, detail):
    outcome = judge_unit("gateway.service", shown)
    assert outcome.status == status
    assert detail in outcome.detail


@pytest.mark.parametrize("options", [{}, {"name": "a", "pid_file": "b"}, {"unit": "-H evil"}])
def test_a_process_is_looked_for_in_exactly_one_way(look_with, options):
    with pytest.raises(ValidationError):
        look_with("process", **options)
