"""The flows that the configuration names stand on the card "flows", as the status shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from mechexo.clock import SystemClock, VirtualClock
from mechexo.desk import Desk
from mechexo.desk_status import read_status
from mechexo.flows import operations as flows
from mechexo.health.values import Card, Status
from mechexo.watch import tick
from support.program import mechexo, validated

pytestmark = pytest.mark.slow

TWO = '[flows.bars]\nlabel = "Bars"\nexpect_every = "1h"\n[flows.weights]\n'


def card(desk: Desk) -> Card:
    return next(each for each in read_status(desk).cards if each.name == "flows")


def test_a_failed_flow_makes_the_card_critical_with_its_words(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(TWO)
    flows.execute(desk, "bars", ["sh", "-c", "echo no quotes since 09:30; exit 3"])
    flows.execute(desk, "weights", ["true"])
    shown = card(desk)
    assert shown.status is Status.CRITICAL
    assert shown.summary.startswith("bars: the last run failed with exit code 3 after ")
    assert shown.summary.endswith(": no quotes since 09:30")


def test_an_overdue_flow_makes_it_a_warning(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = make_desk(TWO)
    for flow in ("bars", "weights"):
        flows.execute(desk, flow, ["true"])
    clock.advance(timedelta(hours=3))
    shown = card(desk)
    assert shown.status is Status.WARNING
    assert shown.summary == "bars: its last good run ended 3h ago, expected every 1h"


def test_a_flow_that_never_ran_makes_it_unknown(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(TWO)
    flows.execute(desk, "bars", ["true"])
    shown = card(desk)
    assert (shown.status, shown.summary) == (Status.UNKNOWN, "weights: never ran")


def test_flows_that_ended_well_make_it_ok(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(TWO)
    for flow in ("bars", "weights"):
        flows.execute(desk, flow, ["true"])
    shown = card(desk)
    assert (shown.status, shown.summary) == (Status.OK, "2 flows ok")


def test_a_flow_whose_run_was_lost_is_critical_though_its_record_says_running(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk("[flows.bars]\n")
    flows.execute(desk, "bars", ["true"])
    with desk.state.write() as transaction:
        transaction.execute("UPDATE flow_run SET state='running', wrapper_boot_id='another'")
    assert card(desk).summary == "bars: the last run was lost: nothing recorded how it ended"


def test_a_flow_that_runs_again_shows_how_the_run_before_ended(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk("[flows.bars]\n")
    flows.execute(desk, "bars", ["false"])
    with desk.state.write() as transaction:
        transaction.execute(
            "INSERT INTO flow_run (flow, state, started_at, tail, wrapper_pid, wrapper_boot_id,"
            " wrapper_started) SELECT flow, 'running', started_at, '', wrapper_pid,"
            " wrapper_boot_id, wrapper_started FROM flow_run"
        )
    assert card(desk).status is Status.CRITICAL


def test_a_flow_that_nobody_named_is_on_no_card(desk: Desk) -> None:
    flows.execute(desk, "by_hand", ["false"])
    assert card(desk).summary == "nothing watches this card"


@pytest.mark.parametrize(("severity", "counts"), [("critical", True), ("high", False)])
def test_a_failed_flow_takes_ops_ok_away_when_it_is_declared_critical(
    make_desk: Callable[..., Desk], severity: str, counts: bool
) -> None:
    desk = make_desk(f'[flows.bars]\nseverity = "{severity}"\n')
    flows.execute(desk, "bars", ["false"])
    tick(desk)
    reasons = read_status(desk).reasons
    assert any(each.startswith("bars (flows) is critical") for each in reasons) is counts


def test_naming_a_flow_does_not_hide_that_no_probe_watches(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk("[flows.bars]\n")
    flows.execute(desk, "bars", ["true"])
    assert "nothing is watched: no probe is configured" in read_status(desk).reasons


def test_the_status_document_lists_a_flow_beside_the_probes_of_its_card(
    make_desk: Callable[..., Desk],
) -> None:
    desk = replace(make_desk(TWO), clock=SystemClock())
    flows.execute(desk, "bars", ["sh", "-c", "exit 3"])
    done = mechexo("status", "--json", config=desk.config_path)
    cards = validated(done, "status")["cards"]
    (mine,) = [each for each in cards if each["name"] == "flows"]
    assert [(each["name"], each["kind"], each["status"]) for each in mine["probes"]] == [
        ("bars", "flow", "critical"),
        ("weights", "flow", "unknown"),
    ]


def test_a_monitoring_plug_in_counts_flows_apart_from_probes(
    make_desk: Callable[..., Desk],
) -> None:
    desk = replace(make_desk(TWO), clock=SystemClock())
    flows.execute(desk, "bars", ["false"])
    said = mechexo("status", "--nagios", config=desk.config_path).stdout
    assert "probes_critical=0" in said
    assert "flows_critical=1" in said
    assert "flows_unknown=1" in said
