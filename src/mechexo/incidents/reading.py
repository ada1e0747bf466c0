"""What can be read of incidents, apart from the acting half: it is asked every second."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.errors import NotFoundError
from mechexo.incidents import records
from mechexo.incidents.values import Incident, Moment

if TYPE_CHECKING:
    import sqlite3

    from mechexo.desk import Desk

NEAR_NAMED = 8
"""How many open incidents, the newest, are named beside a number that is none."""


def get(desk: Desk, incident_id: int) -> Incident:
    """One incident.

    Raises:
        NotFoundError: there is none with this id.
        StateError: it is damaged.
    """
    with desk.state.explained():
        return known(desk.state.reader(), incident_id)


def list_incidents(
    desk: Desk,
    *,
    all: bool = False,
    limit: int | None = None,
) -> tuple[Incident, ...]:
    """Those that go on, worst severity first, then newest; with `all` the closed ones after them,
    newest first. `damaged` says which could not be read."""
    with desk.state.explained():
        return records.every(desk.state.reader(), closed=all, limit=limit)[0]


def damaged(desk: Desk) -> tuple[str, ...]:
    """What is wrong with the incidents that cannot be read."""
    with desk.state.explained():
        return records.every(desk.state.reader(), closed=True, limit=None)[1]


def opened_between(
    desk: Desk, start: datetime, end: datetime
) -> tuple[tuple[Incident, ...], tuple[str, ...]]:
    """The incidents that were opened from `start` to before `end`, oldest first; and what is wrong
    with those that cannot be read."""
    with desk.state.explained():
        return records.opened_between(desk.state.reader(), start, end)


def own_moments(desk: Desk, incident_id: int) -> tuple[Moment, ...]:
    """What people, and the tick, did about an incident, oldest first.

    Raises:
        NotFoundError: there is no such incident.
    """
    return own_history(desk, incident_id)[0]


def own_history(desk: Desk, incident_id: int) -> tuple[tuple[Moment, ...], tuple[str, ...]]:
    """As `own_moments`, and what is wrong with the lines that cannot be read.

    Raises:
        NotFoundError: there is no such incident.
    """
    with desk.state.explained():
        connection = desk.state.reader()
        known(connection, incident_id)
        events, gaps = records.events_of(connection, incident_id)
    return tuple(as_moment(e.id, e.at, e.kind, e.who, e.text) for e in events), gaps


def linked_alerts(desk: Desk, incident_id: int) -> tuple[int, ...]:
    """The ids of the alerts that belong to an incident, oldest first."""
    with desk.state.explained():
        return records.linked_alerts(desk.state.reader(), incident_id)


def without_incident(desk: Desk, alert_ids: Sequence[int]) -> tuple[int, ...]:
    """Those of these alerts that belong to no incident."""
    with desk.state.explained():
        return records.unlinked(desk.state.reader(), alert_ids)


def version(desk: Desk, incident_id: int) -> str:
    """Changes when anything of an incident did. Cheap: the console asks every second."""
    with desk.state.explained():
        return records.version(desk.state.reader(), incident_id)


def known(connection: sqlite3.Connection, incident_id: int) -> Incident:
    """One incident, or the refusal that names those that go on."""
    found = records.by_id(connection, incident_id)
    if found is not None:
        return found
    near = sorted(each.id for each in records.every(connection, closed=False, limit=None)[0])
    named = ", ".join(map(str, near[-NEAR_NAMED:]))
    raise NotFoundError(f"there is no incident {incident_id}; not closed: {named or 'none'}")


def as_moment(line: int, at: datetime, kind: str, who: str, text: str) -> Moment:
    """A line of an incident's own as a moment of its timeline."""
    first, _, rest = text.partition("\n")
    return Moment(at, kind, who, first, rest, "incident", "", f"incident:{line}")
