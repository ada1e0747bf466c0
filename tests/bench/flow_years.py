"""A state file with years of flow runs, made fast: what a busy desk's file looks like by then."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.times import iso_z

if TYPE_CHECKING:
    from pathlib import Path

_INSERT = (
    "INSERT INTO flow_run (flow, state, started_at, ended_at, duration_s, exit_code, tail,"
    " wrapper_pid, wrapper_boot_id, wrapper_started) VALUES (?,?,?,?,?,?,?,1,'boot','1')"
)


def name_of(number: int) -> str:
    """What the flow of a number is called."""
    return f"flow_{number:03}"


def fill(path: Path, *, until: datetime, flows: int, days: int, a_day: int, tail: int) -> int:
    """Fills the table of flow runs of a state file that exists. Nine runs in ten end well.

    Args:
        path: the state file.
        until: the newest run started just before.
        flows: how many flows there are.
        days: how far back they go.
        a_day: runs of each flow in a day.
        tail: bytes of output kept of each run.

    Returns:
        how many runs there are.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=OFF")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-400000")
        found = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type='index' AND tbl_name='flow_run'"
        )
        indexes = [(name, sql) for name, sql in found if sql]
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        connection.execute("BEGIN")
        connection.executemany(_INSERT, _runs(until, flows, days, a_day, "x" * tail))
        for _, sql in indexes:
            connection.execute(sql)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode=WAL")
    return flows * days * a_day


def _runs(
    until: datetime, flows: int, days: int, a_day: int, tail: str
) -> Iterator[tuple[object, ...]]:
    """The runs of all flows in the order of time."""
    chance = random.Random(7)
    names = [name_of(number) for number in range(flows)]
    step = timedelta(days=1) / a_day
    for back in range(days * a_day, 0, -1):
        at = until - back * step
        started = iso_z(at)
        for name in names:
            took_s = round(chance.lognormvariate(3, 0.6), 3)
            well = chance.random() < 0.9
            yield (
                *(name, "completed" if well else "failed", started),
                *(iso_z(at + timedelta(seconds=took_s)), took_s, 0 if well else 1, tail),
            )
