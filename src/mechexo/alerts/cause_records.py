"""What the tables know of the alerts that keep others back. Every function works inside its
caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta

from mechexo.alerts import cells
from mechexo.alerts.effects import Hearing
from mechexo.times import iso_z

_RANK = (
    "CASE {}.severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 "
    "WHEN 'low' THEN 3 ELSE 4 END"
)


def hearing(
    connection: sqlite3.Connection, ids: Collection[int], now: datetime, patience: timedelta
) -> dict[int, Hearing]:
    """Whether somebody has heard of these alerts, by id, that have paged; what is due for less than
    `patience` may be delivered yet, and for three times as long what was not even tried: in a storm
    it waits for its turn (as `outbox_reading.unreached`)."""
    rows = cells.rows(
        connection,
        "SELECT alert.id, alert.pages, delivery.channel, delivery.state = 'sent' AS sent, "
        "delivery.state IN ('due', 'sending') AS waits, "
        "delivery.first_due_at > CASE delivery.attempts - (delivery.state = 'sending') "
        "WHEN 0 THEN :very_impatient ELSE :impatient END AS young "
        "FROM json_each(:ids) AS wanted JOIN alert ON alert.id = wanted.value "
        "JOIN delivery ON delivery.alert_id = alert.id AND delivery.page = alert.pages "
        "AND delivery.kind = 'page'",
        {
            "ids": json.dumps(list(ids)),
            "impatient": iso_z(now - patience),
            "very_impatient": iso_z(now - 3 * patience),
        },
    )
    pages = {row["id"]: row["pages"] for row in rows}
    heard = {row["id"] for row in rows if row["sent"]}
    waiting: dict[tuple[int, bool], set[str]] = defaultdict(set)
    for row in rows:
        if row["waits"] and isinstance(row["channel"], str):
            waiting[row["id"], bool(row["young"])].add(row["channel"])
    return {
        each: Hearing(
            page,
            each in heard,
            young=frozenset(waiting[each, True]),
            old=frozenset(waiting[each, False]),
        )
        for each, page in pages.items()
    }


def kept_back_no_more(connection: sqlite3.Connection, untold: Collection[int]) -> list[int]:
    """The alerts, by id, whose cause may keep them back no more though it is open: it is one of the
    `untold`, or milder and on its way to nobody."""
    rows = connection.execute(
        "SELECT hidden.id FROM alert AS hidden "  # noqa: S608
        "JOIN alert AS cause ON cause.id = hidden.suppressed_by "
        "WHERE hidden.suppressed_by IS NOT NULL AND hidden.state <> 'resolved' "
        "AND cause.state = 'firing' "
        "AND (cause.id IN (SELECT value FROM json_each(?)) "
        "OR ((cause.next_level_at IS NULL OR cause.held_until IS NOT NULL "
        "OR cause.escalating_since IS NULL) "
        f"AND {_RANK.format('cause')} > {_RANK.format('hidden')}))",
        (json.dumps(list(untold)),),
    )
    return [row[0] for row in rows]
