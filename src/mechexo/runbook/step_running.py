"""Running one step for an incident: its start is on record before the command starts, its end
after. What lies between them, when the runner dies, is an outcome that nobody knows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from mechexo.errors import MechexoError, NotAllowedError, UsageError
from mechexo.processes import this_process
from mechexo.runbook import operations, records, step_process, step_rules
from mechexo.runbook.following import find_step, preview
from mechexo.runbook.following_values import (
    EndNotRecordedError,
    Preview,
    StepGoesOnError,
    StepOutcome,
    StepRun,
)
from mechexo.runbook.step_expecting import misfit
from mechexo.runbook.step_output import StepOutput, known_secrets
from mechexo.runbook.values import Entry, Step
from mechexo.state import audit as audit_log
from mechexo.times import format_duration, in_zone

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.state import Transaction

ACTION = "runbook.step"
END_WAIT_S = 30.0
"""How long the end of a run waits for its turn at the state file."""
_SLACK_S = 60.0
"""How much later than its time the end of a run may be recorded before nobody counts on it."""


def run_step(
    desk: Desk,
    incident_id: int,
    entry_id: str,
    step_id: str,
    *,
    typed: str = "",
    reason: str = "",
    on_output: Callable[[str], None] | None = None,
    cancel: threading.Event | None = None,
) -> StepRun:
    """Runs a step's command to its end, or to the end of its time.

    Args:
        desk: the desk.
        incident_id: to which the run belongs.
        entry_id: the entry.
        step_id: the step's id.
        typed: the step's id once more, for steps that need it typed.
        reason: why; a change on a live desk needs one.
        on_output: is given what may be shown, as it comes.
        cancel: ends it when set.

    Raises:
        NotFoundError: there is no such entry or step.
        UsageError: the step cannot be run as it stands, or a reason is missing.
        NotAllowedError: the role is too low, or the id was not typed.
        BusyError: somebody runs it now.
        StateError: the start could not be recorded, and nothing was run; or the end could not.
    """
    entry, step = check(desk, entry_id, step_id, typed=typed, reason=reason)
    shown = preview(desk, entry.id, step.id, incident_id)
    run = _begin(desk, incident_id, step, shown, reason)
    output = StepOutput(on_output, known_secrets(desk.config_path))
    try:
        ended = step_process.run(
            step.command,
            folder=desk.root.absolute(),
            environment=dict(shown.environment),
            timeout_s=shown.timeout_s,
            to=output,
            cancel=cancel,
            keep=step.background == "keep" and step.risk != "read",
        )
    except BaseException as error:
        by_hand = isinstance(error, KeyboardInterrupt)
        why = "interrupted" if by_hand else f"{type(error).__name__} in mechexo, so it was ended"
        _end(desk, replace(run, outcome=StepOutcome.CANCELLED, output=output.text(), why=why))
        raise
    try:
        output.close()
    except Exception:  # The screen is gone; what the command did is not: the end is recorded.
        _end(desk, _ended(run, ended, shown, step, output))
        raise
    return _end(desk, _ended(run, ended, shown, step, output))


def check(
    desk: Desk, entry_id: str, step_id: str, *, typed: str = "", reason: str = ""
) -> tuple[Entry, Step]:
    """Refuses, before anything is done, what `run_step` would refuse for want of words or a role.

    Raises:
        NotFoundError: there is no such entry or step.
        UsageError: the step cannot be run as it stands, or a reason is missing.
        NotAllowedError: the role is too low, or the id was not typed.
    """
    entry = operations.entry(desk, entry_id)
    step = find_step(entry, step_id)
    target = f"{entry.id}/{step.id or step.key}"
    if why := step_rules.blocked(step, entry.steps):
        raise UsageError(f"{target} cannot be run: {why}")
    desk.require(ACTION, target, step_rules.needed_role(step, entry))
    if step_rules.confirmation(step) == "typed" and typed != step.id:
        raise NotAllowedError(f"{target} needs its id typed: --typed {step.id}")
    if desk.is_live and step.risk != "read" and not reason.strip():
        raise UsageError(f"{target} on a live desk needs a reason: add --reason TEXT")
    return entry, step


def _ended(
    run: StepRun, ended: step_process.Ended, shown: Preview, step: Step, output: StepOutput
) -> StepRun:
    good = ended.how == "ended" and ended.exit_code in step.exits
    unlike = misfit(step.expect, output.plain()) if good else ""
    return replace(
        run,
        outcome=step_rules.outcome(ended.how, ended.exit_code, step.exits, expected=not unlike),
        exit_code=ended.exit_code,
        duration_s=round(ended.duration_s, 3),
        output=output.text(),
        why="; ".join(filter(None, [unlike, *_remarks(ended, shown, step)])),
    )


def _begin(desk: Desk, incident_id: int, step: Step, shown: Preview, reason: str) -> StepRun:
    """Puts the intent on record, unless somebody runs the step already."""
    target, now = f"{shown.entry_id}/{step.id}", desk.clock.now()
    longest_s = shown.timeout_s + 2 * step_process.GRACE_S + step_process.MARGIN_S + _SLACK_S
    run = StepRun(
        id=0,
        incident_id=incident_id,
        entry_id=shown.entry_id,
        step_id=step.id,
        command=shown.command,
        folder=shown.folder,
        host=shown.host,
        by=desk.actor.name,
        started_at=now,
    )
    with desk.operation(
        ACTION,
        target,
        needs=min(desk.role, step_rules.needed_role(step, operations.entry(desk, run.entry_id))),
        # Only looking needs no reason of its own.
        reason=reason or (f"incident {incident_id}" if step.risk == "read" else ""),
    ) as operation:
        transaction = operation.transaction
        others = records.running(transaction, run.entry_id, run.step_id, now)
        for other in others:
            if other.outcome is StepOutcome.RUNNING:
                raise StepGoesOnError(
                    f"{target} is being run by {other.by} on {other.host} for incident "
                    f"{other.incident_id} since {in_zone(other.started_at, desk.zone)}"
                )
        for gone in records.lost(transaction, others, now):
            _append(desk, transaction, gone)
        ends_by = now + timedelta(seconds=longest_s)
        run = replace(run, id=records.insert_run(transaction, run, this_process(), ends_by=ends_by))
        operation.details |= {
            "phase": "start",
            "incident": incident_id,
            "run": run.id,
            "command": run.command,
            "folder": run.folder,
            "host": run.host,
            "risk": step.risk,
        }
    return run


def _end(desk: Desk, run: StepRun) -> StepRun:
    run = replace(run, ended_at=desk.clock.now())
    try:
        with desk.state.write(wait_s=END_WAIT_S) as transaction:
            if records.finish(transaction, run):
                _append(desk, transaction, run)
    except MechexoError as error:
        code = "" if run.exit_code is None else f", exit code {run.exit_code}"
        raise EndNotRecordedError(
            f"{run.entry_id}/{run.step_id} was run ({run.outcome.value}{code}), but its end is "
            f"not recorded: {error}"
        ) from error
    return run


def _append(desk: Desk, transaction: Transaction, run: StepRun) -> None:
    """The audit entry of an end. It is written whatever the role is by now."""
    audit_log.append(
        transaction.connection,
        at=desk.clock.now(),
        actor=desk.actor,
        action=ACTION,
        target=f"{run.entry_id}/{run.step_id}",
        outcome=run.outcome.value,
        payload={
            "phase": "end",
            "incident": run.incident_id,
            "run": run.id,
            "exit_code": run.exit_code,
            "duration_s": run.duration_s,
            "why": run.why,
        },
    )


def _remarks(ended: step_process.Ended, shown: Preview, step: Step) -> list[str]:
    """What is to be said of an end besides its outcome."""
    said = [ended.why]
    if ended.how == "timed_out":
        said.append(f"did not end within {format_duration(shown.timeout_s)} and was ended")
    if ended.how == "ended" and ended.exit_code not in step.exits:
        good = " or ".join(map(str, step.exits))
        said.append(f"a good run ends with {good}")
    if ended.left and step.background == "keep" and step.risk != "read":
        said.append(f"still runs in the background: {', '.join(ended.left)}")
    elif ended.left:
        said.append(f"it left running, and this was ended: {', '.join(ended.left)}")
    if ended.stuck:
        said.append(f"COULD NOT BE ENDED: {', '.join(ended.stuck)}")
    return said
