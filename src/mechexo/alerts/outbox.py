"""The delivery tables: messages that are due, leased, sent, failed or cancelled.

A sender leases one row for `LEASE`. A lease that ran out means that its sender died before it
recorded a result: the row is sent again, marked as a resend, because the message may have gone
out. So a message goes out at least once, and at most once more for every such death.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.alerts import attempt_records, cells, records, timeline_records
from mechexo.alerts.outbox_conditions import (
    CHANGEABLE,
    CLAIMABLE,
    LEASE,
    OPEN_AGAIN,
    PLAINLY_WORTH,
    SENDABLE,
    moments,
)
from mechexo.alerts.retry import LONGEST_DELAY
from mechexo.alerts.values import AlertEvent
from mechexo.times import iso_z
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.alerts.bundling import Limit, Spoken, Wait
    from mechexo.alerts.effects import Cancellation, Closing, Page
    from mechexo.alerts.values import Alert

WAITS_FOR_THE_NEXT = timedelta(minutes=15)
"""How long an end is not told while the same is open again and nobody knows of that."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A leased delivery: this process may try to send it until the lease runs out."""

    delivery_id: int
    alert: Alert
    page: int
    level: int
    kind: str
    attempt: int
    resend: bool
    first_due_at: datetime
    shown: str
    """The severity that the message shows."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What goes to a channel in one message."""

    channel: str
    claims: tuple[Claim, ...]


def add_pages(connection: sqlite3.Connection, pages: Iterable[Page]) -> None:
    """Makes messages due. One that takes the place of an unsent one has been due since that was.

    One that was there before becomes due again: a second reminder of the same page, or a page that
    was cancelled while its channel was not in the configuration.
    """
    connection.executemany(
        "INSERT INTO delivery "
        "(alert_id, page, level, channel, kind, together, state, first_due_at, due_at) "
        "VALUES (:alert, :page, :level, :channel, :kind, :together, 'due', COALESCE((SELECT "
        "MIN(first_due_at) FROM delivery WHERE alert_id = :alert AND channel = :channel "
        "AND kind = :kind AND state = 'due' AND first_due_at BETWEEN '1970' AND :at), :at), :at) "
        "ON CONFLICT (alert_id, page, level, channel, kind) DO UPDATE SET state = 'due', "
        "first_due_at = excluded.first_due_at, due_at = excluded.due_at, detail = '', "
        "finished_at = NULL WHERE delivery.state IN ('failed', 'cancelled') "
        "OR (delivery.state = 'sent' AND delivery.kind <> 'page')",
        [
            {
                "alert": p.alert_id,
                "page": p.number,
                "level": p.level,
                "channel": p.channel,
                "kind": p.kind,
                "together": int(p.together),
                "at": iso_z(p.due_at),
            }
            for p in pages
        ],
    )


def add_closings(connection: sqlite3.Connection, closings: Iterable[Closing]) -> None:
    """Lets the channels that were told of an alert hear that somebody knows, or that it is over."""
    for each in closings:
        connection.execute(
            "INSERT OR IGNORE INTO delivery "
            "(alert_id, page, level, channel, kind, state, first_due_at, due_at) "
            "SELECT DISTINCT alert_id, :page, 0, channel, :kind, 'due', :at, :at FROM delivery "
            "WHERE alert_id = :alert AND kind = 'page' AND state IN ('sent', 'sending') "
            "AND channel IN (SELECT value FROM json_each(:channels)) ORDER BY id",
            {
                "alert": each.alert_id,
                "page": each.page,
                "kind": each.kind,
                "at": iso_z(each.due_at),
                "channels": json.dumps(sorted(each.channels)),
            },
        )


