"""Messages for somebody's information: a drill, a hand-over. Nothing is the matter.

They go the way of every other message, outbox and sending process, so each belongs to an alert: one
that was over when it began, never climbs, and counts in no statistics.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable
from datetime import datetime

from mechexo.alerts import cells, outbox, outbox_reading, records, timeline_records
from mechexo.alerts.effects import Page
from mechexo.alerts.outbox_conditions import CHANGEABLE
from mechexo.alerts.text import clean
from mechexo.alerts.values import NOTICE_SOURCE, Alert, AlertEvent, AlertState, Delivery
from mechexo.times import iso_z


def add_notice(
    connection: sqlite3.Connection,
    *,
    name: str,
    summary: str,
    channels: Iterable[str],
    now: datetime,
    actor: str = "",
) -> tuple[Delivery, ...]:
    """Makes a notice due on these channels, each once; its messages."""
    number, wanted = records.next_alert_id(connection), tuple(dict.fromkeys(channels))
    notice = Alert(
        id=number,
        key=f"notice:{number}",
        severity="info",
        state=AlertState.RESOLVED,
        name=name,
        summary=clean(summary),
        source=NOTICE_SOURCE,
        labels={},
        runbook="",
        count=1,
        started_at=now,
        last_seen_at=now,
        resolved_at=now,
    )
    records.save_alerts(connection, [notice])
    event = AlertEvent(now, "notice", f"{notice.summary} To: {', '.join(wanted)}", actor)
    timeline_records.append_events(connection, [(number, event)])
    pages = [Page(number, 1, 0, channel, now, kind="notice") for channel in wanted]
    outbox.add_pages(connection, pages)
    return tuple(reversed(outbox_reading.deliveries(connection, number, len(wanted))))


def give_up(connection: sqlite3.Connection, ids: Collection[int], why: str, now: datetime) -> None:
    """Those of these messages that still wait are not sent any more. What was said of an attempt
    stays; one that was never tried says `why`."""
    connection.execute(
        "UPDATE delivery SET state = 'failed', finished_at = :now, "  # noqa: S608
        "detail = CASE detail WHEN '' THEN :why ELSE detail END "
        f"WHERE state = 'due' AND id IN (SELECT value FROM json_each(:ids)) AND {CHANGEABLE}",
        {"now": iso_z(now), "why": why, "ids": json.dumps(list(ids))},
    )


def handovers_told(connection: sqlite3.Connection) -> datetime | None:
    """Up to when hand-overs were told; None when they never were looked at. When it cannot be read,
    long ago: better one message too many."""
    rows = cells.rows(connection, "SELECT until FROM handover_told")
    return (cells.moment_or_none(rows[0]["until"]) or cells.NO_MOMENT) if rows else None


def set_handovers_told(connection: sqlite3.Connection, until: datetime) -> None:
    """Hand-overs were told up to this moment."""
    connection.execute(
        "INSERT INTO handover_told VALUES (1, ?) "
        "ON CONFLICT (only_row) DO UPDATE SET until = excluded.until",
        (iso_z(until),),
    )
