"""The deployment ledger: which commit became the deployed one, when, and who said so.

It is appended to and never changed; its order is that of its numbers, not of its times.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from mechexo.times import from_iso_z, iso_z
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.state import State, Transaction

How = Literal["command", "hook", "rollback", "undo"]

_COLUMNS = "seq, at, repository, ref, oid, flow, how, actor, plan_id"


@dataclass(frozen=True, slots=True)
class Deployment:
    """One row of the ledger."""

    seq: int
    at: datetime
    """When mechexo was told, by its own clock."""
    repository: str
    """The top of the working tree."""
    ref: str
    """The branch, like `refs/heads/main`; empty while HEAD was detached."""
    oid: str
    flow: str
    """The flow that was deployed; empty for all of the checkout."""
    how: How
    actor: str
    plan_id: str
    """Of a rollback or an undo: its plan; else empty."""

    @property
    def moved_checkout(self) -> bool:
        """Whether it tells what the whole working tree was at, not only what one flow ran."""
        return self.how != "command"


def append(
    transaction: Transaction,
    *,
    at: datetime,
    repository: str,
    ref: str,
    oid: str,
    how: How,
    actor: str,
    flow: str = "",
    plan_id: str = "",
) -> Deployment:
    """Adds a deployment."""
    done = transaction.execute(
        "INSERT INTO deployment (at, repository, ref, oid, flow, how, actor, plan_id)"
        " VALUES (?,?,?,?,?,?,?,?)",
        (iso_z(at), repository, ref, oid, flow, how, actor, plan_id or None),
    )
    return Deployment(int(done.lastrowid or 0), at, repository, ref, oid, flow, how, actor, plan_id)


def read(
    state: State, repository: str, ref: str | None = None, *, flow: str = ""
) -> tuple[Deployment, ...]:
    """What the ledger knows of a working tree, the oldest first: each move of the checkout, and
    each deployment of the flow when one is named. `ref` leaves only one branch's."""
    found = state.rows(
        f"SELECT {_COLUMNS} FROM deployment WHERE repository = ?"  # noqa: S608
        " AND (? IS NULL OR ref = ?)"
        " AND (how <> 'command' OR (? <> '' AND flow = ?)) ORDER BY seq",
        (repository, ref, ref, flow, flow),
    )
    return tuple(map(_deployment, found))


def within(
    state: State, repository: str, *, start: datetime, end: datetime
) -> tuple[Deployment, ...]:
    """All that was deployed from a repository between two moments (both included), whatever the
    branch, newest first."""
    found = state.rows(
        f"SELECT {_COLUMNS} FROM deployment WHERE repository = ?"  # noqa: S608
        " AND at BETWEEN ? AND ? ORDER BY seq DESC",
        (repository, iso_z(start), iso_z(end)),
    )
    return tuple(map(_deployment, found))


def before(state: State, deployment: Deployment) -> Deployment | None:
    """What was deployed of the same flow, or checkout, before; None when the ledger begins with
    it."""
    found = state.row(
        f"SELECT {_COLUMNS} FROM deployment WHERE repository = ? AND seq < ?"  # noqa: S608
        " AND (how <> 'command' OR (? <> '' AND flow = ?)) ORDER BY seq DESC LIMIT 1",
        (deployment.repository, deployment.seq, deployment.flow, deployment.flow),
    )
    return None if found is None else _deployment(found)


def last_of_checkout(transaction: Transaction, repository: str) -> Deployment | None:
    """The last move of the checkout, whatever the branch."""
    found = transaction.execute(
        f"SELECT {_COLUMNS} FROM deployment WHERE repository = ? AND how <> 'command'"  # noqa: S608
        " ORDER BY seq DESC LIMIT 1",
        (repository,),
    ).fetchone()
    return None if found is None else _deployment(found)


def _deployment(row: sqlite3.Row) -> Deployment:
    return Deployment(
        seq=row["seq"],
        at=from_iso_z(row["at"]),
        repository=row["repository"],
        ref=row["ref"],
        oid=row["oid"],
        flow=row["flow"],
        how=row["how"],
        actor=row["actor"],
        plan_id=row["plan_id"] or "",
    )
