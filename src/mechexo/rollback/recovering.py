"""Finishing what was cut off: what a killed process left behind becomes all old or all new."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mechexo.actor import Role
from mechexo.errors import NotFoundError, UnreachableError, UsageError
from mechexo.rollback import index_lock, run_records
from mechexo.rollback.applying import Surroundings
from mechexo.rollback.durable import Tree
from mechexo.rollback.ending import record_end
from mechexo.rollback.git import Repository
from mechexo.rollback.journal import Journal, Stage
from mechexo.rollback.locking import only_one
from mechexo.rollback.planned_flags import set_flags_back
from mechexo.rollback.proving import has_redeploy, redeploy
from mechexo.rollback.restoring import NeedsPersonError, put_back
from mechexo.rollback.undoing import run_with
from mechexo.rollback.values import Run, RunState, Step

if TYPE_CHECKING:
    from mechexo.desk import Desk


def pending(desk: Desk, around: Surroundings) -> tuple[str, ...]:
    """The runs that were cut off and wait to be finished; asks no lock."""
    journals = {run_id for run_id, _ in Journal.of(desk, around.files).pending()}
    return tuple(sorted(journals | set(run_records.unfinished(desk.state))))


def recover(desk: Desk, around: Surroundings, *, redeploying: bool = True) -> tuple[Run, ...]:
    """Finishes every run that was cut off; those that were, as they ended.

    `redeploying=False` leaves the orchestrator, which may take long, to a person.

    Raises:
        BusyError: a rollback is under way.
        NeedsPersonError: one cannot be finished, because others changed the same; it is kept.
        OSError: the disk does not take it now; call it again.
    """
    with only_one(desk, "recovery"):
        return recover_pending(desk, around, redeploying=redeploying)


def recover_pending(
    desk: Desk, around: Surroundings, *, redeploying: bool = True
) -> tuple[Run, ...]:
    """As `recover`, for one who holds the lock."""
    journal = Journal.of(desk, around.files)
    ended = [_finish(desk, journal, *each, around, redeploying) for each in journal.pending()]
    for run_id in run_records.unfinished(desk.state):
        # Cut off after its intent and before its journal: no file was touched.
        run = _run(desk, run_id)
        if run is not None:
            _free_index(desk, run_id, around)
            why = "cut off; no file of it stands, flags that lower the risk stay as they are"
            ended.append(_end(desk, run, RunState.UNDONE, why, around))
    return tuple(run for run in ended if run is not None)


def redeploy_run(desk: Desk, run_id: str, around: Surroundings, *, reason: str = "") -> Run:
    """Tells the orchestrator once more of what a run changed; the run as it stands then.

    Raises:
        NotFoundError: there is no such run.
        UsageError: its orchestrator was told, or nothing of it stands.
    """
    run = run_with(desk, run_id)
    desk.require("rollback.redeploy", run.target, Role.OPERATOR)
    if run.state is not RunState.REDEPLOY_FAILED:
        raise UsageError(f"rollback {run.id} is {run.state}: there is nothing to redeploy")
    with only_one(desk, "redeployment"):
        steps: list[Step] = []

        def say(name: str, detail: str, ok: bool) -> None:
            steps.append(_step(desk, name, detail, ok))
            around.progress(steps[-1])

        recorded = run_records.recorded(desk.state, run.id)
        # A run that an earlier version recorded has no moment.
        to = recorded.get("to", "")
        well = redeploy(desk, recorded["flow"], say, plan_id=run.id, to=to)
        now = desk.clock.now()
        with desk.operation(
            "rollback.redeploy", run.target, needs=Role.OPERATOR, reason=reason
        ) as operation:
            transaction = operation.transaction
            state = RunState.APPLIED if well else RunState.REDEPLOY_FAILED
            run_records.end(transaction, run.id, state, now, new_commit=run.new_commit)
            run_records.add_steps(transaction, run.id, steps)
            operation.details.update(plan=run.id, state=str(state))
    return run_with(desk, run.id)


def leave(desk: Desk, run_id: str, around: Surroundings, *, reason: str) -> Run:
    """Gives up putting a run back: everything stays as it is now, and its journal goes.

    Raises:
        NotFoundError: there is no such run.
        UsageError: it is not one that waits for a person.
    """
    if not reason.strip():
        raise UsageError("leaving a half-done rollback as it is needs a reason: --reason TEXT")
    run = run_with(desk, run_id)
    desk.require("rollback.leave", run.target, Role.OPERATOR)
    with only_one(desk, "recovery"):
        journal = Journal.of(desk, around.files)
        if run.id not in dict(journal.pending()):
            raise UsageError(f"rollback {run.id} is {run.state}: nothing of it waits for a person")
        with desk.operation(
            "rollback.leave", run.target, needs=Role.OPERATOR, reason=reason
        ) as operation:
            note = Step(desk.clock.now(), "left", f"as it stands, by {desk.actor.name}: {reason}")
            record_end(
                operation,
                desk,
                replace(run, state=RunState.NEEDS_HUMAN, ended_at=note.at, steps=(note,)),
                around,
                "left as it stands",
            )
        _free_index(desk, run.id, around)
        journal.clear(run.id)
    return run_with(desk, run.id)


def _free_index(desk: Desk, run_id: str, around: Surroundings) -> None:
    """Frees git's index when the run had taken it."""
    if _run(desk, run_id) is None:
        return
    folder = run_records.recorded(desk.state, run_id)["repository"]
    if folder:
        repository = Repository.open(Path(folder))
        index_lock.free(Tree(repository.git_dir, around.files), run_id)


