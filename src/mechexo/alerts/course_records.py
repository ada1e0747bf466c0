"""Many alerts and what happened to them, for whoever reads afterwards. A row that cannot be read is
counted and hides no other. Every function works inside its caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable
from datetime import datetime

from mechexo.alerts import cells
from mechexo.alerts.alert_rows import SELECT, readable
from mechexo.alerts.damage import Damaged
from mechexo.alerts.values import NOTICE_SOURCE, SEVERITIES, Alert, AlertMoment, AnsweredAlert
from mechexo.times import iso_z


def started(
    connection: sqlite3.Connection, start: datetime, end: datetime, most: int
) -> tuple[tuple[Alert, ...], tuple[int, ...], bool]:
    """The alerts that started from `start` to `end`, oldest first, at most the first `most`; the
    ids of rows that cannot be read; and whether there were more. Notices are none."""
    rows = cells.rows(
        connection,
        f"{SELECT} WHERE started_at BETWEEN ? AND ? AND source <> ? "
        "ORDER BY started_at, id LIMIT ?",
        (iso_z(start), iso_z(end), NOTICE_SOURCE, most + 1),
    )
    return (*_readable(rows[:most]), len(rows) > most)


def with_ids(
    connection: sqlite3.Connection, ids: Collection[int]
) -> tuple[tuple[Alert, ...], tuple[int, ...]]:
    """These alerts, oldest first, and the ids of rows that cannot be read; those that are not kept
    any more are in neither."""
    rows = cells.rows(
        connection,
        f"{SELECT} WHERE id IN (SELECT value FROM json_each(?)) ORDER BY started_at, id",  # noqa: S608
        (json.dumps(list(ids)),),
    )
    return _readable(rows)


def moments_of(
    connection: sqlite3.Connection, ids: Collection[int], most: int
) -> tuple[tuple[AlertMoment, ...], int, bool]:
    """What happened to these alerts, sending attempts included, oldest first, at most the first
    `most`; how many rows cannot be read; and whether there were more."""
    rows = cells.rows(
        connection,
        """
        SELECT id, alert_id, at, kind, detail, actor, '' AS channel, '' AS message, 0 AS number
        FROM alert_event WHERE alert_id IN (SELECT value FROM json_each(:ids))
        UNION ALL
        SELECT attempt.id, delivery.alert_id, attempt.at, attempt.outcome, attempt.detail, '',
               delivery.channel, delivery.kind, attempt.number
        FROM delivery JOIN delivery_attempt AS attempt ON attempt.delivery_id = delivery.id
        WHERE delivery.alert_id IN (SELECT value FROM json_each(:ids))
        ORDER BY 3, 9, 1 LIMIT :most
        """,
        {"ids": json.dumps(list(ids)), "most": most + 1},
    )
    found, damaged = [], 0
    for row in rows[:most]:
        at = cells.moment_or_none(row[2])
        if at is None or not all(isinstance(said, str) for said in row[3:8]):
            damaged += 1
        else:
            found.append(AlertMoment(row[0], row[1], at, *row[3:]))
    return tuple(found), damaged, len(rows) > most


def last_change(connection: sqlite3.Connection) -> tuple[int, int]:
    """Numbers that grow whenever something happens to any alert."""
    row = connection.execute(
        "SELECT (SELECT max(id) FROM alert_event), (SELECT max(id) FROM delivery_attempt)"
    ).fetchone()
    return int(row[0] or 0), int(row[1] or 0)


def _readable(rows: Iterable[sqlite3.Row]) -> tuple[tuple[Alert, ...], tuple[int, ...]]:
    found, damaged = readable(rows)
    return tuple(found), tuple(each.id for each in damaged)


def answered(
    connection: sqlite3.Connection, start: datetime, end: datetime
) -> tuple[tuple[AnsweredAlert, ...], int]:
    """When the alerts that started from `start` to before `end` were acknowledged and resolved,
    oldest first; and how many rows could not be read. Notices are none."""
    rows = cells.rows(
        connection,
        "SELECT severity, started_at, acknowledged_at, resolved_at FROM alert "
        "INDEXED BY alert_started WHERE started_at >= ? AND started_at < ? AND source <> ? "
        "ORDER BY started_at, id",
        (iso_z(start), iso_z(end), NOTICE_SOURCE),
    )
    found, damaged = [], 0
    for severity, *moments in rows:
        began, known, over = map(cells.moment_or_none, moments)
        unreadable = [
            m for m, at in zip(moments, (began, known, over), strict=True) if m and not at
        ]
        if began is None or unreadable or severity not in SEVERITIES:
            damaged += 1
            continue
        found.append(AnsweredAlert(severity, began, known, over))
    return tuple(found), damaged


def noisiest_keys(
    connection: sqlite3.Connection, start: datetime, end: datetime, most: int
) -> tuple[tuple[str, int], ...]:
    """The keys that started most often from `start` to before `end`, and how often, most first."""
    rows = cells.rows(
        connection,
        "SELECT key, COUNT(*) AS alerts FROM alert INDEXED BY alert_started "
        "WHERE started_at >= ? AND started_at < ? AND source <> ? "
        "GROUP BY key ORDER BY alerts DESC, key LIMIT ?",
        (iso_z(start), iso_z(end), NOTICE_SOURCE, most),
    )
    return tuple((row[0], row[1]) for row in rows if isinstance(row[0], str))


def label_names(connection: sqlite3.Connection) -> frozenset[str]:
    """The names of all labels that any alert has, open or resolved."""
    rows = cells.rows(
        connection,
        "SELECT DISTINCT each.key FROM alert, "
        "json_each(CASE WHEN json_valid(alert.labels) THEN alert.labels ELSE '{}' END) AS each",
    )
    return frozenset(row[0] for row in rows if isinstance(row[0], str))


def started_between(
    connection: sqlite3.Connection, start: datetime, end: datetime, limit: int, *, last: bool
) -> tuple[tuple[Alert, ...], tuple[Damaged, ...]]:
    """The first, or `last`, alerts that started from `start` to `end`, oldest first, and what of
    them cannot be read; notices are none."""
    order = "DESC" if last else "ASC"
    rows = cells.rows(
        connection,
        f"{SELECT} WHERE started_at BETWEEN ? AND ? AND source <> ? "
        f"ORDER BY started_at {order}, id {order} LIMIT ?",
        (iso_z(start), iso_z(end), NOTICE_SOURCE, limit),
    )
    found, damaged = readable(rows)
    found.sort(key=lambda alert: (alert.started_at, alert.id))
    return tuple(found), tuple(damaged)
