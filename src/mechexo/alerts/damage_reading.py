"""What of the alerts wing cannot be read: it is said wherever one looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo.alerts import damage_records, records
from mechexo.alerts.alert_rows import readable

if TYPE_CHECKING:
    from mechexo.alerts.damage import Damaged
    from mechexo.desk import Desk


def damaged(desk: Desk) -> tuple[Damaged, ...]:
    """The rows in force that cannot be read: alerts that are not surely resolved first, then what
    else decides who is told; each kind oldest first."""
    connection = desk.state.reader()
    return (
        *records.damaged_open(connection),
        *damage_records.in_force(connection, desk.clock.now()),
    )


def damage_of(desk: Desk, alert_id: int) -> tuple[Damaged, ...]:
    """What of an alert cannot be read: itself, lines of its timeline, its messages, attempts to
    send them."""
    connection = desk.state.reader()
    row = records.row_by_id(connection, alert_id)
    own = readable([] if row is None else [row])[1]
    return (*own, *damage_records.of_alert(connection, alert_id))
