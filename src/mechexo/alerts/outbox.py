"""The delivery tables: messages that are due, leased, sent, failed or cancelled.

A sender leases one row for `LEASE`. A lease that ran out means that its sender died before it
recorded a result: the row is sent again, marked as a resend, because the message may have gone
out. So a message goes out at least once, and at most once more for every such death.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.alerts import cells, records, timeline_records
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
from mechexo.alerts.values import AlertEvent, AlertState
from mechexo.times import iso_z
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.alerts.bundling import Limit, Spoken, Wait
    from mechexo.alerts.effects import Cancellation, Closing, Page
    from mechexo.alerts.values import Alert


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
    alerts = records.alerts_by_id(connection, doubtful) if doubtful else {}
    waiting: dict[int, sqlite3.Row] = {}
    for row in rows:
        if row["state"] == "sending":
            _give_back(connection, row, now)
        alert = None if row["plain"] else alerts[row["alert_id"]]
        if row["again"] is not None:
            reason = f"open again as alert {row['again']}"
            _cancel_one(connection, row, channel, reason, now)
        elif alert is not None and (reason := _pointless(alert, row["page"], row["kind"])):
            _finish(connection, row["id"], "cancelled", reason, now)
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
    _finish(connection, row["id"], "cancelled", reason, now)
    event = AlertEvent(now, "cancelled", f"{channel}, {row['kind']}: {reason}")
    timeline_records.append_events(connection, [(row["alert_id"], event)])


def _give_back(connection: sqlite3.Connection, row: sqlite3.Row, now: datetime) -> None:
    """Its sender died: the attempt is over, and the message waits again, as a resend."""
    why = "the sender ended before it recorded a result; the message may have gone out"
    _record(connection, row["id"], row["attempts"], now, "lost", why)
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


def record_sent(
    connection: sqlite3.Connection, claim: Claim, detail: str, now: datetime, reference: str = ""
) -> bool:
    """Records that the message went out, and its `reference` at the service; False when the lease
    was lost to another sender."""
    if not _settle(connection, claim, "sent", detail, now, "sent"):
        return False
    connection.execute(
        "UPDATE delivery SET reference = ? WHERE id = ?", (reference, claim.delivery_id)
    )
    return True


def record_failed(
    connection: sqlite3.Connection, claim: Claim, outcome: str, detail: str, now: datetime
) -> bool:
    """Records a failure after which it is not tried again."""
    return _settle(connection, claim, outcome, detail, now, "failed")


def record_retry(
    connection: sqlite3.Connection,
    claim: Claim,
    outcome: str,
    detail: str,
    now: datetime,
    due_at: datetime,
) -> bool:
    """Records a failure and makes the message due again. An attempt without an answer makes the
    next one a resend. A message that became pointless meanwhile is cancelled."""
    if not _settle(connection, claim, outcome, detail, now, "due"):
        return False
    connection.execute(
        "UPDATE delivery SET due_at = ?, finished_at = NULL, resend = MAX(resend, ?) WHERE id = ?",
        (iso_z(due_at), int(outcome == "unanswered"), claim.delivery_id),
    )
    alert = records.alerts_by_id(connection, [claim.alert.id]).get(claim.alert.id)
    if alert is not None and (reason := _pointless(alert, claim.page, claim.kind)):
        _finish(connection, claim.delivery_id, "cancelled", reason, now)
    return True


def leave_alone(connection: sqlite3.Connection, channel: str, until: datetime) -> None:
    """Makes nothing of what is due on a channel, or becomes due, go out before a moment: its
    service asked for that."""
    connection.execute(
        "INSERT INTO channel_rest (channel, until) VALUES (?, ?) "
        "ON CONFLICT (channel) DO UPDATE SET until = excluded.until",
        (channel, iso_z(until)),
    )
    connection.execute(
        "UPDATE delivery SET due_at = MAX(due_at, ?) WHERE channel = ? AND state = 'due' "  # noqa: S608
        f"AND {CHANGEABLE}",
        (iso_z(until), channel),
    )


def _pointless(alert: Alert, page: int, kind: str) -> str:
    """Why a message is not worth sending any more; "" when it is."""
    if kind in ("resolved", "notice"):
        return ""
    if alert.state is AlertState.RESOLVED:
        return "resolved"
    acknowledged = alert.state is AlertState.ACKNOWLEDGED
    if kind in ("acknowledged", "reminder"):
        return "" if acknowledged else "it fires again"
    if acknowledged:
        return f"{alert.acknowledged_by} knows"
    if alert.silenced_until is not None:
        return f"silenced until {iso_z(alert.silenced_until)}"
    if alert.suppressed_by is not None:
        return f"alert {alert.suppressed_by} causes it"
    return "paged anew" if page < alert.pages else ""


def _settle(
    connection: sqlite3.Connection,
    claim: Claim,
    outcome: str,
    detail: str,
    now: datetime,
    state: str,
) -> bool:
    ours = connection.execute(
        "SELECT 1 FROM delivery WHERE id = ? AND state = 'sending' AND attempts = ?",
        (claim.delivery_id, claim.attempt),
    ).fetchone()
    if ours is None:
        return False
    _record(connection, claim.delivery_id, claim.attempt, now, outcome, detail)
    _finish(connection, claim.delivery_id, state, detail, now)
    return True


def _finish(
    connection: sqlite3.Connection, delivery_id: int, state: str, detail: str, now: datetime
) -> None:
    connection.execute(
        "UPDATE delivery SET state = ?, detail = ?, finished_at = ?, leased_until = NULL "
        "WHERE id = ?",
        (state, detail, iso_z(now), delivery_id),
    )


def _record(
    connection: sqlite3.Connection,
    delivery_id: int,
    number: int,
    at: datetime,
    outcome: str,
    detail: str,
) -> None:
    # Where the number of another attempt was changed, this one comes after all of them.
    connection.execute(
        "INSERT INTO delivery_attempt (delivery_id, number, at, outcome, detail, after_event) "
        "VALUES (:of, CASE WHEN EXISTS (SELECT 1 FROM delivery_attempt WHERE delivery_id = :of "
        "AND number = :number) THEN (SELECT MAX(number) + 1 FROM delivery_attempt "
        "WHERE delivery_id = :of) ELSE :number END, :at, :outcome, :detail, "
        "(SELECT MAX(id) FROM alert_event))",
        {
            "of": delivery_id,
            "number": number,
            "at": iso_z(at),
            "outcome": outcome,
            "detail": detail,
        },
    )
