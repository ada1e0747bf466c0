"""What taking alerts in leaves to the loop beside it, and what a page in a storm goes without."""

from __future__ import annotations

from datetime import timedelta

import pytest

from conftest import MakeDesk
from mechexo.alerts import operations as alerts
from mechexo.alerts.reading import NAMES_AT_ONCE
from mechexo.alerts.values import Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk

HOUR = timedelta(hours=1)
LADDER = """
[quiet_hours]
enabled = false
[channels.first]
url = "file://nowhere/first.jsonl"
[channels.second]
url = "file://second.jsonl"
[[escalation.default.levels]]
tell = ["first"]
[[escalation.default.levels]]
after = "2h"
tell = ["second"]
"""


def fires(key: str) -> Observation:
    return Observation(key, True, "critical", key, "s", "probe")


def kinds(desk: Desk, alert_id: int) -> list[str]:
    return [event.kind for event in alerts.timeline(desk, alert_id)]


@pytest.mark.parametrize("time_is_kept", [True, False])
def test_taking_in_leaves_to_the_tick_what_has_reached_nobody(
    make_desk: MakeDesk, clock: VirtualClock, time_is_kept: bool
) -> None:
    desk = make_desk(LADDER)
    (alert,) = alerts.observe(desk, [fires("feed")])
    # Nobody sends: three minutes later the level counts as one that reached nobody.
    clock.advance(timedelta(minutes=10))
    alerts.observe(desk, [fires("other")], time_is_kept=time_is_kept)
    assert ("fallback" in kinds(desk, alert.id)) is not time_is_kept
    alerts.observe(desk, [])
    assert "fallback" in kinds(desk, alert.id)


@pytest.mark.parametrize("time_is_kept", [True, False])
def test_taking_in_leaves_to_the_tick_what_another_configuration_would_wake(
    make_desk: MakeDesk, time_is_kept: bool
) -> None:
    window = '[maintenance.move]\nmatch = { name = "feed" }\nreason = "moving"\n'
    window += 'since = "2026-01-01T00:00"\nuntil = "2027-01-01T00:00"\n'
    desk = make_desk(LADDER + window)
    (alert,) = alerts.observe(desk, [fires("feed")])
    assert alert.silenced_until is not None
    # The window is taken out of the configuration.
    desk = make_desk(LADDER)
    alerts.observe(desk, [fires("other")], time_is_kept=time_is_kept)
    assert (alerts.get_alert(desk, alert.id).silenced_until is None) is not time_is_kept
    alerts.observe(desk, [])
    assert "paged" in kinds(desk, alert.id)


def test_taking_in_looks_at_what_it_is_told_of_and_at_what_is_due_all_the_same(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(LADDER)
    (alert,) = alerts.observe(desk, [fires("feed")], time_is_kept=True)
    assert kinds(desk, alert.id) == ["opened", "paged"]
    alerts.deliver_due(desk)
    clock.advance(timedelta(hours=3))
    alerts.observe(desk, [fires("other")], time_is_kept=True)
    assert "escalated" in kinds(desk, alert.id)


@pytest.mark.slow
def test_a_page_points_at_entries_for_so_many_names_at_once(make_desk: MakeDesk) -> None:
    desk = make_desk(LADDER)
    names = [f"n{number:04}" for number in range(NAMES_AT_ONCE + 7)]
    alerts.observe(desk, [fires(name) for name in reversed(names)])
    assert list(alerts.without_entry(desk)) == names[:NAMES_AT_ONCE]


def test_what_names_its_entry_or_is_not_due_is_not_looked_up(make_desk: MakeDesk) -> None:
    desk = make_desk(LADDER)
    entry = Observation("a", True, "critical", "a", "s", "probe", runbook="disk-full")
    alerts.observe(desk, [entry, fires("b"), fires("b2")])
    alerts.acknowledge(desk, 2)
    assert alerts.without_entry(desk) == ("b2",)
