"""Following an entry in an incident: what is ticked, what was run, what a run would do.

An incident is its number here; whether there is one is for the floor above.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mechexo.actor import Role
from mechexo.config.secrets import redact
from mechexo.errors import NotFoundError, close_names
from mechexo.runbook import operations, records, step_rules
from mechexo.runbook.following_values import Preview, Progress, StepRun, StepState, Tick
from mechexo.runbook.step_output import known_secrets
from mechexo.runbook.values import Entry, Step

if TYPE_CHECKING:
    from mechexo.desk import Desk

_OURS = ("mechexo", "mech-exo")


def progress(desk: Desk, incident_id: int, entry_id: str) -> Progress:
    """How far an incident is with an entry.

    Raises:
        NotFoundError: there is no such entry.
    """
    entry, now = operations.entry(desk, entry_id), desk.clock.now()
    # First, so that a change meanwhile is seen as one the next time.
    last_change = records.version(desk.state, incident_id, now)
    ticks = records.newest_ticks(desk.state, incident_id, entry.id)
    runs = records.newest_runs(desk.state, incident_id, entry.id, now)
    steps = tuple(_state(step, ticks.get(step.key), runs) for step in entry.steps)
    return Progress(incident_id, entry, steps, last_change)


def version(desk: Desk, incident_id: int) -> str:
    """Changes when a tick or a run of the incident does. Cheap: the console asks every second."""
    return records.version(desk.state, incident_id, desk.clock.now())


def ticks(desk: Desk, incident_id: int) -> tuple[tuple[str, Tick], ...]:
    """Every tick of an incident, and every one taken back, with its entry's id, oldest first."""
    return records.ticks(desk.state, incident_id)


def runs(desk: Desk, incident_id: int) -> tuple[StepRun, ...]:
    """Every run of an incident, oldest first. One whose runner is gone is `unknown`."""
    return records.runs(desk.state, incident_id, desk.clock.now())


def tick(desk: Desk, incident_id: int, entry_id: str, step_key: str, *, ticked: bool) -> Progress:
    """Ticks a step, or takes its tick back. As it stands already changes nothing.

    Raises:
        NotFoundError: there is no such entry or step.
        NotAllowedError: the role is below responder.
    """
    entry = operations.entry(desk, entry_id)
    step = find_step(entry, step_key)
    with desk.operation(
        "runbook.tick",
        f"{entry.id}/{step.key}",
        needs=Role.RESPONDER,
        reason=f"incident {incident_id}",
    ) as operation:
        transaction = operation.transaction
        before = records.is_ticked(transaction, incident_id, entry.id, step.key)
        if before == ticked:
            operation.unchanged = True
        else:
            word = Tick(step.key, ticked, desk.clock.now(), desk.actor.name)
            records.insert_tick(transaction, incident_id, entry.id, word)
            operation.before, operation.after = before, ticked
            operation.details["incident"] = incident_id
    return progress(desk, incident_id, entry.id)


def preview(desk: Desk, entry_id: str, step_id: str, incident_id: int | None = None) -> Preview:
    """What running a step would do. Runs nothing, and needs no state file.

    Raises:
        NotFoundError: there is no such entry or step.
    """
    entry = operations.entry(desk, entry_id)
    step = find_step(entry, step_id)
    needs, why = step_rules.needed_role(step, entry), step_rules.blocked(step, entry.steps)
    if not why and desk.role < needs:
        why = f"it needs the role {needs.label}; {desk.actor.name} is {desk.role.label}"
    return Preview(
        entry_id=entry.id,
        step_id=step.id or step.key,
        command=redact(step.command, known_secrets(desk.config_path)),
        folder=str(desk.root.absolute()),
        host=socket.gethostname(),
        user=desk.actor.name,
        environment=environment(desk, entry.id, step.id, incident_id),
        timeout_s=step_rules.limit_s(step),
        risk=step.risk,
        confirm="" if why else step_rules.confirmation(step),
        needs_role=needs.label,
        needs_reason=desk.is_live and step.risk != "read",
        blocked=why,
        exits=step.exits,
        expect=step.expect,
        undo=step.undo,
    )


def find_step(entry: Entry, wanted: str) -> Step:
    """A step of an entry by its id or key.

    Raises:
        NotFoundError: there is none; the text lists close ones.
    """
    for step in entry.steps:
        if wanted and wanted in (step.id, step.key):
            return step
    keys = [step.key for step in entry.steps]
    hint = close_names(wanted, keys) if keys else "it has no steps"
    raise NotFoundError(f"{entry.id} has no step {wanted!r}; {hint}")


def environment(
    desk: Desk, entry_id: str, step_id: str, incident_id: int | None
) -> tuple[tuple[str, str], ...]:
    """What a step's command finds set besides mechexo's own environment: the same mechexo on the
    same desk, and nothing that waits for a key or a password."""
    path = os.pathsep.join(filter(None, [str(_own_folder()), os.environ.get("PATH", os.defpath)]))
    incident = "" if incident_id is None else str(incident_id)
    return (
        ("PATH", path),
        ("MECHEXO_CONFIG", str(desk.config_path.absolute())),
        ("MECHEXO_INCIDENT", incident),
        ("MECHEXO_RUNBOOK_STEP", f"{entry_id}/{step_id}"),
        ("TERM", "dumb"),
        ("PAGER", "cat"),
        ("SYSTEMD_PAGER", "cat"),
        ("GIT_PAGER", "cat"),
        ("GIT_TERMINAL_PROMPT", "0"),
    )


def _own_folder() -> Path:
    """The folder of the program that runs, so that a step's `mechexo` is this one."""
    started = Path(sys.argv[0])
    if started.name in _OURS and started.is_file():
        return started.absolute().parent
    return Path(sys.executable).absolute().parent


def _state(step: Step, tick: Tick | None, runs: dict[str, StepRun]) -> StepState:
    run = runs.get(step.id) if step.id else None
    if tick is None:
        return StepState(step, run=run)
    return StepState(step, tick.ticked, tick.by, tick.at, run)
