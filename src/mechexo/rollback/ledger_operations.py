"""What can be told to the deployment ledger: that a flow was deployed, that the checkout moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo.actor import Role
from mechexo.errors import NotAllowedError, NotFoundError, UsageError, close_names
from mechexo.rollback import ledger, run_records
from mechexo.rollback.ledger import Deployment
from mechexo.rollback.making import head_of, repository_of
from mechexo.rollback.resolving import commit_named
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.rollback.git import Repository
    from mechexo.rollback.git_values import Head
    from mechexo.rollback.values import Hold

BY_HOOK = "git moved the checkout"
"""The reason of every entry of the hook: git cannot be asked for one."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the ledger was told."""

    deployment: Deployment
    on_hold: str = ""
    """That the commit was rolled back and not released since, in words; empty when it was not."""
    released: bool = False
    """Whether it was on hold until now."""


def deployed(
    desk: Desk, flow: str, commit: str = "", *, reason: str = "", release_hold: bool = False
) -> Told:
    """Puts on record that a flow now runs a commit: the one that is checked out, or the one whose
    id (or beginning of it) is given.

    Raises:
        NotFoundError: no such flow is configured.
        UsageError: nothing was committed yet, the commit was never deployed here, or a live desk
            was given no reason.
        NotAllowedError: the role is below operator, or the commit was rolled back and is on hold.
        ConfigError: the configured repository cannot be used.
    """
    _known_flow(desk, flow)
    repository = repository_of(desk)
    head = head_of(repository)
    oid = _named(desk, repository, head, flow, commit) if commit else head.oid
    held = _holding(desk, repository, oid)
    if held and not release_hold:
        raise NotAllowedError(f"{_in_words(held[0])}; deploy it again with --release-hold")
    now = desk.clock.now()
    with desk.operation("flows.deployed", flow, needs=Role.OPERATOR, reason=reason) as operation:
        transaction = operation.transaction
        for hold in held:
            run_records.release(
                transaction.connection, at=now, by=desk.actor.name, run_id=hold.run_id, oid=oid
            )
        if held:
            operation.details["released"] = oid
        told = ledger.append(
            transaction,
            at=now,
            repository=str(repository.root),
            ref=head.ref,
            oid=oid,
            how="command",
            actor=desk.actor.name,
            flow=flow,
        )
        operation.after = oid
    return Told(told, released=bool(held))


def checkout_moved(desk: Desk) -> Told | None:
    """Puts on record what is checked out now, when that is news; None when it is not.

    It takes nobody's word for it: the repository itself is asked. Anybody may make it look.

    Raises:
        ConfigError, UnreachableError, StateError: the repository or the ledger cannot be used.
    """
    repository = repository_of(desk)
    head = repository.head()
    if head is None:
        return None
    root = str(repository.root)
    with desk.operation("flows.checkout", root, needs=Role.VIEWER, reason=BY_HOOK) as operation:
        last = ledger.last_of_checkout(operation.transaction, root)
        if last is not None and (last.oid, last.ref) == (head.oid, head.ref):
            operation.unchanged = True
            return None
        operation.before = last.oid if last else None
        operation.after = head.oid
        told = ledger.append(
            operation.transaction,
            at=desk.clock.now(),
            repository=root,
            ref=head.ref,
            oid=head.oid,
            how="hook",
            actor=desk.actor.name,
        )
    held = _holding(desk, repository, head.oid)
    return Told(told, on_hold=_in_words(held[0]) if held else "")


def _known_flow(desk: Desk, flow: str) -> None:
    known = {**desk.settings.rollback.flows, **desk.settings.flows}
    if flow in known:
        return
    raise NotFoundError(
        f"{flow!r} is no flow of [rollback.flows] or [flows]; "
        + (close_names(flow, sorted(known)) if known else "none is configured")
    )


def _named(desk: Desk, repository: Repository, head: Head, flow: str, commit: str) -> str:
    reflog = repository.reflog(head.ref) if head.ref else ()
    told = ledger.read(desk.state, str(repository.root), flow=flow)
    known = {oid for oid, _ in (*repository.chain(head.oid), *reflog)}
    oid = commit_named(commit, known | {each.oid for each in told})
    if not repository.has_commit(oid):
        raise UsageError(f"{oid[:12]} is no longer in {repository.root}: git has cleared it away")
    return oid


def _holding(desk: Desk, repository: Repository, oid: str) -> tuple[Hold, ...]:
    return tuple(
        hold for hold in run_records.holds(desk.state, str(repository.root)) if hold.commit == oid
    )


def _in_words(hold: Hold) -> str:
    return f"{hold.commit[:12]} was rolled back by {hold.run_id} and is on hold"
