"""What was said once may have to be said again: a second reminder, a page on a channel that is
back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from conftest import MakeDesk
from mechexo.alerts import operations as alerts
from mechexo.alerts.values import Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk

MINUTE = timedelta(minutes=1)


def trouble(severity: str = "critical") -> Observation:
    return Observation("feed", True, severity, "feed_stale", "stale", "probe")


def told(desk: Desk) -> list[tuple[str, str, str]]:
    return [(each.kind, each.channel, each.state) for each in alerts.deliveries(desk, 1)]


@pytest.mark.slow
def test_an_acknowledgement_that_is_forgotten_twice_is_reminded_of_twice(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(
        '[channels.box]\nurl = "file://box.jsonl"\n'
        '[suppress.gateway]\ncause = { name = "gateway" }\nhides = { name = "feed_stale" }\n'
    )
    alerts.observe(desk, [trouble()])
    alerts.deliver_due(desk)
    alerts.acknowledge(desk, 1)
    alerts.observe(desk, [replace(trouble(), key="gateway", name="gateway")])
    # What causes it is known, so that both reminders are of one and the same page.
    for _ in range(2):
        for _ in range(6):
            clock.advance(5 * MINUTE)
            alerts.keep_time(desk)
            alerts.deliver_due(desk)
        assert alerts.get_alert(desk, 1).suppressed_by == 2
        alerts.acknowledge(desk, 1)
    kinds = [event.kind for event in alerts.timeline(desk, 1)]
    assert kinds.count("reminded") == 2
    titles = [message.title for message in alerts.mailbox(desk)]
    assert titles.count("STILL OPEN, critical: feed_stale on test (paper)") == 2
    rows = desk.state.rows(
        "SELECT number, outcome FROM delivery_attempt JOIN delivery ON delivery.id = delivery_id "
        "WHERE kind = 'reminder' ORDER BY number"
    )
    assert [(row["number"], row["outcome"]) for row in rows] == [(1, "sent"), (2, "sent")]


def test_a_page_goes_through_a_channel_that_was_taken_away_and_is_back(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    old, new = (f'[channels.{each}]\nurl = "file://{each}.jsonl"\n' for each in ("old", "new"))
    alerts.observe(make_desk(old), [trouble()])
    alerts.keep_time(make_desk(new))
    desk = make_desk(old)
    alerts.keep_time(desk)
    assert sorted(told(desk)) == [("page", "new", "cancelled"), ("page", "old", "due")]
    assert [each.state for each in alerts.deliver_due(desk)] == ["sent"]
    assert [message.channel for message in alerts.mailbox(desk)] == ["old"]
