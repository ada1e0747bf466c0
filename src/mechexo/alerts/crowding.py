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

_OF_THE_CHANNEL = f"delivery.channel = :channel AND {CLAIMABLE} AND {SENDABLE}"
# The sender of such a one died: a claim takes it back, and then a level may have reached nobody.
_LEFT_BEHIND = (
    "SELECT 1 FROM delivery WHERE delivery.channel = :channel "  # noqa: S608
    f"AND delivery.state = 'sending' AND {CLAIMABLE} LIMIT 1"
)
_CROWD = (
    "SELECT 1 FROM delivery JOIN alert ON alert.id = delivery.alert_id "  # noqa: S608
    f"WHERE {_OF_THE_CHANNEL} AND {PLAINLY_WORTH} AND NOT delivery.together "
    f"LIMIT {ALONE_AT_MOST + 1}"
)
# From the open critical alerts, which are few, to the messages of each: the first condition repeats
# that of the index, which would not be used without it, and the plus keeps SQLite from looking
# through all that waits on the channel instead. Not only of those that are plainly worth sending:
# of a damaged alert that is for a claim to say.
_URGENT = (
    "SELECT 1 FROM alert CROSS JOIN delivery ON alert.id = delivery.alert_id "  # noqa: S608
    "WHERE alert.state <> 'resolved' AND alert.severity = 'critical' "
    f"AND delivery.kind = 'page' AND +{_OF_THE_CHANNEL} "
    "AND NOT ifnull(delivery.together, 0) LIMIT 1"
)


def crowd_waits_until(
    connection: sqlite3.Connection, channel: str, limit: Limit, now: datetime
) -> Wait | None:
    """Until when a crowd of messages waits for the channel's limit. None when there is no crowd, a
    critical page is among it, some of it may go out, or a sender died with a message: then
    `outbox.claim` has to look.

    Nothing goes out before that moment, but for a few messages behind more of those kept for one
    with their like than a claim reads. A service that asked to be left alone may name a later one.
    """
    wait = crowd_waits(spoken(connection, channel), limit, now)
    if wait is None:
        return None
    asked = {"channel": channel, **moments(now)}
    if len(cells.rows(connection, _CROWD, asked)) <= ALONE_AT_MOST:
        return None
    to_be_looked_at = (_LEFT_BEHIND, _URGENT)
    return None if any(cells.rows(connection, each, asked) for each in to_be_looked_at) else wait


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
