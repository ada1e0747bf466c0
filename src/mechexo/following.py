"""Where the runbook meets the incidents: following an entry belongs to one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from mechexo.errors import NotFoundError, UsageError, close_names
from mechexo.incidents import operations as incidents
from mechexo.incidents.values import SEVERITIES
from mechexo.runbook import following, operations, step_rules
from mechexo.runbook.following_values import Preview, Progress, StepRun, StepState

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.incidents.values import Incident

_MILDEST = "SEV3"


def incident_for(
    desk: Desk, entry_id: str, incident_id: int | None = None, *, opens: bool = True
) -> Incident:
    """The incident that following an entry belongs to: the given one; else the only one of this
    entry that goes on; else the only one that goes on. Where there is none, one is opened, named
    like the entry.

    Raises:
        NotFoundError: there is no such entry or incident, or (unless `opens`) none goes on.
        UsageError: it is closed, or several go on and none is given.
        NotAllowedError: one would have to be opened, and the role is below responder.
    """
    entry = operations.entry(desk, entry_id)
    if incident_id is not None:
        return _still_going_on(desk, incident_id)
    found = going_on(desk, entry.id)
    if found is not None:
        return found
    if not opens:
        raise NotFoundError("no incident goes on; name one: --incident N")
    # Another person may just have opened it: two who begin at once follow in one.
    return open_for(desk, entry.id, once=True)


def open_for(
    desk: Desk,
    entry_id: str,
    *,
    title: str = "",
    alert_id: int | None = None,
    once: bool = False,
) -> Incident:
    """Opens an incident in which an entry is followed: as bad as the entry says, named like it
    unless a title is given, begun when the alert did. With `once`, where one of this entry goes on,
    that one is returned.

    Raises:
        NotFoundError: there is no such entry or alert.
        ConflictError: the alert belongs to an incident already.
        NotAllowedError: the role is below responder.
    """
    from mechexo.alerts.operations import get_alert
    from mechexo.incident_alerts import began_at

    entry = operations.entry(desk, entry_id)
    alert = None if alert_id is None else get_alert(desk, alert_id)
    return incidents.open_incident(
        desk,
        title=title or entry.title,
        severity=entry.severity if entry.severity in SEVERITIES else _MILDEST,
        runbook=entry.id,
        alert_id=alert_id,
        alert_key=alert.key if alert else "",
        # A clock that was set back since must not keep anybody from opening one.
        began_at=min(began_at(alert), desk.clock.now()) if alert else None,
        reason="its runbook entry is followed",
        once=once,
    )


def going_on(desk: Desk, entry_id: str, incident_id: int | None = None) -> Incident | None:
    """The given incident, closed or not; else the only one of this entry that goes on, or the only
    one at all; None when none goes on.

    Raises:
        NotFoundError: there is no such entry or incident.
        UsageError: several go on.
    """
    entry = operations.entry(desk, entry_id)
    if incident_id is not None:
        return incidents.get(desk, incident_id)
    every = incidents.list_incidents(desk)
    fitting = [each for each in every if each.runbook == entry.id] or list(every)
    if len(fitting) > 1:
        listed = "; ".join(f"{each.id} {each.title}" for each in fitting)
        raise UsageError(f"several incidents go on, say which: --incident N ({listed})")
    return fitting[0] if fitting else None


def progress(desk: Desk, incident_id: int | None, entry_id: str) -> Progress:
    """How far an incident is with an entry: each step with its tick and its newest run. Of no
    incident at all, none is ticked and none was run.

    Raises:
        NotFoundError: there is no such incident or entry.
    """
    if incident_id is None:
        entry = operations.entry(desk, entry_id)
        return Progress(0, entry, tuple(StepState(step) for step in entry.steps))
    incidents.get(desk, incident_id)
    return following.progress(desk, incident_id, entry_id)


def version(desk: Desk, incident_id: int) -> str:
    """Changes when a tick or a run of the incident does. Cheap: the console asks every second."""
    return following.version(desk, incident_id)


def tick(
    desk: Desk, incident_id: int, entry_id: str, step_key: str, *, ticked: bool = True
) -> Progress:
    """Ticks a step of an entry, or takes its tick back; whoever does takes part in the incident.

    Raises:
        NotFoundError: there is no such incident, entry or step.
        UsageError: the incident is closed.
        NotAllowedError: the role is below responder.
    """
    _still_going_on(desk, incident_id)
    done = following.tick(desk, incident_id, entry_id, step_key, ticked=ticked)
    incidents.join(desk, incident_id)
    return done


def preview(desk: Desk, entry_id: str, step_id: str, incident_id: int | None = None) -> Preview:
    """Exactly what running a step would do, and where; nothing is run.

    Raises:
        NotFoundError: there is no such entry or step.
    """
    return following.preview(desk, entry_id, step_id, incident_id)


def check_step(
    desk: Desk, entry_id: str, step_id: str, *, typed: str = "", reason: str = ""
) -> None:
    """Refuses what `run_step` would, before an incident is opened for it or another step is run.

    Raises:
        NotFoundError: there is no such entry or step.
        UsageError: the step cannot be run as it stands, or a change on a live desk has no reason.
        NotAllowedError: the role is too low, or the id was not typed.
    """
    from mechexo.runbook import step_running

    step_running.check(desk, entry_id, step_id, typed=typed, reason=reason)


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
    """Runs a step for an incident and waits for its end: to be called in a thread of its own.

    `typed` is the step's id once more, where it has to be typed; `on_output` is given what may be
    shown as it comes, in that thread; `cancel` ends the run when set.

    Raises:
        NotFoundError: there is no such incident, entry or step.
        UsageError: the incident is closed, the step cannot be run as it stands, or a change on a
            live desk has no reason.
        NotAllowedError: the role is too low, or the id was not typed.
        BusyError: somebody runs it now.
        StateError: the start could not be recorded, and nothing was run; or the end could not.
    """
    from mechexo.runbook import step_running

    _still_going_on(desk, incident_id)
    step_running.check(desk, entry_id, step_id, typed=typed, reason=reason)
    incidents.join(desk, incident_id)
    return step_running.run_step(
        desk,
        incident_id,
        entry_id,
        step_id,
        typed=typed,
        reason=reason,
        on_output=on_output,
        cancel=cancel,
    )


def run_reads(
    desk: Desk,
    incident_id: int,
    entry_id: str,
    *,
    from_step: str = "",
    reason: str = "",
    on_start: Callable[[str], None] | None = None,
    on_output: Callable[[str], None] | None = None,
    cancel: threading.Event | None = None,
) -> tuple[StepRun, ...]:
    """Runs the steps that only look, in order, from `from_step` on; stops at the first that is not
    well. Called again from there it resumes. What `reads` says cannot be
    run is passed over.

    Raises:
        As `run_step`.
    """
    wanted, _ = reads(desk, entry_id, from_step)
    done: list[StepRun] = []
    for step_id in wanted:
        if cancel is not None and cancel.is_set():
            break
        if on_start is not None:
            on_start(step_id)
        done.append(
            run_step(
                desk,
                incident_id,
                entry_id,
                step_id,
                reason=reason,
                on_output=on_output,
                cancel=cancel,
            )
        )
        if not done[-1].well:
            break
    return tuple(done)


def reads(
    desk: Desk, entry_id: str, from_step: str = ""
) -> tuple[list[str], tuple[tuple[str, str], ...]]:
    """The ids of the steps that `run_reads` runs, in order; and those that it passes over, each
    with what blocks it.

    Raises:
        NotFoundError: there is no such entry, or no such step among those that only look.
    """
    entry = operations.entry(desk, entry_id)
    found = step_rules.reads(entry, from_step)
    if from_step and not found:
        known = [step.id for step in step_rules.reads(entry)]
        raise NotFoundError(
            f"{entry.id} has no step {from_step!r} that only looks; {close_names(from_step, known)}"
        )
    why = {step.id: step_rules.blocked(step, entry.steps) for step in found}
    return [name for name in why if not why[name]], tuple((n, w) for n, w in why.items() if w)


def _still_going_on(desk: Desk, incident_id: int) -> Incident:
    incident = incidents.get(desk, incident_id)
    if incident.is_closed:
        raise UsageError(
            f"incident {incident_id} is closed; open it again: mechexo incident reopen "
            f"{incident_id}"
        )
    return incident
