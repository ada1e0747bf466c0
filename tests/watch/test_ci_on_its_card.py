"""CI on its card, in its alerts and in the tick, asked of a stub server (documented shapes)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from conftest import MakeDesk
from mechexo import ci_words, watch
from mechexo.alerts import operations as alerts
from mechexo.alerts.values import Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.desk_status import read_status
from mechexo.flows.ci import operations as ci
from mechexo.health.values import Card, Status
from mechexo.watch import TickReport, tick
from support.ci_server import CiServer, ci_server, github_run

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, a server that answers is waited for."""
    monkeypatch.setattr(watch, "ASK_S", 60.0)


@pytest.fixture
def server() -> Iterator[CiServer]:
    with ci_server() as each:
        yield each


@pytest.fixture
def watched(make_desk: MakeDesk, server: CiServer) -> Desk:
    return make_desk(
        f'[ci.strategies]\nrepository = "desk/strategies"\nbase_url = "{server.url}"\n'
        'branches = ["main", "release"]\nseverity = "critical"\nevery = "1m"\n'
    )


def card(desk: Desk) -> Card:
    return next(each for each in read_status(desk).cards if each.name == "ci")


def open_keys(desk: Desk) -> set[str]:
    return {each.key for each in alerts.list_alerts(desk) if each.key.startswith("ci:")}


def stage(report: TickReport) -> bool:
    (found,) = [each.ok for each in report.stages if each.name == "ci"]
    return found


def test_nobody_asked_yet_is_unknown(watched: Desk) -> None:
    shown = card(watched)
    assert (shown.status, shown.summary) == (Status.UNKNOWN, "strategies: not asked yet")


def test_a_tick_asks_and_the_card_is_ok(watched: Desk, server: CiServer) -> None:
    server.runs = [github_run(2), github_run(1, workflow="lint")]
    assert stage(tick(watched))
    shown = card(watched)
    assert (shown.status, shown.summary) == (Status.OK, "strategies: main: 2 workflows passed")


def test_a_failed_default_branch_raises_one_alert_and_a_good_run_resolves_it(
    watched: Desk, server: CiServer, clock: VirtualClock
) -> None:
    server.runs = [github_run(1, "failure")]
    tick(watched)
    assert open_keys(watched) == {"ci:strategies:failed"}
    (alert,) = [each for each in alerts.list_alerts(watched) if each.source == "ci-runs"]
    assert alert.severity == "critical"
    assert alert.summary.startswith("desk/strategies: tests failed on main at 000000000000 (change")
    assert alert.summary.endswith("/actions/runs/1")
    assert card(watched).status is Status.CRITICAL
    assert any("strategies (ci) is critical" in why for why in read_status(watched).reasons)
    clock.advance(timedelta(minutes=1))
    server.runs.insert(0, github_run(2))
    tick(watched)
    assert open_keys(watched) == set()


def test_another_branch_that_failed_is_a_warning_and_raises_nothing(
    watched: Desk, server: CiServer
) -> None:
    server.runs = [github_run(2, "failure", branch="release"), github_run(1)]
    tick(watched)
    assert card(watched).status is Status.WARNING
    assert open_keys(watched) == set()


def test_a_source_that_fails_is_unknown_with_what_was_known_and_its_alert_stays(
    watched: Desk, server: CiServer, clock: VirtualClock
) -> None:
    server.runs = [github_run(1, "failure")]
    tick(watched)
    clock.advance(timedelta(minutes=1))
    server.fault = (500, {}, b"oops")
    tick(watched)
    shown = card(watched)
    assert shown.status is Status.UNKNOWN
    assert shown.summary.startswith("strategies: answered 500; known 1m ago: tests failed on main")
    assert open_keys(watched) == {"ci:strategies:failed"}


def test_a_source_that_fails_for_long_raises_that_nobody_knows(
    watched: Desk, server: CiServer, clock: VirtualClock
) -> None:
    server.runs = [github_run(1)]
    tick(watched)
    server.fault = (500, {}, b"oops")
    for _ in range(4):
        clock.advance(timedelta(minutes=10))
        tick(watched)
    assert open_keys(watched) == {"ci:strategies:unknown"}
    assert "left alone for" in card(watched).summary
    server.fault = None
    clock.advance(timedelta(minutes=30))
    tick(watched)
    assert open_keys(watched) == set()
    assert card(watched).status is Status.OK


def test_a_branch_without_any_run_raises_that_nobody_knows_after_a_while(
    watched: Desk, server: CiServer, clock: VirtualClock
) -> None:
    server.runs = [github_run(1, branch="master")]
    tick(watched)
    assert card(watched).summary == "strategies: no run on main yet"
    assert open_keys(watched) == set()
    for _ in range(4):
        clock.advance(timedelta(minutes=10))
        tick(watched)
    assert open_keys(watched) == {"ci:strategies:unknown"}
    server.runs = [github_run(2)]
    clock.advance(timedelta(minutes=10))
    tick(watched)
    assert open_keys(watched) == set()


