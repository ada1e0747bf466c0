"""What was deployed at a moment: the records are read here, `resolving.py` says what they tell."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.errors import UsageError
from mechexo.rollback import ledger
from mechexo.rollback.resolving import LEDGER, NAMED, Chain, Resolved, resolve
from mechexo.times import stamps_in_zone

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.rollback.git import Repository
    from mechexo.rollback.git_values import Head


def commit_as_of(
    desk: Desk,
    repository: Repository,
    head: Head,
    *,
    to: datetime | None,
    flow: str = "",
    commit: str = "",
) -> tuple[Resolved, Chain]:
    """The commit that was deployed at `to`, or the one that a person named, and the deployed line
    from HEAD back. `flow` is the one that is asked about; empty for the whole checkout.

    Raises:
        UsageError: as `resolve` says, in the words of the desk's zone; or git has cleared the
            commit away.
    """
    now = desk.clock.now()
    moment = to or now
    reflog = repository.reflog(head.ref) if head.ref else ()
    # What git has cleared away since cannot be gone back to; then the log does not speak.
    at_or_before = [oid for oid, at in reflog if at <= moment.timestamp()]
    if at_or_before and not repository.has_commit(at_or_before[-1]):
        reflog = ()
    chain = repository.chain(head.oid)
    told = ledger.read(desk.state, str(repository.root), flow=flow)
    try:
        resolved = resolve(
            chain,
            reflog,
            moment,
            now=now,
            shallow=repository.shallow,
            ledger=told,
            given=commit,
        )
    except UsageError as refusal:
        # A person reads it; what a plan keeps of such words is UTC, as every record.
        raise UsageError(stamps_in_zone(str(refusal), desk.zone)) from refusal
    if resolved.source in (LEDGER, NAMED) and not repository.has_commit(resolved.oid):
        raise UsageError(
            f"{resolved.oid[:12]} (the {resolved.source}) is no longer in the repository: git has "
            "cleared it away; name another with --commit"
        )
    return resolved, chain
