"""Samples of the machine that the tests run on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from conftest import MakeDesk
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import NotFoundError
from mechexo.resources import looking, operations, records
from mechexo.resources.values import HostStanding, Summary

MINUTE = timedelta(minutes=1)
SLEEPER = "import sys, time; sys.stdin.read()  # {mark}"


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A process of our own, and what its command line contains."""
    mark = f"sleeper-of-{tmp_path.name}-{os.getpid()}"
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEPER.format(mark=mark)], stdin=subprocess.PIPE
    )
    try:
        yield process, mark
    finally:
        process.kill()
        process.wait()


def value_of(found: HostStanding, key: str) -> Summary:
    return next(each for each in found.summaries if each.metric.key == key)


def sampled(desk: Desk, clock: VirtualClock, times: int = 2) -> HostStanding:
    for _ in range(times):
        clock.advance(MINUTE)
        assert operations.sample(desk) is not None
    return operations.standing(desk)


def test_a_sample_knows_what_the_machine_has_left(desk: Desk, clock: VirtualClock) -> None:
    found = sampled(desk, clock)
    for key in ("load_1m", "memory_pct", "memory_available_bytes", "open_descriptors",
                "disk_used_pct:.", "disk_free_bytes:."):  # fmt: skip
        summary = value_of(found, key)
        assert summary.current is not None
        assert summary.lowest is not None
        assert summary.lowest <= summary.current
    assert (found.at, found.outdated) == (clock.now(), False)


def test_shares_lie_between_nothing_and_all(desk: Desk, clock: VirtualClock) -> None:
    found = sampled(desk, clock)
    shares = [each.current for each in found.summaries if each.unit == "%" and each.current]
    assert shares
    assert all(0 <= share <= 100 for share in shares)


def test_no_look_yet_knows_nothing(make_desk: MakeDesk) -> None:
    desk = make_desk('[resources.processes.router]\nname = "order-router"\n')
    found = operations.standing(desk)
    assert (found.at, found.outdated, found.summaries) == (None, True, ())
    assert [(each.count, each.detail) for each in found.processes] == [(None, "not looked at yet")]


def test_an_old_look_does_not_say_how_the_machine_is(desk: Desk, clock: VirtualClock) -> None:
    sampled(desk, clock)
    clock.advance(4 * MINUTE)
    assert operations.standing(desk).outdated


def test_samples_older_than_the_history_are_gone(make_desk: MakeDesk, clock: VirtualClock) -> None:
    desk = make_desk('[resources]\nhistory = "10m"\n')
    sampled(desk, clock, times=15)
    (count,) = desk.state.row("SELECT count(*) FROM resource_sample") or (None,)
    assert count == 11


def test_samples_of_a_clock_that_was_set_back_are_gone(desk: Desk, clock: VirtualClock) -> None:
    sampled(desk, clock, times=3)
    clock.advance(-2 * MINUTE - timedelta(seconds=30))
    assert operations.sample(desk) is not None
    newest = records.newest_at(desk.state)
    assert newest == clock.now()


def test_a_second_look_at_the_same_moment_is_not_taken(desk: Desk, clock: VirtualClock) -> None:
    sampled(desk, clock)
    assert operations.sample(desk) is None


def test_sampling_can_be_switched_off(make_desk: MakeDesk) -> None:
    desk = make_desk("[resources]\nsample = false\n")
    assert operations.sample(desk) is None


