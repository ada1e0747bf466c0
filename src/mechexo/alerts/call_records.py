"""The table of calls under way. A delivery that has one is being sent until it is settled."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from datetime import datetime

from mechexo.alerts import cells, records
from mechexo.alerts.outbox import Claim
from mechexo.times import iso_z
from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """One call under way, and the messages that it reads out."""

    channel: str
    reference: str
    """The service's own id of the call."""
    placed_at: datetime
    status: str
    """What the service last said of it; "" when it was not asked yet."""
    claims: tuple[Claim, ...]


def add_call(
    connection: sqlite3.Connection, claim: Claim, channel: str, reference: str, now: datetime
) -> None:
    """Remembers that a call was placed for a leased message."""
    connection.execute(
        "REPLACE INTO phone_call VALUES (?, ?, ?, ?, ?, '')",
        (claim.delivery_id, claim.attempt, channel, reference, iso_z(now)),
    )


def any_under_way(connection: sqlite3.Connection) -> bool:
    """Whether any call is under way. Cheap."""
    return connection.execute("SELECT 1 FROM phone_call LIMIT 1").fetchone() is not None


def calls_under_way(connection: sqlite3.Connection) -> tuple[Call, ...]:
    """The calls under way, oldest first. One that does not say when it was placed was long ago: its
    channel rings nobody else before its end is known."""
    rows = cells.rows(
        connection,
        "SELECT phone_call.*, delivery.alert_id, delivery.page, delivery.level, delivery.kind, "
        "delivery.resend, delivery.first_due_at, delivery.shown FROM phone_call "
        "JOIN delivery ON delivery.id = phone_call.delivery_id ORDER BY placed_at, delivery_id",
    )
    alerts = records.alerts_by_id(connection, {row["alert_id"] for row in rows})
    found: dict[tuple[str, str], list[sqlite3.Row]] = {}
    for row in rows:
        found.setdefault((row["channel"], row["reference"]), []).append(row)
    return tuple(
        Call(
            channel=channel,
            reference=reference,
            placed_at=_moment(together[0]["placed_at"]),
            status=together[0]["status"],
            claims=tuple(
                Claim(
                    delivery_id=row["delivery_id"],
                    alert=alerts[row["alert_id"]],
                    page=row["page"],
                    level=row["level"],
                    kind=row["kind"],
                    attempt=row["attempt"],
                    resend=bool(row["resend"]),
                    first_due_at=_moment(row["first_due_at"]),
                    shown=row["shown"],
                )
                for row in together
            ),
        )
        for (channel, reference), together in found.items()
    )


def _moment(stored: object) -> datetime:
    return cells.moment_or_none(stored) or cells.NO_MOMENT


def set_status(connection: sqlite3.Connection, call: Call, status: str) -> None:
    """Remembers what the service last said of a call."""
    connection.execute(
        "UPDATE phone_call SET status = ? WHERE channel = ? AND reference = ?",
        (status, call.channel, call.reference),
    )


def end_call(connection: sqlite3.Connection, claim: Claim) -> bool:
    """Forgets a message's call; False when another program settled it already."""
    cursor = connection.execute(
        "DELETE FROM phone_call WHERE delivery_id = ? AND attempt = ?",
        (claim.delivery_id, claim.attempt),
    )
    return cursor.rowcount > 0


def unheard(connection: sqlite3.Connection, delivery_ids: Iterable[int]) -> int:
    """How many calls about each of these messages nobody heard; the least of them."""
    row = connection.execute(
        "SELECT MIN((SELECT COUNT(*) FROM delivery_attempt WHERE delivery_id = each.value "
        "AND outcome = 'unheard')) FROM json_each(?) AS each",
        (json.dumps(list(delivery_ids)),),
    ).fetchone()
    return int(row[0] or 0)
