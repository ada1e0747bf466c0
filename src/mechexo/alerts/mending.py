"""What a person does about any row that cannot be read: it is taken out of force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo.actor import Role
from mechexo.alerts import cells, damage_records
from mechexo.alerts.acknowledging import resolve
from mechexo.alerts.damage_reading import damaged
from mechexo.alerts.overrides import unoverride
from mechexo.alerts.silencing import unsilence
from mechexo.alerts.text import clean
from mechexo.errors import ConflictError, NotFoundError, UsageError

if TYPE_CHECKING:
    from mechexo.desk import Desk

KINDS = ("alert", "silence", "override", "message")
"""What can be taken out of force where it cannot be read."""


def mend(desk: Desk, what: str, number: int, *, reason: str = "") -> None:
    """Takes a row that cannot be read out of force: an alert is closed, a silence or an override
    ends, a message is sent no more. What stood there goes into the audit log.

    Raises:
        NotFoundError: there is no such row.
        ConflictError: it can be read, or is not in force.
        NotAllowedError: the role is below responder.
        UsageError: there is no such kind of row, or a live desk was given no reason.
    """
    if what not in KINDS:
        raise UsageError(f"{what!r} is none of {', '.join(KINDS)}")
    if all((each.what, each.id) != (what, number) for each in damaged(desk)):
        raise ConflictError(
            f"{what} {number} is not damaged, or not in force; see: mechexo alerts damaged"
        )
    if what == "alert":
        resolve(desk, number, reason=reason)
    elif what == "silence":
        unsilence(desk, number, reason=reason)
    elif what == "override":
        unoverride(desk, number, reason=reason)
    else:
        _drop_message(desk, number, reason)


def _drop_message(desk: Desk, number: int, reason: str) -> None:
    with desk.operation(
        "alerts.mend", f"message {number}", needs=Role.RESPONDER, reason=clean(reason)
    ) as operation:
        connection = operation.transaction.connection
        row = damage_records.message(connection, number)
        if row is None:
            raise NotFoundError(f"there is no message {number}")
        raw = cells.raw(row, damage_records.MESSAGE)
        operation.before = {"state": row["state"], "damaged": raw}
        operation.after = {"state": "cancelled"}
        damage_records.drop_message(connection, row, desk.clock.now())
