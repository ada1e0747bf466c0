"""The delivery tables: messages that are due, leased, sent, failed or cancelled.

A sender leases one row for `LEASE`. A lease that ran out means that its sender died before it
recorded a result: the row is sent again, marked as a resend, because the message may have gone
out. So a message goes out at least once, and at most once more for every such death.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.alerts import records
from mechexo.alerts.retry import LONGEST_DELAY
from mechexo.alerts.values import Alert, AlertEvent, AlertState, Delivery
from mechexo.times import from_iso_z, iso_z

if TYPE_CHECKING:
    from mechexo.alerts.effects import Cancellation, Move, Page, Stranded

LEASE = timedelta(seconds=15)

_COLUMNS = "id, alert_id, channel, state, due_at, attempts, detail, finished_at"
# Due later than any retry, and not held for quiet hours: the clock was set back since.
_STRAY = (
    "(delivery.due_at > :far AND NOT EXISTS (SELECT 1 FROM alert AS held "
    "WHERE held.id = delivery.alert_id AND held.held_until IS NOT NULL))"
)
# So it was, too, when a lease ends later than a fresh one would.
# The first condition repeats that of the index, which would not be used without it.
_CLAIMABLE = (
    "delivery.state IN ('due', 'sending') AND "
    f"((delivery.state = 'due' AND (delivery.due_at <= :now OR {_STRAY})) "
    "OR (delivery.state = 'sending' "
    "AND (delivery.leased_until <= :now OR delivery.leased_until > :fresh)))"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A leased delivery: this process may try to send it until the lease runs out."""

    delivery_id: int
    alert: Alert
    page: int
    channel: str
    attempt: int
    resend: bool
    first_due_at: datetime


def add_pages(connection: sqlite3.Connection, pages: Iterable[Page]) -> None:
    """Makes messages due."""
    connection.executemany(
        "INSERT INTO delivery (alert_id, page, level, channel, state, first_due_at, due_at) "
        "VALUES (?, ?, ?, ?, 'due', ?, ?)",
        [
            (p.alert_id, p.number, p.level, p.channel, iso_z(p.due_at), iso_z(p.due_at))
            for p in pages
        ],
    )


def cancel(
    connection: sqlite3.Connection, cancellations: Iterable[Cancellation], now: datetime
) -> None:
    """Cancels what is not under way. A message that is being sent may still go out, once."""
    for each in cancellations:
        channels = None if each.channels is None else json.dumps(sorted(each.channels))
        rows = connection.execute(
            "UPDATE delivery SET state = 'cancelled', detail = ?, finished_at = ? "
            "WHERE alert_id = ? AND page <= ? AND state = 'due' "
            "AND (? IS NULL OR channel IN (SELECT value FROM json_each(?))) RETURNING channel",
            (each.reason, iso_z(now), each.alert_id, each.up_to_page, channels, channels),
        ).fetchall()
        if rows:
            told = ", ".join(sorted(row["channel"] for row in rows))
            event = AlertEvent(now, "cancelled", f"{told}: {each.reason}")
            records.append_events(connection, [(each.alert_id, event)])


def move(connection: sqlite3.Connection, moves: Iterable[Move]) -> None:
    """Makes pages that wait due at another moment."""
    connection.executemany(
        "UPDATE delivery SET first_due_at = ?, due_at = ? "
        "WHERE alert_id = ? AND page = ? AND state = 'due'",
        [(iso_z(m.due_at), iso_z(m.due_at), m.alert_id, m.page) for m in moves],
    )


def stranded(connection: sqlite3.Connection, configured: Collection[str]) -> dict[int, Stranded]:
    """The alerts, by id, whose newest page waits for a channel that is not `configured`."""
    # Here, because who only reads the outbox needs none of the effects.
    from mechexo.alerts.effects import Stranded

    rows = connection.execute(
        """
        SELECT DISTINCT alert.id, alert.pages
        FROM delivery JOIN alert ON alert.id = delivery.alert_id AND alert.pages = delivery.page
        WHERE delivery.state IN ('due', 'sending') AND delivery.state = 'due'
          AND delivery.channel NOT IN (SELECT value FROM json_each(?))
        """,
        (json.dumps(list(configured)),),
    ).fetchall()
    found = {}
    for alert_id, page in rows:
        channels = frozenset(
            row[0]
            for row in connection.execute(
                "SELECT channel FROM delivery WHERE alert_id = ? AND page = ?", (alert_id, page)
            )
        )
        gone = channels - frozenset(configured)
        found[alert_id] = Stranded(gone, channels - gone)
    return found


def channels_with_work(connection: sqlite3.Connection, now: datetime) -> tuple[str, ...]:
    """The channels for which a message can be sent now."""
    rows = connection.execute(
        f"SELECT DISTINCT channel FROM delivery WHERE {_CLAIMABLE} ORDER BY channel",  # noqa: S608
        _moments(now),
    )
    return tuple(row[0] for row in rows)


