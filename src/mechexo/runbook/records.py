"""The tables of following: ticks and runs of steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.errors import StateError
from mechexo.processes import Process, is_alive
from mechexo.runbook.following_values import StepOutcome, StepRun, Tick
from mechexo.times import from_iso_z, iso_z

if TYPE_CHECKING:
    import sqlite3

    from mechexo.state import State, Transaction

DIED = "who ran it ended before its end was recorded: nobody knows what the command did"

_RUN = (
    "id, incident_id, entry_id, step_id, command, folder, host, by, started_at, ended_at, outcome,"
    " exit_code, duration_s, output, why, ends_by, runner_pid, runner_boot_id, runner_started"
)


def insert_tick(transaction: Transaction, incident_id: int, entry_id: str, tick: Tick) -> None:
    """Appends a tick."""
    transaction.execute(
        "INSERT INTO step_ticks (incident_id, entry_id, step_key, ticked, at, by)"
        " VALUES (?,?,?,?,?,?)",
        (incident_id, entry_id, tick.step_key, int(tick.ticked), iso_z(tick.at), tick.by),
    )


def is_ticked(transaction: Transaction, incident_id: int, entry_id: str, step_key: str) -> bool:
    """Whether a step is ticked as the transaction sees it."""
    row = transaction.execute(
        "SELECT ticked FROM step_ticks WHERE incident_id=? AND entry_id=? AND step_key=?"
        " ORDER BY id DESC LIMIT 1",
        (incident_id, entry_id, step_key),
    ).fetchone()
    return bool(row and row[0])


def newest_ticks(state: State, incident_id: int, entry_id: str) -> dict[str, Tick]:
    """The newest word on each step of an entry, by the step's key."""
    found = state.rows(
        "SELECT step_key, ticked, at, by FROM step_ticks WHERE id IN (SELECT MAX(id)"
        " FROM step_ticks WHERE incident_id=? AND entry_id=? GROUP BY step_key)",
        (incident_id, entry_id),
    )
    return {row["step_key"]: _tick(row) for row in found}


def ticks(state: State, incident_id: int) -> tuple[tuple[str, Tick], ...]:
    """Every tick of an incident with its entry's id, oldest first."""
    found = state.rows(
        "SELECT entry_id, step_key, ticked, at, by FROM step_ticks WHERE incident_id=? ORDER BY id",
        (incident_id,),
    )
    return tuple((row["entry_id"], _tick(row)) for row in found)


def insert_run(
    transaction: Transaction, run: StepRun, runner: Process, *, ends_by: datetime
) -> int:
    """Stores a run that is about to start; its own id is not used. Returns the id it got."""
    cursor = transaction.execute(
        "INSERT INTO step_runs (incident_id, entry_id, step_id, command, folder, host, by,"
        " started_at, ends_by, outcome, runner_pid, runner_boot_id, runner_started)"
        " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            *(run.incident_id, run.entry_id, run.step_id, run.command, run.folder, run.host),
            *(run.by, iso_z(run.started_at), iso_z(ends_by), StepOutcome.RUNNING.value),
            *(runner.pid, runner.boot_id, runner.started),
        ),
    )
    return int(cursor.lastrowid or 0)


def finish(transaction: Transaction, run: StepRun) -> bool:
    """Stores how a run ended; False when another end of it is stored already."""
    assert run.ended_at is not None
    cursor = transaction.execute(
        "UPDATE step_runs SET ended_at=?, outcome=?, exit_code=?, duration_s=?, output=?, why=?"
        " WHERE id=? AND outcome IN ('running', 'unknown')",
        (
            *(iso_z(run.ended_at), run.outcome.value, run.exit_code, run.duration_s),
            *(run.output, run.why, run.id),
        ),
    )
    return cursor.rowcount == 1


def running(transaction: Transaction, entry_id: str, step_id: str, now: datetime) -> list[StepRun]:
    """The runs of a step that have no recorded end: those that go on, and those (`unknown`) whose
    runner is gone."""
    found = transaction.execute(
        f"SELECT {_RUN} FROM step_runs WHERE outcome='running'"  # noqa: S608
        " AND entry_id=? AND step_id=? ORDER BY id",
        (entry_id, step_id),
    )
    return [_run(row, now) for row in found.fetchall()]


