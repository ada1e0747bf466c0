"""What the history of alerts and messages counts. Every function works inside its caller's
transaction, and reads by index no more than the time that is asked about: the tables hold months.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime

from mechexo.alerts import cells
from mechexo.alerts.values import NOTICE_SOURCE
from mechexo.times import iso_z
from mechexo.value_classes import dataclass

_MINUTE = len("2026-03-02T14:30")


def started_by_minute(
    connection: sqlite3.Connection, since: datetime, until: datetime
) -> tuple[tuple[datetime, str, int], ...]:
    """Minute (UTC), severity and how many alerts started then, from `since` to `until`, both
    included, oldest first; notices are none."""
    rows = cells.rows(
        connection,
        f"SELECT substr(started_at, 1, {_MINUTE}) AS minute, severity, COUNT(*) FROM alert "  # noqa: S608
        "WHERE started_at BETWEEN ? AND ? AND source <> ? "
        "GROUP BY minute, severity ORDER BY minute",
        (iso_z(since), iso_z(until), NOTICE_SOURCE),
    )
    dated = ((cells.moment_or_none(f"{row[0]}Z"), row[1], row[2]) for row in rows)
    return tuple((at, severity, amount) for at, severity, amount in dated if at is not None)


@dataclass(frozen=True, slots=True)
class DayOfAlerts:
    """The alerts of one severity that started on one day, counted. Sums are in microseconds."""

    day: int
    """The place of the midnight that it began with."""
    severity: str
    alerts: int
    acknowledged: int
    until_known_us: int
    """From the start to the acknowledgement, of those that were acknowledged."""
    resolved: int
    until_over_us: int


def started_by_day(
    connection: sqlite3.Connection, midnights: Sequence[datetime]
) -> tuple[DayOfAlerts, ...]:
    """The alerts that started since the first of these moments; each day lasts until the next
    midnight, and the last one has no end. Notices are none."""
    ends = [*map(iso_z, midnights[1:]), "~"]
    days = [
        [day, iso_z(start), end]
        for day, (start, end) in enumerate(zip(midnights, ends, strict=True))
    ]
    rows = connection.execute(
        f"""
        SELECT json_extract(day.value, '$[0]') AS day, severity, COUNT(*),
               COUNT(acknowledged_at),
               SUM({_microseconds("acknowledged_at")} - {_microseconds("started_at")}),
               COUNT(resolved_at),
               SUM({_microseconds("resolved_at")} - {_microseconds("started_at")})
        FROM json_each(?) AS day CROSS JOIN alert INDEXED BY alert_started
             ON started_at >= json_extract(day.value, '$[1]')
             AND started_at < json_extract(day.value, '$[2]')
        WHERE source <> ? GROUP BY day, severity
        """,  # noqa: S608
        (json.dumps(days), NOTICE_SOURCE),
    )
    return tuple(
        DayOfAlerts(day, severity, alerts, known, known_us or 0, over, over_us or 0)
        for day, severity, alerts, known, known_us, over, over_us in rows
    )


def _microseconds(name: str) -> str:
    """The expression for a stored moment as a number; whole, so that sums are exact."""
    whole = f"CAST(strftime('%s', {name}) AS INTEGER)"
    return f"({whole} * 1000000 + CAST(substr({name}, 21, 6) AS INTEGER))"


def noisiest(
    connection: sqlite3.Connection, since: datetime, most: int
) -> tuple[tuple[str, int], ...]:
    """The names that started most often since then, and how often; notices are none."""
    rows = cells.rows(
        connection,
        "SELECT name, COUNT(*) AS alerts FROM alert INDEXED BY alert_started "
        "WHERE started_at >= ? AND source <> ? GROUP BY name ORDER BY alerts DESC, name LIMIT ?",
        (iso_z(since), NOTICE_SOURCE, most),
    )
    return tuple((row[0], row[1]) for row in rows if isinstance(row[0], str))


def finished_since(connection: sqlite3.Connection, since: datetime) -> dict[str, dict[str, int]]:
    """How many messages of each channel ended since then, by how: `sent`, `failed`,
    `cancelled`."""
    rows = cells.rows(
        connection,
        "SELECT channel, state, COUNT(*) FROM delivery INDEXED BY delivery_finished "
        "WHERE finished_at IS NOT NULL AND finished_at >= ? GROUP BY channel, state",
        (iso_z(since),),
    )
    found: dict[str, dict[str, int]] = {}
    for channel, state, count in rows:
        if isinstance(channel, str):
            found.setdefault(channel, {})[state] = count
    return found


def waiting(connection: sqlite3.Connection) -> dict[str, int]:
    """How many messages of each channel are due, or being sent now."""
    rows = cells.rows(
        connection,
        "SELECT channel, COUNT(*) FROM delivery INDEXED BY delivery_open "
        "WHERE state IN ('due', 'sending') GROUP BY channel",
    )
    return {channel: count for channel, count in rows if isinstance(channel, str)}


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that did not deliver: when, and what was said."""

    at: datetime
    detail: str


def last_failures(connection: sqlite3.Connection, since: datetime) -> dict[str, Failure]:
    """The newest failure of each channel since then: of a message that was given up, or of one
    that is still tried."""
    # SQLite takes the other columns from the row that has the maximum.
    rows = cells.rows(
        connection,
        """
        SELECT channel, MAX(at), detail FROM (
            SELECT channel, finished_at AS at, detail
            FROM delivery INDEXED BY delivery_finished
            WHERE finished_at IS NOT NULL AND finished_at >= :since AND state = 'failed'
            UNION ALL
            SELECT channel, attempt.at, attempt.detail
            FROM delivery INDEXED BY delivery_open
            JOIN delivery_attempt AS attempt ON attempt.delivery_id = delivery.id
                 AND attempt.number = delivery.attempts - (delivery.state = 'sending')
            WHERE state IN ('due', 'sending') AND attempt.at >= :since
                  AND attempt.outcome <> 'sent'
        ) GROUP BY channel
        """,
        {"since": iso_z(since)},
    )
    return {
        row[0]: Failure(at, str(row[2]))
        for row in rows
        if (at := cells.moment_or_none(row[1])) is not None and isinstance(row[0], str)
    }
