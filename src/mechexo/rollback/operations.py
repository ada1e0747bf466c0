"""What can be asked of the rollback wing: plan a rollback, look at plans."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.actor import Role
from mechexo.errors import NotFoundError, UsageError
from mechexo.rollback import records, run_records
from mechexo.rollback.happenings import Remedy
from mechexo.rollback.making import ID_LENGTH, Asked, Made, make, repository_of
from mechexo.rollback.undoing import run_with
from mechexo.rollback.values import Hold, Plan, Run
from mechexo.times import iso_z

if TYPE_CHECKING:
    from mechexo.desk import Desk

DRY_RUN = "dry run: nothing is changed"
LONGEST_ID = ID_LENGTH


def plan_config(
    desk: Desk,
    path: str,
    *,
    to: datetime | None = None,
    commit: str = "",
    reason: str = "",
    overrides: Sequence[str] = (),
) -> Plan:
    """The plan that would bring one configured file back to what it was at `to` (inclusive), or in
    the `commit` that is named instead: a full id or its beginning, of one that was deployed.

    It reads the repository and the working tree, changes neither, and is kept for ever. `path`
    is relative to the repository, or absolute inside it.

    Raises:
        UsageError: `to` lies in the future or before the history, or the records do not tell.
        NotFoundError: the path is not one that may be rolled back, or was never there.
        ConfigError: the configured repository cannot be used.
    """
    asked = Asked("config", path, _to(to, commit), commit, tuple(overrides))
    return _plan(desk, asked, reason)


def plan_flow(
    desk: Desk,
    flow: str,
    *,
    to: datetime | None = None,
    commit: str = "",
    flags: bool = True,
    reason: str = "",
    overrides: Sequence[str] = (),
) -> Plan:
    """The plan that would bring a flow's files, and its flags, back to what they were at `to`.

    Files that came since are deleted, files that went are restored. Flags come back only as far
    as that adds no risk; `flags=False` leaves all of them. A `commit` can be named as for a file.

    Raises:
        UsageError, NotFoundError, ConfigError: as for `plan_config`.
    """
    asked = Asked("flow", flow, _to(to, commit), commit, tuple(overrides), flags)
    return _plan(desk, asked, reason)


def plan_flags(
    desk: Desk, name: str = "", *, to: datetime, reason: str = "", overrides: Sequence[str] = ()
) -> Plan:
    """The plan that would bring one flag, or all, back to what they were at `to`.

    Raises:
        UsageError: `to` lies in the future or before the flags' history.
        NotFoundError: there is no such flag.
        ConfigError: no flags are configured.
    """
    return _plan(desk, Asked("flags", name, iso_z(to), overrides=tuple(overrides)), reason)


def plan_undo(desk: Desk, run_id: str, *, reason: str = "", overrides: Sequence[str] = ()) -> Plan:
    """The plan that would take an applied rollback back: to what that run recorded, not to a
    moment. A path that was changed since is a conflict and is not overwritten.

    Raises:
        NotFoundError: there is no such run.
        UsageError: nothing of it stayed.
    """
    run = run_with(desk, run_id)
    return _plan(desk, Asked("undo", run.id, overrides=tuple(overrides)), reason)


def plan_rearm(desk: Desk, run_id: str, *, reason: str = "", overrides: Sequence[str] = ()) -> Plan:
    """The plan that would set the flags which a rollback left alone because that adds risk.

    Raises:
        NotFoundError: there is no such run.
    """
    asked = Asked("re-arm", run_with(desk, run_id).id, overrides=tuple(overrides))
    return _plan(desk, asked, reason)


def _to(to: datetime | None, commit: str) -> str:
    if to is None and not commit:
        raise UsageError("a moment to go back to is needed, or a commit: --to T or --commit ID")
    return iso_z(to) if to else ""


def _plan(desk: Desk, asked: Asked, reason: str) -> Plan:
    # Git is asked outside the transaction, which others wait for.
    made = make(desk, asked)
    return store(desk, made, reason)


def store(desk: Desk, made: Made, reason: str = "") -> Plan:
    """Keeps a plan for ever."""
    plan = made.plan
    with desk.operation(
        "rollback.plan",
        plan.target,
        # Looking at what would happen is everyone's; only the look itself is on record.
        needs=Role.VIEWER,
        reason=reason or DRY_RUN,
    ) as operation:
        records.insert(operation.transaction, plan, made.assumed, made_by=desk.actor.name)
        operation.details["plan"] = plan.id
        operation.details["digest"] = plan.digest
    return plan


def runs(desk: Desk, *, limit: int = 50) -> tuple[Run, ...]:
    """The newest applications of plans, newest first, without their steps."""
    return run_records.newest(desk.state, limit)


def run_by_id(desk: Desk, run_id: str) -> Run:
    """An application by its id (which is its plan's) or the beginning of it, with its steps.

    Raises:
        NotFoundError: there is none, or more than one.
    """
    return run_with(desk, run_id)


def run_of(desk: Desk, plan: Plan) -> Run | None:
    """How a plan was applied; None when it was not."""
    found = run_records.with_id(desk.state, plan.id)
    return found[0] if found else None


def holds(desk: Desk) -> tuple[Hold, ...]:
    """The commits that are on hold, the newest hold first."""
    return run_records.holds(desk.state)


def release(desk: Desk, what: str, *, reason: str = "") -> int:
    """Releases a commit that is on hold, or all that a run put there; how many.

    Raises:
        NotFoundError: nothing of that name is on hold.
        NotAllowedError: the role is below operator.
    """
    named = what.strip().lower()
    found = [
        hold
        for hold in holds(desk)
        if named and (hold.commit.startswith(named) or hold.run_id == named)
    ]
    commits = {hold.commit for hold in found}
    if not found or (len(commits) > 1 and {hold.run_id for hold in found} != {named}):
        what_is = "begins more than one commit on hold" if found else "is not on hold"
        raise NotFoundError(f"{what!r} {what_is}; list them with: mechexo rollback holds")
    with desk.operation("rollback.release", named, needs=Role.OPERATOR, reason=reason) as operation:
        for hold in found:
            run_records.release(
                operation.transaction.connection,
                at=desk.clock.now(),
                by=desk.actor.name,
                run_id=hold.run_id,
                oid=hold.commit,
            )
        operation.details["commits"] = sorted(commits)
    return len(commits)


def plan_by_id(desk: Desk, plan_id: str) -> Plan:
    """A plan by its id or the beginning of it, as it was made, however old.

    Raises:
        NotFoundError: there is none, or more than one.
    """
    found = records.with_id(desk.state, plan_id.lower()) if plan_id else ()
    if len(found) != 1:
        what = "begins more than one plan's id" if found else "is no plan's id"
        raise NotFoundError(f"{plan_id!r} {what}; list them with: mechexo rollback history")
    return found[0]


def history(desk: Desk, *, limit: int = 50) -> tuple[Plan, ...]:
    """The newest plans, newest first."""
    return records.newest(desk.state, limit)


def tracked_files(desk: Desk) -> tuple[str, ...]:
    """The files that the checked-out commit of the configured repository has; none before the
    first commit.

    Raises:
        ConfigError: the configured repository cannot be used.
        UnreachableError: git is not installed or cannot read it.
    """
    repository = repository_of(desk)
    head = repository.head()
    return repository.paths(head.oid) if head else ()


def plan_remedy(desk: Desk, remedy: Remedy) -> Plan:
    """The plan of what takes a suspected change back.

    Raises:
        MechexoError: as `plan_config`, `plan_flow` and `plan_flags` say.
    """
    to = remedy.to or desk.clock.now()
    if remedy.kind == "flow":
        return plan_flow(desk, remedy.name, to=to)
    if remedy.kind == "flags":
        return plan_flags(desk, remedy.name, to=to)
    return plan_config(desk, remedy.name, to=to)
