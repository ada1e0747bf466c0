"""The tables of flow runs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.flows.tally_records import EACH_FLOW
from mechexo.flows.values import Expectation, FlowRun, RunState
from mechexo.processes import Process
from mechexo.times import from_iso_z, iso_z

if TYPE_CHECKING:
    import sqlite3

    from mechexo.state import State, Transaction

KEEP_FOR = timedelta(days=90)
"""How long it is kept that a run did not take place, and at most so many of a flow."""
KEEP_RUNS = 1000
PRUNED_AT_ONCE = 500

_RUN = "id, flow, state, started_at, ended_at, duration_s, exit_code, tail"


def insert(transaction: Transaction, run: FlowRun, wrapper: Process) -> int:
    """Stores a run; its own id is not used. Returns the id it got."""
    cursor = transaction.execute(
        "INSERT INTO flow_run (flow, state, started_at, ended_at, duration_s, exit_code, tail,"
        " wrapper_pid, wrapper_boot_id, wrapper_started) VALUES (?,?,?,?,?,?,?,?,?,?)",
        (
            *(run.flow, run.state.value, iso_z(run.started_at)),
            *(_text(run.ended_at), run.duration_s, run.exit_code, run.tail),
            *(wrapper.pid, wrapper.boot_id, wrapper.started),
        ),
    )
    return int(cursor.lastrowid or 0)


def is_stored(transaction: Transaction, run: FlowRun, wrapper: Process) -> bool:
    """Whether a run that was written down without an id is here already."""
    found = transaction.execute(
        "SELECT 1 FROM flow_run WHERE flow=? AND started_at=? AND wrapper_pid=?"
        " AND wrapper_boot_id=? AND wrapper_started=?",
        (run.flow, iso_z(run.started_at), wrapper.pid, wrapper.boot_id, wrapper.started),
    )
    return found.fetchone() is not None


def finish(transaction: Transaction, run: FlowRun) -> bool:
    """Stores how a run ended; False when that is stored already. Its wrapper's own word stands
    above a guess that it was lost."""
    cursor = transaction.execute(
        "UPDATE flow_run SET state=?, ended_at=?, duration_s=?, exit_code=?, tail=?"
        " WHERE id=? AND ended_at IS NULL",
        (
            *(run.state.value, _text(run.ended_at), run.duration_s),
            *(run.exit_code, run.tail, run.id),
        ),
    )
    return cursor.rowcount == 1


def mark_lost(transaction: Transaction, run_ids: Iterable[int]) -> None:
    """Marks runs as lost unless their end was recorded in the meantime."""
    for run_id in run_ids:
        transaction.execute(
            "UPDATE flow_run SET state='lost' WHERE id=? AND state='running'", (run_id,)
        )


def running(state: State) -> tuple[tuple[int, Process], ...]:
    """The runs without an end, with who wraps them."""
    found = state.rows(
        "SELECT id, wrapper_pid, wrapper_boot_id, wrapper_started FROM flow_run"
        " WHERE state='running'"
    )
    return tuple((row[0], Process(row[1], row[2], row[3])) for row in found)


def newest(state: State, *, flow: str | None, limit: int | None) -> tuple[FlowRun, ...]:
    """Runs of one flow or of all, newest first."""
    of = "" if flow is None else " WHERE flow=:flow"
    found = state.rows(
        f"SELECT {_RUN} FROM flow_run{of} ORDER BY started_at DESC, id DESC LIMIT :most",  # noqa: S608
        {"flow": flow, "most": -1 if limit is None else limit},
    )
    return tuple(_run(row) for row in found)


def not_well_between(
    state: State, start: datetime, end: datetime, *, longest: timedelta, limit: int
) -> tuple[FlowRun, ...]:
    """The runs that ended between two moments and not well, newest first, and those still recorded
    as running that started between them. Of a lost run nobody knows when it ended: its start
    counts. A run that took more than `longest` may be missing."""
    found = state.rows(
        f"SELECT {_RUN} FROM flow_run WHERE started_at BETWEEN ? AND ?"  # noqa: S608
        " AND state<>'completed' AND coalesce(ended_at, started_at) BETWEEN ? AND ?"
        " ORDER BY coalesce(ended_at, started_at) DESC, id DESC LIMIT ?",
        (iso_z(start - longest), *(iso_z(end), iso_z(start), iso_z(end)), limit),
    )
    return tuple(_run(row) for row in found)


def last_of_each(state: State, *, until: datetime) -> dict[str, FlowRun]:
    """Each flow's newest run. One that began after `until`, by a clock that was ahead, stands only
    while none was recorded after it: it must not hide what came since."""
    found = state.rows(
        f"{EACH_FLOW} SELECT {_RUN} FROM flow_run WHERE id IN (SELECT (SELECT id FROM flow_run"  # noqa: S608 - nothing foreign in it
        " WHERE flow=each.flow ORDER BY started_at DESC, id DESC LIMIT 1) FROM each)"
    )
    last = {row["flow"]: _run(row) for row in found}
    for flow in [each.flow for each in last.values() if each.started_at > until]:
        since = state.rows(
            f"SELECT {_RUN} FROM flow_run WHERE flow=:flow AND started_at<=:until"  # noqa: S608
            " AND (SELECT started_at FROM flow_run WHERE flow=:flow ORDER BY id DESC LIMIT 1)"
            "<=:until ORDER BY started_at DESC, id DESC LIMIT 1",
            {"flow": flow, "until": iso_z(until)},
        )
        for row in since:
            last[flow] = _run(row)
    return last


def last_well(state: State, *, until: datetime) -> dict[str, datetime]:
    """When each flow's newest run that ended well ended.

    One that was recorded last and ended after `until` stands, so that a wrong clock is seen; an
    older one of that kind is passed over.
    """
    found = state.rows(
        f"{EACH_FLOW} SELECT flow, (SELECT max(ended_at) FROM flow_run WHERE flow=each.flow"  # noqa: S608 - nothing foreign in it
        " AND state='completed' AND ended_at<=:until) AS newest, EXISTS (SELECT 1 FROM flow_run"
        " WHERE flow=each.flow AND state='completed' AND ended_at>:until) AS in_future FROM each",
        {"until": iso_z(until)},
    )
    ended = {row["flow"]: row["newest"] for row in found if row["newest"] is not None}
    for flow in (row["flow"] for row in found if row["in_future"]):
        [recorded_last] = state.rows(
            "SELECT ended_at, max(id) FROM flow_run WHERE flow=? AND state='completed'", (flow,)
        )
        if flow not in ended or recorded_last["ended_at"] > iso_z(until):
            ended[flow] = recorded_last["ended_at"]
    return {flow: from_iso_z(ended_at) for flow, ended_at in ended.items()}


def first_seen(state: State) -> dict[str, datetime]:
    """When each flow was first looked for, or first ran if that was earlier."""
    found = state.rows(
        f"{EACH_FLOW} SELECT flow, min(at) FROM (SELECT flow, at FROM flow_first_seen UNION ALL"  # noqa: S608 - nothing foreign in it
        " SELECT flow, (SELECT min(started_at) FROM flow_run WHERE flow=each.flow) FROM each"
        " WHERE flow IS NOT NULL) GROUP BY flow"
    )
    return {row[0]: from_iso_z(row[1]) for row in found}


def note_first_seen(transaction: Transaction, flows: Iterable[str], at: datetime) -> None:
    """Notes that flows are looked for from now on; a flow noted earlier keeps its moment, but not
    one in the future."""
    for flow in flows:
        transaction.execute(
            "INSERT INTO flow_first_seen (flow, at) VALUES (?,?)"
            " ON CONFLICT (flow) DO UPDATE SET at=excluded.at WHERE excluded.at<at",
            (flow, iso_z(at)),
        )


def skip(transaction: Transaction, flow: str, at: datetime, why: str) -> int:
    """Stores that a run did not take place; older ones go, as runs do. Returns a run's id for it,
    which is below zero."""
    transaction.execute(
        "DELETE FROM flow_skip WHERE id IN (SELECT id FROM flow_skip WHERE flow=:flow"
        " AND (at<:oldest OR id<=(SELECT id FROM flow_skip WHERE flow=:flow"
        " ORDER BY id DESC LIMIT 1 OFFSET :others)) LIMIT :most)",
        {
            "flow": flow,
            "oldest": iso_z(at - KEEP_FOR),
            "others": KEEP_RUNS - 1,
            "most": PRUNED_AT_ONCE,
        },
    )
    cursor = transaction.execute(
        "INSERT INTO flow_skip (flow, at, why) VALUES (?,?,?)", (flow, iso_z(at), why)
    )
    return -int(cursor.lastrowid or 0)


def skipped(state: State, *, flow: str | None, limit: int | None) -> tuple[FlowRun, ...]:
    """The runs of one flow or of all that did not take place, newest first."""
    found = state.rows(
        "SELECT id, flow, at, why FROM flow_skip WHERE ? IS NULL OR flow=?"
        " ORDER BY at DESC, id DESC LIMIT ?",
        (flow, flow, -1 if limit is None else limit),
    )
    return tuple(
        FlowRun(
            id=-row["id"],
            flow=row["flow"],
            state=RunState.SKIPPED,
            started_at=from_iso_z(row["at"]),
            ended_at=from_iso_z(row["at"]),
            duration_s=None,
            exit_code=None,
            tail=row["why"],
        )
        for row in found
    )


def expectations(state: State) -> dict[str, Expectation]:
    """How often the jobs themselves said that they are due, by flow's name."""
    found = state.rows("SELECT flow, expect_every_s, grace_s FROM flow_expectation ORDER BY flow")
    return {
        row[0]: Expectation(timedelta(seconds=row[1]), timedelta(seconds=row[2])) for row in found
    }


