"""Applying a plan, from its confirmation to its record."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mechexo.actor import Role
from mechexo.errors import ConflictError, MechexoError, NotAllowedError, UnreachableError
from mechexo.rollback import guards, planning, records, run_records
from mechexo.rollback.applying import (
    Application,
    FailedError,
    NotPutBackError,
    Surroundings,
    change_all,
    lower_risk_first,
)
from mechexo.rollback.approval import require_approval
from mechexo.rollback.ending import record_end
from mechexo.rollback.journal import Journal
from mechexo.rollback.locking import only_one, only_one_in
from mechexo.rollback.making import Asked, Made, make, repository_of
from mechexo.rollback.operations import plan_by_id, store
from mechexo.rollback.proving import redeploy
from mechexo.rollback.recovering import recover_pending
from mechexo.rollback.restoring import NeedsPersonError
from mechexo.rollback.undoing import in_git, recorded_paths, run_with
from mechexo.rollback.values import Plan, Run, RunState
from mechexo.times import format_duration, iso_z

if TYPE_CHECKING:
    from mechexo.desk import Desk

CONFIRMED_BY = 8
"""So many first characters of a plan's digest confirm it."""


def apply(desk: Desk, plan_id: str, *, confirm: str, around: Surroundings, reason: str = "") -> Run:
    """Carries a plan out: everything of it, or nothing.

    `confirm` is the beginning of the plan's digest, which the person has read.

    Raises:
        NotFoundError: there is no such plan.
        NotAllowedError: the role is too low, the confirmation is wrong, or a guard does not hold.
        UsageError: a live desk was given no reason.
        ConflictError: the plan expired, was applied already, or the world is not that of the plan;
            the text says what moved.
        BusyError: another rollback is under way.
        FailedError: it failed and everything was put back.
        NeedsPersonError: it failed and could not be put back, since others changed the same.
    """
    plan = plan_by_id(desk, plan_id)
    desk.require("rollback.apply", plan.target, Role.OPERATOR)
    if confirm.strip().lower() != plan.digest[:CONFIRMED_BY]:
        raise NotAllowedError(
            f"plan {plan.id} is not confirmed: give the first {CONFIRMED_BY} characters of its "
            f"digest, as mechexo rollback show {plan.id} prints it"
        )
    with only_one(desk, f"plan {plan.id}"), ExitStack() as stack:
        recover_pending(desk, around)
        _refuse_spent(desk, plan)
        # Before it is looked at: another desk may work on the same repository.
        if records.assumed_by(desk.state, plan.id)["repository"]:
            stack.enter_context(only_one_in(repository_of(desk)))
        return _carry_out(desk, _made_again(desk, plan), plan.id, around, reason)


def _carry_out(desk: Desk, made: Made, run_id: str, around: Surroundings, reason: str) -> Run:
    plan, now = made.plan, desk.clock.now()
    run = Run(
        id=run_id,
        target=plan.target,
        state=RunState.UNDER_WAY,
        started_at=now,
        ended_at=None,
        actor=desk.actor.name,
        reason=reason,
        old_commit=made.head.oid if made.head else "",
        new_commit="",
        steps=(),
    )
    if plan.empty:
        with desk.operation(
            "rollback.apply", plan.target, needs=Role.OPERATOR, reason=reason
        ) as operation:
            operation.details.update(plan=run_id, nothing_to_do=True)
        return replace(run, state=RunState.APPLIED, ended_at=now)
    application = Application(desk, made, run_id, around)
    _record_intent(desk, made, run, reason)
    around.files.reached("intent recorded")
    application.say("intent", f"plan {run_id} by {desk.actor.name} is on record")
    try:
        lower_risk_first(application)
        journal = Journal.of(desk, around.files)
        new_commit = change_all(application, journal, now)
    except FailedError as error:
        _record_end(application, run, RunState.UNDONE, str(error))
        raise
    except NeedsPersonError as error:
        _record_end(application, run, RunState.NEEDS_HUMAN, str(error))
        raise
    except NotPutBackError:
        # Still under way: the next start puts it back.
        raise
    except OSError as error:
        # Its journal is there: whatever the disk did not take is put back by the next start.
        raise UnreachableError(
            f"rollback {run_id} could not be finished nor put back: {error}; as soon as the disk "
            "takes it, run: mechexo rollback recover (the tick does so too)"
        ) from error
    except MechexoError as error:
        # Before the journal: a flag was not as planned, or git could not make its objects.
        _record_end(application, run, RunState.UNDONE, str(error))
        raise
    around.files.reached("committed")
    run = replace(run, new_commit=new_commit)
    to = _gone_back_to(desk, made)
    well = redeploy(desk, made.flow, application.say, plan_id=run_id, to=to)
    state = RunState.APPLIED if well else RunState.REDEPLOY_FAILED
    run = _record_end(application, run, state, "")
    around.files.reached("result recorded")
    journal.clear(run_id)
    return _with_undo_plan(desk, run)


