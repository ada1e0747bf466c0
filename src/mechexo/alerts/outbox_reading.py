"""What the outbox tells: what is due, what became of it, and what reached nobody."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.alerts import cells
from mechexo.alerts.damage_records import MESSAGE
from mechexo.alerts.outbox_conditions import CLAIMABLE, STRAY, moments
from mechexo.alerts.values import SEVERITIES, Delivery
from mechexo.times import iso_z

if TYPE_CHECKING:
    from mechexo.alerts.effects import Stranded, Unreached

_COLUMNS = "id, alert_id, channel, kind, level, state, due_at, attempts, detail, finished_at"
_CHECKS = {name: MESSAGE[name] for name in _COLUMNS.split(", ") if name != "id"}
_UNREADABLE_AT_MOST = 20
"""So many rows of a channel are passed over to find one whose moment can be read."""


def stranded(connection: sqlite3.Connection, configured: Collection[str]) -> dict[int, Stranded]:
    """The alerts, by id, whose newest page waits for a channel that is not `configured`."""
    # Here, because who only reads the outbox needs none of the effects.
    from mechexo.alerts.effects import Stranded

    rows = connection.execute(
        """
        SELECT DISTINCT alert.id, alert.pages
        FROM delivery JOIN alert ON alert.id = delivery.alert_id AND alert.pages = delivery.page
        WHERE delivery.state IN ('due', 'sending') AND delivery.state = 'due'
          AND delivery.kind = 'page'
          AND delivery.channel NOT IN (SELECT value FROM json_each(?))
        """,
        (json.dumps(list(configured)),),
    ).fetchall()
    found = {}
    for alert_id, page in rows:
        channels = frozenset(
            row[0]
            for row in cells.rows(
                connection,
                "SELECT channel FROM delivery WHERE alert_id = ? AND page = ? AND kind = 'page' "
                "AND state <> 'cancelled'",
                (alert_id, page),
            )
            if isinstance(row[0], str)
        )
        gone = channels - frozenset(configured)
        found[alert_id] = Stranded(gone, channels - gone)
    return found


_UNREACHED = """
    SELECT alert.id, alert.level,
           MAX(CASE delivery.detail WHEN '' THEN 'not tried' ELSE delivery.detail END) AS why
    FROM {source}
    JOIN delivery ON delivery.alert_id = alert.id AND delivery.page = alert.pages
         AND delivery.level = alert.level AND delivery.kind = 'page'
    WHERE alert.state = 'firing' AND {waits}
      -- Before the grouping: of thousands that climb nearly all have reached somebody (2), and of
      -- those that came just now nearly none was tried (0).
      AND CASE (SELECT MAX(CASE WHEN heard.state = 'sent' THEN 2
                                ELSE heard.attempts > 0 OR heard.state IN ('failed', 'cancelled')
                           END)
                FROM delivery AS heard
                WHERE heard.alert_id = alert.id AND heard.page = alert.pages
                  AND heard.level = alert.level AND heard.kind = 'page')
          WHEN 2 THEN 0 WHEN 1 THEN 1 ELSE alert.escalating_since <= :very_impatient END
    GROUP BY alert.id
    HAVING (
        MIN(
            delivery.state IN ('failed', 'cancelled') OR (delivery.attempts > 0 AND (
                SELECT outcome FROM delivery_attempt
                WHERE delivery_id = delivery.id ORDER BY number DESC LIMIT 1
            ) = 'rejected')
        ) = 1
        OR (MAX(delivery.attempts - (delivery.state = 'sending' AND delivery.id NOT IN (
                SELECT delivery_id FROM phone_call))) > 0
            AND MIN(delivery.first_due_at) <= :impatient)
        OR (MIN(delivery.first_due_at) <= :very_impatient
            AND alert.escalating_since <= :very_impatient)
    )
