"""What runs add up to. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from mechexo.flows.values import FlowRun, FlowSummary, RunState

RECENT = 20
"""How many durations a summary carries, for a small chart."""


def state_of(exit_code: int, *, timed_out: bool) -> RunState:
    """How a run that ended is called."""
    if timed_out:
        return RunState.TIMED_OUT
    return RunState.COMPLETED if exit_code == 0 else RunState.FAILED


def percentile(values: Sequence[float], pct: float) -> float | None:
    """The nearest-rank percentile: the smallest value that at least `pct` % do not exceed.

    None without values.
    """
    if not values:
        return None
    rank = max(1, math.ceil(pct / 100 * len(values)))
    return sorted(values)[rank - 1]


def is_overdue(
    *,
    expect_every: timedelta | None,
    last_well: datetime | None,
    first_seen: datetime | None,
    now: datetime,
) -> bool:
    """Whether no run ended well within `expect_every`.

    A flow that never ran well is measured from the moment it was first seen; without that moment
    it was never looked for before, and is not late yet.
    """
    since = last_well or first_seen
    return expect_every is not None and since is not None and now - since > expect_every


def summarise(
    flow: str,
    window: Sequence[FlowRun],
    *,
    label: str,
    days: int,
    last: FlowRun | None,
    overdue: bool,
) -> FlowSummary:
    """A flow's performance from its runs of the last `days` days, oldest first.

    Every run that ended counts for the success rate, also a lost one. Durations are those of runs
    that ended with one; a run that was cut off says nothing about how long the flow takes.
    """
    ended = [run for run in window if run.state is not RunState.RUNNING]
    failed = sum(run.state is not RunState.COMPLETED for run in ended)
    durations = [
        run.duration_s
        for run in ended
        if run.duration_s is not None and run.state in (RunState.COMPLETED, RunState.FAILED)
    ]
    return FlowSummary(
        flow=flow,
        label=label,
        days=days,
        runs=len(window),
        failed=failed,
        success_pct=100 * (len(ended) - failed) / len(ended) if ended else None,
        p50_s=percentile(durations, 50),
        p95_s=percentile(durations, 95),
        last=last,
        recent_durations_s=tuple(durations[-RECENT:]),
        overdue=overdue,
    )
