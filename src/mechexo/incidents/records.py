"""The tables of incidents. What writes works inside its caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from mechexo.errors import StateError
from mechexo.incidents.values import EventKind, Incident, IncidentEvent, IncidentStatus
from mechexo.times import from_iso_z, iso_z

LARGEST = 2**63 - 1
"""The largest number that SQLite knows."""

_COLUMNS = (
    "id, title, severity, status, commander, runbook, alert_id, flows, began_at, opened_at, "
    "opened_by, mitigated_at, closed_at, closed_by, (SELECT json_group_array(name) FROM (SELECT "
    "name FROM incident_attendee WHERE incident_id = incident.id ORDER BY at, rowid)) AS attendees"
)


def insert(connection: sqlite3.Connection, incident: Incident) -> Incident:
    """Stores a new incident (its id is not looked at); who takes part is told by `attend`."""
    cursor = connection.execute(
        "INSERT INTO incident (title, severity, status, commander, runbook, alert_id, flows, "
        "began_at, opened_at, opened_by) VALUES (?,?,?,?,?,?,?,?,?,?)",
        (
            *(incident.title, incident.severity, incident.status, incident.commander),
            *(incident.runbook, incident.alert_id, json.dumps(incident.flows)),
            *(iso_z(incident.began_at), iso_z(incident.opened_at), incident.opened_by),
        ),
    )
    return replace(incident, id=int(cursor.lastrowid or 0))


def update(connection: sqlite3.Connection, incident: Incident) -> None:
    """Stores how an incident stands now."""
    connection.execute(
        "UPDATE incident SET severity = ?, status = ?, commander = ?, flows = ?, mitigated_at = ?, "
        "closed_at = ?, closed_by = ? WHERE id = ?",
        (
            *(incident.severity, incident.status, incident.commander, json.dumps(incident.flows)),
            *(_text(incident.mitigated_at), _text(incident.closed_at), incident.closed_by),
            incident.id,
        ),
    )


def attend(connection: sqlite3.Connection, incident_id: int, name: str, at: datetime) -> bool:
    """Says that somebody takes part; whether that is new."""
    cursor = connection.execute(
        "INSERT OR IGNORE INTO incident_attendee VALUES (?, ?, ?)", (incident_id, name, iso_z(at))
    )
    return cursor.rowcount > 0


def append(
    connection: sqlite3.Connection,
    incident_id: int,
    at: datetime,
    kind: EventKind,
    who: str,
    text: str,
) -> int:
    """Appends to what is recorded of an incident; the new line's id."""
    cursor = connection.execute(
        "INSERT INTO incident_event (incident_id, at, kind, who, text) VALUES (?,?,?,?,?)",
        (incident_id, iso_z(at), kind, who, text),
    )
    return int(cursor.lastrowid or 0)


def link(
    connection: sqlite3.Connection, alert_id: int, alert_key: str, incident_id: int, at: datetime
) -> bool:
    """Says that an alert belongs to an incident; False when it belongs to one already."""
    cursor = connection.execute(
        "INSERT OR IGNORE INTO incident_alert VALUES (?, ?, ?, ?)",
        (alert_id, incident_id, alert_key, iso_z(at)),
    )
    return cursor.rowcount > 0


def incident_of_alert(connection: sqlite3.Connection, alert_id: int) -> int | None:
    """The incident that an alert belongs to."""
    row = connection.execute(
        "SELECT incident_id FROM incident_alert WHERE alert_id = ?", (alert_id,)
    ).fetchone()
    return None if row is None else int(row[0])


def linked_alerts(connection: sqlite3.Connection, incident_id: int) -> tuple[int, ...]:
    """The alerts that belong to an incident, oldest first."""
    rows = connection.execute(
        "SELECT alert_id FROM incident_alert WHERE incident_id = ? ORDER BY alert_id",
        (incident_id,),
    )
    return tuple(row[0] for row in rows)


def unlinked(connection: sqlite3.Connection, alert_ids: Sequence[int]) -> tuple[int, ...]:
    """Those of these alerts that belong to no incident, in their order."""
    rows = connection.execute(
        "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT alert_id FROM incident_alert) "
        "ORDER BY key",
        (json.dumps(list(alert_ids)),),
    )
    return tuple(row[0] for row in rows)


def not_closed_for(connection: sqlite3.Connection, alert_key: str, runbook: str) -> int | None:
    """The newest incident that is not closed and has an alert of this key, or follows this
    entry."""
    row = connection.execute(
        "SELECT max(id) FROM incident WHERE status <> 'closed' AND ((runbook <> '' AND "
        "runbook = ?) OR id IN (SELECT incident_id FROM incident_alert "
        "WHERE alert_key <> '' AND alert_key = ?))",
        (runbook, alert_key),
    ).fetchone()
    return None if row[0] is None else int(row[0])


