"""What became of an attempt to send a message: sent, failed, to be tried again, or not worth it.

Every function works inside its caller's transaction.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.alerts import records
from mechexo.alerts.outbox_conditions import CHANGEABLE
from mechexo.alerts.values import Alert, AlertState
from mechexo.times import iso_z

if TYPE_CHECKING:
    from mechexo.alerts.outbox import Claim


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
    if alert is not None and (reason := pointless(alert, claim.page, claim.kind)):
        finish(connection, claim.delivery_id, "cancelled", reason, now)
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


def pointless(alert: Alert, page: int, kind: str) -> str:
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
    record_attempt(connection, claim.delivery_id, claim.attempt, now, outcome, detail)
    finish(connection, claim.delivery_id, state, detail, now)
    return True


def finish(
    connection: sqlite3.Connection, delivery_id: int, state: str, detail: str, now: datetime
) -> None:
    """Writes how it stands with a message after an attempt, or without one; nobody leases it."""
    connection.execute(
        "UPDATE delivery SET state = ?, detail = ?, finished_at = ?, leased_until = NULL "
        "WHERE id = ?",
        (state, detail, iso_z(now), delivery_id),
    )


def record_attempt(
    connection: sqlite3.Connection,
    delivery_id: int,
    number: int,
    at: datetime,
    outcome: str,
    detail: str,
) -> None:
    """Writes down an attempt, whose message then waits or is finished, and its place among the
    lines of all timelines."""
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
