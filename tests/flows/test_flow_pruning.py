"""Old runs go in pieces; what lateness and a rare job's history rest on stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import ConfigError
from mechexo.flows import operations as flows
from mechexo.flows import prune_records, pruning, records
from mechexo.flows.values import FlowRun, RunState
from mechexo.processes import this_process
from mechexo.watch import tick


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk()


@pytest.fixture
def few_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune_records, "KEEP_RUNS", 2)


def record(
    desk: Desk, *days_ago: float, flow: str = "bars", state: RunState = RunState.COMPLETED
) -> None:
    with desk.state.write() as transaction:
        for days in days_ago:
            at = desk.clock.now() - timedelta(days=days)
            ended = None if state is RunState.RUNNING else at
            run = FlowRun(0, flow, state, at, ended, 1.0, 0, "the output")
            records.insert(transaction, run, this_process())


def days_kept(desk: Desk, flow: str = "bars") -> list[int]:
    found = records.newest(desk.state, flow=flow, limit=None)
    return [(desk.clock.now() - run.started_at).days for run in found]


@pytest.mark.usefixtures("few_kept")
def test_runs_older_than_400_days_go(desk: Desk) -> None:
    record(desk, 500, 401, 399, 2, 1)
    assert pruning.prune_due(desk) == 3  # two runs, and the output of the one of 399 days ago
    assert days_kept(desk) == [1, 2, 399]


@pytest.mark.usefixtures("few_kept")
def test_how_long_they_stay_is_the_desks_choice(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk('[flow_history]\nruns = "10d"\n')
    record(desk, 11, 9, 2, 1)
    pruning.prune_due(desk)
    assert days_kept(desk) == [1, 2, 9]


def test_less_than_what_the_screens_show_is_refused(make_desk: Callable[..., Desk]) -> None:
    with pytest.raises(ConfigError, match="at least 8d: the screens show a week"):
        make_desk('[flow_history]\nruns = "1d"\n')


@pytest.mark.usefixtures("few_kept")
def test_a_flows_newest_runs_stay_however_old(desk: Desk) -> None:
    record(desk, 900, 800, 700)
    pruning.prune_due(desk)
    assert days_kept(desk) == [700, 800]


@pytest.mark.usefixtures("few_kept")
def test_the_last_good_run_stays_for_lateness_is_measured_from_it(desk: Desk) -> None:
    record(desk, 900, 800)
    record(desk, 700, 600, 500, state=RunState.FAILED)
    pruning.prune_due(desk)
    assert days_kept(desk) == [500, 600, 800]


@pytest.mark.usefixtures("few_kept")
def test_a_run_that_goes_on_stays(desk: Desk) -> None:
    record(desk, 900, state=RunState.RUNNING)
    record(desk, 3, 2, 1)
    pruning.prune_due(desk)
    assert days_kept(desk) == [1, 2, 3, 900]


def test_the_output_of_good_runs_goes_after_30_days_and_that_of_failed_ones_stays(
    desk: Desk,
) -> None:
    record(desk, 31, 29)
    record(desk, 31, state=RunState.FAILED)
    assert pruning.prune_due(desk) == 1
    tails = {(run.state, (desk.clock.now() - run.started_at).days): run.tail
             for run in records.newest(desk.state, flow="bars", limit=None)}  # fmt: skip
    assert tails == {
        (RunState.COMPLETED, 29): "the output",
        (RunState.COMPLETED, 31): "",
        (RunState.FAILED, 31): "the output",
    }
    assert pruning.prune_due(desk) == 0


@pytest.mark.usefixtures("few_kept")
def test_a_long_backlog_goes_in_pieces(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune_records, "AT_ONCE", 3)
    record(desk, *(500 + n for n in range(8)), 2, 1)
    counts = [len(days_kept(desk)) for _ in range(4) if pruning.prune_due(desk) >= 0]
    assert counts == [7, 4, 2, 2]
    assert days_kept(desk) == [1, 2]


def test_the_tick_prunes(desk: Desk, clock: VirtualClock) -> None:
    record(desk, 31)
    report = tick(desk)
    assert "history" in {stage.name for stage in report.stages if stage.ok}
    assert [run.tail for run in flows.runs(desk, flow="bars")] == [""]


def test_a_busy_state_file_is_pruned_by_a_later_tick(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "WAIT_S", 0.05)
    record(desk, 31)
    with desk.state.write():
        assert pruning.prune_due(desk) == 0
    assert pruning.prune_due(desk) == 1


@given(st.integers(0, 100), st.integers(0, 10_000))
def test_every_flow_has_its_turn(count: int, start: int) -> None:
    names = [f"flow{number}" for number in range(count)]
    turns = -(-count // pruning.FLOWS_AT_ONCE) or 1
    seen = [
        name for turn in range(start, start + turns + 1) for name in pruning.in_turn(names, turn)
    ]
    assert set(seen) == set(names)
    assert all(len(pruning.in_turn(names, turn)) <= pruning.FLOWS_AT_ONCE for turn in (0, start))


@pytest.mark.parametrize(
    "sql", [prune_records.OLD_RUNS, prune_records.OLD_OUTPUTS, prune_records.CANDIDATES]
)
def test_what_is_old_is_found_in_an_index(desk: Desk, sql: str) -> None:
    given = {"flow": "bars", "oldest": "", "quiet": "", "others": 1, "most": 1}
    plan = [row["detail"] for row in desk.state.rows(f"EXPLAIN QUERY PLAN {sql}", given)]
    of_runs = [detail for detail in plan if "flow_run" in detail]
    assert of_runs
    assert all(detail.startswith("SEARCH") and "INDEX" in detail for detail in of_runs), plan


def test_every_question_of_the_overview_is_answered_from_an_index(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is asked of the runs, the whole table (or the whole of an index) is never read."""
    asked: list[tuple[str, object]] = []
    plain = desk.state.rows

    def noted(sql: str, parameters: object = ()) -> object:
        asked.append((sql, parameters))
        return plain(sql, parameters)  # type: ignore[arg-type]

    record(desk, 1)
    monkeypatch.setattr(desk.state, "rows", noted)
    flows.summaries(desk)
    flows.settled_standings(desk)
    flows.runs(desk, limit=200)
    flows.runs(desk, flow="bars", limit=200)
    whole = []
    for sql, parameters in list(asked):
        if "flow_run" in sql:
            plan = plain(f"EXPLAIN QUERY PLAN {sql}", parameters)  # type: ignore[arg-type]
            # In the order of an index up to a limit is no reading of the whole.
            whole += [
                (row["detail"], sql)
                for row in plan
                if row["detail"].startswith("SCAN flow_run") and "LIMIT" not in sql
            ]
    assert len([sql for sql, _ in asked if "flow_run" in sql]) >= 6
    assert whole == []
