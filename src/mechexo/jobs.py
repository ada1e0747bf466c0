"""Jobs on record: a run of a flow is also a sign of life for the heartbeat probes.

The meeting place of the flows and health wings, which know nothing of each other.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from mechexo.errors import MechexoError

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.flows.values import FlowRun


def run_job(
    desk: Desk, name: str, command: Sequence[str], *, timeout: timedelta | None = None
) -> FlowRun:
    """Runs a command as a run of the flow `name`, then checks the job `name` in with its outcome.

    A check-in that cannot be stored is said on stderr; the run's own result stands.
    """
    from mechexo.flows import operations as flows

    run = flows.execute(desk, name, command, timeout=timeout)
    from mechexo.flows.values import RunState

    ok = run.state is RunState.COMPLETED
    try:
        ping(desk, name, ok=ok, detail="" if ok else f"{run.state} with exit code {run.exit_code}")
    except MechexoError as error:
        sys.stderr.write(f"mechexo: the check-in of {name} is not recorded: {error}\n")
    return run


def ping(desk: Desk, job: str, *, ok: bool = True, detail: str = "") -> None:
    """Checks a job in: it is alive, and its last run went well or not."""
    from mechexo.health import operations as health

    health.check_in(desk, job, ok=ok, detail=detail)
