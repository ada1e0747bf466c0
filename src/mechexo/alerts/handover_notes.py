"""Notes for the next shift: they stay in its reports until somebody says that they are done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo.actor import Role
from mechexo.alerts import handover_note_records as records
from mechexo.alerts.handover_note_records import HandoverNote
from mechexo.alerts.text import clean
from mechexo.errors import ConflictError, NotFoundError, UsageError
from mechexo.times import in_zone

if TYPE_CHECKING:
    from mechexo.desk import Desk

__all__ = ["NOTE_LIMIT", "HandoverNote", "damaged", "done", "leave", "notes"]

NOTE_LIMIT = 2_000
"""Characters of a note."""


def notes(desk: Desk) -> tuple[HandoverNote, ...]:
    """The notes that are not done, oldest first. `damaged` says which could not be read."""
    with desk.state.explained():
        return records.open_notes(desk.state.reader())[0]


def damaged(desk: Desk) -> tuple[str, ...]:
    """What is wrong with the notes that cannot be read, and what they say."""
    with desk.state.explained():
        return records.open_notes(desk.state.reader())[1]


def leave(desk: Desk, text: str) -> HandoverNote:
    """Leaves a note to the next shift: one line, made harmless, with its secrets hidden.

    Raises:
        UsageError: nothing is in it, or too much.
        NotAllowedError: the role is below responder.
    """
    if len(text) > NOTE_LIMIT:
        raise UsageError(f"a note has at most {NOTE_LIMIT} characters, not {len(text)}")
    said = clean(text, NOTE_LIMIT)
    if not said:
        raise UsageError("a note needs some words")
    now, name = desk.clock.now(), desk.actor.name
    # What it says is why it was written.
    with desk.operation("report.note", "", needs=Role.RESPONDER, reason=said) as operation:
        connection = operation.transaction.connection
        made = records.add_note(connection, now, name, said)
        operation.after = {"note": made}
    return HandoverNote(made, now, name, said)


def done(desk: Desk, note_id: int, *, reason: str = "") -> HandoverNote:
    """Marks a note as done: it is in no later report.

    Raises:
        NotFoundError: there is no such note.
        ConflictError: it is done already; who did it is said.
        NotAllowedError: the role is below responder.
        UsageError: a live desk was given no reason.
    """
    with desk.operation(
        "report.note.done", str(note_id), needs=Role.RESPONDER, reason=clean(reason)
    ) as operation:
        connection, now = operation.transaction.connection, desk.clock.now()
        found = records.note_by_id(connection, note_id)
        if found is None:
            raise NotFoundError(f"there is no note {note_id}; list them with: mechexo report note")
        if found.done_at is not None:
            at = in_zone(found.done_at, desk.zone)
            raise ConflictError(f"note {note_id} is done since {at}, by {found.done_by}")
        records.mark_done(connection, note_id, now, desk.actor.name)
        operation.before = {"text": found.text, "by": found.by}
        return HandoverNote(found.id, found.at, found.by, found.text, now, desk.actor.name)
