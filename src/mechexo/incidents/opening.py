"""Incidents that alerts open by themselves, for the tick.

As all that the tick does by itself, no entry of the audit log: one transaction with its line in the
incident's own timeline.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.incidents import records, rules
from mechexo.incidents.values import (
    BY_ITSELF,
    EventKind,
    Incident,
    IncidentStatus,
    Opening,
)

if TYPE_CHECKING:
    from mechexo.desk import Desk

MOST_OPEN = 10
"""So many that opened by themselves may go on at once; what comes then joins the newest of them: a
storm of alerts is one trouble, and nobody leads a hundred incidents."""


def open_due(desk: Desk, openings: Sequence[Opening]) -> tuple[int, ...]:
    """Opens an incident for each of these alerts that belongs to none, or lets it join the one of
    its cause, its key or its runbook entry. Done again, also by another process at the same time,
    it does nothing: an alert belongs to one incident. Returns the ids of those opened."""
    ids = [each.alert_id for each in openings]
    with desk.state.explained():
        if not records.unlinked(desk.state.reader(), ids):
            return ()
    opened = []
    with desk.state.write() as transaction:
        connection, now = transaction.connection, desk.clock.now()
        left = frozenset(records.unlinked(connection, ids))
        # Causes first, so that what they cause finds their incident.
        for each in sorted(openings, key=lambda one: one.parent_id is not None):
            if each.alert_id in left and (made := _open_or_join(connection, each, now)):
                opened.append(made)
    return tuple(opened)


def _open_or_join(connection: sqlite3.Connection, opening: Opening, now: datetime) -> int | None:
    """The id of the incident that was opened; None when the alert joined one, or waits."""
    if opening.parent_id is not None:
        known = records.incident_of_alert(connection, opening.parent_id)
    else:
        known = records.not_closed_for(connection, opening.alert_key, opening.runbook)
        if known is None and not opening.joins_only:
            mine = records.opened_by(connection, BY_ITSELF)
            if len(mine) < MOST_OPEN:
                return _open(connection, opening, now)
            known = mine[-1]
    if known is not None:
        at = rules.next_moment(now, records.last_event_at(connection, known))
        records.link(connection, opening.alert_id, opening.alert_key, known, at)
        said = f"alert {opening.alert_id} joined: {rules.clean_line(opening.title)}"
        records.append(connection, known, at, EventKind.ALERT, "", said)
    return None


def _open(connection: sqlite3.Connection, opening: Opening, now: datetime) -> int:
    title = rules.clean_line(opening.title)[: rules.LONGEST_TITLE]
    made = records.insert(
        connection,
        Incident(
            id=0,
            title=title or f"alert {opening.alert_id}",
            severity=opening.severity,
            status=IncidentStatus.OPEN,
            commander="",
            runbook=rules.clean_line(opening.runbook)[: rules.LONGEST_NAME],
            alert_id=opening.alert_id,
            flows=opening.flows,
            began_at=min(opening.began_at, now),
            opened_at=now,
            opened_by=BY_ITSELF,
            mitigated_at=None,
            closed_at=None,
            closed_by="",
            attendees=(),
        ),
    )
    records.link(connection, opening.alert_id, opening.alert_key, made.id, now)
    said = f"opened by itself for alert {opening.alert_id}, {made.severity}: {made.title}"
    said += f" ({rules.clean_line(opening.remark)})" if opening.remark else ""
    records.append(connection, made.id, now, EventKind.OPENED, "", said)
    return made.id