def _refuse_spent(desk: Desk, plan: Plan) -> None:
    again = "make it again with: mechexo rollback plan"
    found = [run for run in run_records.with_id(desk.state, plan.id) if run.id == plan.id]
    if found:
        run = found[0]
        raise ConflictError(
            f"plan {plan.id} was used already, by {run.actor} at {iso_z(run.started_at)} "
            f"({run.state}); a plan is applied once; {again}"
        )
    now = desk.clock.now()
    if plan.expires_at is None:
        raise ConflictError(f"plan {plan.id} is of a version that cannot be applied; {again}")
    if now > plan.expires_at:
        raise ConflictError(
            f"plan {plan.id} expired {format_duration(now - plan.expires_at)} ago; {again}"
        )


def _made_again(desk: Desk, plan: Plan) -> Made:
    """The plan made once more, on the world of now, when that is the world of the plan."""
    assumed = records.assumed_by(desk.state, plan.id)
    words = assumed["asked"]
    made = make(desk, Asked(**{**words, "overrides": tuple(words["overrides"])}))
    if made.plan.digest != plan.digest:
        now = json.loads(json.dumps(made.assumed))
        moved = planning.moved(assumed, now) or ("something it rests on",)
        raise ConflictError(
            f"the world is not that of plan {plan.id} any more: {'; '.join(moved)}; look at it and "
            "make the plan again"
        )
    lacking = [guard for guard in made.plan.guards if not guard.ok]
    unmet = [guard for guard in lacking if guard.name != guards.SECOND_PERSON]
    if unmet:
        raise NotAllowedError(
            f"plan {plan.id} cannot be applied: "
            + "; ".join(f"{guard.name}: {guard.detail}" for guard in unmet)
        )
    if lacking:
        require_approval(desk, plan)
    return made


def _record_intent(desk: Desk, made: Made, run: Run, reason: str) -> None:
    """On the disk before anything is touched: who, what, and the bytes that will be replaced."""
    touched = planning.acting(made.paths)
    entries = [each for each in made.paths if each.committed_entry != each.then_entry]
    paths = tuple({each.path: each for each in (*touched, *entries)}.values())
    recorded: dict[str, Any] = {
        "paths": recorded_paths(paths),
        "flags": made.flags.assumed(),
        "held": _taken_back(made),
        "flow": made.flow,
        "to": _gone_back_to(desk, made),
        "undoes": made.plan.undoes,
        "repository": str(made.repository.root) if made.repository else "",
        "ref": made.head.ref if made.head else "",
    }
    # What git has needs no second copy; an edit that it does not know does.
    contents = [
        each.now.data
        for each in paths
        if each.now is not None and not in_git(each.now, each.committed_entry, made.repository)
    ]
    with desk.operation(
        "rollback.apply", run.target, needs=Role.OPERATOR, reason=reason
    ) as operation:
        run_records.begin(operation.transaction, run, recorded, contents)
        operation.before = run.old_commit
        operation.details.update(
            plan=run.id,
            digest=made.plan.digest,
            phase="intent",
            overrides=list(made.asked.overrides),
            paths=[change.path for change in made.plan.changes],
            flags=[flag.name for flag in made.plan.flags if flag.when != "re-arm"],
        )


def _gone_back_to(desk: Desk, made: Made) -> str:
    """The moment whose deployment is there again, ISO 8601: of an undo when its run began. Empty
    where a commit was named."""
    if made.asked.kind == "undo":
        return iso_z(run_with(desk, made.asked.name).started_at)
    return made.asked.to


def _taken_back(made: Made) -> list[str]:
    """The commits since the one that is gone back to: each of them has what was taken back. They
    are on hold for what went back only."""
    if made.repository is None or not made.spanned:
        return []
    return list(made.spanned)


def _record_end(application: Application, run: Run, state: RunState, why: str) -> Run:
    """How it ended: the record, the ledger, what is on hold, the audit entry and the message."""
    desk = application.desk
    if why and not any(not step.ok for step in application.steps):
        application.say("stopped", why, False)
    ended = replace(run, state=state, ended_at=desk.clock.now(), steps=tuple(application.steps))
    with desk.operation(
        "rollback.result", run.target, needs=Role.VIEWER, reason=run.reason or "recorded"
    ) as operation:
        record_end(operation, desk, ended, application.around, why)
    return ended


def _with_undo_plan(desk: Desk, run: Run) -> Run:
    """The plan that takes the run back is made at once, so that it is at hand."""
    try:
        plan = store(desk, make(desk, Asked("undo", run.id)))
        with desk.state.write() as transaction:
            run_records.set_undo_plan(transaction, run.id, plan.id)
    except MechexoError as error:
        step = run.steps[-1]
        missing = replace(step, name="undo plan", detail=f"not made: {error}", ok=False)
        return replace(run, steps=(*run.steps, missing))
    return replace(run, undo_plan=plan.id)
