"""Where a schedule has a gap it is said whose, from when and until when."""

from __future__ import annotations

from datetime import timedelta

import pytest

from conftest import MakeDesk
from mechexo.alerts import operations as alerts
from mechexo.alerts.values import Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk

GAP = """
[quiet_hours]
enabled = false
[channels.box]
url = "file://box.jsonl"
[people.ada]
channels = ["box"]
[oncall.schedules.days]
[[oncall.schedules.days.layers]]
people = ["ada"]
every = "daily"
handover = "00:00"
since = "2026-01-01"
start = "16:00"
end = "20:00"
[[escalation.default.levels]]
tell = ["days"]
"""
WORDS = "nobody is on call in days since 2026-03-01 20:00:00 UTC, until 2026-03-02 16:00:00 UTC"


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    made = make_desk(GAP)
    alerts.observe(made, [Observation("feed", True, "critical", "feed", "s", "probe")])
    return made


def test_what_comes_next_says_the_gap(desk: Desk) -> None:
    (alert,) = alerts.list_alerts(desk)
    said = alerts.outlooks(desk, [alert])[alert.id].words(desk.clock.now(), desk.zone)
    assert said == f"nobody: {WORDS}"


def test_the_reasons_of_the_status_say_the_gap(desk: Desk) -> None:
    (said,) = alerts.undelivered(desk)
    assert said == f"nobody was told about alert 1 (critical feed): {WORDS}"


def test_the_timeline_says_the_gap_of_a_level_that_was_passed(make_desk: MakeDesk) -> None:
    more = '[[escalation.default.levels]]\nafter = "10m"\ntell = ["box"]\n'
    desk = make_desk(GAP + more)
    alerts.observe(desk, [Observation("feed", True, "critical", "feed", "s", "probe")])
    (passed,) = [each for each in alerts.timeline(desk, 1) if each.kind == "no_responder"]
    assert "nobody is on call in days since 2026-03-01T20:00:00" in passed.detail


def test_a_rise_in_a_gap_says_it_in_the_timeline(desk: Desk, clock: VirtualClock) -> None:
    alerts.observe(desk, [Observation("disk", True, "high", "disk", "s", "probe")])
    clock.advance(timedelta(minutes=100))
    alerts.observe(desk, [])
    clock.advance(timedelta(hours=5))
    alerts.observe(desk, [Observation("disk", True, "critical", "disk", "s", "probe")])
    details = [each.detail for each in alerts.timeline(desk, 2) if each.kind == "no_channel"]
    assert any("nobody is on call in days" in detail for detail in details)
    assert any(detail.endswith("see [oncall.schedules]") for detail in details)


def test_somebody_on_call_whose_channel_takes_none_of_it_is_no_gap(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(GAP)
    clock.advance(timedelta(hours=2))
    alerts.observe(desk, [Observation("feed", True, "info", "feed", "s", "probe")])
    (alert,) = alerts.list_alerts(desk)
    assert alerts.outlooks(desk, [alert])[1].what == (
        "nobody: no channel takes info alerts, see [channels]"
    )
