"""How the open alerts stand: in numbers, since when one waits for somebody, who was not told."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from mechexo.alerts import cells
from mechexo.alerts.records import LIKE_A_MOMENT
from mechexo.alerts.values import FIRED_AGAIN, SEVERITIES, AlertCounts
from mechexo.times import iso_z


def counts(connection: sqlite3.Connection, now: datetime) -> AlertCounts:
    """The open alerts in numbers."""
    rows = cells.rows(
        connection,
        "SELECT severity, COUNT(*) AS alerts, SUM(state = 'firing') AS firing, "  # noqa: S608
        f"MIN(CASE WHEN started_at {LIKE_A_MOMENT} THEN started_at END) AS oldest, "
        "SUM(state = 'firing' AND silenced_until > :now) AS silenced, "
        "SUM(state = 'firing' AND suppressed_by IS NOT NULL) AS caused, "
        "SUM(state = 'firing' AND held_until > :now) AS held, "
        "SUM(state = 'firing' AND flapping_until > :now AND held_until IS NULL) AS flapping "
        "FROM alert WHERE state <> 'resolved' GROUP BY severity",
        {"now": iso_z(now)},
    )
    kept_back = {
        reason: sum(row[reason] or 0 for row in rows)
        for reason in ("silenced", "caused", "held", "flapping")
    }
    found = [at for row in rows if (at := cells.moment_or_none(row["oldest"])) is not None]
    return AlertCounts(
        open=sum(row["alerts"] for row in rows),
        unacknowledged=sum(row["firing"] for row in rows),
        by_severity={
            row["severity"]: row["alerts"] for row in rows if row["severity"] in SEVERITIES
        },
        oldest_s=max((now - min(found)).total_seconds(), 0.0) if found else None,
        kept_back={reason: count for reason, count in kept_back.items() if count},
    )


def unacknowledged_since(connection: sqlite3.Connection, severity: str) -> datetime | None:
    """Since when the longest unacknowledged alert of a severity waits for somebody: since it
    started, or since it got worse than what was acknowledged."""
    rows = cells.rows(
        connection,
        "SELECT COALESCE((SELECT MAX(at) FROM alert_event WHERE alert_id = alert.id AND kind = ? "  # noqa: S608
        f"AND at {LIKE_A_MOMENT}), started_at) FROM alert "
        "WHERE state <> 'resolved' AND state = 'firing' AND severity = ?",
        (FIRED_AGAIN, severity),
    )
    # One whose beginning cannot be read makes none of the others seem younger.
    return min(filter(None, (cells.moment_or_none(row[0]) for row in rows)), default=None)


def untold(connection: sqlite3.Connection) -> tuple[sqlite3.Row, ...]:
    """The open, unacknowledged, unsilenced critical and high alerts whose newest page reached
    nobody and is not on its way: `id`, `severity`, `name`, and `why` a message of it was given up
    or cancelled (None when there was none), worst first, then oldest."""
    rows = connection.execute(
        """
        SELECT id, severity, name,
               (SELECT detail FROM delivery
                WHERE alert_id = alert.id AND page = alert.pages AND kind = 'page'
                ORDER BY state <> 'failed', id DESC LIMIT 1) AS why
        FROM alert
        WHERE state <> 'resolved' AND state = 'firing' AND severity IN ('critical', 'high')
          AND silenced_until IS NULL AND held_until IS NULL AND suppressed_by IS NULL
          AND flapping_until IS NULL
          AND NOT EXISTS (SELECT 1 FROM delivery
                          WHERE alert_id = alert.id AND page = alert.pages AND kind = 'page'
                            AND state IN ('sent', 'due', 'sending'))
        ORDER BY severity, started_at, id
        """
    )
    return tuple(rows)
