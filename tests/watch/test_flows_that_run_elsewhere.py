"""Flows of the configuration that an orchestrator runs: on the card of flows, and overdue there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from conftest import MakeDesk
from mechexo import jobs, watch
from mechexo.alerts import operations as alerts
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.desk_status import read_status
from mechexo.flows.values import FlowStanding
from mechexo.health.values import Card, Status
from mechexo.watch import tick
from support.fake_prefect import CAPTURED, PASSWORD, FakePrefect
from support.orchestrated_desk import COMPLETED, FLOWS, ended_well, table

pytestmark = pytest.mark.slow

MINUTE = timedelta(minutes=1)
FAILING = "orchestrators:prefect:quote-ingest/prod:failing"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, a server that answers is waited for."""
    monkeypatch.setattr(watch, "ASK_S", 60.0)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(CAPTURED)


def open_keys(desk: Desk) -> set[str]:
    return {each.key for each in alerts.list_alerts(desk) if each.source == "orchestrators"}


def flows_card(desk: Desk) -> Card:
    return next(each for each in read_status(desk).cards if each.name == "flows")


@pytest.fixture
def promised(
    make_desk: MakeDesk,
    monkeypatch: pytest.MonkeyPatch,
    prefect: FakePrefect,
    clock: VirtualClock,
) -> Desk:
    """A desk whose flow, which Prefect runs, must end well each hour."""
    monkeypatch.setenv("PREFECT_PASSWORD", PASSWORD)
    made = make_desk(table(prefect).replace(FLOWS, '[flows.tca]\nexpect_every = "1h"\n'))
    return Desk.open(made.config_path, clock=clock, actor=made.actor)


def test_a_flow_that_runs_elsewhere_is_on_the_card_of_flows_as_its_orchestrator_knows_it(
    promised: Desk, prefect: FakePrefect, clock: VirtualClock
) -> None:
    assert "never ran" in flows_card(promised).summary
    tick(promised)
    shown = flows_card(promised)
    assert (shown.status, shown.summary) == (Status.OK, "tca: Completed 1m35s ago (on prefect)")
    prefect.leave()
    clock.advance(MINUTE)
    tick(promised)
    shown = flows_card(promised)
    assert shown.status is Status.UNKNOWN
    assert shown.summary.startswith("tca: as of 1m, not reachable (")


def test_one_failure_that_may_happen_is_no_alert_and_not_well_either(
    make_desk: MakeDesk,
    monkeypatch: pytest.MonkeyPatch,
    prefect: FakePrefect,
    clock: VirtualClock,
) -> None:
    monkeypatch.setenv("PREFECT_PASSWORD", PASSWORD)
    words = table(prefect, "failing_after = 3\n")
    made = make_desk(words.replace('"tca-daily/prod"', '"quote-ingest/prod"'))
    desk = Desk.open(made.config_path, clock=clock, actor=made.actor)
    tick(desk)
    assert FAILING not in open_keys(desk)
    shown = flows_card(desk)
    assert (shown.status, shown.summary) == (Status.WARNING, "tca: Failed 1m33s ago (on prefect)")


def test_a_flow_that_runs_elsewhere_is_overdue_by_what_its_orchestrator_says_only(
    promised: Desk, prefect: FakePrefect, clock: VirtualClock
) -> None:
    tick(promised)
    overdue = "orchestrators:prefect:tca-daily/prod:overdue"
    clock.advance(timedelta(hours=1))
    tick(promised)
    assert overdue in open_keys(promised)
    assert "flow:tca:overdue" not in {each.key for each in alerts.list_alerts(promised)}
    assert flows_card(promised).status is Status.CRITICAL
    ended_well(prefect, COMPLETED, clock.now())
    clock.advance(MINUTE)
    tick(promised)
    assert overdue not in open_keys(promised)


def test_a_flow_that_is_ours_as_well_is_judged_by_our_own_records(
    promised: Desk, clock: VirtualClock
) -> None:
    jobs.run_job(promised, "tca", ["true"])
    tick(promised)
    assert "prefect" not in flows_card(promised).summary


def test_a_flow_whose_deployment_nobody_has_is_overdue_by_our_own_records(
    promised: Desk, prefect: FakePrefect, clock: VirtualClock
) -> None:
    prefect.deployments = prefect.deployments[1:]
    tick(promised)
    clock.advance(timedelta(hours=2))
    tick(promised)
    assert "flow:tca:overdue" in {each.key for each in alerts.list_alerts(promised)}


def test_a_defect_behind_the_orchestrator_s_word_leaves_the_flows_to_our_own_records(
    promised: Desk, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(*_: object) -> list[FlowStanding]:
        raise KeyError("deployment")

    tick(promised)
    monkeypatch.setattr(watch, "judged_here", defect)
    clock.advance(timedelta(hours=2))
    report = tick(promised)
    assert [(stage.name, stage.detail) for stage in report.failed] == [
        ("flows", "KeyError: 'deployment'")
    ]
    assert {"flow:tca:overdue", "tick:flows"} <= {each.key for each in alerts.list_alerts(promised)}