def cancel(
    connection: sqlite3.Connection, cancellations: Iterable[Cancellation], now: datetime
) -> None:
    """Cancels pages that are not under way. One that is being sent may still go out, once."""
    for each in cancellations:
        channels = None if each.channels is None else json.dumps(sorted(each.channels))
        rows = connection.execute(
            "UPDATE delivery SET state = 'cancelled', detail = ?, finished_at = ? "  # noqa: S608
            "WHERE alert_id = ? AND page <= ? AND state = 'due' AND kind IN ('page', 'reminder') "
            f"AND {CHANGEABLE} "
            "AND (? IS NULL OR channel IN (SELECT value FROM json_each(?))) RETURNING channel",
            (each.reason, iso_z(now), each.alert_id, each.up_to_page, channels, channels),
        ).fetchall()
        if rows:
            told = ", ".join(sorted({row["channel"] for row in rows}))
            event = AlertEvent(now, "cancelled", f"{told}: {each.reason}")
            timeline_records.append_events(connection, [(each.alert_id, event)])


def cancel_on_gone(
    connection: sqlite3.Connection,
    channel: str,
    reason: str,
    now: datetime,
    *,
    only: Collection[int] | None = None,
) -> None:
    """Cancels what is due on a channel that is not in the configuration any more, or of that `only`
    these deliveries. Pages stay: of an open alert they are told through another channel."""
    rows = cells.rows(
        connection,
        "SELECT id, alert_id, kind, state, attempts FROM delivery WHERE channel = :channel "  # noqa: S608
        f"AND kind <> 'page' AND {CLAIMABLE} AND {SENDABLE} "
        "AND (:only IS NULL OR id IN (SELECT value FROM json_each(:only)))",
        {
            "channel": channel,
            "only": None if only is None else json.dumps(list(only)),
            **moments(now),
        },
    )
    for row in rows:
        if row["state"] == "sending":
            _give_back(connection, row, now)
        _cancel_one(connection, row, channel, reason, now)


def claim(
    connection: sqlite3.Connection,
    channel: str,
    limit: Limit,
    now: datetime,
    *,
    only: Collection[int] | None = None,
) -> Bundle | Wait | None:
    """Leases what goes out next on the channel, of all that is due or `only` of these deliveries;
    how long to wait when its limit is reached; None when nothing is due.

    A message that became pointless while it waited is cancelled here.
    """
    # Here, because who only writes into the outbox needs none of it.
    from mechexo.alerts.bundling import TOGETHER_AT_MOST, Due, Wait, next_bundle

    rest = cells.rows(connection, "SELECT until FROM channel_rest WHERE channel = ?", (channel,))
    until = cells.moment_or_none(rest[0]["until"]) if rest and only is None else None
    # One further ahead than any service is granted was set before the clock went back.
    if until is not None and now < until <= now + LONGEST_DELAY:
        return Wait(until)
    rows = cells.rows(
        connection,
        "SELECT delivery.id, delivery.alert_id, delivery.page, delivery.level, delivery.kind, "  # noqa: S608
        "delivery.state, delivery.attempts, delivery.resend, delivery.together, "
        f"delivery.first_due_at, alert.severity, {PLAINLY_WORTH} AS plain, "
        f"{OPEN_AGAIN} AS again FROM delivery "
        "JOIN alert ON alert.id = delivery.alert_id "
        f"WHERE delivery.channel = :channel AND {CLAIMABLE} AND {SENDABLE} "
        "AND (:only IS NULL OR delivery.id IN (SELECT value FROM json_each(:only))) "
        "ORDER BY delivery.kind <> 'page', alert.severity <> 'critical', "
        "delivery.due_at, delivery.id LIMIT :most",
        {
            "channel": channel,
            "most": TOGETHER_AT_MOST,
            "only": None if only is None else json.dumps(list(only)),
            **moments(now),
        },
    )
    # In a storm thousands wait, again and again: whole alerts only of what goes out, or may not.
    doubtful = {row["alert_id"] for row in rows if not row["plain"]}
    doubtful |= {row["again"] for row in rows if row["again"] is not None}
    alerts = records.alerts_by_id(connection, doubtful) if doubtful else {}
    waiting: dict[int, sqlite3.Row] = {}
    for row in rows:
        if row["state"] == "sending":
            _give_back(connection, row, now)
        alert = None if row["plain"] else alerts[row["alert_id"]]
        if row["again"] is not None and not alerts[row["again"]].pages:
            _let_wait(connection, row, now + WAITS_FOR_THE_NEXT)
        elif row["again"] is not None:
            reason = f"open again as alert {row['again']}"
            _cancel_one(connection, row, channel, reason, now)
        elif alert is not None and (
            reason := attempt_records.pointless(alert, row["page"], row["kind"])
        ):
            attempt_records.finish(connection, row["id"], "cancelled", reason, now)
        else:
            waiting[row["id"]] = row
    due = [
        Due(
            row["id"],
            row["severity"] == "critical",
            row["kind"] == "page",
            bool(row["together"]),
            row["alert_id"],
        )
        for row in waiting.values()
    ]
    found = next_bundle(due, _spoken(connection, channel, now), limit, now)
    if found is None or isinstance(found, Wait):
        return found
    alerts = records.alerts_by_id(connection, {waiting[each]["alert_id"] for each in found})
    claims = [_lease(connection, waiting[each], alerts, now) for each in found]
    connection.execute(
        "INSERT INTO channel_message (channel, at, deliveries) VALUES (?, ?, ?)",
        (channel, iso_z(now), len(claims)),
    )
    return Bundle(channel, tuple(claims))


