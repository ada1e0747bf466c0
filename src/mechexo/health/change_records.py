"""The table of changes of probes: each time that a status became another. Kept within bounds, the
newest of them, also of probes that are not configured any more."""

from __future__ import annotations

from datetime import datetime, timedelta

from mechexo.health.values import ProbeChange, ProbeState, Status
from mechexo.state import State, Transaction
from mechexo.times import from_iso_z, iso_z

KEPT_FOR = timedelta(days=90)
KEPT_PER_PROBE = 1_000


def note_change(transaction: Transaction, before: ProbeState, after: ProbeState) -> None:
    """Stores that a probe's status became another, if it did. `before` is as it was believed: what
    was well long ago was not known to be well. A first look that finds all well is no change."""
    first = before.observed_at is None
    if after.observed_at is None or before.status is after.status:
        return
    if first and after.status is Status.OK:
        return
    transaction.execute(
        "INSERT INTO health_change (probe, at, before, after, detail) VALUES (?,?,?,?,?)",
        (
            *(after.name, iso_z(after.observed_at)),
            *("" if first else before.status.value, after.status.value, after.detail),
        ),
    )
    transaction.execute(
        "DELETE FROM health_change WHERE at < ?", (iso_z(after.observed_at - KEPT_FOR),)
    )
    transaction.execute(
        "DELETE FROM health_change WHERE probe = ?1 AND id <= (SELECT id FROM health_change "
        "WHERE probe = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        (after.name, KEPT_PER_PROBE),
    )


def changes_between(
    state: State, start: datetime, end: datetime, most: int
) -> tuple[tuple[ProbeChange, ...], int]:
    """The changes from `start` to `end`, oldest first, at most the first `most`; and how many rows
    could not be read."""
    rows = state.rows(
        "SELECT id, probe, at, before, after, detail FROM health_change "
        "WHERE at BETWEEN ? AND ? ORDER BY at, id LIMIT ?",
        (iso_z(start), iso_z(end), most),
    )
    found, damaged = [], 0
    for row in rows:
        try:
            before = Status(row["before"]) if row["before"] else None
            at, after = from_iso_z(row["at"]), Status(row["after"])
        except ValueError:
            damaged += 1
            continue
        found.append(ProbeChange(row["id"], row["probe"], at, before, after, row["detail"]))
    return tuple(found), damaged


def last_change(state: State) -> int:
    """The number of the newest change; 0 when there is none."""
    row = state.row("SELECT max(id) FROM health_change")
    return int(row[0] or 0) if row else 0
