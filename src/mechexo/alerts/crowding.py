"""Whether all that is due on a channel waits, found without reading all of it.

In a storm thousands of messages wait, and whoever sends asks for the next one several times a
second: each time they would all be read and put into order, while nothing else can be written.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime

from mechexo.alerts import cells
from mechexo.alerts.bundling import ALONE_AT_MOST, Limit, Spoken, Wait, crowd_waits
from mechexo.alerts.outbox_conditions import CLAIMABLE, PLAINLY_WORTH, SENDABLE, moments

_WAITS = f"{CLAIMABLE} AND {SENDABLE} AND {PLAINLY_WORTH} AND NOT delivery.together"
_CROWD = (
    "SELECT 1 FROM delivery JOIN alert ON alert.id = delivery.alert_id "  # noqa: S608
    f"WHERE delivery.channel = :channel AND {_WAITS} LIMIT {ALONE_AT_MOST + 1}"
)
# From the open critical alerts, which are few, to the messages of each: the first condition repeats
# that of the index, which would not be used without it, and the plus keeps SQLite from looking
# through all that waits on the channel instead.
_URGENT = (
    "SELECT 1 FROM alert CROSS JOIN delivery ON alert.id = delivery.alert_id "  # noqa: S608
    "WHERE alert.state <> 'resolved' AND alert.severity = 'critical' "
    f"AND delivery.kind = 'page' AND +delivery.channel = :channel AND {_WAITS} LIMIT 1"
)


def crowd_waits_until(
    connection: sqlite3.Connection, channel: str, limit: Limit, now: datetime
) -> Wait | None:
    """Until when a crowd of messages waits, as `outbox.claim` would say once it had read them; None
    when there is no crowd, a critical page is among it, or some of it may go out."""
    if limit.per_minute is None and not limit.gap:
        return None  # it takes as much as there is
    wait = crowd_waits(spoken(connection, channel), limit, now)
    if wait is None:
        return None
    asked = {"channel": channel, **moments(now)}
    if len(cells.rows(connection, _CROWD, asked)) <= ALONE_AT_MOST:
        return None
    return None if cells.rows(connection, _URGENT, asked) else wait


def spoken(connection: sqlite3.Connection, channel: str) -> list[Spoken]:
    """The messages that the channel was handed lately."""
    rows = cells.rows(
        connection, "SELECT at, deliveries FROM channel_message WHERE channel = ?", (channel,)
    )
    return [
        Spoken(at, row["deliveries"])
        for row in rows
        if (at := cells.moment_or_none(row["at"])) is not None
        and not cells.whole(row["deliveries"])
    ]