def _cancel_one(
    connection: sqlite3.Connection, row: sqlite3.Row, channel: str, reason: str, now: datetime
) -> None:
    """The message is not sent, and the timeline says so."""
    attempt_records.finish(connection, row["id"], "cancelled", reason, now)
    event = AlertEvent(now, "cancelled", f"{channel}, {row['kind']}: {reason}")
    timeline_records.append_events(connection, [(row["alert_id"], event)])


def _let_wait(connection: sqlite3.Connection, row: sqlite3.Row, until: datetime) -> None:
    """What is open again has been told to nobody, and may never be: its end would say nothing to
    who waits for this one."""
    connection.execute(
        "UPDATE delivery SET first_due_at = :until, due_at = :until WHERE id = :id",
        {"until": iso_z(until), "id": row["id"]},
    )


def _give_back(connection: sqlite3.Connection, row: sqlite3.Row, now: datetime) -> None:
    """Its sender died: the attempt is over, and the message waits again, as a resend."""
    why = "the sender ended before it recorded a result; the message may have gone out"
    attempt_records.record_attempt(connection, row["id"], row["attempts"], now, "lost", why)
    connection.execute(
        "UPDATE delivery SET state = 'due', resend = 1, leased_until = NULL WHERE id = ?",
        (row["id"],),
    )


def _lease(
    connection: sqlite3.Connection, row: sqlite3.Row, alerts: Mapping[int, Alert], now: datetime
) -> Claim:
    attempt, resend = row["attempts"] + 1, bool(row["resend"]) or row["state"] == "sending"
    alert = alerts[row["alert_id"]]
    # A moment that cannot be read is left as it is.
    known = cells.moment_or_none(row["first_due_at"])
    first = now if known is None else min(known, now)
    kept = row["first_due_at"] if known is None else iso_z(first)
    connection.execute(
        "UPDATE delivery SET state = 'sending', attempts = ?, resend = ?, leased_until = ?, "
        "first_due_at = ?, shown = ? WHERE id = ?",
        (attempt, int(resend), iso_z(now + LEASE), kept, alert.severity, row["id"]),
    )
    return Claim(
        delivery_id=row["id"],
        alert=alert,
        page=row["page"],
        level=row["level"],
        kind=row["kind"],
        attempt=attempt,
        resend=resend,
        first_due_at=first,
        shown=alert.severity,
    )


def _spoken(connection: sqlite3.Connection, channel: str, now: datetime) -> list[Spoken]:
    """The messages of the last minute; older ones are forgotten."""
    from mechexo.alerts.bundling import MINUTE
    from mechexo.alerts.crowding import spoken

    connection.execute(
        "DELETE FROM channel_message WHERE channel = ? AND (at <= ? OR at > ?)",
        (channel, iso_z(now - 2 * MINUTE), iso_z(now + MINUTE)),
    )
    return spoken(connection, channel)
