"""What is wrong with the flows of an orchestrator: late, stuck, failing, never run. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from mechexo.flows.orchestrators.values import (
    ENDED,
    NOT_WELL,
    WAITING,
    Deployment,
    OrchestratorRun,
    Phase,
)
from mechexo.flows.rules import percentile, why_overdue
from mechexo.times import format_duration
from mechexo.value_classes import dataclass

ENOUGH = 3
"""So many good runs tell how long a flow usually takes."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Trouble(StrEnum):
    """What can be wrong with a deployment; each is an alert of its own."""

    LATE = "late"
    STUCK = "stuck"
    FAILING = "failing"
    NEVER_RAN = "never_ran"
    UNPLANNED = "unplanned"
    """Its schedule is at work and no run of it is planned: the scheduler has stopped."""
    UNKNOWN_STATE = "unknown_state"
    OVERDUE = "overdue"
    """No run of it ended well as often as its flow of `[flows]` promises, and nothing above says
    why."""


_KEEPS_FROM_ENDING = {Trouble.LATE, Trouble.STUCK, Trouble.FAILING, Trouble.NEVER_RAN}
"""Each of these is why a flow is overdue: one trouble pages once."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on something is wrong."""

    late_after: timedelta
    stuck_factor: float
    """Times the p95 of the good runs."""
    stuck_after: timedelta
    """Where there are too few good runs to tell what is usual."""
    failing_after: int
    never_after: timedelta


@dataclass(frozen=True, slots=True)
class Promise:
    """How often a run of a flow must end well, and how much later it may."""

    every: timedelta
    grace: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing that is wrong with one deployment, as of the moment it was looked at."""

    deployment_id: str
    deployment: str
    flow: str
    """The flow of `[flows]` that it is; "" when the configuration does not say."""
    trouble: Trouble
    why: str
    run_id: str
    """The run that shows it; "" when none does."""


def observe(
    deployments: Iterable[Deployment],
    runs: Iterable[OrchestratorRun],
    *,
    now: datetime,
    since: datetime,
    limits: Limits,
    usual: Mapping[str, timedelta] | None = None,
    promised: Mapping[str, Promise] | None = None,
    runs_are_cut: bool = False,
) -> tuple[Observation, ...]:
    """Everything that is wrong, in the order of the deployments. `runs` are those since a moment,
    in any order.

    `usual` is how long a run of a flow of `[flows]` may take, where the configuration says so: it
    stands for the p95 of one that has too few good runs. `promised` is how often one must end well,
    paused or not. When `runs_are_cut`, that a deployment has
    none among them says nothing, and it is called neither never run nor overdue.
    """
    by_deployment: defaultdict[str, list[OrchestratorRun]] = defaultdict(list)
    for run in runs:
        by_deployment[run.deployment_id].append(run)
    found: list[Observation] = []
    for one in deployments:
        own = sorted(by_deployment[one.id], key=_newest_last)
        for trouble, said in (
            (Trouble.LATE, _late(one, own, now, limits)),
            (Trouble.STUCK, _stuck(own, now, limits, (usual or {}).get(one.flow))),
            (Trouble.FAILING, _failing(own, limits)),
            (Trouble.NEVER_RAN, None if runs_are_cut else _never_ran(one, own, now, since, limits)),
            (Trouble.UNPLANNED, _unplanned(one, now, limits)),
            (Trouble.UNKNOWN_STATE, _unknown_state(own)),
        ):
            if said is not None:
                why, run_id = said
                found.append(Observation(one.id, one.name, one.flow, trouble, why, run_id))
        if not _KEEPS_FROM_ENDING & {
            each.trouble for each in found if each.deployment_id == one.id
        }:
            promise = (promised or {}).get(one.flow)
            if why := _overdue(one, own, now, since, promise, runs_are_cut):
                found.append(Observation(one.id, one.name, one.flow, Trouble.OVERDUE, why, ""))
    return tuple(found)


def usual_p95_s(runs: Iterable[OrchestratorRun]) -> float | None:
    """The p95 in seconds of the runs that ended well; None when they are too few to tell."""
    durations = [
        run.duration_s
        for run in runs
        if run.phase is Phase.COMPLETED and run.duration_s is not None and run.duration_s >= 0
    ]
    return percentile(durations, 95) if len(durations) >= ENOUGH else None


def _newest_last(run: OrchestratorRun) -> tuple[datetime, str]:
    return (run.due_at or run.started_at or run.ended_at or _LONG_AGO, run.id)


Said = tuple[str, str] | None


def _late(one: Deployment, runs: Sequence[OrchestratorRun], now: datetime, limits: Limits) -> Said:
    """The run that waits longest. A paused deployment's runs wait because somebody wants it so."""
    if one.paused:
        return None
    waiting = [run for run in runs if run.phase in WAITING and run.due_at is not None]
    overdue = [
        (now - run.due_at, run)
        for run in waiting
        if run.due_at is not None and now - run.due_at > limits.late_after
    ]
    if not overdue:
        return None
    longest, first = max(overdue, key=lambda pair: (pair[0], pair[1].id))
    others = f", and {len(overdue) - 1} more" if len(overdue) > 1 else ""
    return f"a run is {format_duration(longest)} late ({first.state}){others}", first.id