"""
_CLIMBING = _UNREACHED.format(
    source="alert INDEXED BY alert_next_level",
    waits="alert.next_level_at IS NOT NULL AND alert.next_level_at > :now",
)
# Those that wait for no level are found by what was tried for them and waits to be tried again.
_STANDING = _UNREACHED.format(
    source="(SELECT DISTINCT alert_id AS tried FROM delivery INDEXED BY delivery_open "
    "WHERE state IN ('due', 'sending') AND kind = 'page' AND attempts > (state = 'sending')) "
    "JOIN alert ON alert.id = tried",
    waits="alert.next_level_at IS NULL AND alert.held_until IS NULL",
)


def unreached(
    connection: sqlite3.Connection, now: datetime, patience: timedelta
) -> dict[int, Unreached]:
    """The alerts, by id, whose present level has reached nobody: every channel of it has failed for
    good, or was tried and has not delivered for `patience`, or was not even tried for three times
    as long since the ladder began. A first attempt that is under way is not yet one."""
    from mechexo.alerts.effects import Unreached

    parameters = {
        "now": iso_z(now),
        "impatient": iso_z(now - patience),
        "very_impatient": iso_z(now - 3 * patience),
    }
    rows = [
        row for query in (_CLIMBING, _STANDING) for row in cells.rows(connection, query, parameters)
    ]
    return {row["id"]: Unreached(row["level"], _said(row["why"])) for row in rows}


def _said(detail: object) -> str:
    return detail if isinstance(detail, str) else "what was said cannot be read"


def channels_with_work(connection: sqlite3.Connection, now: datetime) -> tuple[str, ...]:
    """The channels for which a message can be sent now."""
    rows = cells.rows(
        connection,
        f"SELECT DISTINCT channel FROM delivery WHERE {CLAIMABLE} ORDER BY channel",  # noqa: S608
        moments(now),
    )
    return tuple(row[0] for row in rows if isinstance(row[0], str))


def without_entry(connection: sqlite3.Connection, now: datetime) -> tuple[str, ...]:
    """The names of the alerts of which a message can be sent now and which name no runbook
    entry."""
    rows = cells.rows(
        connection,
        "SELECT DISTINCT alert.name FROM delivery "  # noqa: S608
        "JOIN alert ON alert.id = delivery.alert_id "
        f"WHERE alert.runbook = '' AND {CLAIMABLE} ORDER BY alert.name",
        moments(now),
    )
    return tuple(row[0] for row in rows if isinstance(row[0], str))


def delivery(connection: sqlite3.Connection, delivery_id: int) -> Delivery:
    """One delivery that was just tried; what of it cannot be read stands there as nothing."""
    (row,) = cells.rows(
        connection,
        f"SELECT {_COLUMNS} FROM delivery WHERE id = ?",  # noqa: S608
        (delivery_id,),
    )
    return _delivery(row)


def deliveries(
    connection: sqlite3.Connection, alert_id: int | None, limit: int
) -> tuple[Delivery, ...]:
    """The newest deliveries, of one alert or of all. What cannot be read is not in it."""
    of_alert = "" if alert_id is None else "WHERE alert_id = :alert"
    rows = cells.rows(
        connection,
        f"SELECT {_COLUMNS} FROM delivery {of_alert} ORDER BY id DESC LIMIT :limit",  # noqa: S608
        {"alert": alert_id, "limit": limit},
    )
    return tuple(_delivery(row) for row in rows if not cells.problems(row, _CHECKS))


def oldest_due(connection: sqlite3.Connection, now: datetime) -> datetime | None:
    """Since when the oldest unfinished message should have gone out, retries or not; `now` when
    that is not known, because the clock was set back."""
    condition = f"state IN ('due', 'sending') AND (first_due_at <= :now OR {STRAY})"
    (row,) = cells.rows(
        connection,
        f"SELECT MIN(first_due_at) AS first FROM delivery WHERE {condition}",  # noqa: S608
        moments(now),
    )
    if row["first"] is None:
        return None
    if (first := cells.moment_or_none(row["first"])) is not None:
        return min(first, now)
    # One that cannot be read makes none of the others seem younger.
    rows = cells.rows(
        connection,
        f"SELECT first_due_at FROM delivery WHERE {condition}",  # noqa: S608
        moments(now),
    )
    return min([now, *filter(None, (cells.moment_or_none(each[0]) for each in rows))])


def last_sent(connection: sqlite3.Connection, channel: str) -> datetime | None:
    """When the channel last delivered anything; None when that is not known."""
    rows = cells.rows(
        connection,
        "SELECT finished_at FROM delivery INDEXED BY delivery_sent "
        "WHERE state = 'sent' AND channel = ? ORDER BY finished_at DESC LIMIT ?",
        (channel, _UNREADABLE_AT_MOST),
    )
    return next(filter(None, (cells.moment_or_none(row[0]) for row in rows)), None)


def last_failure(connection: sqlite3.Connection, channel: str) -> tuple[datetime, str, bool] | None:
    """When the channel last failed to deliver, with which words, and whether the message was given
    up; of a message that is tried again, its last try. None when no failure is known."""
    given_up = cells.rows(
        connection,
        "SELECT finished_at, detail FROM delivery INDEXED BY delivery_failed "
        "WHERE state = 'failed' AND channel = ? ORDER BY finished_at DESC LIMIT ?",
        (channel, _UNREADABLE_AT_MOST),
    )
    again = cells.rows(
        connection,
        "SELECT (SELECT MAX(at) FROM delivery_attempt WHERE delivery_id = delivery.id), detail "
        "FROM delivery WHERE state IN ('due', 'sending') AND state = 'due' AND channel = ? "
        "AND attempts > 0 ORDER BY due_at DESC LIMIT ?",
        (channel, _UNREADABLE_AT_MOST),
    )
    found = []
    for rows, final in ((given_up, True), (again, False)):
        dated = ((cells.moment_or_none(row[0]), str(row[1])) for row in rows)
        found += [(at, words, final) for at, words in dated if at is not None][:1]
    return max(found, default=None)


def _delivery(row: sqlite3.Row) -> Delivery:
    return Delivery(
        id=row["id"],
        alert_id=row["alert_id"],
        channel=row["channel"],
        kind=row["kind"],
        level=row["level"],
        state=row["state"],
        due_at=cells.moment_or_none(row["due_at"]) or cells.NO_MOMENT,
        attempts=row["attempts"],
        detail=row["detail"],
        finished_at=cells.moment_or_none(row["finished_at"]),
    )


def severity_shown(
    connection: sqlite3.Connection, alert_id: int, channel: str, reference: str
) -> str:
    """The severity that the message with this reference at its service showed of an alert, for
    whoever answers it.

    Of one that is not known (it is only just being sent, say) the mildest that the channel has
    shown. Without a reference nobody answers a message: then it is the worst that the channel has
    shown. "" when nothing was ever shown.
    """
    rows = cells.rows(
        connection,
        "SELECT channel, reference, shown FROM delivery "
        "WHERE alert_id = ? AND shown <> '' AND kind IN ('page', 'reminder')",
        (alert_id,),
    )
    rows = [row for row in rows if row["shown"] in SEVERITIES]
    here = [row for row in rows if row["channel"] == channel] or rows
    # Two channels may speak in one chat.
    same = [row for row in rows if reference and row["reference"] == reference]
    shown = sorted({row["shown"] for row in same or here}, key=SEVERITIES.index)
    if not shown:
        return ""
    return str(shown[-1] if reference else shown[0])