def opened_by(connection: sqlite3.Connection, name: str) -> tuple[int, ...]:
    """The incidents that somebody opened and that are not closed, oldest first."""
    rows = connection.execute(
        "SELECT id FROM incident WHERE status <> 'closed' AND opened_by = ? ORDER BY id", (name,)
    )
    return tuple(row[0] for row in rows)


def by_id(connection: sqlite3.Connection, incident_id: int) -> Incident | None:
    """One incident.

    Raises:
        StateError: what stands there is no incident any more.
    """
    if abs(incident_id) > LARGEST:
        return None
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM incident WHERE id = ?",  # noqa: S608
        (incident_id,),
    ).fetchone()
    return _incident(row) if row else None


def every(
    connection: sqlite3.Connection, *, closed: bool, limit: int | None
) -> tuple[tuple[Incident, ...], tuple[str, ...]]:
    """The incidents, closed ones too if asked for: those that go on first, worst severity first,
    then newest; and what is wrong with rows that cannot be read."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM incident WHERE ? OR status <> 'closed' "  # noqa: S608
        "ORDER BY status = 'closed', CASE status WHEN 'closed' THEN '' ELSE severity END, "
        "opened_at DESC, id DESC LIMIT ?",
        (closed, -1 if limit is None else min(limit, LARGEST)),
    )
    return _readable(rows.fetchall())


def opened_between(
    connection: sqlite3.Connection, start: datetime, end: datetime
) -> tuple[tuple[Incident, ...], tuple[str, ...]]:
    """The incidents that were opened from `start` to before `end`, oldest first; and what is wrong
    with rows that cannot be read."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM incident WHERE opened_at >= ? AND opened_at < ? "  # noqa: S608
        "ORDER BY opened_at, id",
        (iso_z(start), iso_z(end)),
    )
    return _readable(rows.fetchall())


def events_of(
    connection: sqlite3.Connection, incident_id: int
) -> tuple[tuple[IncidentEvent, ...], tuple[str, ...]]:
    """What is recorded of an incident, in the order of recording; and what is wrong with rows that
    cannot be read."""
    events, damaged = [], []
    for row in connection.execute(
        "SELECT id, at, kind, who, text FROM incident_event WHERE incident_id = ? ORDER BY id",
        (incident_id,),
    ):
        try:
            at = _moment(row["at"])
        except ValueError:
            damaged.append(f"line {row['id']} of incident {incident_id} has no time: {row['at']!r}")
            continue
        events.append(IncidentEvent(row["id"], at, row["kind"], row["who"], row["text"]))
    return tuple(events), tuple(damaged)


def last_event_at(connection: sqlite3.Connection, incident_id: int) -> datetime | None:
    """The latest moment that anything is recorded of; None when none can be read."""
    row = connection.execute(
        "SELECT at FROM incident_event WHERE incident_id = ? ORDER BY id DESC LIMIT 1",
        (incident_id,),
    ).fetchone()
    try:
        return None if row is None else _moment(row["at"])
    except ValueError:
        return None


def version(connection: sqlite3.Connection, incident_id: int) -> str:
    """Changes when anything of an incident does: every change appends a line."""
    row = connection.execute(
        "SELECT (SELECT max(id) FROM incident_event WHERE incident_id = :id), "
        "(SELECT count(*) FROM incident_attendee WHERE incident_id = :id), "
        "(SELECT count(*) FROM incident_alert WHERE incident_id = :id)",
        {"id": incident_id},
    ).fetchone()
    return ".".join(str(each or 0) for each in row)


def _readable(rows: Sequence[sqlite3.Row]) -> tuple[tuple[Incident, ...], tuple[str, ...]]:
    found, damaged = [], []
    for row in rows:
        try:
            found.append(_incident(row))
        except StateError as error:
            damaged.append(str(error))
    return tuple(found), tuple(damaged)


def _incident(row: sqlite3.Row) -> Incident:
    try:
        flows = json.loads(row["flows"])
        if not (isinstance(flows, list) and all(isinstance(each, str) for each in flows)):
            raise ValueError(f"its flows are {row['flows']!r}")
        return Incident(
            id=row["id"],
            title=row["title"],
            severity=row["severity"],
            status=IncidentStatus(row["status"]),
            commander=row["commander"],
            runbook=row["runbook"],
            alert_id=row["alert_id"],
            flows=tuple(flows),
            began_at=_moment(row["began_at"]),
            opened_at=_moment(row["opened_at"]),
            opened_by=row["opened_by"],
            mitigated_at=_moment(row["mitigated_at"]) if row["mitigated_at"] else None,
            closed_at=_moment(row["closed_at"]) if row["closed_at"] else None,
            closed_by=row["closed_by"],
            attendees=tuple(json.loads(row["attendees"])),
        )
    except (ValueError, TypeError) as error:
        raise StateError(f"incident {row['id']} is damaged in the state file: {error}") from error


def _moment(text: str) -> datetime:
    found = from_iso_z(text)
    if found.tzinfo is None:
        raise ValueError(f"{text!r} has no zone")
    return found


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else iso_z(moment)