def test_a_named_workflow_without_any_run_is_never_passed_over_as_ok(
    make_desk: MakeDesk, server: CiServer, clock: VirtualClock
) -> None:
    desk = make_desk(
        f'[ci.strategies]\nrepository = "desk/strategies"\nbase_url = "{server.url}"\n'
        'workflows = ["tests.yml", "nightly.yml"]\nevery = "1m"\n'
    )
    server.runs = [github_run(1)]
    tick(desk)
    shown = card(desk)
    assert shown.status is Status.UNKNOWN
    assert shown.summary == "strategies: no run of nightly.yml on main yet"
    clock.advance(timedelta(minutes=20))
    server.runs = [github_run(2), github_run(1)]
    tick(desk)
    clock.advance(timedelta(minutes=20))
    tick(desk)
    assert open_keys(desk) == {"ci:strategies:unknown"}
    server.runs.insert(0, github_run(3, workflow="nightly"))
    clock.advance(timedelta(minutes=20))
    tick(desk)
    assert card(desk).status is Status.OK
    assert open_keys(desk) == set()


def test_one_that_is_held_by_a_limit_before_it_was_ever_known_raises_that_nobody_knows(
    watched: Desk, server: CiServer
) -> None:
    server.fault = (403, {"Retry-After": "3600"}, b"{}")
    tick(watched)
    assert open_keys(watched) == {"ci:strategies:unknown"}


def test_what_nobody_asked_again_is_no_longer_ok(
    watched: Desk, server: CiServer, clock: VirtualClock
) -> None:
    server.runs = [github_run(1)]
    tick(watched)
    clock.advance(timedelta(minutes=4))
    assert card(watched).status is Status.UNKNOWN


def test_a_conclusion_that_is_not_known_is_unknown_on_the_card(
    watched: Desk, server: CiServer
) -> None:
    server.runs = [github_run(2, "sparkling"), github_run(1)]
    tick(watched)
    shown = card(watched)
    assert shown.status is Status.UNKNOWN
    assert "'completed, sparkling', which is not known here" in shown.summary


def test_a_repository_that_left_the_configuration_resolves_its_alerts(
    watched: Desk, server: CiServer, make_desk: MakeDesk
) -> None:
    server.runs = [github_run(1, "failure")]
    tick(watched)
    without = make_desk("")
    tick(without)
    assert open_keys(without) == set()


def test_an_alert_that_the_desks_own_ci_sent_in_is_left_alone(
    watched: Desk, server: CiServer
) -> None:
    server.runs = [github_run(1)]
    alerts.observe(watched, [Observation("ci/nightly", True, "high", "nightly", "it broke", "ci")])
    tick(watched)
    assert "ci/nightly" in {each.key for each in alerts.list_alerts(watched)}


def test_alerts_do_not_wait_for_a_server_that_hangs_and_the_next_tick_says_what_it_said(
    watched: Desk, server: CiServer, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "ASK_S", 0.1)
    server.hangs.set()
    report = tick(watched, deadline_s=20.0)
    assert report.failed == ()
    names = [stage.name for stage in report.stages]
    assert names.index("deliveries") < names.index("ci")
    (standing,) = ci.standings(watched)
    assert standing.why.startswith("no ")
    assert card(watched).status is Status.UNKNOWN
    monkeypatch.setattr(watch, "ASK_S", 60.0)
    server.hangs.clear()
    server.runs = [github_run(1, "failure")]
    clock.advance(timedelta(minutes=1))
    tick(watched)
    assert open_keys(watched) == {"ci:strategies:failed"}


def test_of_ten_sources_the_card_names_the_two_that_hang_and_the_one_that_talks_garbage(
    make_desk: MakeDesk, server: CiServer
) -> None:
    with ci_server() as silent, ci_server() as wild:
        silent.hangs.set()
        wild.fault = (200, {}, b"<html>")
        server.runs = [github_run(1)]
        names = {f"well{number}": server.url for number in range(7)}
        names |= {"hangs1": silent.url, "hangs2": silent.url, "wild": wild.url}
        tables = [
            f'[ci.{name}]\nrepository = "desk/{name}"\nbase_url = "{url}"\n'
            for name, url in names.items()
        ]
        desk = make_desk("".join(tables))
        assert tick(desk).failed == ()
    shown = card(desk)
    assert shown.summary == "hangs1, hangs2 and wild unknown"
    assert {each.status for each in shown.probes if "well" in each.name} == {Status.OK}
    assert len(server.requests) == 7


def test_a_defect_in_what_is_said_of_a_source_keeps_no_alert_from_anybody(
    make_desk: MakeDesk, server: CiServer, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(*_: object) -> list[Observation]:
        raise KeyError("verdict")

    desk = make_desk(
        f'[ci.strategies]\nrepository = "desk/strategies"\nbase_url = "{server.url}"\n'
        '[probes.gateway]\nkind = "tcp"\naddress = "127.0.0.1:1"\nfailures = 1\n'
    )
    monkeypatch.setattr(ci_words, "observations", defect)
    for _ in range(4):
        report = tick(desk)
        clock.advance(timedelta(minutes=2))
    assert [(stage.name, stage.detail) for stage in report.failed] == [
        ("ci", "KeyError: 'verdict'")
    ]
    assert {"probe:gateway", "tick:ci"} <= {each.key for each in alerts.list_alerts(desk)}