def runs(state: State, incident_id: int, now: datetime) -> tuple[StepRun, ...]:
    """Every run of an incident, oldest first. One whose runner is gone is `unknown`."""
    found = state.rows(
        f"SELECT {_RUN} FROM step_runs WHERE incident_id=? ORDER BY id",  # noqa: S608
        (incident_id,),
    )
    return tuple(_run(row, now) for row in found)


def newest_runs(state: State, incident_id: int, entry_id: str, now: datetime) -> dict[str, StepRun]:
    """The newest run of each step of an entry, by the step's id."""
    found = state.rows(
        f"SELECT {_RUN} FROM step_runs WHERE id IN (SELECT MAX(id) FROM step_runs"  # noqa: S608
        " WHERE incident_id=? AND entry_id=? GROUP BY step_id)",
        (incident_id, entry_id),
    )
    return {row["step_id"]: _run(row, now) for row in found}


def version(state: State, incident_id: int, now: datetime) -> str:
    """A short text that changes whenever a tick or a run of the incident does."""
    row = state.row(
        "SELECT (SELECT COALESCE(MAX(id), 0) FROM step_ticks WHERE incident_id=:incident),"
        " COALESCE(MAX(id), 0), COUNT(ended_at), COUNT(*) FILTER (WHERE outcome='unknown')"
        " FROM step_runs WHERE incident_id=:incident",
        {"incident": incident_id},
    )
    assert row is not None
    going_on = state.rows(
        f"SELECT {_RUN} FROM step_runs"  # noqa: S608
        " WHERE outcome='running' AND incident_id=?",
        (incident_id,),
    )
    # A runner dies without a word in any table.
    lost = sum(_run(each, now).outcome is StepOutcome.UNKNOWN for each in going_on)
    return ":".join(map(str, (*row, lost)))


def lost(transaction: Transaction, found: Iterable[StepRun], now: datetime) -> Sequence[StepRun]:
    """Writes down that nobody knows the outcome of runs whose runner is gone; returns them."""
    gone = [
        replace(run, ended_at=now, why=run.why or DIED)
        for run in found
        if run.outcome is StepOutcome.UNKNOWN
    ]
    return [run for run in gone if finish(transaction, run)]


def _tick(row: sqlite3.Row) -> Tick:
    try:
        return Tick(row["step_key"], bool(row["ticked"]), from_iso_z(row["at"]), row["by"])
    except (ValueError, TypeError) as error:
        raise StateError(
            f"a tick of step {row['step_key']} is damaged in the state file: {error}"
        ) from error


def _run(row: sqlite3.Row, now: datetime) -> StepRun:
    try:
        return _read(row, now)
    except (ValueError, TypeError) as error:
        raise StateError(
            f"run {row['id']} of step {row['entry_id']}/{row['step_id']} is damaged in the state "
            f"file ({error}): what became of it is not known"
        ) from error


def _read(row: sqlite3.Row, now: datetime) -> StepRun:
    run = StepRun(
        id=row["id"],
        incident_id=row["incident_id"],
        entry_id=row["entry_id"],
        step_id=row["step_id"],
        command=row["command"],
        folder=row["folder"],
        host=row["host"],
        by=row["by"],
        started_at=from_iso_z(row["started_at"]),
        ended_at=from_iso_z(row["ended_at"]) if row["ended_at"] else None,
        outcome=StepOutcome(row["outcome"]),
        exit_code=row["exit_code"],
        duration_s=row["duration_s"],
        output=row["output"],
        why=row["why"],
    )
    if run.outcome is not StepOutcome.RUNNING:
        return run
    runner = Process(row["runner_pid"], row["runner_boot_id"], row["runner_started"])
    if is_alive(runner) and now <= from_iso_z(row["ends_by"]):
        return run
    return replace(run, outcome=StepOutcome.UNKNOWN, why=DIED)
