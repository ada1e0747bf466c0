"""The timelines of alerts: what happened to each, appended and never changed. Every function works
inside its caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable

from mechexo.alerts import cells
from mechexo.alerts.values import LATE, AlertEvent
from mechexo.times import iso_z


def append_events(connection: sqlite3.Connection, events: Iterable[tuple[int, AlertEvent]]) -> None:
    """Appends to the timelines of alerts."""
    found = list(events)
    if any(event.kind == LATE for _, event in found):
        # What is late is said again and again by a source that does not know; once is enough.
        found = [
            (alert_id, event)
            for alert_id, event in found
            if event.kind != LATE or not is_in_timeline(connection, alert_id, event)
        ]
    connection.executemany(
        "INSERT INTO alert_event (alert_id, at, kind, detail, actor) VALUES (?, ?, ?, ?, ?)",
        [(alert_id, iso_z(e.at), e.kind, e.detail, e.actor) for alert_id, e in found],
    )


def is_in_timeline(connection: sqlite3.Connection, alert_id: int, event: AlertEvent) -> bool:
    """Whether the timeline of an alert says the same already, at whatever moment."""
    row = connection.execute(
        "SELECT 1 FROM alert_event WHERE alert_id = ? AND kind = ? AND detail = ? AND actor = ?",
        (alert_id, event.kind, event.detail, event.actor),
    ).fetchone()
    return row is not None


def timeline_of(connection: sqlite3.Connection, alert_id: int) -> tuple[AlertEvent, ...]:
    """What happened to an alert, sending attempts included, in the order in which it was written: a
    clock that was set back tells another. A line that cannot be read is not in it."""
    rows = cells.rows(
        connection,
        """
        SELECT at, kind, detail, actor, id AS place, 0 AS source, id
        FROM alert_event WHERE alert_id = :alert
        UNION ALL
        SELECT attempt.at, attempt.outcome,
               CASE delivery.kind WHEN 'page' THEN '' ELSE delivery.kind || ': ' END
               || delivery.channel || ', attempt ' || attempt.number
               || CASE attempt.detail WHEN '' THEN '' ELSE ': ' || attempt.detail END,
               '',
               -- Of those written before this was noted only the moment is known.
               COALESCE(attempt.after_event, (
                   SELECT MAX(before.id) FROM alert_event AS before
                   WHERE before.alert_id = :alert AND before.at <= attempt.at
               )),
               1, attempt.id
        FROM delivery_attempt AS attempt JOIN delivery ON delivery.id = attempt.delivery_id
        WHERE delivery.alert_id = :alert
        ORDER BY place, source, id
        """,
        {"alert": alert_id},
    )
    return tuple(
        AlertEvent(at, row["kind"], row["detail"], row["actor"])
        for row in rows
        if (at := cells.moment_or_none(row["at"])) is not None
        and all(isinstance(row[name], str) for name in ("kind", "detail", "actor"))
    )


def acknowledgement_notes(
    connection: sqlite3.Connection, alert_ids: Collection[int]
) -> dict[int, str]:
    """The note of each alert's acknowledgement, where one stands and has words."""
    rows = cells.rows(
        connection,
        "SELECT alert_id, detail FROM alert_event JOIN alert ON alert.id = alert_id "
        "WHERE kind = 'acknowledged' AND acknowledged_by IS NOT NULL "
        "AND alert_id IN (SELECT value FROM json_each(?)) ORDER BY alert_event.id",
        (json.dumps(list(alert_ids)),),
    )
    last = {row["alert_id"]: row["detail"] for row in rows}
    return {alert_id: note for alert_id, note in last.items() if note and isinstance(note, str)}
