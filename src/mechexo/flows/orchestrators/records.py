"""The table of what deployments were defined as: of bounded size, the oldest go first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from sqlite3 import Row
from typing import Any

from mechexo.flows.orchestrators.versions import Version
from mechexo.state import State, Transaction
from mechexo.times import from_iso_z, iso_z

MOST_OF_ONE = 20
"""Versions that are kept of one deployment."""
MOST_CHARACTERS = 20_000_000
"""Of the definitions of one orchestrator, together."""

_COLUMNS = "source, deployment_id, number, deployment, seen_at, told, digest, definition"


def newest(source: State | Transaction, orchestrator: str) -> dict[str, tuple[str, datetime]]:
    """The digest of the newest version of each deployment and when it was seen first, by its id."""
    sql = (
        "SELECT deployment_id, digest, seen_at, max(number) FROM deployment_version "
        "WHERE source = ? GROUP BY deployment_id"
    )
    if isinstance(source, State):
        rows = source.rows(sql, (orchestrator,))
    else:
        rows = source.execute(sql, (orchestrator,)).fetchall()
    return {row[0]: (row[1], from_iso_z(row[2])) for row in rows}


def versions_of(state: State, orchestrator: str) -> tuple[Version, ...]:
    """All that are kept, by deployment and newest first."""
    rows = state.rows(
        f"SELECT {_COLUMNS} FROM deployment_version WHERE source = ? "  # noqa: S608
        "ORDER BY deployment, deployment_id, number DESC",
        (orchestrator,),
    )
    return tuple(map(_version, rows))


def changed_between(
    state: State, start: datetime, end: datetime, limit: int
) -> tuple[tuple[Version, Version], ...]:
    """The newest versions that were seen first between two moments (both included), of any
    orchestrator, each after the one that it took the place of; newest first. The first that is kept
    of a deployment took the place of none that is known, and is left out."""
    named = ", ".join(f"{letter}.{each}" for letter in "ab" for each in _COLUMNS.split(", "))
    rows = state.rows(
        f"SELECT {named} FROM deployment_version a JOIN deployment_version b "  # noqa: S608
        "ON b.source = a.source AND b.deployment_id = a.deployment_id AND b.number = "
        "(SELECT max(number) FROM deployment_version WHERE source = a.source "
        "AND deployment_id = a.deployment_id AND number < a.number) "
        "WHERE a.seen_at >= ? AND a.seen_at <= ? ORDER BY a.seen_at DESC LIMIT ?",
        (iso_z(start), iso_z(end), limit),
    )
    half = len(_COLUMNS.split(", "))
    return tuple((_version(tuple(row)[half:]), _version(tuple(row)[:half])) for row in rows)


def add(transaction: Transaction, versions: Iterable[Version]) -> None:
    """Adds versions, each with the next number of its deployment, and drops the oldest."""
    sources = set()
    for each in versions:
        sources.add(each.source)
        transaction.execute(
            f"INSERT INTO deployment_version ({_COLUMNS}) SELECT ?, ?, "  # noqa: S608
            "coalesce(max(number), 0) + 1, ?, ?, ?, ?, ? FROM deployment_version "
            "WHERE source = ? AND deployment_id = ?",
            (
                *(each.source, each.deployment_id, each.deployment, iso_z(each.seen_at)),
                *(each.told, each.digest, each.definition, each.source, each.deployment_id),
            ),
        )
    for source in sources:
        # The newest of each deployment is the last to go: without it nothing could be put back.
        transaction.execute(
            "DELETE FROM deployment_version WHERE rowid IN ("
            "SELECT id FROM (SELECT id, nth, sum(size) OVER (ORDER BY nth > 1, seen_at DESC, id) "
            "AS total FROM (SELECT rowid AS id, seen_at, length(definition) AS size, row_number() "
            "OVER (PARTITION BY deployment_id ORDER BY number DESC) AS nth "
            "FROM deployment_version WHERE source = ?)) WHERE nth > ? OR total > ?)",
            (source, MOST_OF_ONE, MOST_CHARACTERS),
        )


def _version(row: Row | tuple[Any, ...]) -> Version:
    source, deployment_id, number, deployment, seen_at, told, _digest, definition = tuple(row)
    return Version(
        source=source,
        deployment_id=deployment_id,
        deployment=deployment,
        number=number,
        seen_at=from_iso_z(seen_at),
        told=told,
        definition=definition,
    )
