"""The tables of applied plans: runs with their steps, the bytes they replaced, commits on hold."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mechexo.rollback.values import Hold, Run, RunState, Step
from mechexo.times import from_iso_z, iso_z

if TYPE_CHECKING:
    from mechexo.state import State, Transaction

_COLUMNS = (
    "id, target, state, started_at, ended_at, actor, reason, old_commit, new_commit, undo_plan"
)


def begin(
    transaction: Transaction, run: Run, recorded: dict[str, Any], contents: Iterable[bytes]
) -> None:
    """Stores a run that starts, what it will have replaced and the bytes of that."""
    transaction.execute(
        "INSERT INTO rollback_run (id, target, state, started_at, actor, reason, old_commit,"
        " new_commit, recorded) VALUES (?,?,?,?,?,?,?,?,?)",
        (
            *(run.id, run.target, run.state, iso_z(run.started_at), run.actor, run.reason),
            *(run.old_commit, run.new_commit, json.dumps(recorded, sort_keys=True)),
        ),
    )
    for data in contents:
        transaction.execute(
            "INSERT OR IGNORE INTO rollback_content VALUES (?, ?)",
            (hashlib.sha256(data).hexdigest(), data),
        )


def end(
    transaction: Transaction,
    run_id: str,
    state: RunState,
    at: datetime,
    *,
    new_commit: str,
) -> None:
    """How a run ended."""
    transaction.execute(
        "UPDATE rollback_run SET state = ?, ended_at = ?, new_commit = ? WHERE id = ?",
        (state, iso_z(at), new_commit, run_id),
    )


def set_undo_plan(transaction: Transaction, run_id: str, plan_id: str) -> None:
    """The plan that takes a run back."""
    transaction.execute("UPDATE rollback_run SET undo_plan = ? WHERE id = ?", (plan_id, run_id))


def add_steps(transaction: Transaction, run_id: str, steps: Iterable[Step]) -> None:
    """Appends steps that were done."""
    row = transaction.connection.execute(
        "SELECT coalesce(max(seq), 0) FROM rollback_step WHERE run_id = ?", (run_id,)
    ).fetchone()
    for seq, step in enumerate(steps, start=row[0] + 1):
        transaction.execute(
            "INSERT INTO rollback_step VALUES (?,?,?,?,?,?)",
            (run_id, seq, iso_z(step.at), step.name, step.detail, int(step.ok)),
        )


def with_id(state: State, beginning: str) -> tuple[Run, ...]:
    """The runs whose id begins so; at most two."""
    found = state.rows(
        f"SELECT {_COLUMNS} FROM rollback_run WHERE substr(id, 1, ?) = ? LIMIT 2",  # noqa: S608
        (len(beginning), beginning),
    )
    return tuple(_run(state, row) for row in found)


def newest(state: State, limit: int) -> tuple[Run, ...]:
    """The newest runs, newest first, without their steps."""
    found = state.rows(
        f"SELECT {_COLUMNS} FROM rollback_run"  # noqa: S608
        " ORDER BY started_at DESC, rowid DESC LIMIT ?",
        (limit,),
    )
    return tuple(_run(state, row, steps=False) for row in found)


def between(
    state: State, start: datetime, end: datetime, most: int
) -> tuple[tuple[Run, ...], int, bool]:
    """The runs under way at any time from `start` to `end`, oldest first, with their steps, at most
    the first `most`; how many rows could not be read; and whether there were more."""
    rows = state.rows(
        f"SELECT {_COLUMNS} FROM rollback_run WHERE started_at <= ? "  # noqa: S608
        "AND coalesce(ended_at, started_at) >= ? ORDER BY started_at, rowid LIMIT ?",
        (iso_z(end), iso_z(start), most + 1),
    )
    found, damaged = [], 0
    for row in rows[:most]:
        try:
            found.append(_run(state, row))
        except ValueError:
            damaged += 1
    return tuple(found), damaged, len(rows) > most


def last_change(state: State) -> str:
    """Changes whenever a run begins, takes a step or ends, or something is deployed."""
    row = state.row(
        "SELECT (SELECT max(rowid) FROM rollback_run), (SELECT max(rowid) FROM rollback_step), "
        "(SELECT max(ended_at) FROM rollback_run), (SELECT max(seq) FROM deployment)"
    )
    return ".".join(str(each or 0) for each in (row or ()))


def unfinished(state: State) -> tuple[str, ...]:
    """The ids of runs that have not ended, oldest first."""
    found = state.rows(
        "SELECT id FROM rollback_run WHERE state = ? ORDER BY started_at, rowid",
        (RunState.UNDER_WAY,),
    )
    return tuple(row["id"] for row in found)


def applied_since(state: State, since: datetime) -> int:
    """How many runs were applied since a moment, undone ones not counted."""
    [row] = state.rows(
        "SELECT count(*) AS number FROM rollback_run WHERE started_at >= ? AND state IN (?, ?)",
        (iso_z(since), RunState.APPLIED, RunState.REDEPLOY_FAILED),
    )
    return int(row["number"])


def recorded(state: State, run_id: str) -> dict[str, Any]:
    """What a run replaced and wrote, by path and flag."""
    [row] = state.rows("SELECT recorded FROM rollback_run WHERE id = ?", (run_id,))
    document: dict[str, Any] = json.loads(row["recorded"])
    return document


def recorded_in(connection: sqlite3.Connection, run_id: str) -> dict[str, Any]:
    """As `recorded`, within a transaction."""
    row = connection.execute("SELECT recorded FROM rollback_run WHERE id = ?", (run_id,)).fetchone()
    document: dict[str, Any] = json.loads(row["recorded"])
    return document


def content(state: State, sha256: str) -> bytes | None:
    """Stored bytes by their digest; None for what git has."""
    row = state.row("SELECT data FROM rollback_content WHERE sha256 = ?", (sha256,))
    return bytes(row["data"]) if row else None


def hold(
    transaction: Transaction, repository: str, oids: Sequence[str], run_id: str, at: datetime
) -> None:
    """Puts commits on hold: they were taken back by a run."""
    transaction.connection.executemany(
        "INSERT OR IGNORE INTO rollback_hold (repository, oid, run_id, since) VALUES (?,?,?,?)",
        [(repository, oid, run_id, iso_z(at)) for oid in oids],
    )


def release(
    connection: sqlite3.Connection, *, at: datetime, by: str, run_id: str, oid: str = ""
) -> int:
    """Releases all commits that a run put on hold, or one of them; how many were on hold."""
    done = connection.execute(
        "UPDATE rollback_hold SET released_at = ?, released_by = ?"
        " WHERE released_at IS NULL AND run_id = ? AND (? = '' OR oid = ?)",
        (iso_z(at), by, run_id, oid, oid),
    )
    return done.rowcount


def hold_again(connection: sqlite3.Connection, *, undone_by: str) -> int:
    """Puts back on hold what the run that was undone by this one had there; how many."""
    done = connection.execute(
        "UPDATE rollback_hold SET released_at = NULL, released_by = NULL WHERE run_id ="
        " (SELECT json_extract(recorded, '$.undoes') FROM rollback_run WHERE id = ?)",
        (undone_by,),
    )
    return done.rowcount


def holds(state: State, repository: str | None = None) -> tuple[Hold, ...]:
    """The commits that are on hold now, newest hold first."""
    found = state.rows(
        "SELECT repository, oid, run_id, since FROM rollback_hold"
        " WHERE released_at IS NULL AND (? IS NULL OR repository = ?)"
        " ORDER BY since DESC, rowid",
        (repository, repository),
    )
    return tuple(
        Hold(row["repository"], row["oid"], row["run_id"], from_iso_z(row["since"]))
        for row in found
    )


def _run(state: State, row: sqlite3.Row, *, steps: bool = True) -> Run:
    done = (
        state.rows(
            "SELECT at, name, detail, ok FROM rollback_step WHERE run_id = ? ORDER BY seq",
            (row["id"],),
        )
        if steps
        else ()
    )
    return Run(
        id=row["id"],
        target=row["target"],
        state=RunState(row["state"]),
        started_at=from_iso_z(row["started_at"]),
        ended_at=from_iso_z(row["ended_at"]) if row["ended_at"] else None,
        actor=row["actor"],
        reason=row["reason"],
        old_commit=row["old_commit"],
        new_commit=row["new_commit"],
        steps=tuple(
            Step(from_iso_z(each["at"]), each["name"], each["detail"], bool(each["ok"]))
            for each in done
        ),
        undo_plan=row["undo_plan"],
    )
