"""The tick annotates incidents and rollbacks; Grafana is in the way of neither."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from mechexo import watch
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.desk_status import read_status
from mechexo.grafana import operations as grafana
from mechexo.grafana.annotating import standing
from mechexo.grafana.rules import milliseconds
from mechexo.grafana_annotations import annotate
from mechexo.incidents import operations as incidents
from mechexo.rollback import operations as rollback
from mechexo.rollback.carrying_out import apply
from mechexo.state.lock_files import held
from mechexo.watch import tick
from rollback.carrying import around, carry_out
from rollback.histories import History, at
from support.grafana_server import GrafanaServer, board

pytestmark = pytest.mark.slow

MakeGrafanaDesk = Callable[[str], Desk]

ROLLBACK = """
[rollback]
repository = "repo"
configs = ["config/**"]
[rollback.limits]
age = "3650d"
"""


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, a server that answers is waited for."""
    monkeypatch.setattr(watch, "ASK_S", 60.0)


def test_the_tick_lists_dashboards_and_annotates(
    grafana_desk: Desk, server: GrafanaServer, clock: VirtualClock
) -> None:
    server.found = [board(1)]
    incidents.open_incident(grafana_desk, title="Feed is stale", severity="SEV1")
    report = tick(grafana_desk, deadline_s=60.0)
    assert {"grafana", "annotations"} <= {each.name for each in report.stages if each.ok}
    assert [each.uid for each in grafana.standing(grafana_desk).listed] == ["board1"]
    assert len(server.annotations) == 1


def test_a_grafana_that_fails_leaves_the_tick_and_the_desk_as_they_are(
    grafana_desk: Desk, server: GrafanaServer
) -> None:
    server.fault = (500, {}, b"")
    incidents.open_incident(grafana_desk, title="Feed is stale", severity="SEV1")
    report = tick(grafana_desk, deadline_s=60.0)
    assert report.failed == ()
    assert report.alerts == ()
    assert not [each for each in read_status(grafana_desk).reasons if "rafana" in each]
    assert standing(grafana_desk).why == "answered 500"


def test_a_tick_beside_another_program_that_annotates_has_not_failed(
    grafana_desk: Desk, server: GrafanaServer
) -> None:
    incidents.open_incident(grafana_desk, title="Feed is stale", severity="SEV1")
    with held(f"{grafana_desk.state.path}.grafana", "test"):
        assert tick(grafana_desk, deadline_s=60.0).failed == ()
    assert server.annotations == {}


def test_a_desk_without_grafana_has_no_such_stage(desk: Desk) -> None:
    names = {each.name for each in tick(desk, deadline_s=60.0).stages}
    assert not names & {"grafana", "annotations"}


def test_a_rollback_that_is_applied_is_annotated_from_its_start_to_its_end(
    make_grafana_desk: MakeGrafanaDesk, server: GrafanaServer, clock: VirtualClock
) -> None:
    desk = make_grafana_desk(ROLLBACK)
    history = History.begin(desk.root / "repo")
    history.commit({"config/limits.toml": "a = 1\n"}, at(1))
    history.commit({"config/limits.toml": "a = 2\n"}, at(2))
    annotate(desk, deadline_s=60.0)
    clock.advance(timedelta(minutes=5))
    run = carry_out(desk, rollback.plan_config(desk, "config/limits.toml", to=at(1)))
    clock.advance(timedelta(minutes=1))
    annotate(desk, deadline_s=60.0)
    (found,) = server.annotations.values()
    assert (found["time"], found["timeEnd"]) == (
        milliseconds(run.started_at),
        milliseconds(run.ended_at or run.started_at),
    )
    assert "rollback" in found["tags"]
    assert "config/limits.toml" in found["text"]
    assert f"Reason: test<br>mechexo rollback show {run.id}" in found["text"]


def test_a_reason_that_would_steer_a_terminal_is_calm_in_the_annotation(
    make_grafana_desk: MakeGrafanaDesk, server: GrafanaServer, clock: VirtualClock
) -> None:
    desk = make_grafana_desk(ROLLBACK)
    history = History.begin(desk.root / "repo")
    history.commit({"config/limits.toml": "a = 1\n"}, at(1))
    history.commit({"config/limits.toml": "a = 2\n"}, at(2))
    annotate(desk, deadline_s=60.0)
    clock.advance(timedelta(minutes=5))
    plan = rollback.plan_config(desk, "config/limits.toml", to=at(1))
    reason = "bad \x1b]8;;http://x\x07limits \u202e"
    apply(desk, plan.id, confirm=plan.digest[:8], around=around(), reason=reason)
    annotate(desk, deadline_s=60.0)
    (found,) = server.annotations.values()
    assert found["text"].isprintable()
    assert "Reason: bad ]8;;http://x limits<br>" in found["text"]


def test_rollbacks_alone_can_be_annotated(
    make_grafana_desk: MakeGrafanaDesk, server: GrafanaServer
) -> None:
    desk = make_grafana_desk('annotate = ["rollbacks"]\n')
    incidents.open_incident(desk, title="Feed is stale", severity="SEV1")
    annotate(desk, deadline_s=60.0)
    assert server.annotations == {}