def expect(transaction: Transaction, flow: str, said: Expectation, at: datetime) -> None:
    """Remembers how often a flow is due; writes nothing when it said so before."""
    transaction.execute(
        "INSERT INTO flow_expectation (flow, expect_every_s, grace_s, told_at) VALUES (?,?,?,?)"
        " ON CONFLICT (flow) DO UPDATE SET expect_every_s=excluded.expect_every_s,"
        " grace_s=excluded.grace_s, told_at=excluded.told_at"
        " WHERE (excluded.expect_every_s, excluded.grace_s) <> (expect_every_s, grace_s)",
        (flow, said.expect_every.total_seconds(), said.grace.total_seconds(), iso_z(at)),
    )
    note_first_seen(transaction, (flow,), at)


def forget(transaction: Transaction, flow: str) -> Expectation | None:
    """Forgets how often a flow is due; returns what it was, None when it was never said."""
    row = transaction.execute(
        "DELETE FROM flow_expectation WHERE flow=? RETURNING expect_every_s, grace_s", (flow,)
    ).fetchone()
    return (
        None if row is None else Expectation(timedelta(seconds=row[0]), timedelta(seconds=row[1]))
    )


def _text(moment: datetime | None) -> str | None:
    return iso_z(moment) if moment else None


def _run(row: sqlite3.Row) -> FlowRun:
    return FlowRun(
        id=row["id"],
        flow=row["flow"],
        state=RunState(row["state"]),
        started_at=from_iso_z(row["started_at"]),
        ended_at=from_iso_z(row["ended_at"]) if row["ended_at"] else None,
        duration_s=row["duration_s"],
        exit_code=row["exit_code"],
        tail=row["tail"],
    )
