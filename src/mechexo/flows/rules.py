"""What runs add up to. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from mechexo.flows.tallies import DayOfRuns, Tally, added
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
    grace: timedelta | None = None,
) -> bool:
    """Whether no run ended well within `expect_every` and its grace, or a wrong clock keeps that
    from view."""
    return bool(
        why_overdue(
            expect_every=expect_every,
            last_well=last_well,
            first_seen=first_seen,
            now=now,
            grace=grace,
        )
    )


def why_overdue(
    *,
    expect_every: timedelta | None,
    last_well: datetime | None,
    first_seen: datetime | None,
    now: datetime,
    grace: timedelta | None = None,
) -> str:
    """Why a flow counts as overdue; empty when it does not. A run may end well so much later than
    `expect_every` as `grace` says.

    A flow that never ran well is measured from the moment it was first seen; without that moment
    it was never looked for before, and is not late yet. A good run in the future says nothing
    about the present: some clock is wrong, and not knowing is not fine.
    """
    if expect_every is None:
        return ""
    late_after = expect_every + (grace or timedelta(0))
    if last_well is None:
        watched = now - (first_seen or now)
        if watched <= late_after:
            return ""
        return f"has never ended well, in {format_duration(watched)} of watching"
    age = now - last_well
    if age < -CLOCK_TOLERANCE:
        return f"its last good run ended {format_duration(-age)} in the future, so a clock is wrong"
    if age <= late_after:
        return ""
    expected = f"expected every {format_duration(expect_every)}"
    if grace:
        expected += f" (and {format_duration(grace)} of grace)"
    return f"its last good run ended {format_duration(age)} ago, {expected}"


def expected_by(
    *,
    expect_every: timedelta | None,
    last_well: datetime | None,
    first_seen: datetime | None,
) -> datetime | None:
    """When the next run should have ended well; None when that is not said or not known."""
    begun = last_well or first_seen
    return begun + expect_every if expect_every and begun else None


def is_slow(run: FlowRun | None, usual: timedelta | None, now: datetime) -> bool:
    """Whether a run takes, or took, longer than usual. One that was cut off tells nothing."""
    if run is None or usual is None:
        return False
    if run.state is RunState.RUNNING:
        return now - run.started_at > usual
    return run.duration_s is not None and run.duration_s > usual.total_seconds()


def summarise(
    flow: str,
    window: Sequence[tuple[date, Tally]],
    *,
    label: str,
    days: int,
    last: FlowRun | None,
    overdue: bool,
    why_overdue: str = "",
    slow: bool = False,
    usual: timedelta | None = None,
    expected_by: datetime | None = None,
) -> FlowSummary:
    """A flow's performance from what its runs of the last `days` days add up to by day, oldest
    first. Every run that ended counts for the success rate, also a lost one."""
    whole = added([tally for _, tally in window])
    p95_s = percentile(whole.durations_s, 95)
    return FlowSummary(
        flow=flow,
        label=label,
        days=days,
        runs=whole.runs,
        failed=whole.failed,
        success_pct=whole.success_pct,
        p50_s=percentile(whole.durations_s, 50),
        p95_s=p95_s,
        last=last,
        recent_durations_s=whole.durations_s[-RECENT:],
        overdue=overdue,
        why_overdue=why_overdue,
        slow=slow,
        by_day=tuple(
            DayOfRuns(
                day, each.runs, each.failed, each.success_pct, percentile(each.durations_s, 50)
            )
            for day, each in window
        ),
        usual_s=usual.total_seconds() if usual else p95_s,
        expected_by=expected_by,
    )
