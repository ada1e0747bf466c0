"""The health wing's tables."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from datetime import datetime, timedelta
from sqlite3 import Row

from mechexo.health.values import CheckIn, ProbeState, Status
from mechexo.state import State, Transaction
from mechexo.times import from_iso_z, iso_z

SAMPLES_KEPT_FOR = timedelta(hours=24)
SAMPLES_KEPT = 2_000


def stored_states(source: State | Transaction) -> dict[str, ProbeState]:
    """The newest state of each probe, by name. Card and severity are the configuration's."""
    return {row["name"]: _state(row) for row in _rows(source, "SELECT * FROM health_probe")}


def first_seen(state: State) -> dict[str, datetime]:
    """When each probe was first looked at."""
    rows = state.rows("SELECT name, first_seen_at FROM health_probe")
    return {row["name"]: from_iso_z(row["first_seen_at"]) for row in rows}


def save_state(transaction: Transaction, state: ProbeState) -> None:
    """Puts a probe's newest state in place of the last, and its number among the samples."""
    if state.observed_at is None or state.since is None:
        raise ValueError(f"{state.name} was never looked at: there is nothing to store")
    number = float(state.value) if isinstance(state.value, int | float) else None
    at = iso_z(state.observed_at)
    transaction.execute(
        "INSERT INTO health_probe VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) "
        "ON CONFLICT (name) DO UPDATE SET kind=excluded.kind, status=excluded.status, "
        "detail=excluded.detail, value_number=excluded.value_number, "
        "value_text=excluded.value_text, unit=excluded.unit, observed_at=excluded.observed_at, "
        "since=excluded.since, latency_ms=excluded.latency_ms, flapping=excluded.flapping, "
        "failures=excluded.failures, successes=excluded.successes, down=excluded.down, "
        "changes=excluded.changes",
        (
            state.name,
            state.kind,
            state.status.value,
            state.detail,
            number,
            state.value if isinstance(state.value, str) else None,
            state.unit,
            at,
            iso_z(state.since),
            state.latency_ms,
            int(state.flapping),
            state.failures,
            state.successes,
            int(state.down),
            json.dumps([iso_z(change) for change in state.changes]),
            at,
        ),
    )
    if number is not None and math.isfinite(number):
        transaction.execute(
            "INSERT OR REPLACE INTO health_sample VALUES (?,?,?)", (state.name, at, number)
        )
        _prune_samples(transaction, state.name, state.observed_at)


def _prune_samples(transaction: Transaction, probe: str, now: datetime) -> None:
    transaction.execute(
        "DELETE FROM health_sample WHERE probe = ? AND at < ?",
        (probe, iso_z(now - SAMPLES_KEPT_FOR)),
    )
    transaction.execute(
        "DELETE FROM health_sample WHERE probe = ?1 AND at <= (SELECT at FROM health_sample "
        "WHERE probe = ?1 ORDER BY at DESC LIMIT 1 OFFSET ?2)",
        (probe, SAMPLES_KEPT),
    )


def forget_others(transaction: Transaction, names: Collection[str]) -> None:
    """Removes the states and samples of probes that are not configured any more."""
    known = json.dumps(sorted(names))
    for statement in (
        "DELETE FROM health_probe WHERE name NOT IN (SELECT value FROM json_each(?))",
        "DELETE FROM health_sample WHERE probe NOT IN (SELECT value FROM json_each(?))",
    ):
        transaction.execute(statement, (known,))


def samples(state: State, probe: str, since: datetime) -> tuple[tuple[datetime, float], ...]:
    """The probe's numbers from `since` on, the oldest first."""
    rows = state.rows(
        "SELECT at, value FROM health_sample WHERE probe = ? AND at >= ? ORDER BY at",
        (probe, iso_z(since)),
    )
    return tuple((from_iso_z(row["at"]), row["value"]) for row in rows)


def check_ins(state: State) -> dict[str, CheckIn]:
    """The last check-in of each job."""
    return {
        row["job"]: CheckIn(row["job"], from_iso_z(row["at"]), bool(row["ok"]), row["detail"])
        for row in state.rows("SELECT * FROM health_check_in")
    }


def job_starts(state: State) -> dict[str, datetime]:
    """When each job said last that it began."""
    rows = state.rows("SELECT * FROM health_job_start")
    return {row["job"]: from_iso_z(row["at"]) for row in rows}


def save_job_start(transaction: Transaction, job: str, at: datetime) -> None:
    """Puts a job's start in place of its last."""
    transaction.execute("INSERT OR REPLACE INTO health_job_start VALUES (?,?)", (job, iso_z(at)))


def _rows(source: State | Transaction, sql: str) -> list[Row]:
    return source.rows(sql) if isinstance(source, State) else source.execute(sql).fetchall()


def _state(row: Row) -> ProbeState:
    text, number = row["value_text"], row["value_number"]
    return ProbeState(
        name=row["name"],
        kind=row["kind"],
        card="",
        severity="",
        status=Status(row["status"]),
        detail=row["detail"],
        value=number if text is None else text,
        unit=row["unit"],
        observed_at=from_iso_z(row["observed_at"]),
        since=from_iso_z(row["since"]),
        latency_ms=row["latency_ms"],
        flapping=bool(row["flapping"]),
        failures=row["failures"],
        successes=row["successes"],
        down=bool(row["down"]),
        changes=tuple(from_iso_z(at) for at in json.loads(row["changes"])),
    )
