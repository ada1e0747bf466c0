"""The rows beside the alerts that cannot be read: timelines, messages, silences, overrides. Every
function works inside its caller's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime

from mechexo.alerts import cells
from mechexo.alerts.damage import Damaged
from mechexo.times import iso_z

_KINDS = ("page", "reminder", "acknowledged", "resolved", "notice")
_STATES = ("due", "sending", "sent", "failed", "cancelled")
_OUTCOMES = ("sent", "refused", "rejected", "unanswered", "lost", "unheard")
_MOMENT = cells.optional(cells.moment)

_PLAINLY_SOUND = " AND ".join(
    [
        "delivery.kind IN ('page', 'reminder', 'acknowledged', 'resolved', 'notice')",
        # Any other text is looked at: it may be no UTF-8.
        "delivery.detail = ''",
        *(
            f"typeof(delivery.{name}) = 'text' AND delivery.{name} NOT GLOB '*[^ -~]*'"
            for name in ("channel", "reference", "shown")
        ),
        *(
            f"typeof({name}) = 'integer' AND {name} BETWEEN 0 AND {cells.MOST - 1}"
            for name in ("delivery.page", "delivery.level", "attempts", "resend", "together")
        ),
        cells.plain_moment("delivery.first_due_at"),
        cells.plain_moment("delivery.due_at"),
        f"(leased_until IS NULL OR {cells.plain_moment('leased_until')})",
        "delivery.finished_at IS NULL",
    ]
)
"""The condition under which a waiting message can surely be read."""

_Checks = Mapping[str, cells.Check]
EVENT: _Checks = {"at": cells.moment, "kind": cells.text, "detail": cells.text, "actor": cells.text}
MESSAGE: _Checks = {
    "alert_id": cells.whole,
    "page": cells.whole,
    "level": cells.whole,
    "channel": cells.text,
    "kind": cells.one_of(*_KINDS),
    "state": cells.one_of(*_STATES),
    "first_due_at": cells.moment,
    "due_at": cells.moment,
    "attempts": cells.whole,
    "leased_until": _MOMENT,
    "resend": cells.whole,
    "detail": cells.text,
    "finished_at": _MOMENT,
    "together": cells.whole,
    "reference": cells.text,
    "shown": cells.text,
}
ATTEMPT: _Checks = {
    "number": cells.whole,
    "at": cells.moment,
    "outcome": cells.one_of(*_OUTCOMES),
    "detail": cells.text,
    "after_event": cells.optional(cells.whole),
}
SILENCE: _Checks = {
    "matchers": cells.pairs,
    "author": cells.text,
    "reason": cells.text,
    "starts_at": cells.moment,
    "ends_at": cells.moment,
    "exact": cells.whole,
}
OVERRIDE: _Checks = {
    "schedule": cells.text,
    "person": cells.text,
    "starts_at": cells.moment,
    "ends_at": cells.moment,
    "reason": cells.text,
    "author": cells.text,
}


def of_alert(connection: sqlite3.Connection, alert_id: int) -> tuple[Damaged, ...]:
    """What of an alert's timeline and messages cannot be read."""
    asked = (
        ("timeline line", EVENT, "SELECT * FROM alert_event WHERE alert_id = ? ORDER BY id"),
        ("message", MESSAGE, "SELECT * FROM delivery WHERE alert_id = ? ORDER BY id"),
        (
            "attempt",
            ATTEMPT,
            "SELECT attempt.* FROM delivery JOIN delivery_attempt AS attempt "
            "ON attempt.delivery_id = delivery.id WHERE alert_id = ? ORDER BY attempt.id",
        ),
    )
    return tuple(
        Damaged(what, row["id"], said, alert_id=alert_id)
        for what, checks, sql in asked
        for row in cells.rows(connection, sql, (alert_id,))
        if (said := cells.problems(row, checks))
    )


def in_force(connection: sqlite3.Connection, now: datetime) -> tuple[Damaged, ...]:
    """What decides who is told and cannot be read: silences and overrides that are not surely over,
    and messages that are due."""
    return (*_silences(connection, now), *_overrides(connection, now), *_messages(connection))


def message(connection: sqlite3.Connection, number: int) -> sqlite3.Row | None:
    """The row of one message as it stands there, damaged or not."""
    found = cells.rows(connection, "SELECT * FROM delivery WHERE id = ?", (number,))
    return found[0] if found else None


def drop_message(connection: sqlite3.Connection, row: sqlite3.Row, now: datetime) -> None:
    """A message is not sent any more; a call about it is not asked after."""
    connection.execute("DELETE FROM phone_call WHERE delivery_id = ?", (row["id"],))
    kind = {} if row["kind"] in _KINDS else {"kind": "page"}
    over = {"state": "cancelled", "detail": "damaged in the state file", "finished_at": iso_z(now)}
    change(connection, "delivery", row["id"], {**cells.emptied(row, MESSAGE), **kind, **over})


def change(
    connection: sqlite3.Connection, table: str, number: int, values: Mapping[str, object]
) -> None:
    """Writes some cells of a row."""
    names = ", ".join(f"{name} = ?" for name in values)
    sql = f"UPDATE {table} SET {names} WHERE id = ?"  # noqa: S608
    connection.execute(sql, (*values.values(), number))


def _silences(connection: sqlite3.Connection, now: datetime) -> list[Damaged]:
    return _unended(connection, "silence", SILENCE, "SELECT * FROM silence ORDER BY id", now)


def _overrides(connection: sqlite3.Connection, now: datetime) -> list[Damaged]:
    sql = "SELECT * FROM oncall_override WHERE ends_at IS NOT starts_at ORDER BY id"
    return _unended(connection, "override", OVERRIDE, sql, now)


def _unended(
    connection: sqlite3.Connection, what: str, checks: _Checks, sql: str, now: datetime
) -> list[Damaged]:
    """Of all rows, which are few, those that cannot be read and are not surely over."""
    found = []
    for row in cells.rows(connection, sql):
        ends_at = cells.moment_or_none(row["ends_at"])
        if (ends_at is None or ends_at > now) and (said := cells.problems(row, checks)):
            found.append(Damaged(what, row["id"], said))
    return found


def _messages(connection: sqlite3.Connection) -> list[Damaged]:
    """Of the messages that are due or being sent. Of one whose alert is gone nobody can be told."""
    # In a storm thousands wait: only what is not plainly sound is taken apart.
    rows = cells.rows(
        connection,
        "SELECT delivery.*, alert.id AS known FROM delivery INDEXED BY delivery_open "  # noqa: S608
        "LEFT JOIN alert ON alert.id = alert_id WHERE delivery.state IN ('due', 'sending') "
        f"AND NOT (alert.id IS NOT NULL AND {_PLAINLY_SOUND})",
    )
    found = []
    for row in rows:
        said = cells.problems(row, MESSAGE)
        if not said and row["known"] is None:
            said = f"there is no alert {row['alert_id']} that it would tell of"
        if said:
            number = row["alert_id"] if isinstance(row["alert_id"], int) else None
            found.append(Damaged("message", row["id"], said, alert_id=number))
    return sorted(found, key=lambda each: each.id)
