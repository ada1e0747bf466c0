"""What very many runs add up to: counted in the database, from the time that is asked for alone."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.flows import records
from mechexo.flows.tallies import Tally, added, day_edges
from mechexo.flows.tally_records import TALLIES, tallies
from mechexo.flows.values import FlowRun, RunState
from mechexo.processes import Process

WRAPPER = Process(1, "boot", "1")
NEW_YORK = ZoneInfo("America/New_York")


def store(desk: Desk, *runs: FlowRun) -> list[int]:
    with desk.state.write() as transaction:
        return [records.insert(transaction, run, WRAPPER) for run in runs]


def some_runs(count: int, until: datetime, chance: random.Random) -> list[FlowRun]:
    found = []
    for number in range(count):
        at = until - timedelta(seconds=chance.randrange(10 * 86_400))
        state = chance.choice([each for each in RunState if each.value != "skipped"])
        cut_off = state in (RunState.RUNNING, RunState.LOST)
        took_s = None if cut_off else round(chance.uniform(0, 5000), 3)
        ended = None if took_s is None else at + timedelta(seconds=took_s)
        flow = chance.choice(["bars", "fx's", 'quo"te', "zeta"])
        found.append(FlowRun(number, flow, state, at, ended, took_s, None, "tail"))
    return found


def counted_by_hand(
    runs: list[FlowRun], flow: str, since: datetime, until: datetime | None, lost: set[int]
) -> Tally:
    own = [
        run
        for run in sorted(runs, key=lambda run: run.started_at)
        if run.flow == flow and run.started_at >= since and (not until or run.started_at < until)
    ]
    ended = [run for run in own if run.state is not RunState.RUNNING or run.id in lost]
    alone = [run for run in ended if run.state in (RunState.COMPLETED, RunState.FAILED)]
    return Tally(
        runs=len(own),
        ended=len(ended),
        well=len([run for run in own if run.state is RunState.COMPLETED]),
        durations_s=tuple(run.duration_s for run in alone if run.duration_s is not None),
    )


@pytest.mark.parametrize("seed", range(5))
def test_tallies_are_what_one_counts_by_hand(
    seed: int, make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk, now, chance = make_desk(), clock.now(), random.Random(seed)
    runs = some_runs(200, now, chance)
    for run, stored in zip(runs, store(desk, *runs), strict=True):
        object.__setattr__(run, "id", stored)
    lost = {run.id for run in runs if run.state is RunState.RUNNING and chance.random() < 0.5}
    edges = day_edges(now - timedelta(days=7), now, NEW_YORK)
    found = tallies(desk.state, edges, lost=lost)
    assert set(found) == {run.flow for run in runs}
    for flow, parts in found.items():
        for since, until, part in zip(edges, (*edges[1:], None), parts, strict=True):
            assert part == counted_by_hand(runs, flow, since, until, lost)


def test_without_any_run_there_is_no_tally(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    assert tallies(desk.state, [desk.clock.now()], lost=()) == {}


def test_a_flow_without_a_run_in_the_time_has_an_empty_tally(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = make_desk()
    at = clock.now() - timedelta(days=30)
    store(desk, FlowRun(0, "bars", RunState.COMPLETED, at, at, 1.0, 0, ""))
    found = tallies(desk.state, [clock.now() - timedelta(days=7)], lost=())
    assert found == {"bars": (Tally(0, 0, 0, ()),)}


def test_a_tally_reads_one_index_and_of_it_only_the_time_that_is_asked_for(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk()
    plan = [
        row["detail"]
        for row in desk.state.rows(f"EXPLAIN QUERY PLAN {TALLIES}", {"parts": "[]", "lost": "[]"})
    ]
    of_runs = [detail for detail in plan if "flow_run" in detail]
    window = "USING COVERING INDEX flow_run_by_flow (flow=? AND started_at>? AND started_at<?)"
    assert [detail for detail in of_runs if window in detail], plan
    assert all("COVERING INDEX flow_run_by_flow" in detail for detail in of_runs), plan
    assert not [detail for detail in of_runs if detail.startswith("SCAN")], plan


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 20)),  # noqa: DTZ001 - given UTC below
    st.integers(0, 20 * 86_400),
)
def test_days_begin_at_midnight_of_the_zone_also_when_its_clock_changes(
    naive: datetime, lasts_s: int
) -> None:
    since = naive.replace(tzinfo=UTC)
    until = since + timedelta(seconds=lasts_s)
    first, *others = day_edges(since, until, NEW_YORK)
    assert first == since
    moments = [since, *others]
    assert moments == sorted(moments)
    assert all(edge.astimezone(NEW_YORK).strftime("%H%M%S") == "000000" for edge in others)
    days = [edge.astimezone(NEW_YORK).date() for edge in moments]
    assert days == [days[0] + timedelta(days=number) for number in range(len(days))]
    assert days[-1] == until.astimezone(NEW_YORK).date()


def test_tallies_add_up_in_their_order() -> None:
    one, other = Tally(3, 2, 1, (5.0, 1.0)), Tally(2, 2, 2, (3.0,))
    assert added([one, other]) == Tally(5, 4, 3, (5.0, 1.0, 3.0))
    assert added([one, other]).success_pct == 75
    assert added([]).success_pct is None
