"""The table of hand-over notes. Every function works inside its caller's transaction."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from mechexo.alerts.records import LARGEST
from mechexo.errors import StateError
from mechexo.times import from_iso_z, iso_z
from mechexo.value_classes import dataclass

_SELECT = "SELECT id, at, by, text, done_at, done_by FROM handover_note"


@dataclass(frozen=True, slots=True)
class HandoverNote:
    """What one shift leaves to the next."""

    id: int
    at: datetime
    by: str
    text: str
    """One line, harmless, secrets hidden."""
    done_at: datetime | None = None
    done_by: str = ""


def open_notes(
    connection: sqlite3.Connection,
) -> tuple[tuple[HandoverNote, ...], tuple[str, ...]]:
    """Those that are not done, oldest first; and what is wrong with, and said by, those that
    cannot be read."""
    found, damaged = [], []
    for row in connection.execute(f"{_SELECT} WHERE done_at IS NULL ORDER BY id"):
        try:
            found.append(_note(row))
        except StateError as error:
            damaged.append(str(error))
    return tuple(found), tuple(damaged)


def note_by_id(connection: sqlite3.Connection, note_id: int) -> HandoverNote | None:
    """One note, done or not."""
    if abs(note_id) > LARGEST:
        return None
    row = connection.execute(f"{_SELECT} WHERE id = ?", (note_id,)).fetchone()
    return _note(row) if row else None


def add_note(connection: sqlite3.Connection, at: datetime, by: str, text: str) -> int:
    """Writes a note; its id."""
    made = connection.execute(
        "INSERT INTO handover_note (at, by, text) VALUES (?, ?, ?)", (iso_z(at), by, text)
    )
    assert made.lastrowid is not None
    return made.lastrowid


def mark_done(connection: sqlite3.Connection, note_id: int, at: datetime, by: str) -> None:
    """A note that was open is done."""
    connection.execute(
        "UPDATE handover_note SET done_at = ?, done_by = ? WHERE id = ?", (iso_z(at), by, note_id)
    )


def _note(row: sqlite3.Row) -> HandoverNote:
    try:
        return _read(row)
    except (ValueError, TypeError) as error:
        raise StateError(
            f"note {row['id']} is damaged in the state file ({error}); it says: {row['text']}"
        ) from error


def _read(row: sqlite3.Row) -> HandoverNote:
    return HandoverNote(
        id=row["id"],
        at=from_iso_z(row["at"]),
        by=row["by"],
        text=row["text"],
        done_at=from_iso_z(row["done_at"]) if row["done_at"] else None,
        done_by=row["done_by"] or "",
    )
