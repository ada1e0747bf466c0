"""When a flow of an orchestrator is late, stuck, failing, never run or not planned."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mechexo.flows.orchestrators.rules import (
    ENOUGH,
    Limits,
    Observation,
    Promise,
    Trouble,
    observe,
    usual_p95_s,
)
from mechexo.flows.orchestrators.values import Deployment, OrchestratorRun, Phase, Schedule
from mechexo.flows.rules import CLOCK_TOLERANCE

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
SINCE = NOW - timedelta(days=7)
LIMITS = Limits(
    late_after=timedelta(minutes=5),
    stuck_factor=3.0,
    stuck_after=timedelta(hours=6),
    failing_after=2,
    never_after=timedelta(days=1),
)
HOURLY = Schedule("0 * * * *", "UTC", True)
ONE = Deployment("1", "bars/prod", False, (HOURLY,), created_at=SINCE - timedelta(days=90))

moments = st.integers(-8 * 24 * 60, 60).map(lambda minutes: NOW + timedelta(minutes=minutes))


def a_run(**changes: Any) -> OrchestratorRun:
    values: dict[str, Any] = {
        **{"id": "r", "deployment_id": "1", "name": "", "phase": Phase.COMPLETED, "state": "x"},
        **{"due_at": NOW - timedelta(hours=1), "started_at": NOW - timedelta(hours=1)},
        **{"ended_at": NOW, "duration_s": 60.0, "late_s": 0.0, "retries": 0},
    }
    return OrchestratorRun(**(values | changes))


@st.composite
def some_runs(draw: st.DrawFn) -> list[OrchestratorRun]:
    """Runs of two deployments in any state, in any order, with anything missing."""
    found = []
    for number in range(draw(st.integers(0, 12))):
        begun = draw(st.none() | moments)
        found.append(
            a_run(
                id=f"r{number}",
                deployment_id=draw(st.sampled_from("12")),
                phase=draw(st.sampled_from(Phase)),
                due_at=draw(st.none() | moments),
                started_at=begun,
                ended_at=draw(st.none() | moments),
                duration_s=draw(st.none() | st.floats(0, 1e6)),
            )
        )
    return found


def troubles(
    runs: list[OrchestratorRun], one: Deployment = ONE, **more: Any
) -> dict[Trouble, Observation]:
    said = observe([one], runs, now=NOW, since=SINCE, limits=LIMITS, **more)
    return {each.trouble: each for each in said}


@given(some_runs())
def test_late_is_exactly_when_a_waiting_run_is_past_its_time(runs: list[OrchestratorRun]) -> None:
    waits = [
        run
        for run in runs
        if run.deployment_id == "1"
        and run.phase in {Phase.SCHEDULED, Phase.LATE, Phase.PENDING}
        and run.due_at is not None
        and (NOW - run.due_at).total_seconds() > 300
    ]
    said = troubles(runs).get(Trouble.LATE)
    assert (said is not None) == bool(waits)
    if said:
        assert next(run.due_at for run in waits if run.id == said.run_id) == min(
            run.due_at for run in waits if run.due_at
        )


@given(some_runs())
def test_a_paused_deployment_is_never_late_never_unrun_and_never_unplanned(
    runs: list[OrchestratorRun],
) -> None:
    paused = Deployment("1", "bars/prod", True, (HOURLY,), tells_next_run=True)
    wrong = {Trouble.LATE, Trouble.NEVER_RAN, Trouble.UNPLANNED}
    assert not wrong & troubles(runs, paused).keys()


@given(some_runs(), st.none() | st.integers(1, 600))
def test_stuck_is_exactly_when_a_run_under_way_is_too_old(
    runs: list[OrchestratorRun], usual_m: int | None
) -> None:
    own = [run for run in runs if run.deployment_id == "1"]
    good = sorted(
        run.duration_s for run in own if run.phase is Phase.COMPLETED and run.duration_s is not None
    )
    if len(good) >= ENOUGH:
        longest = 3.0 * good[math.ceil(0.95 * len(good)) - 1]
    else:
        longest = 3.0 * 60 * usual_m if usual_m else 6 * 3600
    old = [
        run
        for run in own
        if run.phase in {Phase.RUNNING, Phase.CANCELLING}
        and run.started_at is not None
        and (NOW - run.started_at).total_seconds() > longest
    ]
    one = Deployment("1", "bars/prod", False, (HOURLY,), flow="bars")
    usual = {"bars": timedelta(minutes=usual_m)} if usual_m else None
    said = troubles(runs, one, usual=usual).get(Trouble.STUCK)
    assert (said is not None) == bool(old)
    if said:
        assert said.run_id in {run.id for run in old}


@given(st.lists(st.sampled_from(Phase), max_size=10), st.integers(1, 4), st.randoms())
def test_failing_is_exactly_so_many_failures_since_the_last_good_run(
    phases: list[Phase], row: int, chance: Any
) -> None:
    runs = [
        a_run(id=f"{at:03}", phase=phase, ended_at=NOW - timedelta(hours=100 - at))
        for at, phase in enumerate(phases)
    ]
    wanted = "".join(
        "G" if p is Phase.COMPLETED else "F" if p in ("failed", "crashed") else "" for p in phases
    )
    shuffled = chance.sample(runs, len(runs))
    limits = Limits(LIMITS.late_after, 3.0, LIMITS.stuck_after, row, LIMITS.never_after)
    said = [
        each
        for each in observe([ONE], shuffled, now=NOW, since=SINCE, limits=limits)
        if each.trouble is Trouble.FAILING
    ]
    assert bool(said) == wanted.endswith("F" * row)


@given(some_runs(), st.booleans(), st.none() | moments)
def test_never_ran_is_said_of_none_that_has_a_run_which_started(
    runs: list[OrchestratorRun], cut: bool, next_run: datetime | None
) -> None:
    one = Deployment("1", "bars/prod", False, (HOURLY,), next_run_at=next_run)
    own = [run for run in runs if run.deployment_id == "1"]
    waiting = {Phase.SCHEDULED, Phase.LATE, Phase.PENDING}
    began = any(run.started_at is not None or run.phase not in waiting for run in own)
    due = any(run.due_at is not None and run.due_at <= NOW for run in own) or next_run is None
    said = Trouble.NEVER_RAN in troubles(runs, one, runs_are_cut=cut)
    assert said == (due and not began and not cut)


@given(some_runs())
def test_what_is_said_does_not_depend_on_the_order_or_on_other_deployments(
    runs: list[OrchestratorRun],
) -> None:
    other = Deployment("2", "weights/prod", False, ())
    both = observe([ONE, other], runs, now=NOW, since=SINCE, limits=LIMITS)
    back = observe([other, ONE], runs[::-1], now=NOW, since=SINCE, limits=LIMITS)
    assert set(both) == set(back)
    alone = observe(
        [ONE],
        [run for run in runs if run.deployment_id == "1"],
        now=NOW,
        since=SINCE,
        limits=LIMITS,
    )
    assert alone == tuple(each for each in both if each.deployment_id == "1")


@given(st.lists(st.floats(0, 1e6), max_size=30))
def test_the_p95_is_exceeded_by_at_most_a_twentieth(durations: list[float]) -> None:
    found = usual_p95_s(a_run(duration_s=each) for each in durations)
    if len(durations) < ENOUGH:
        assert found is None
    else:
        assert found in durations
        assert sum(each > found for each in durations) <= len(durations) / 20


def test_a_deployment_with_a_schedule_and_no_planned_run_is_unplanned() -> None:
    one = Deployment("1", "bars/prod", False, (HOURLY,), tells_next_run=True)
    assert "look at the scheduler" in troubles([a_run()], one)[Trouble.UNPLANNED].why


def test_where_the_next_run_is_not_told_nothing_is_said_of_it() -> None:
    assert Trouble.UNPLANNED not in troubles([a_run()])


def test_a_deployment_whose_schedule_is_off_need_not_be_planned() -> None:
    off = Schedule("0 * * * *", "UTC", False)
    one = Deployment("1", "bars/prod", False, (off,), tells_next_run=True)
    assert troubles([], one) == {}


def test_a_new_deployment_is_given_time() -> None:
    new = Deployment(
        "1",
        "bars/prod",
        False,
        (HOURLY,),
        created_at=NOW - timedelta(minutes=1),
        tells_next_run=True,
    )
    assert troubles([], new) == {}


def test_never_ran_says_only_what_was_read() -> None:
    waits = a_run(phase=Phase.LATE, started_at=None, ended_at=None, duration_s=None)
    assert "in the 7d that were read" in troubles([waits])[Trouble.NEVER_RAN].why
    young = Deployment("1", "bars/prod", False, (HOURLY,), created_at=NOW - timedelta(days=2))
    assert "ever started, in the 2d since" in troubles([waits], young)[Trouble.NEVER_RAN].why


def test_the_newest_run_in_an_unknown_state_is_said() -> None:
    unknown = a_run(id="z", phase=Phase.UNKNOWN, state="Hibernated", due_at=NOW)
    assert "Hibernated" in troubles([a_run(), unknown])[Trouble.UNKNOWN_STATE].why


PROMISE = Promise(timedelta(hours=2), timedelta(minutes=10))
KEPT_BY = {Trouble.LATE, Trouble.STUCK, Trouble.FAILING, Trouble.NEVER_RAN}


@given(some_runs(), st.booleans(), st.booleans())
def test_overdue_is_exactly_when_nothing_ended_well_in_time_and_nothing_else_says_why(
    runs: list[OrchestratorRun], paused: bool, cut: bool
) -> None:
    one = replace(ONE, paused=paused, flow="bars")
    said = observe(
        [one],
        runs,
        now=NOW,
        since=SINCE,
        limits=LIMITS,
        promised={"bars": PROMISE},
        runs_are_cut=cut,
    )
    found = {each.trouble for each in said}
    ends = [
        run.ended_at
        for run in runs
        if run.deployment_id == "1" and run.phase is Phase.COMPLETED and run.ended_at
    ]
    if ends:
        age = NOW - max(ends)
        is_late = age > timedelta(hours=2, minutes=10) or age < -CLOCK_TOLERANCE
    else:
        is_late = not cut
    assert (Trouble.OVERDUE in found) == (is_late and not KEPT_BY & found)


def test_a_flow_that_promises_nothing_is_never_overdue() -> None:
    said = observe([ONE], [], now=NOW, since=SINCE, limits=LIMITS, promised={"bars": PROMISE})
    assert Trouble.OVERDUE not in {each.trouble for each in said}


def test_a_paused_deployment_whose_flow_is_promised_is_overdue_and_says_that_it_is_paused() -> None:
    one = replace(ONE, paused=True, flow="bars")
    run = a_run(ended_at=NOW - timedelta(hours=3))
    (said,) = observe([one], [run], now=NOW, since=SINCE, limits=LIMITS, promised={"bars": PROMISE})
    assert said.why == (
        "its last good run ended 3h ago, expected every 2h (and 10m of grace) (it is paused)"
    )
