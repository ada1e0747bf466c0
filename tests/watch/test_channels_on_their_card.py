"""What the card of the channels says: proven, long ago, failed since."""

from __future__ import annotations

from datetime import timedelta

import pytest

from conftest import MakeDesk
from mechexo.alerts import operations as alerts
from mechexo.alerts.values import Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.desk_status import read_status
from mechexo.health.values import Status

pytestmark = pytest.mark.slow

BOX = '[channels.box]\nurl = "file://box.jsonl"\n'


def on_card(desk: Desk) -> tuple[Status, str]:
    (card,) = [card for card in read_status(desk).cards if card.name == "paging"]
    (probe,) = card.probes
    return probe.status, probe.detail


def test_a_channel_that_failed_since_it_delivered_is_not_ok(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(BOX)
    alerts.observe(desk, [Observation("a", True, "critical", "a", "s", "gateway")])
    alerts.deliver_due(desk)
    assert on_card(desk)[0] is Status.OK
    clock.advance(timedelta(minutes=1))
    (desk.root / "box.jsonl").unlink()
    (desk.root / "box.jsonl").mkdir()
    alerts.observe(desk, [Observation("b", True, "critical", "b", "s", "gateway")])
    alerts.deliver_due(desk)
    clock.advance(timedelta(seconds=5))
    status, said = on_card(desk)
    assert status is Status.WARNING
    assert said.startswith("failed 5s ago: ")
    (desk.root / "box.jsonl").rmdir()
    clock.advance(timedelta(minutes=1))
    alerts.deliver_due(desk)
    assert on_card(desk)[0] is Status.OK


def test_a_message_that_was_given_up_takes_ops_ok_away_until_the_channel_delivers(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk('[channels.box]\nurl = "file:///nowhere/box.jsonl"\n')
    alerts.observe(desk, [Observation("a", True, "medium", "a", "s", "gateway")])
    for _ in range(8):
        alerts.deliver_due(desk)
        clock.advance(timedelta(hours=6))
    assert any("box does not deliver" in reason for reason in read_status(desk).reasons)
    desk = make_desk(BOX)
    alerts.observe(desk, [Observation("b", True, "critical", "b", "s", "gateway")])
    alerts.deliver_due(desk)
    assert not any("box does not deliver" in reason for reason in read_status(desk).reasons)
