"""What runs add up to. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from mechexo.flows.values import FlowRun, FlowSummary, RunState
from mechexo.times import format_duration

RECENT = 20
"""How many durations a summary carries, for a small chart."""
CLOCK_TOLERANCE = timedelta(minutes=1)
"""How far in the future a run may have ended: small steps of the clock are usual."""


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
    """Whether no run ended well within `expect_every`, or a wrong clock keeps that from view."""
    return bool(
        why_overdue(expect_every=expect_every, last_well=last_well, first_seen=first_seen, now=now)
    )


def why_overdue(
    *,
    expect_every: timedelta | None,
    last_well: datetime | None,
    first_seen: datetime | None,
    now: datetime,
) -> str:
    """Why a flow counts as overdue; empty when it does not.

    A flow that never ran well is measured from the moment it was first seen; without that moment
    it was never looked for before, and is not late yet. A good run in the future says nothing
    about the present: some clock is wrong, and not knowing is not fine.
    """
    if expect_every is None:
        return ""
    if last_well is None:
        watched = now - (first_seen or now)
        if watched <= expect_every:
            return ""
        return f"has never ended well, in {format_duration(watched)} of watching"
    age = now - last_well
    if age < -CLOCK_TOLERANCE:
        return f"its last good run ended {format_duration(-age)} in the future, so a clock is wrong"
    if age <= expect_every:
        return ""
    expected = f"expected every {format_duration(expect_every)}"
    return f"its last good run ended {format_duration(age)} ago, {expected}"


def is_slow(run: FlowRun | None, usual: timedelta | None, now: datetime) -> bool:
    """Whether a run takes, or took, longer than usual. One that was cut off tells nothing."""
    if run is None or usual is None:
        return False
    if run.state is RunState.RUNNING:
        return now - run.started_at > usual
    return run.duration_s is not None and run.duration_s > usual.total_seconds()


def summarise(
    flow: str,
    window: Sequence[FlowRun],
    *,
    label: str,
    days: int,
    last: FlowRun | None,
    overdue: bool,
    why_overdue: str = "",
    slow: bool = False,
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
        why_overdue=why_overdue,
        slow=slow,
    )