def _stuck(
    runs: Sequence[OrchestratorRun], now: datetime, limits: Limits, usual: timedelta | None
) -> Said:
    """The oldest run under way that takes too long. One that is paused waits for a person."""
    p95_s = usual_p95_s(runs)
    if p95_s is not None:
        longest_s = limits.stuck_factor * p95_s
        against = f"more than {limits.stuck_factor:g} times its p95 of {_took(p95_s)}"
    elif usual is not None:
        longest_s = limits.stuck_factor * usual.total_seconds()
        against = f"more than {limits.stuck_factor:g} times its usual {format_duration(usual)}"
    else:
        longest_s = limits.stuck_after.total_seconds()
        against = f"more than {format_duration(limits.stuck_after)}, and what is usual is not known"
    old = [
        ((now - run.started_at).total_seconds(), run)
        for run in runs
        if run.phase in (Phase.RUNNING, Phase.CANCELLING) and run.started_at is not None
    ]
    too_old = [pair for pair in old if pair[0] > longest_s]
    if not too_old:
        return None
    age_s, oldest = max(too_old, key=lambda pair: (pair[0], pair[1].id))
    others = f", and {len(too_old) - 1} more" if len(too_old) > 1 else ""
    verb = "runs" if oldest.phase is Phase.RUNNING else "is being cancelled, begun"
    ago = "" if oldest.phase is Phase.RUNNING else " ago"
    return f"a run {verb} {_took(age_s)}{ago}, {against}{others}", oldest.id


def _failing(runs: Sequence[OrchestratorRun], limits: Limits) -> Said:
    """Failures in a row up to now. Cancelled runs, and those whose state is not known, are neither:
    they end no row."""
    newest: OrchestratorRun | None = None
    row = 0
    ended = sorted((run for run in runs if run.phase in ENDED), key=_ended_last)
    for run in reversed(ended):
        if run.phase is Phase.COMPLETED:
            break
        if run.phase in NOT_WELL:
            row += 1
            newest = newest or run
    if newest is None or row < limits.failing_after:
        return None
    times = "the last run failed" if row == 1 else f"the last {row} runs failed"
    return ": ".join(filter(None, (times, newest.reason))), newest.id


def _ended_last(run: OrchestratorRun) -> tuple[datetime, str]:
    return (run.ended_at or run.started_at or run.due_at or _LONG_AGO, run.id)


def _never_ran(
    one: Deployment,
    runs: Sequence[OrchestratorRun],
    now: datetime,
    since: datetime,
    limits: Limits,
) -> Said:
    """No run of it started, though it is scheduled, old enough, and one was due; that none is
    planned counts as due."""
    if not one.runs_by_itself:
        return None
    if any(run.started_at is not None or run.phase not in WAITING for run in runs):
        return None
    watched = now - max(one.created_at or since, since)
    was_due = any(run.due_at is not None and run.due_at <= now for run in runs)
    if watched <= limits.never_after or not (was_due or one.next_run_at is None):
        return None
    if one.created_at is not None and one.created_at >= since:
        age = format_duration(now - one.created_at)
        return f"no run of it ever started, in the {age} since it was deployed", ""
    return f"no run of it started in the {format_duration(watched)} that were read", ""


def _unplanned(one: Deployment, now: datetime, limits: Limits) -> Said:
    if not (one.tells_next_run and one.runs_by_itself):
        return None
    if one.created_at is not None and now - one.created_at <= limits.late_after:
        return None  # Its scheduler has not come to it yet.
    if one.next_run_at is None:
        return "its schedule is active and no run of it is planned; look at the scheduler", ""
    if now - one.next_run_at > limits.late_after:
        late = format_duration(now - one.next_run_at)
        return f"the next run of it was planned for {late} ago; look at the scheduler", ""
    return None


def _overdue(
    one: Deployment,
    runs: Sequence[OrchestratorRun],
    now: datetime,
    since: datetime,
    promise: Promise | None,
    runs_are_cut: bool,
) -> str:
    ends = [run.ended_at for run in runs if run.phase is Phase.COMPLETED and run.ended_at]
    if promise is None or (runs_are_cut and not ends):
        return ""
    if ends:
        why = why_overdue(
            expect_every=promise.every,
            grace=promise.grace,
            last_well=max(ends),
            first_seen=None,
            now=now,
        )
    else:
        watched = now - max(one.created_at or since, since)
        late = watched > promise.every + (promise.grace or timedelta(0))
        words = f"no run of it ended well in the {format_duration(watched)} that were read"
        why = f"{words}, expected every {format_duration(promise.every)}" if late else ""
    return f"{why} (it is paused)" if why and one.paused else why


def _unknown_state(runs: Sequence[OrchestratorRun]) -> Said:
    if not runs or runs[-1].phase is not Phase.UNKNOWN:
        return None
    return f"its newest run is in a state that is not known here: {runs[-1].state}", runs[-1].id


def _took(seconds: float) -> str:
    return f"{seconds:.1f}s" if 0 < seconds < 10 else format_duration(seconds)
