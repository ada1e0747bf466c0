"""What people answer is taken in by the tick before anybody further is told, and by the server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from conftest import MakeDesk
from mechexo import hearing
from mechexo.alerts import operations as alerts
from mechexo.alerts.values import AlertState
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.watch import tick
from support import own_channels as own
from support.fake_telegram import FakeTelegram
from support.own_channels import ADA

pytestmark = pytest.mark.slow

MAIL = '[channels.mail]\nurl = "file://mail.jsonl"\n'
LADDER = (
    "[escalation.default]\n"
    'levels = [{ tell = ["chat"] }, { after = "15m", tell = ["mail"] }]\nrepeat = 0\n'
)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTelegram]:
    own.secrets(monkeypatch)
    made = FakeTelegram()
    yield made
    made.close()


@pytest.fixture
def desk(make_desk: MakeDesk, fake: FakeTelegram) -> Desk:
    made = make_desk(own.bot(fake.url) + own.ACCESS + MAIL + LADDER)
    alerts.observe(made, [replace(own.trouble(), source="gateway")])
    alerts.deliver_due(made)
    return made


def channels_told(desk: Desk) -> set[str]:
    return {each.channel for each in alerts.deliveries(desk, 1) if each.kind == "page"}


def test_a_press_that_waits_stops_the_level_that_is_due(
    desk: Desk, fake: FakeTelegram, clock: VirtualClock
) -> None:
    fake.press("ack:1", user=ADA)
    clock.advance(timedelta(minutes=15))
    report = tick(desk)
    assert {stage.name for stage in report.stages if stage.ok} >= {"answers", "calls"}
    assert alerts.get_alert(desk, 1).state is AlertState.ACKNOWLEDGED
    assert channels_told(desk) == {"chat"}


def test_a_chat_that_cannot_be_asked_is_a_failed_stage_and_keeps_no_page(
    desk: Desk, fake: FakeTelegram, clock: VirtualClock
) -> None:
    fake.close()
    clock.advance(timedelta(minutes=15))
    report = tick(desk)
    assert [stage.name for stage in report.failed] == ["answers"]
    assert channels_told(desk) == {"chat", "mail"}
    assert "tick:answers" in {alert.key for alert in alerts.list_alerts(desk)}


def test_the_runbook_button_answers_with_the_first_steps(desk: Desk) -> None:
    steps = hearing.first_steps(desk)
    alerts.raise_alert(
        desk, key="x", severity="high", name="disk_full", summary="s", labels={},
        runbook="disk-full",
    )  # fmt: skip
    said = steps(next(each for each in alerts.list_alerts(desk) if each.key == "x"))
    assert "1. " in said
    assert said.endswith("All of it: mechexo runbook show disk-full")


def test_a_server_hears_a_press_as_it_comes_and_ends_when_it_is_told(
    desk: Desk, fake: FakeTelegram
) -> None:
    stop, troubles = threading.Event(), list[str]()
    thread = threading.Thread(target=hearing.listen, args=(desk, stop, troubles.append))
    thread.start()
    try:
        fake.press("ack:1", user=ADA)
        deadline = time.monotonic() + 30
        while alerts.get_alert(desk, 1).state is AlertState.FIRING:
            assert time.monotonic() < deadline, troubles
            time.sleep(0.05)
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()
