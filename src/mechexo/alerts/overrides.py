"""Overrides: somebody takes over a schedule for a time. The only SQL of their table."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.actor import Role
from mechexo.alerts import cells
from mechexo.alerts.damage import Damaged, DamagedRowError
from mechexo.alerts.damage_records import OVERRIDE, change
from mechexo.alerts.rotation import Override
from mechexo.alerts.text import clean
from mechexo.errors import NotFoundError, UsageError, close_names
from mechexo.times import from_iso_z, iso_z
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.desk import Desk, Operation

_SELECT = (
    "SELECT id, schedule, person, starts_at, ends_at, reason, author FROM oncall_override "
    "WHERE ends_at > starts_at"
)
_LARGEST = 2**63 - 1
"""SQLite takes no larger whole number; nothing stored has one."""


@dataclass(frozen=True, slots=True)
class Made:
    """A new override, and those that it stands before for some of its time."""

    override: Override
    overlapping: tuple[Override, ...]


def override(
    desk: Desk,
    schedule: str,
    person: str,
    *,
    starts_at: datetime,
    ends_at: datetime,
    reason: str = "",
) -> Made:
    """Puts a person on call in a schedule from `starts_at`, or from now where that has passed,
    until `ends_at`. It stands above the rotation and above every earlier override.

    Raises:
        NotFoundError: there is no such schedule or person.
        UsageError: it would be over already, or before it begins.
    """
    settings = desk.settings
    for name, known, what in (
        (schedule, settings.oncall.schedules, "schedule"),
        (person, settings.people, "person"),
    ):
        if name not in known:
            said = close_names(name, sorted(known)) if known else "none is configured"
            raise NotFoundError(f"there is no {what} {name!r}; {said}")
    if starts_at >= ends_at:
        raise UsageError(
            f"the override would end at {iso_z(ends_at)}, before it begins at {iso_z(starts_at)}"
        )
    with desk.operation(
        "oncall.override", schedule, needs=Role.RESPONDER, reason=clean(reason)
    ) as operation:
        # Only now: the others had their turn, and what is past cannot be changed.
        now, connection = desk.clock.now(), operation.transaction.connection
        if ends_at <= now:
            raise UsageError(f"the override would be over: it ends at {iso_z(ends_at)}")
        starts_at = max(starts_at, now)
        overlapping = tuple(
            each for each in between(connection, starts_at, ends_at) if each.schedule == schedule
        )
        author = desk.actor.name
        number = connection.execute(
            "INSERT INTO oncall_override "
            "(schedule, person, starts_at, ends_at, reason, author, made_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                schedule,
                person,
                iso_z(starts_at),
                iso_z(ends_at),
                clean(reason),
                author,
                iso_z(now),
            ),
        ).lastrowid
        assert number is not None
        made = Override(number, schedule, person, starts_at, ends_at, clean(reason), author)
        operation.after = _record(made)
    return Made(made, overlapping)


def unoverride(desk: Desk, override_id: int, *, reason: str = "") -> Override:
    """Takes an override back: one in force ends now, one to come does not begin.

    One that is over stays as it is, without an entry in the audit log. One that cannot be read is
    over then; what stood there goes into the audit log.

    Raises:
        NotFoundError: there is no override with this id.
    """
    with desk.operation(
        "oncall.unoverride", str(override_id), needs=Role.RESPONDER, reason=clean(reason)
    ) as operation:
        now, connection = desk.clock.now(), operation.transaction.connection
        row = _by_id(connection, override_id)
        if row is None:
            alive = ", ".join(str(each.id) for each in _alive(connection, now))
            raise NotFoundError(
                f"there is no override {override_id}; in force or to come: {alive or 'none'}"
            )
        if said := cells.problems(row, OVERRIDE):
            ends_at = cells.moment_or_none(row["ends_at"])
            if ends_at is not None and ends_at <= now:
                raise DamagedRowError(Damaged("override", override_id, said), "it is over")
            return _end_damaged(operation, row, now)
        known = _override(row)
        if known.ends_at <= now:
            operation.unchanged = True
            return known
        ended = replace(known, ends_at=max(known.starts_at, now))
        operation.before, operation.after = _record(known), _record(ended)
        connection.execute(
            "UPDATE oncall_override SET ends_at = ? WHERE id = ?",
            (iso_z(ended.ends_at), override_id),
        )
    return ended


def overrides(desk: Desk) -> tuple[Override, ...]:
    """The overrides in force and to come, soonest first."""
    with desk.state.explained():
        return _alive(desk.state.reader(), desk.clock.now())


def between(connection: sqlite3.Connection, start: datetime, end: datetime) -> tuple[Override, ...]:
    """Every override in force at some moment from `start` until `end`, soonest first. One that
    cannot be read puts nobody on call, and is not in it: the rotation stands."""
    rows = cells.rows(
        connection,
        f"{_SELECT} AND ends_at > ? AND starts_at < ? ORDER BY starts_at, id",
        (iso_z(start), iso_z(end)),
    )
    return _readable(rows)


def _alive(connection: sqlite3.Connection, now: datetime) -> tuple[Override, ...]:
    sql = f"{_SELECT} AND ends_at > ? ORDER BY starts_at, id"
    return _readable(cells.rows(connection, sql, (iso_z(now),)))


def _readable(rows: list[sqlite3.Row]) -> tuple[Override, ...]:
    return tuple(_override(row) for row in rows if not cells.problems(row, OVERRIDE))


def _by_id(connection: sqlite3.Connection, override_id: int) -> sqlite3.Row | None:
    if abs(override_id) > _LARGEST:
        return None
    found = cells.rows(
        connection,
        "SELECT id, schedule, person, starts_at, ends_at, reason, author FROM oncall_override "
        "WHERE id = ?",
        (override_id,),
    )
    return found[0] if found else None


def _end_damaged(operation: Operation, row: sqlite3.Row, now: datetime) -> Override:
    """Lets an override that cannot be read be over; what stood there goes into the audit log."""
    operation.before = {"damaged": cells.raw(row, OVERRIDE)}
    operation.after = {"ends_at": iso_z(now)}
    over = {**cells.emptied(row, OVERRIDE), "starts_at": iso_z(now), "ends_at": iso_z(now)}
    change(operation.transaction.connection, "oncall_override", row["id"], over)
    known = {
        name: row[name] if isinstance(row[name], str) else ""
        for name in ("schedule", "person", "reason", "author")
    }
    return Override(id=row["id"], starts_at=now, ends_at=now, **known)


def _override(row: sqlite3.Row) -> Override:
    number, schedule, person, starts_at, ends_at, reason, author = tuple(row)
    return Override(
        number, schedule, person, from_iso_z(starts_at), from_iso_z(ends_at), reason, author
    )


def _record(made: Override) -> dict[str, object]:
    return {
        "override": made.id,
        "schedule": made.schedule,
        "person": made.person,
        "starts_at": iso_z(made.starts_at),
        "ends_at": iso_z(made.ends_at),
    }
