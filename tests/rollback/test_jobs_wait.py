"""A job that begins while its files are being rolled back waits, and reads all of them alike."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

import pytest

from mechexo.desk import Desk
from mechexo.flows.values import RunState as FlowState
from mechexo.jobs import run_job
from mechexo.rollback import operations as rollback
from rollback.carrying import around, carry_out
from rollback.histories import History, at

pytestmark = pytest.mark.slow

CONFIG = """
[rollback]
repository = "repo"
[rollback.limits]
age = "3650d"
[rollback.flows.reweight]
paths = ["**"]
"""
READS = "import sys; a, b = (open(p).read() for p in sys.argv[1:]); sys.exit(a != b)"


def test_a_job_waits_for_the_rollback_of_its_flow(
    make_desk: Callable[..., Desk], history: History
) -> None:
    desk = make_desk(CONFIG)
    history.commit({"a": "1\n", "b": "1\n"}, at(1))
    history.commit({"a": "2\n", "b": "2\n"}, at(2))
    plan, states, threads = rollback.plan_flow(desk, "reweight", to=at(1)), list[str](), []
    command = [sys.executable, "-c", READS, str(history.root / "a"), str(history.root / "b")]

    def job() -> None:
        states.append(run_job(desk, "reweight", command).state)
        desk.state.close()

    def worse() -> tuple[str, ...]:
        (history.root / "b").write_text("half\n")
        threads.append(threading.Thread(target=job))
        threads[0].start()
        threads[0].join(0.5)
        assert states == []
        (history.root / "b").write_text("1\n")
        return ()

    carry_out(desk, plan, around(worse=worse))
    threads[0].join()
    assert states == [FlowState.COMPLETED]


def test_a_job_that_no_rollback_can_touch_waits_for_nothing(
    make_desk: Callable[..., Desk], history: History
) -> None:
    desk = make_desk(CONFIG)
    history.commit({"a": "1\n"}, at(1))
    history.commit({"a": "2\n"}, at(2))
    states: list[str] = []

    def worse() -> tuple[str, ...]:
        states.append(run_job(desk, "other", [sys.executable, "-c", ""]).state)
        return ()

    carry_out(desk, rollback.plan_flow(desk, "reweight", to=at(1)), around(worse=worse))
    assert states == [FlowState.COMPLETED]
