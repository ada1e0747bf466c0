"""The table of silences. Every function works inside its caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime

from mechexo.alerts import cells
from mechexo.alerts.alert_rows import as_json
from mechexo.alerts.damage import Damaged, DamagedRowError
from mechexo.alerts.damage_records import SILENCE
from mechexo.alerts.records import LARGEST
from mechexo.alerts.values import Silence
from mechexo.times import from_iso_z, iso_z

_SELECT = "SELECT id, matchers, author, reason, starts_at, ends_at, exact FROM silence"


def active_silences(connection: sqlite3.Connection, now: datetime) -> tuple[Silence, ...]:
    """The silences that have not ended, soonest end first. One that cannot be read keeps nothing
    quiet, and is not in it: better one page too many."""
    rows = cells.rows(
        connection,
        f"{_SELECT} WHERE ends_at > ? ORDER BY ends_at, id",
        (iso_z(now),),
    )
    return tuple(_silence(row) for row in rows if not cells.problems(row, SILENCE))


def silence_by_id(connection: sqlite3.Connection, silence_id: int) -> Silence | None:
    """One silence, over or not.

    Raises:
        DamagedRowError: it cannot be read.
    """
    row = row_by_id(connection, silence_id)
    if row is None:
        return None
    if said := cells.problems(row, SILENCE):
        mend = f"end it with: mechexo alerts unsilence {silence_id}"
        raise DamagedRowError(Damaged("silence", silence_id, said), mend)
    return _silence(row)


def row_by_id(connection: sqlite3.Connection, silence_id: int) -> sqlite3.Row | None:
    """The row of one silence as it stands there, damaged or not."""
    if abs(silence_id) > LARGEST:
        return None
    found = cells.rows(connection, f"{_SELECT} WHERE id = ?", (silence_id,))
    return found[0] if found else None


def add_silence(
    connection: sqlite3.Connection,
    *,
    matchers: Mapping[str, str],
    author: str,
    reason: str,
    starts_at: datetime,
    ends_at: datetime,
    exact: bool,
) -> Silence:
    """Stores a new silence."""
    cursor = connection.execute(
        "INSERT INTO silence (matchers, author, reason, starts_at, ends_at, exact) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (as_json(matchers), author, reason, iso_z(starts_at), iso_z(ends_at), int(exact)),
    )
    number = int(cursor.lastrowid or 0)
    return Silence(number, matchers, author, reason, starts_at, ends_at, exact)


def end_silence(connection: sqlite3.Connection, silence_id: int, at: datetime) -> None:
    """Lets a silence end at `at`."""
    connection.execute("UPDATE silence SET ends_at = ? WHERE id = ?", (iso_z(at), silence_id))


def _silence(row: sqlite3.Row) -> Silence:
    return Silence(
        id=row["id"],
        matchers=json.loads(row["matchers"]),
        author=row["author"],
        reason=row["reason"],
        starts_at=from_iso_z(row["starts_at"]),
        ends_at=from_iso_z(row["ends_at"]),
        exact=bool(row["exact"]),
    )