def test_a_mount_that_is_not_there_is_said_and_takes_nothing_else(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk('[resources]\nmounts = [".", "/no/such/place"]\ninterfaces = ["nope0"]\n')
    found = sampled(desk, clock)
    assert "No such file" in found.problems["disk:/no/such/place"]
    assert found.problems["net:nope0"] == "there is no such interface"
    assert value_of(found, "disk_used_pct:.").current is not None


def test_a_row_that_cannot_be_read_is_a_gap(desk: Desk, clock: VirtualClock) -> None:
    sampled(desk, clock, times=3)
    with desk.state.write() as transaction:
        transaction.execute(
            "UPDATE resource_sample SET look = '{\"boot\": 3' WHERE at = "
            "(SELECT at FROM resource_sample ORDER BY at LIMIT 1)"
        )
    found = operations.standing(desk)
    assert len(value_of(found, "load_1m").points) == 2


def test_a_metric_nobody_knows_is_refused_with_close_names(desk: Desk, clock: VirtualClock) -> None:
    sampled(desk, clock)
    with pytest.raises(NotFoundError, match="did you mean memory_pct"):
        operations.history(desk, "memry_pct")
    assert operations.history(desk, "memory_pct").current is not None


def test_a_known_metric_without_a_sample_says_that_nobody_looked(desk: Desk) -> None:
    with pytest.raises(NotFoundError, match="no tick has looked"):
        operations.history(desk, "memory_pct")


@pytest.mark.parametrize("way", ["pattern", "pid_file"])
def test_a_watched_process_is_measured_and_missed_when_it_ends(
    way: str,
    make_desk: MakeDesk,
    clock: VirtualClock,
    sleeper: tuple[subprocess.Popen[bytes], str],
    tmp_path: Path,
) -> None:
    process, mark = sleeper
    pid_file = tmp_path / "sleeper.pid"
    pid_file.write_text(f"{process.pid}\n")
    chosen = f"pattern = '{re.escape(mark)}'" if way == "pattern" else f'pid_file = "{pid_file}"'
    desk = make_desk(f"[resources.processes.sleeper]\n{chosen}\n")
    found = sampled(desk, clock)
    (watched,) = found.processes
    assert (watched.count, watched.detail) == (1, "")
    for name in ("cpu_pct", "rss_bytes", "descriptors", "threads"):
        assert value_of(found, f"process_{name}:sleeper").current is not None, name
    process.kill()
    process.wait()
    found = sampled(desk, clock, times=1)
    (watched,) = found.processes
    assert watched.count == 0
    assert "runs" in watched.detail or "does not run" in watched.detail
    gone = value_of(found, "process_rss_bytes:sleeper")
    assert gone.current is None
    assert gone.highest is not None


def test_a_pid_file_of_an_older_process_names_none(
    make_desk: MakeDesk,
    clock: VirtualClock,
    sleeper: tuple[subprocess.Popen[bytes], str],
    tmp_path: Path,
) -> None:
    pid_file = tmp_path / "old.pid"
    pid_file.write_text(str(sleeper[0].pid))
    os.utime(pid_file, (1e9, 1e9))
    desk = make_desk(f'[resources.processes.old]\npid_file = "{pid_file}"\n')
    (watched,) = sampled(desk, clock).processes
    assert watched.count == 0
    assert "another one" in watched.detail


def test_a_pid_file_that_holds_no_number_is_not_a_missing_process(
    make_desk: MakeDesk, clock: VirtualClock, tmp_path: Path
) -> None:
    (tmp_path / "bad.pid").write_text("soon")
    desk = make_desk(f'[resources.processes.bad]\npid_file = "{tmp_path / "bad.pid"}"\n')
    (watched,) = sampled(desk, clock).processes
    assert watched.count is None
    assert "does not hold a process number" in watched.detail


def test_a_disk_that_hangs_is_said_and_asked_no_second_time() -> None:
    import threading

    let_go = threading.Event()

    def ask(path: Path) -> tuple[float, float]:
        if path.name == "hanging":
            let_go.wait(60)
        return 1.0, 2.0

    paths = {"a": Path("/a"), "h": Path("/hanging")}
    try:
        first = looking._side_by_side(paths, ask, 0.2)
        second = looking._side_by_side(paths, ask, 0.2)
    finally:
        let_go.set()
    assert first["h"] == "it does not answer within 0.2 s"
    assert "still hangs" in str(second["h"])
    assert (first["a"], second["a"]) == ((1.0, 2.0), (1.0, 2.0))