def without_entry(connection: sqlite3.Connection, now: datetime) -> tuple[str, ...]:
    """The names of the alerts of which a message can be sent now and which name no runbook
    entry."""
    rows = connection.execute(
        "SELECT DISTINCT alert.name FROM delivery "  # noqa: S608
        "JOIN alert ON alert.id = delivery.alert_id "
        f"WHERE alert.runbook = '' AND {_CLAIMABLE} ORDER BY alert.name",
        _moments(now),
    )
    return tuple(row[0] for row in rows)


def claim(connection: sqlite3.Connection, channel: str, now: datetime) -> Claim | None:
    """Leases the channel's most pressing message; None when there is none.

    A message that became pointless while its sender had it is cancelled here.
    """
    while True:
        row = connection.execute(
            "SELECT delivery.id, delivery.alert_id, delivery.page, delivery.state, "  # noqa: S608
            "delivery.attempts, delivery.resend, delivery.first_due_at "
            "FROM delivery JOIN alert ON alert.id = delivery.alert_id "
            f"WHERE delivery.channel = :channel AND {_CLAIMABLE} "
            "ORDER BY alert.severity <> 'critical', delivery.due_at, delivery.id LIMIT 1",
            {"channel": channel, **_moments(now)},
        ).fetchone()
        if row is None:
            return None
        died = row["state"] == "sending"
        if died:
            why = "the sender ended before it recorded a result; the message may have gone out"
            _record(connection, row["id"], row["attempts"], now, "lost", why)
        alert = records.alert_by_id(connection, row["alert_id"])
        if alert is None or (reason := _pointless(alert, row["page"])):
            _finish(connection, row["id"], "cancelled", reason if alert else "no alert", now)
            continue
        attempt, resend = row["attempts"] + 1, bool(row["resend"]) or died
        connection.execute(
            "UPDATE delivery SET state = 'sending', attempts = ?, resend = ?, leased_until = ?, "
            "first_due_at = MIN(first_due_at, ?) WHERE id = ?",
            (attempt, int(resend), iso_z(now + LEASE), iso_z(now), row["id"]),
        )
        first_due_at = min(from_iso_z(row["first_due_at"]), now)
        return Claim(row["id"], alert, row["page"], channel, attempt, resend, first_due_at)


def record_sent(connection: sqlite3.Connection, claim: Claim, detail: str, now: datetime) -> bool:
    """Records that the message went out; False when the lease was lost to another sender."""
    return _settle(connection, claim, "sent", detail, now, "sent")


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
    alert = records.alert_by_id(connection, claim.alert.id)
    if alert is not None and (reason := _pointless(alert, claim.page)):
        _finish(connection, claim.delivery_id, "cancelled", reason, now)
    return True


def delivery(connection: sqlite3.Connection, delivery_id: int) -> Delivery:
    """One delivery."""
    return _delivery(
        connection.execute(
            f"SELECT {_COLUMNS} FROM delivery WHERE id = ?",  # noqa: S608
            (delivery_id,),
        ).fetchone()
    )


def deliveries(
    connection: sqlite3.Connection, alert_id: int | None, limit: int
) -> tuple[Delivery, ...]:
    """The newest deliveries, of one alert or of all."""
    of_alert = "" if alert_id is None else "WHERE alert_id = :alert"
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM delivery {of_alert} ORDER BY id DESC LIMIT :limit",  # noqa: S608
        {"alert": alert_id, "limit": limit},
    )
    return tuple(map(_delivery, rows))


def oldest_due(connection: sqlite3.Connection, now: datetime) -> datetime | None:
    """Since when the oldest unfinished message should have gone out, retries or not; `now` when
    that is not known, because the clock was set back."""
    row = connection.execute(
        "SELECT MIN(first_due_at) FROM delivery "  # noqa: S608
        f"WHERE state IN ('due', 'sending') AND (first_due_at <= :now OR {_STRAY})",
        _moments(now),
    ).fetchone()
    return min(from_iso_z(row[0]), now) if row[0] else None


def _pointless(alert: Alert, page: int) -> str:
    """Why a message of this page is not worth sending any more; "" when it is."""
    if alert.state is AlertState.ACKNOWLEDGED:
        return f"{alert.acknowledged_by} knows"
    if alert.state is AlertState.RESOLVED:
        return "resolved"
    if alert.silenced_until is not None:
        return f"silenced until {iso_z(alert.silenced_until)}"
    return "paged anew" if page < alert.pages else ""


def _moments(now: datetime) -> dict[str, str]:
    return {
        "now": iso_z(now),
        "fresh": iso_z(now + LEASE),
        "far": iso_z(now + LONGEST_DELAY),
    }


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
    connection.execute(
        "INSERT INTO delivery_attempt (delivery_id, number, at, outcome, detail) "
        "VALUES (?, ?, ?, ?, ?)",
        (delivery_id, number, iso_z(at), outcome, detail),
    )


def _delivery(row: sqlite3.Row) -> Delivery:
    return Delivery(
        id=row["id"],
        alert_id=row["alert_id"],
        channel=row["channel"],
        state=row["state"],
        due_at=from_iso_z(row["due_at"]),
        attempts=row["attempts"],
        detail=row["detail"],
        finished_at=from_iso_z(row["finished_at"]) if row["finished_at"] else None,
    )
