"""The table of what deployments were defined as: of bounded size, the oldest go first."""

from __future__ import annotations

from collections.abc import Iterable
from sqlite3 import Row

from mechexo.flows.orchestrators.versions import Version
from mechexo.state import State, Transaction
from mechexo.times import from_iso_z, iso_z

MOST_OF_ONE = 20
"""Versions that are kept of one deployment."""
MOST_CHARACTERS = 20_000_000
"""Of the definitions of one orchestrator, together."""

_COLUMNS = "source, deployment_id, number, deployment, seen_at, told, digest, definition"


def newest_digests(source: State | Transaction, orchestrator: str) -> dict[str, str]:
    """The digest of the newest version of each deployment, by its id."""
    sql = (
        "SELECT deployment_id, digest, max(number) FROM deployment_version WHERE source = ? "
        "GROUP BY deployment_id"
    )
    if isinstance(source, State):
        rows = source.rows(sql, (orchestrator,))
    else:
        rows = source.execute(sql, (orchestrator,)).fetchall()
    return {row[0]: row[1] for row in rows}


def versions_of(state: State, orchestrator: str) -> tuple[Version, ...]:
    """All that are kept, by deployment and newest first."""
    rows = state.rows(
        f"SELECT {_COLUMNS} FROM deployment_version WHERE source = ? "  # noqa: S608
        "ORDER BY deployment, deployment_id, number DESC",
        (orchestrator,),
    )
    return tuple(map(_version, rows))


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


def _version(row: Row) -> Version:
    return Version(
        source=row["source"],
        deployment_id=row["deployment_id"],
        deployment=row["deployment"],
        number=row["number"],
        seen_at=from_iso_z(row["seen_at"]),
        told=row["told"],
        definition=row["definition"],
    )
