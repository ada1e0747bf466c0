"""What the tables know of the alerts that keep others back. Every function works inside its
caller's transaction."""

from __future__ import annotations

import sqlite3

_RANK = (
    "CASE {}.severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 "
    "WHEN 'low' THEN 3 ELSE 4 END"
)


def kept_back_no_more(connection: sqlite3.Connection) -> list[int]:
    """The alerts, by id, whose cause may keep them back no more though it is open: it is milder,
    and on its way to nobody."""
    rows = connection.execute(
        "SELECT hidden.id FROM alert AS hidden "  # noqa: S608
        "JOIN alert AS cause ON cause.id = hidden.suppressed_by "
        "WHERE hidden.suppressed_by IS NOT NULL AND hidden.state <> 'resolved' "
        "AND cause.state = 'firing' "
        "AND (cause.next_level_at IS NULL OR cause.held_until IS NOT NULL) "
        f"AND {_RANK.format('cause')} > {_RANK.format('hidden')}"
    )
    return [row[0] for row in rows]
