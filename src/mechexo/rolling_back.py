"""Where the rollback wing meets the others: is the desk worse now, do flows run, who is told."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from mechexo.errors import BusyError
from mechexo.rollback.values import Run, RunState, Step
from mechexo.times import format_duration

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.rollback.applying import Surroundings
    from mechexo.state import Transaction

_LOOK_WITHIN_S = 10.0
"""How long all probes together may take."""
JOB_WAITS_S = 60.0
"""How long a job waits for a rollback to end before it runs all the same."""


def apply(
    desk: Desk,
    plan_id: str,
    *,
    confirm: str,
    reason: str = "",
    progress: Callable[[Step], None] = lambda _: None,
) -> Run:
    """Carries a plan out; see `mechexo.rollback.carrying_out.apply`. Whoever is told of it is told
    by the tick or the server, so an unreachable chat stops nothing."""
    from mechexo.rollback import carrying_out

    around = surroundings(desk, progress)
    return carrying_out.apply(desk, plan_id, confirm=confirm, around=around, reason=reason)


def recover(desk: Desk, *, progress: Callable[[Step], None] = lambda _: None) -> tuple[Run, ...]:
    """Finishes the rollbacks that were cut off; see `mechexo.rollback.recovering.recover`."""
    from mechexo.rollback import recovering

    return recovering.recover(desk, surroundings(desk, progress))


def leave(desk: Desk, run_id: str, *, reason: str) -> Run:
    """Gives up putting a rollback back; see `mechexo.rollback.recovering.leave`."""
    from mechexo.rollback import recovering

    return recovering.leave(desk, run_id, surroundings(desk), reason=reason)


def redeploy(
    desk: Desk,
    run_id: str,
    *,
    reason: str = "",
    progress: Callable[[Step], None] = lambda _: None,
) -> Run:
    """Tells the orchestrator once more; see `mechexo.rollback.recovering.redeploy_run`."""
    from mechexo.rollback import recovering

    return recovering.redeploy_run(desk, run_id, surroundings(desk, progress), reason=reason)


def recover_unattended(desk: Desk) -> tuple[Run, ...]:
    """As `recover`, for the tick: one that is under way is left alone.

    Raises:
        NeedsPersonError: a person has to look; the tick raises an alert from it.
    """
    from mechexo.rollback import recovering

    try:
        return recovering.recover(desk, surroundings(desk), redeploying=False)
    except BusyError:
        return ()


def cut_off(desk: Desk) -> bool:
    """Whether a rollback may have been cut off. Cheap: asked by every tick."""
    folder = desk.state.path.with_name(f"{desk.state.path.name}.rollback")
    if folder.is_dir() and any(folder.iterdir()):
        return True
    found = desk.state.row(
        "SELECT 1 FROM rollback_run WHERE state = ? LIMIT 1", (RunState.UNDER_WAY,)
    )
    return found is not None


def wait_while_under_way(desk: Desk, flow: str) -> bool:
    """Waits while a rollback is under way, if it could change the flow's files between two reads of
    a run that begins now. False when it still is after `JOB_WAITS_S`."""
    from mechexo.rollback.locking import lock_of
    from mechexo.state.lock_files import is_held

    if flow not in desk.settings.rollback.flows:
        return True
    lock, until_s = str(lock_of(desk)), time.monotonic() + JOB_WAITS_S
    while is_held(lock):
        if time.monotonic() > until_s:
            return False
        time.sleep(0.1)
    return True


def surroundings(desk: Desk, progress: Callable[[Step], None] = lambda _: None) -> Surroundings:
    """What an application needs of the other wings."""
    from mechexo.rollback.applying import Surroundings

    before: set[str] = set()

    def begin() -> None:
        # After the flags: a halt that the rollback itself brings about is no damage that it did.
        before.update(name for name, _ in _failing(desk))

    def worse() -> tuple[str, ...]:
        return tuple(said for name, said in _failing(desk) if name not in before)

    return Surroundings(
        begin=begin,
        worse=worse,
        under_way=lambda flow: _under_way(desk, flow),
        tell=lambda transaction, run: _tell(desk, transaction, run),
        progress=progress,
    )


def _failing(desk: Desk) -> tuple[tuple[str, str], ...]:
    """Looks with every probe now: those that `ops_ok` asks and that do not find all well this very
    time, by name, with what they found. One failure counts, whatever its `fail_after`; one that
    could not look counts too."""
    from mechexo.health import operations as health
    from mechexo.health.values import Status

    states = health.run_due(desk, force=True, deadline_s=_LOOK_WITHIN_S)
    return tuple(
        (state.name, f"{state.name} ({state.card}): {state.detail}")
        for state in states
        if (state.severity == "critical" or (desk.is_live and state.halts_trading))
        and (state.failures > 0 or state.status in (Status.CRITICAL, Status.UNKNOWN))
    )


def _under_way(desk: Desk, flow: str) -> tuple[str, ...]:
    from mechexo.flows import reading as flows

    now = desk.clock.now()
    return tuple(
        f"a run of {flow}, for {format_duration(now - run.started_at)}"
        for run in flows.under_way(desk, flow)
    )


def _tell(desk: Desk, transaction: Transaction, run: Run) -> None:
    """Makes a message due to each channel that takes what is worth this much."""
    from mechexo.alerts import notices

    severity = "critical" if run.state is RunState.NEEDS_HUMAN else "medium"
    channels = [
        name
        for name, channel in desk.settings.channels.items()
        if severity in channel.severities and channel.kind != "phone"
    ]
    if not channels:
        return
    failed = next((step.detail for step in run.steps if not step.ok), "")
    words = [f"Rollback {run.id} ({run.target}) by {run.actor}: {run.state}."]
    words += [f"{failed}."] if failed else []
    words += [f"Reason: {run.reason}."] if run.reason else []
    notices.add_notice(
        transaction.connection,
        name="rollback",
        summary=" ".join(words),
        channels=channels,
        now=desk.clock.now(),
    )
