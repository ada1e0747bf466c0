"""How many messages there are, for the metrics: a table's numbers and nothing of its meaning."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mechexo.times import iso_z

if TYPE_CHECKING:
    from mechexo.desk import Desk

FINISHED_WITHIN = timedelta(hours=24)


def deliveries(desk: Desk) -> dict[tuple[str, str], int]:
    """The number of messages by channel and state: those that wait or are being sent now, and
    those that ended within the last day."""
    # Each half by its own index: the table holds the messages of months.
    rows = desk.state.rows(
        "SELECT channel, state, COUNT(*) FROM delivery WHERE state IN ('due', 'sending')"
        " GROUP BY channel, state UNION ALL "
        "SELECT channel, state, COUNT(*) FROM delivery WHERE finished_at IS NOT NULL"
        " AND finished_at > ? GROUP BY channel, state",
        (iso_z(desk.clock.now() - FINISHED_WITHIN),),
    )
    return {(row[0], row[1]): row[2] for row in rows}
