"""An orchestrator on its card, in its alerts and in the tick, asked of real answers of Prefect."""

from __future__ import annotations

from datetime import timedelta

import pytest

from conftest import MakeDesk
from mechexo import watch
from mechexo.alerts import operations as alerts
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.desk_status import read_status
from mechexo.flows.orchestrators import looking
from mechexo.health.values import Card, Status
from mechexo.watch import TickReport, tick
from support.fake_prefect import CAPTURED, PASSWORD, FakePrefect, fake_prefect
from support.orchestrated_desk import COMPLETED, FAILED, FLOWS, RUNNING, ended_well, table

pytestmark = pytest.mark.slow

MINUTE = timedelta(minutes=1)
SOON = timedelta(seconds=40)
"""Before the last of the runs that were planned at the capture is late."""
FAILING = "orchestrators:prefect:quote-ingest/prod:failing"
IS_LATE = "orchestrators:prefect:recon-nightly/prod:late"
STUCK = "orchestrators:prefect:slow-report/prod:stuck"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, a server that answers is waited for."""
    monkeypatch.setattr(watch, "ASK_S", 60.0)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(CAPTURED)


@pytest.fixture
def desk(
    make_desk: MakeDesk,
    monkeypatch: pytest.MonkeyPatch,
    prefect: FakePrefect,
    clock: VirtualClock,
) -> Desk:
    return watching(make_desk, monkeypatch, prefect, clock)


def watching(
    make_desk: MakeDesk,
    monkeypatch: pytest.MonkeyPatch,
    prefect: FakePrefect,
    clock: VirtualClock,
    more: str = "",
) -> Desk:
    monkeypatch.setenv("PREFECT_PASSWORD", PASSWORD)
    made = make_desk(table(prefect, more))
    return Desk.open(made.config_path, clock=clock, actor=made.actor)


def card(desk: Desk) -> Card:
    return next(each for each in read_status(desk).cards if each.name == "orchestrators")


def open_keys(desk: Desk) -> set[str]:
    return {each.key for each in alerts.list_alerts(desk) if each.source == "orchestrators"}


def summary_of(desk: Desk, key: str) -> str:
    return next(each.summary for each in alerts.list_alerts(desk) if each.key == key)


def well(report: TickReport) -> bool:
    return next(stage.ok for stage in report.stages if stage.name == "orchestrators")


def test_nobody_asked_yet_is_unknown(desk: Desk) -> None:
    shown = card(desk)
    assert (shown.status, shown.summary) == (Status.UNKNOWN, "prefect: not asked yet")


def test_what_is_late_stuck_or_failing_raises_an_alert_each_and_the_card_says_it(
    desk: Desk,
) -> None:
    assert well(tick(desk))
    assert open_keys(desk) == {FAILING, IS_LATE, STUCK}
    assert summary_of(desk, IS_LATE).startswith("recon-nightly/prod on prefect late: a run is ")
    assert "ValueError: no quotes for 2025-01-03" in summary_of(desk, FAILING)
    shown = card(desk)
    assert shown.status is Status.CRITICAL
    assert shown.summary == (
        "prefect: 1 failing, 1 late, 1 stuck: quote-ingest/prod, recon-nightly/prod, "
        "slow-report/prod"
    )


def test_what_is_no_longer_wrong_resolves_its_alert_and_no_other(
    desk: Desk, prefect: FakePrefect, clock: VirtualClock
) -> None:
    tick(desk)
    clock.advance(SOON)
    ended_well(prefect, RUNNING, clock.now())
    tick(desk)
    assert open_keys(desk) == {FAILING, IS_LATE}


def test_a_deployment_that_is_gone_resolves_its_alerts(
    desk: Desk, prefect: FakePrefect, clock: VirtualClock
) -> None:
    tick(desk)
    prefect.deployments = [
        one for one in prefect.deployments if one["id"] != prefect.run(FAILED)["deployment_id"]
    ]
    clock.advance(SOON)
    tick(desk)
    assert open_keys(desk) == {IS_LATE, STUCK}


def test_a_server_that_is_away_is_unknown_as_of_before_and_no_alert_is_resolved(
    desk: Desk, prefect: FakePrefect, clock: VirtualClock
) -> None:
    tick(desk)
    prefect.leave()
    clock.advance(4 * MINUTE)
    tick(desk)
    shown = card(desk)
    assert shown.status is Status.UNKNOWN
    assert shown.summary.startswith("prefect: as of 4m, not reachable (orchestrator prefect: ")
    assert shown.summary.endswith(
        "1 failing, 1 late, 1 stuck: quote-ingest/prod, recon-nightly/prod, slow-report/prod"
    )
    assert open_keys(desk) == {FAILING, IS_LATE, STUCK}


def test_a_server_that_is_away_for_long_raises_that_nobody_knows_until_it_answers(
    desk: Desk, prefect: FakePrefect, clock: VirtualClock
) -> None:
    tick(desk)
    prefect.failing["deployments/filter"] = "500"
    for _ in range(4):
        clock.advance(5 * MINUTE)
        tick(desk)
    unknown = "orchestrators:prefect:unknown"
    assert open_keys(desk) == {FAILING, IS_LATE, STUCK, unknown}
    assert "left alone for" in card(desk).summary
    prefect.failing.clear()
    clock.advance(15 * MINUTE)
    tick(desk)
    assert unknown not in open_keys(desk)


def test_one_that_never_answered_is_unknown_and_after_three_failures_an_alert(
    desk: Desk, prefect: FakePrefect, clock: VirtualClock
) -> None:
    prefect.failing["deployments/filter"] = "html"
    for _ in range(2):
        tick(desk)
        clock.advance(MINUTE)
    assert (card(desk).status, open_keys(desk)) == (Status.UNKNOWN, set())
    tick(desk)
    assert open_keys(desk) == {"orchestrators:prefect:unknown"}


def test_one_that_asks_us_to_wait_is_left_alone_so_long_and_it_is_said(
    desk: Desk, prefect: FakePrefect, clock: VirtualClock
) -> None:
    tick(desk)
    prefect.failing["deployments/filter"] = "429 for a while"
    clock.advance(MINUTE)
    tick(desk)
    assert "asked again in 2m: its rate limit" in card(desk).summary
    asked = len(prefect.asked)
    prefect.failing.clear()
    clock.advance(MINUTE)
    tick(desk)
    assert len(prefect.asked) == asked
    clock.advance(MINUTE)
    tick(desk)
    assert card(desk).status is Status.CRITICAL


def test_what_nobody_asked_again_is_no_longer_known(desk: Desk, clock: VirtualClock) -> None:
    tick(desk)
    clock.advance(4 * MINUTE)
    assert card(desk).status is Status.UNKNOWN
    assert "nobody asked lately" in card(desk).summary


def test_alerts_do_not_wait_for_a_server_that_hangs(
    desk: Desk, prefect: FakePrefect, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "ASK_S", 0.1)
    prefect.failing["deployments/filter"] = "hang"
    report = tick(desk, deadline_s=20.0)
    assert report.failed == ()
    names = [stage.name for stage in report.stages]
    assert names.index("deliveries") < names.index("orchestrators")
    assert card(desk).status is Status.UNKNOWN
    assert looking.known_of(desk, "prefect").why


def test_what_came_too_late_for_one_tick_is_said_by_the_next(
    desk: Desk, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "ASK_S", 0.0)
    tick(desk)
    assert open_keys(desk) == set()
    clock.advance(timedelta(seconds=10))
    tick(desk)
    assert open_keys(desk) == {FAILING, IS_LATE, STUCK}


def test_a_schedule_without_a_planned_run_alerts_though_the_server_is_well(
    desk: Desk, prefect: FakePrefect
) -> None:
    for run in prefect.runs:
        if run["state_name"] == "Scheduled":
            run["state_name"] = "Late"
    tick(desk)
    unplanned = {key for key in open_keys(desk) if key.endswith(":unplanned")}
    assert unplanned
    assert "look at the scheduler" in summary_of(desk, unplanned.pop())


def test_a_state_that_nobody_knows_is_unknown_and_a_milder_alert(
    desk: Desk, prefect: FakePrefect
) -> None:
    prefect.runs = [prefect.run(COMPLETED) | {"state_type": "SPARKLING", "state_name": "Odd"}]
    for one in prefect.deployments:
        one["schedules"] = []
    tick(desk)
    (alert,) = [each for each in alerts.list_alerts(desk) if each.source == "orchestrators"]
    assert alert.key == "orchestrators:prefect:tca-daily/prod:unknown_state"
    assert alert.severity == "medium"
    assert card(desk).status is Status.UNKNOWN
    assert "Odd" in card(desk).summary


def test_a_deployment_that_is_a_flow_has_the_severity_and_runbook_of_that_flow(
    make_desk: MakeDesk,
    monkeypatch: pytest.MonkeyPatch,
    prefect: FakePrefect,
    clock: VirtualClock,
) -> None:
    monkeypatch.setenv("PREFECT_PASSWORD", PASSWORD)
    words = table(prefect).replace(
        FLOWS, '[flows.quotes]\nseverity = "critical"\nrunbook = "no-quotes"\n'
    )
    made = make_desk(words.replace('"tca-daily/prod" = "tca"', '"quote-ingest/prod" = "quotes"'))
    desk = Desk.open(made.config_path, clock=clock, actor=made.actor)
    tick(desk)
    found = {each.key: each for each in alerts.list_alerts(desk)}
    assert (found[FAILING].severity, found[FAILING].runbook) == ("critical", "no-quotes")
    assert found[FAILING].labels["flow"] == "quotes"
    assert found[IS_LATE].severity == "high"
    assert any("prefect (orchestrators) is critical" in why for why in read_status(desk).reasons)


def test_an_orchestrator_that_left_the_configuration_resolves_its_alerts(
    desk: Desk, make_desk: MakeDesk, clock: VirtualClock
) -> None:
    tick(desk)
    without = make_desk("")
    without = Desk.open(without.config_path, clock=clock, actor=without.actor)
    tick(without)
    assert open_keys(without) == set()


@pytest.mark.parametrize("more", ["most_runs = 1\n", 'look_back = "1m"\n'])
def test_a_run_that_is_out_of_sight_stays_late_stuck_or_failed(
    make_desk: MakeDesk,
    monkeypatch: pytest.MonkeyPatch,
    prefect: FakePrefect,
    clock: VirtualClock,
    more: str,
) -> None:
    tick(watching(make_desk, monkeypatch, prefect, clock))
    blind = watching(make_desk, monkeypatch, prefect, clock, more)
    for _ in range(2):
        clock.advance(MINUTE)
        tick(blind)
        assert {FAILING, IS_LATE, STUCK} <= open_keys(blind)
    prefect.runs = [run for run in prefect.runs if run["id"] != FAILED]
    ended_well(prefect, RUNNING, clock.now())
    clock.advance(MINUTE)
    tick(blind)
    # The one ended, the other was deleted; the third is late as before.
    assert open_keys(blind) & {FAILING, IS_LATE, STUCK} == {IS_LATE}


def test_of_more_runs_in_trouble_than_are_asked_for_the_rest_counts_as_it_was(
    desk: Desk, prefect: FakePrefect, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick(desk)
    monkeypatch.setattr(looking, "MOST_REVISITED", 0)
    prefect.runs = []
    clock.advance(MINUTE)
    tick(desk)
    assert {FAILING, IS_LATE, STUCK} <= open_keys(desk)


def test_of_several_the_one_that_fails_spoils_only_itself(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, clock: VirtualClock
) -> None:
    monkeypatch.setenv("PREFECT_PASSWORD", PASSWORD)
    with fake_prefect() as one, fake_prefect() as hangs, fake_prefect() as wild:
        hangs.failing["filter"] = "hang"
        wild.failing["filter"] = "[1, 2"
        words = "".join(
            f'[orchestrators.{name}]\nkind = "prefect"\nurl = "{fake.url}"\nuser = "admin"\n'
            'password = "${env:PREFECT_PASSWORD}"\n'
            for name, fake in (("good", one), ("hangs", hangs), ("wild", wild))
        )
        made = make_desk(words)
        desk = Desk.open(made.config_path, clock=clock, actor=made.actor)
        assert tick(desk).failed == ()
        found = {each.name: each for each in looking.known(desk)}
        assert found["good"].why == ""
        assert found["good"].look is not None
        assert found["hangs"].why
        assert "no JSON" in found["wild"].why
