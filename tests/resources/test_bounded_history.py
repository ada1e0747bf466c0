"""A year of samples: the state file stays small, however long mechexo runs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from conftest import START, MakeDesk
from mechexo.clock import VirtualClock
from mechexo.resources import operations, records
from mechexo.resources.values import Look, ProcessLook
from mechexo.state import State

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
HOUR_LIMIT_BYTES = 256_000
"""What an hour of samples may add to the state file, with two disks, interfaces and processes."""
LARGE_LIMIT_BYTES = 512_000
"""The same with ten of each."""
DAY_LIMIT_BYTES = 2_500_000
"""The same of the longest history that can be configured, a day."""


def look_of(number: int, size: int) -> Look:
    """A look at a machine with `size` disks, interfaces and watched processes."""
    grown = float(number)
    counters = {f"cpu_s:{part}": 1e6 + 7.25 * grown for part in ("all", "busy", "iowait", "steal")}
    gauges = {"load_1m": 0.01 * (number % 997), "memory_pct": 42.1, "memory_available_bytes": 1e10}
    for place in range(size):
        counters[f"net_received_bytes:eth{place}"] = 1e12 + 1234.0 * grown
        counters[f"net_sent_bytes:eth{place}"] = 1e12 + 4321.0 * grown
        gauges[f"disk_used_pct:/data/{place}"] = 12.5 + number % 50
        gauges[f"disk_free_bytes:/data/{place}"] = 1e12 - grown
    processes = {
        f"worker_{place}": ProcessLook(
            3, 1.5e9, 210.0, 44.0, 1.7e9, {f"{pid}@1700000000.25": 0.01 * grown for pid in range(3)}
        )
        for place in range(size)
    }
    at = START + number * MINUTE
    return Look(at, "8d1c8c9e-2a3b-4c5d-8e9f-0a1b2c3d4e5f", gauges, counters, processes, {})


def size_bytes(state: State) -> int:
    """What lies on the disk: the file and what stands beside it."""
    return sum(each.stat().st_size for each in state.path.parent.glob(f"{state.path.name}*"))


def fill(
    state: State, first: int, count: int, *, size: int = 10, history: timedelta = HOUR
) -> None:
    """Keeps `count` looks a minute apart, an hour of them in each transaction."""
    for start in range(first, first + count, 60):
        with state.write() as transaction:
            for number in range(start, min(start + 60, first + count)):
                look = look_of(number, size)
                records.keep(transaction, look, since=look.at - history)


def settled_size(state: State) -> int:
    """The size after the journal was written into the file, as SQLite does by itself in time."""
    with state.write() as transaction:
        connection = transaction.connection
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return size_bytes(state)


@pytest.mark.slow
def test_a_year_of_samples_adds_no_more_than_its_hour_to_the_state_file(tmp_path: Path) -> None:
    state = State.open(tmp_path / "state.sqlite")
    empty = settled_size(state)
    fill(state, 0, 120, size=2)
    after_two_hours = settled_size(state)
    fill(state, 120, 525_600 - 120, size=2)
    after_a_year = settled_size(state)
    assert after_a_year - empty <= HOUR_LIMIT_BYTES
    # Pages are used again: churn makes nothing grow.
    assert after_a_year <= after_two_hours + 16 * 4096
    (count,) = state.row("SELECT count(*) FROM resource_sample") or (None,)
    assert count == 61


@pytest.mark.slow
def test_ten_times_as_much_to_watch_is_bounded_as_well(tmp_path: Path) -> None:
    state = State.open(tmp_path / "state.sqlite")
    empty = settled_size(state)
    fill(state, 0, 7 * 1440)
    assert settled_size(state) - empty <= LARGE_LIMIT_BYTES


@pytest.mark.slow
def test_the_longest_history_is_bounded_too(tmp_path: Path) -> None:
    state = State.open(tmp_path / "state.sqlite")
    empty = settled_size(state)
    fill(state, 0, 3 * 1440, history=24 * HOUR)
    after_three_days = settled_size(state)
    fill(state, 3 * 1440, 3 * 1440, history=24 * HOUR)
    assert settled_size(state) - empty <= DAY_LIMIT_BYTES
    assert settled_size(state) <= after_three_days + 64 * 4096
    (count,) = state.row("SELECT count(*) FROM resource_sample") or (None,)
    assert count == records.MOST_SAMPLES


@pytest.mark.slow
def test_two_days_of_real_samples_stay_within_the_same_size(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk()
    empty = settled_size(desk.state)
    for _ in range(300):
        clock.advance(10 * MINUTE)
        assert operations.sample(desk) is not None
    # Before any journal is put away: this is what stands on the disk in between.
    assert size_bytes(desk.state) - empty <= HOUR_LIMIT_BYTES + 5_000_000
    assert settled_size(desk.state) - empty <= HOUR_LIMIT_BYTES


def test_ticks_far_closer_than_the_history_needs_are_not_all_kept(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk('[resources]\nhistory = "24h"\n[refresh]\ntick = "5s"\n')
    taken = 0
    for _ in range(60):
        clock.advance(timedelta(seconds=5))
        taken += operations.sample(desk) is not None
    assert taken <= 6