def _finish(
    desk: Desk,
    journal: Journal,
    run_id: str,
    stage: Stage,
    around: Surroundings,
    redeploying: bool,
) -> Run | None:
    run = _run(desk, run_id)
    if stage is Stage.BEGUN:
        # Also what is left of a journal that was being cleared.
        _free_index(desk, run_id, around)
        ended = (
            _end(desk, run, RunState.UNDONE, "cut off before anything was changed", around)
            if run is not None and run.state is RunState.UNDER_WAY
            else None
        )
    elif stage is Stage.COMMITTED:
        ended = (
            _finish_committed(desk, run, journal, around, redeploying) if run is not None else None
        )
    else:
        manifest = journal.read(run_id)
        try:
            put_back(
                manifest,
                around.files,
                scratch=journal.scratch(run_id),
                at=desk.clock.now(),
                flags_back=lambda flags, *, only_look: set_flags_back(
                    desk, flags, run_id, only_look=only_look
                ),
            )
        except OSError as error:
            raise UnreachableError(
                f"rollback {run_id} cannot be put back yet: {error}; its journal is kept"
            ) from error
        except NeedsPersonError as error:
            if run is not None and run.state is not RunState.NEEDS_HUMAN:
                _end(desk, run, RunState.NEEDS_HUMAN, str(error), around)
            raise
        ended = (
            _end(desk, run, RunState.UNDONE, "cut off; everything was put back", around)
            if run is not None and run.state in (RunState.UNDER_WAY, RunState.NEEDS_HUMAN)
            else None
        )
    around.files.reached("end of recovery recorded")
    journal.clear(run_id)
    return ended


def _finish_committed(
    desk: Desk, run: Run, journal: Journal, around: Surroundings, redeploying: bool
) -> Run | None:
    """Everything had been changed: what comes after is done, or done again."""
    if run.state is not RunState.UNDER_WAY:
        return None
    steps: list[Step] = []
    recorded = run_records.recorded(desk.state, run.id)
    flow = recorded["flow"]

    def say(name: str, detail: str, ok: bool) -> None:
        steps.append(_step(desk, name, detail, ok))

    well = not has_redeploy(desk, flow)
    if redeploying:
        well = redeploy(desk, flow, say, plan_id=run.id, to=recorded.get("to", ""))
    elif not well:
        say("redeploy", f"left to a person: mechexo rollback redeploy {run.id}", False)
    return _end(
        desk,
        replace(run, new_commit=journal.read(run.id).new_commit, steps=tuple(steps)),
        RunState.APPLIED if well else RunState.REDEPLOY_FAILED,
        "cut off after everything was changed; finished now",
        around,
    )


def _end(desk: Desk, run: Run, state: RunState, why: str, around: Surroundings) -> Run:
    now = desk.clock.now()
    step = _step(desk, "recovery", why, state in (RunState.APPLIED, RunState.UNDONE))
    around.progress(step)
    ended = replace(run, state=state, ended_at=now, steps=(*run.steps, step))
    with desk.operation("rollback.recover", run.target, needs=Role.VIEWER, reason=why) as operation:
        record_end(operation, desk, ended, around, why)
    return ended


def _run(desk: Desk, run_id: str) -> Run | None:
    """The run of a journal without its steps, which are on record; None when the state file is not
    the one that it began with."""
    try:
        return replace(run_with(desk, run_id), steps=())
    except NotFoundError:
        return None


def _step(desk: Desk, name: str, detail: str, ok: bool) -> Step:
    return Step(desk.clock.now(), name, detail, ok)
