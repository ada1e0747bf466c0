"""The table of approvals."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.times import from_iso_z, iso_z
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.state import State, Transaction


@dataclass(frozen=True, slots=True)
class Approval:
    """A second person's signature under a plan."""

    plan_id: str
    digest: str
    """The plan's digest, as it was signed."""
    at: datetime
    actor: str
    """Who handed it in."""
    principal: str
    """Whose key made it, as the signers' file called them then."""
    signature: str
    """Armoured, as OpenSSH makes it."""


def insert(transaction: Transaction, approval: Approval) -> None:
    """Stores an approval for ever."""
    transaction.execute(
        "INSERT INTO rollback_approval (plan_id, digest, at, actor, principal, signature)"
        " VALUES (?,?,?,?,?,?)",
        (
            *(approval.plan_id, approval.digest, iso_z(approval.at)),
            *(approval.actor, approval.principal, approval.signature),
        ),
    )


def of_plan(state: State, plan_id: str) -> tuple[Approval, ...]:
    """The approvals of a plan, oldest first."""
    found = state.rows(
        "SELECT plan_id, digest, at, actor, principal, signature FROM rollback_approval"
        " WHERE plan_id = ? ORDER BY seq",
        (plan_id,),
    )
    return tuple(Approval(**{**dict(row), "at": from_iso_z(row["at"])}) for row in found)
