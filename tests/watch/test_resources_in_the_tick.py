"""Samples of the machine and plots in the tick, beside its other work."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from conftest import MakeDesk
from mechexo import watch
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.resources import operations, plot_operations, records
from support.scripted_http import Request, scripted_http

pytestmark = pytest.mark.slow

EMPTY = {"status": "success", "data": {"resultType": "matrix", "result": []}}


def test_each_tick_samples_the_machine(desk: Desk, clock: VirtualClock) -> None:
    for _ in range(2):
        clock.advance(timedelta(minutes=1))
        assert watch.tick(desk).failed == ()
    found = operations.standing(desk)
    assert (found.at, found.outdated) == (clock.now(), False)
    (memory,) = [each for each in found.summaries if each.metric.key == "memory_pct"]
    assert [point.value is not None for point in memory.points] == [True, True]


def test_a_desk_that_wants_no_samples_has_none(make_desk: MakeDesk) -> None:
    desk = make_desk("[resources]\nsample = false\n")
    names = [stage.name for stage in watch.tick(desk).stages]
    assert "resources" not in names
    assert records.newest_at(desk.state) is None


def test_plots_are_asked_for_beside_the_tick(make_desk: MakeDesk) -> None:
    with scripted_http(lambda _: (200, EMPTY)) as server:
        desk = make_desk(f"[prometheus]\nurl = '{server.url}'\n[resources.plots.p]\nquery = 'up'\n")
        report = watch.tick(desk)
    assert report.failed == ()
    assert plot_operations.plot(desk, "p").look is not None


def test_a_prometheus_that_hangs_or_is_gone_takes_nothing_from_the_tick(
    make_desk: MakeDesk,
) -> None:
    let_go = threading.Event()

    def answer(_: Request) -> tuple[int, Any]:
        let_go.wait(60)
        return 200, EMPTY

    with scripted_http(answer) as server:
        desk = make_desk(
            f"[prometheus]\nurl = '{server.url}'\ntimeout = '1s'\n"
            "[resources.plots.hangs]\nquery = 'up'\n"
            "[resources.plots.gone]\nquery = 'up'\nurl = 'http://127.0.0.1:1'\n"
        )
        try:
            report = watch.tick(desk)
        finally:
            let_go.set()
    assert report.failed == ()
    hangs, gone = plot_operations.plots(desk)
    assert "within 1 s" in hangs.why
    assert gone.why == "connection refused"
