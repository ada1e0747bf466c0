"""What was over in the night, and is the matter again by the morning."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from conftest import MakeDesk
from mechexo.alerts import operations as alerts
from mechexo.alerts.values import Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk

pytestmark = pytest.mark.slow

BOX = '[channels.box]\nurl = "file://box.jsonl"\n'


def said_until(desk: Desk, clock: VirtualClock, moment: str) -> list[str]:
    """What was sent up to this moment of the second or third of March, oldest first."""
    clock.advance(datetime.fromisoformat(f"2026-03-{moment}:00Z") - clock.now())
    alerts.keep_time(desk)
    alerts.deliver_due(desk)
    return [message.title.partition(":")[0] for message in reversed(alerts.mailbox(desk))]


def feed(desk: Desk, severity: str, *, firing: bool = True, key: str = "feed") -> None:
    alerts.observe(desk, [Observation(key, firing, severity, key, "stale", "probe")])


def high_is_over_at_half_past_ten(desk: Desk, clock: VirtualClock) -> None:
    said_until(desk, clock, "02T21:50")
    feed(desk, "high")
    assert said_until(desk, clock, "02T22:30") == ["HIGH"]
    feed(desk, "high", firing=False)


@pytest.mark.parametrize("known", [False, True])
def test_the_morning_says_of_no_open_trouble_that_it_is_over(
    make_desk: MakeDesk, clock: VirtualClock, *, known: bool
) -> None:
    desk = make_desk(BOX)
    high_is_over_at_half_past_ten(desk, clock)
    said_until(desk, clock, "02T22:40")
    feed(desk, "critical")
    said = said_until(desk, clock, "02T22:41")
    if known:
        alerts.acknowledge(desk, 2)
    assert not any("OVER" in each for each in said_until(desk, clock, "03T06:00")[len(said) :])
    (held,) = [each for each in alerts.deliveries(desk, 1) if each.kind == "resolved"]
    assert (held.state, held.detail) == ("cancelled", "open again as alert 2")
    line = alerts.timeline(desk, 1)[-1]
    assert (line.kind, line.detail) == ("cancelled", "box, resolved: open again as alert 2")
    feed(desk, "critical", firing=False)
    assert said_until(desk, clock, "03T06:01")[-1] == "OVER, was critical"


def test_the_morning_says_that_it_is_over_when_it_came_again_and_went_or_is_another(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(BOX)
    high_is_over_at_half_past_ten(desk, clock)
    said_until(desk, clock, "02T22:40")
    feed(desk, "medium")
    feed(desk, "critical", key="disk")
    said_until(desk, clock, "02T22:50")
    feed(desk, "medium", firing=False)
    assert said_until(desk, clock, "03T06:00")[-1] == "OVER, was high"


def test_an_end_that_was_told_at_once_is_told_though_it_opens_again_before_it_went_out(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(BOX)
    feed(desk, "high")
    alerts.deliver_due(desk)
    feed(desk, "high", firing=False)
    clock.advance(timedelta(minutes=1))
    feed(desk, "critical")
    alerts.deliver_due(desk)
    said = [message.title.partition(":")[0] for message in alerts.mailbox(desk)]
    assert sorted(said) == ["CRITICAL", "HIGH", "OVER, was high"]


def test_an_end_is_told_when_what_opened_again_was_told_to_nobody_and_is_over(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(BOX)
    high_is_over_at_half_past_ten(desk, clock)
    said_until(desk, clock, "03T05:50")
    hour = timedelta(hours=1)
    alerts.silence(desk, matchers={"name": "feed"}, duration=3 * hour, reason="move")
    feed(desk, "critical")
    assert said_until(desk, clock, "03T06:00") == ["HIGH"]
    said_until(desk, clock, "03T06:05")
    assert alerts.oldest_due_s(desk) is None
    feed(desk, "critical", firing=False)
    assert said_until(desk, clock, "03T06:20") == ["HIGH", "OVER, was high"]


def test_an_end_is_not_told_when_what_opened_again_is_told_after_all(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(BOX)
    high_is_over_at_half_past_ten(desk, clock)
    said_until(desk, clock, "03T05:50")
    alerts.silence(desk, matchers={"name": "feed"}, duration=timedelta(hours=1), reason="move")
    feed(desk, "critical")
    said_until(desk, clock, "03T06:00")
    assert said_until(desk, clock, "03T06:50") == ["HIGH", "CRITICAL"]
    feed(desk, "critical", firing=False)
    assert said_until(desk, clock, "03T08:00") == ["HIGH", "CRITICAL", "OVER, was critical"]
