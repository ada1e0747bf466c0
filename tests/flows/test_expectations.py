"""A job that says how often it is due is missed when it does not come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from mechexo.actor import Actor
from mechexo.alerts import operations as alerts
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.desk_status import read_status
from mechexo.errors import NotAllowedError, NotFoundError, UsageError
from mechexo.flows import locking, spool
from mechexo.flows import operations as flows
from mechexo.flows.exec_words import terms_of, usual_words
from mechexo.flows.executing import Terms
from mechexo.flows.values import Expectation
from mechexo.health.values import Status
from mechexo.jobs import run_job
from mechexo.times import exact_duration, parse_duration
from mechexo.watch import tick

pytestmark = pytest.mark.slow

DAILY = Terms(expected=Expectation(timedelta(days=1), timedelta(minutes=15)))


def open_alerts(desk: Desk) -> list[str]:
    return sorted(alert.key for alert in alerts.list_alerts(desk) if alert.source == "flow")


def card_of_flows(desk: Desk) -> Status:
    return next(card.status for card in read_status(desk).cards if card.name == "flows")


def test_a_run_that_does_not_come_alerts_though_the_configuration_knows_no_such_flow(
    desk: Desk, clock: VirtualClock
) -> None:
    flows.execute(desk, "bars", ["true"], DAILY)
    tick(desk)
    assert open_alerts(desk) == []
    clock.advance(timedelta(days=1, minutes=15))
    tick(desk)
    assert open_alerts(desk) == []
    clock.advance(timedelta(seconds=1))
    tick(desk)
    assert open_alerts(desk) == ["flow:bars:overdue"]
    assert card_of_flows(desk) is Status.WARNING
    [alert] = [each for each in alerts.list_alerts(desk) if each.source == "flow"]
    assert alert.summary == (
        "bars: its last good run ended 1d ago, expected every 1d (and 15m of grace)"
    )
    flows.execute(desk, "bars", ["true"], DAILY)
    tick(desk)
    assert open_alerts(desk) == []


def test_a_job_that_never_ended_well_is_missed_from_when_it_was_first_told_of(
    desk: Desk, clock: VirtualClock
) -> None:
    flows.execute(desk, "bars", ["false"], DAILY)
    tick(desk)
    # Somebody wants it to run well: that it failed is an alert by itself.
    assert open_alerts(desk) == ["flow:bars:failed"]
    clock.advance(timedelta(days=1, minutes=16))
    [standing] = flows.settled_standings(desk)
    assert standing.why_overdue == "has never ended well, in 1d of watching"


def test_a_flow_of_the_configuration_that_never_ran_once_alerts(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = make_desk('[flows.bars]\nexpect_every = "1d"\ngrace = "15m"\n')
    tick(desk)
    clock.advance(timedelta(days=1, minutes=15))
    tick(desk)
    assert open_alerts(desk) == []
    clock.advance(timedelta(minutes=1))
    tick(desk)
    assert open_alerts(desk) == ["flow:bars:overdue"]


def test_the_configuration_stands_above_what_the_job_says_and_the_difference_is_said(
    make_desk: Callable[..., Desk], clock: VirtualClock, capfd: pytest.CaptureFixture[str]
) -> None:
    desk = make_desk('[flows.bars]\nexpect_every = "2d"\n')
    run_job(desk, "bars", ["true"], DAILY)
    assert capfd.readouterr().err == (
        "mechexo: --expect-every 1d with 15m of grace is not used: [flows.bars] of the "
        "configuration says 2d with 0s of grace\n"
    )
    clock.advance(timedelta(days=1, hours=23))
    assert flows.settled_standings(desk)[0].why_overdue == ""
    clock.advance(timedelta(hours=2))
    assert flows.settled_standings(desk)[0].why_overdue != ""


def test_a_table_without_an_expectation_takes_the_job_s_word_and_keeps_the_rest(
    make_desk: Callable[..., Desk], clock: VirtualClock, capfd: pytest.CaptureFixture[str]
) -> None:
    desk = make_desk('[flows.bars]\nlabel = "Daily bars"\nseverity = "critical"\n')
    flows.execute(desk, "bars", ["true"], DAILY)
    assert capfd.readouterr().err == ""
    clock.advance(timedelta(days=2))
    tick(desk)
    [alert] = [each for each in alerts.list_alerts(desk) if each.source == "flow"]
    assert (alert.severity, alert.summary[:11]) == ("critical", "Daily bars:")


def test_a_run_by_hand_without_the_option_changes_nothing_of_what_is_expected(
    desk: Desk, clock: VirtualClock
) -> None:
    flows.execute(desk, "bars", ["true"], DAILY)
    flows.execute(desk, "bars", ["true"])
    clock.advance(timedelta(days=3))
    assert [each.overdue for each in flows.summaries(desk)] == [True]


def test_what_was_said_last_holds(desk: Desk, clock: VirtualClock) -> None:
    flows.execute(desk, "bars", ["true"], DAILY)
    flows.execute(
        desk, "bars", ["true"], Terms(expected=Expectation(timedelta(days=7), timedelta(0)))
    )
    clock.advance(timedelta(days=3))
    assert [each.overdue for each in flows.summaries(desk)] == [False]


def test_a_skipped_run_tells_too_how_often_it_is_due(desk: Desk, clock: VirtualClock) -> None:
    held = locking.take(locking.shared_place(desk.state.path, "bars"), None, clock.now())
    assert isinstance(held, locking.FlowLock)
    flows.execute(desk, "bars", ["true"], Terms(lock=True, expected=DAILY.expected))
    held.free()
    clock.advance(timedelta(days=2))
    tick(desk)
    assert open_alerts(desk) == ["flow:bars:overdue"]


def test_a_flow_that_is_forgotten_is_missed_no_more_and_its_alert_resolved(
    desk: Desk, clock: VirtualClock
) -> None:
    flows.execute(desk, "bars", ["true"], DAILY)
    clock.advance(timedelta(days=2))
    tick(desk)
    assert open_alerts(desk) == ["flow:bars:overdue"]
    assert flows.forget(desk, "bars", reason="replaced by ticks") == DAILY.expected
    tick(desk)
    assert open_alerts(desk) == []
    [entry] = [each for each in desk.audit_entries() if each.action == "flows.forget"]
    assert '"expect_every_s":86400.0' in entry.payload.replace(" ", "")


def test_only_what_a_job_said_can_be_forgotten(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk('[flows.bars]\nexpect_every = "1d"\n')
    with pytest.raises(NotFoundError, match=r"expected by \[flows\.bars\]"):
        flows.forget(desk, "bars")
    flows.execute(desk, "ticks", ["true"], DAILY)
    with pytest.raises(NotFoundError, match="did you mean ticks"):
        flows.forget(desk, "tick")


def test_a_responder_may_not_forget_a_flow(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(
        '[access]\nowner_is_admin = false\nresponder = ["cron"]\n', actor=Actor(4242, "cron")
    )
    flows.execute(desk, "bars", ["true"], DAILY)
    with pytest.raises(NotAllowedError):
        flows.forget(desk, "bars")
    assert [each.flow for each in flows.settled_standings(desk)] == ["bars"]


def test_a_tick_that_cannot_look_at_the_flows_resolves_none_of_their_alerts(
    desk: Desk, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    flows.execute(desk, "bars", ["true"], DAILY)
    clock.advance(timedelta(days=2))
    tick(desk)

    def broken(_: Desk) -> None:
        raise UsageError("no")

    monkeypatch.setattr(flows, "settled_standings", broken)
    tick(desk)
    assert open_alerts(desk) == ["flow:bars:overdue"]


def test_a_flow_is_missed_while_a_waiting_run_of_another_cannot_be_read(
    desk: Desk, clock: VirtualClock
) -> None:
    flows.execute(desk, "bars", ["true"], DAILY)
    (spool.folder_of(desk.state.path) / "other.json").mkdir(parents=True)
    clock.advance(timedelta(days=2))
    report = tick(desk)
    assert open_alerts(desk) == ["flow:bars:overdue"]
    [failed] = report.failed
    assert (failed.name, "other.json: this waiting flow run" in failed.detail) == ("flows", True)


def test_the_options_are_read_alike_with_and_without_typer() -> None:
    words = "flows exec bars --timeout 5m --lock --lock-wait=1m --expect-every 1d --grace 15m --"
    read = usual_words([*words.split(), "sh", "-c", "x -- y"])
    assert read is not None
    assert (read.name, read.command, read.config) == ("bars", ("sh", "-c", "x -- y"), None)
    assert read.terms == terms_of(
        timeout="5m", lock=True, lock_wait="1m", expect_every="1d", grace="15m"
    )


@pytest.mark.parametrize(
    "words",
    [
        "flows exec bars true",
        "flows exec bars --",
        "flows exec -- true",
        "flows exec bars more -- true",
        "flows exec bars --lok -- true",
        "flows exec bars --timeout -- true",
        "flows exec --help -- true",
        "flows runs -- true",
        "--no-color flows exec bars -- true",
        "--config",
        "",
    ],
)
def test_words_that_are_not_plainly_right_are_left_to_typer(words: str) -> None:
    assert usual_words(words.split()) is None


@pytest.mark.parametrize("said", ["1m30s", "15m", "1d", "1d12h", "1h15m", "0.5s", "2d3h4m5s", "0s"])
def test_a_duration_is_written_so_that_it_is_read_back(said: str) -> None:
    assert exact_duration(parse_duration(said)) == said
