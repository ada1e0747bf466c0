"""What still waits for a channel that is not in the configuration any more."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from conftest import MakeDesk
from mechexo.alerts import notices, outbox
from mechexo.alerts import operations as alerts
from mechexo.alerts.bundling import Limit
from mechexo.alerts.values import Delivery, Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk

pytestmark = pytest.mark.slow

MINUTE = timedelta(minutes=1)
OLD = '[channels.old]\nurl = "file://old.jsonl"\n'
NEW = '[channels.new]\nurl = "file://new.jsonl"\n'


def raised(desk: Desk, severity: str = "critical", *, firing: bool = True) -> None:
    alerts.observe(desk, [Observation("feed", firing, severity, "feed", "stale", "probe")])


def of(desk: Desk, kind: str) -> list[Delivery]:
    return [each for each in alerts.deliveries(desk) if each.kind == kind]


def let_wait(desk: Desk, clock: VirtualClock, kind: str) -> None:
    """A message of this kind is due, and not sent."""
    if kind == "notice":
        with desk.state.write() as transaction:
            notices.add_notice(
                transaction.connection,
                name="hand-over", summary="x", channels=["old"], now=clock.now(),
            )  # fmt: skip
        return
    raised(desk)
    alerts.deliver_due(desk)
    if kind == "resolved":
        raised(desk, firing=False)
        return
    alerts.acknowledge(desk, 1)
    if kind == "reminder":
        alerts.deliver_due(desk)
        clock.advance(25 * MINUTE)
        alerts.keep_time(desk)


KINDS = ("resolved", "acknowledged", "reminder", "notice")


@pytest.mark.parametrize("kind", KINDS)
def test_what_waits_for_a_channel_that_is_gone_and_is_no_page_is_cancelled(
    make_desk: MakeDesk, clock: VirtualClock, kind: str
) -> None:
    let_wait(make_desk(OLD), clock, kind)
    desk = make_desk(NEW)
    alerts.deliver_due(desk)
    (waited,) = of(desk, kind)
    why = "old is not in the configuration any more"
    assert (waited.state, waited.detail, waited.attempts) == ("cancelled", why, 0)
    said = [(each.kind, each.detail) for each in alerts.timeline(desk, 1)]
    assert ("cancelled", f"old, {kind}: {why}") in said
    clock.advance(5 * MINUTE)
    alerts.keep_time(desk)
    alerts.deliver_due(desk)
    assert alerts.oldest_due_s(desk) is None


def test_an_end_that_waits_for_the_morning_is_told_when_its_channel_is_back_by_then(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(OLD)
    clock.advance(datetime.fromisoformat("2026-03-02T21:50:00Z") - clock.now())
    raised(desk, "high")
    alerts.deliver_due(desk)
    clock.advance(30 * MINUTE)
    raised(desk, "high", firing=False)
    clock.advance(MINUTE)
    alerts.deliver_due(make_desk(NEW))
    clock.advance(datetime.fromisoformat("2026-03-03T06:00:00Z") - clock.now())
    (told,) = alerts.deliver_due(make_desk(OLD))
    assert (told.kind, told.state) == ("resolved", "sent")


def test_a_try_that_was_cut_off_before_its_channel_went_has_its_end_too(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(OLD)
    let_wait(desk, clock, "resolved")
    with desk.state.write() as transaction:
        outbox.claim(transaction.connection, "old", Limit(None), clock.now())
    clock.advance(MINUTE)
    desk = make_desk(NEW)
    alerts.deliver_due(desk)
    assert {each.kind for each in alerts.timeline(desk, 1)} >= {"lost", "cancelled"}


def test_the_page_of_an_open_alert_waits_where_nobody_else_is(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    raised(make_desk(OLD))
    desk = make_desk()
    alerts.deliver_due(desk)
    clock.advance(2 * MINUTE)
    alerts.deliver_due(desk)
    assert [each.state for each in of(desk, "page")] == ["due"]
    assert alerts.oldest_due_s(desk) == 120


LEVEL = '[[escalation.default.levels]]\nafter = "{}"\ntell = ["{}"]\n'
STAIR = "[escalation.default]\nrepeat = 0\n"


@pytest.mark.parametrize("before", ["", LEVEL.format("30m", "mail")])
def test_what_waits_for_a_channel_that_is_gone_climbs_the_ladder_that_came_with_the_next_one(
    make_desk: MakeDesk, clock: VirtualClock, before: str
) -> None:
    mail = '[channels.mail]\nurl = "file://mail.jsonl"\n'
    raised(make_desk(OLD + mail + STAIR + LEVEL.format("0s", "old") + before))
    clock.advance(MINUTE / 4)
    stair = STAIR + LEVEL.format("0s", "new") + LEVEL.format("5m", "mail")
    desk = make_desk(NEW + mail + stair)
    for _ in range(6):
        alerts.observe(desk, [])
        alerts.deliver_due(desk)
        clock.advance(MINUTE)
    sent = [(each.channel, each.level) for each in of(desk, "page") if each.state == "sent"]
    assert sorted(sent) == [("mail", 2), ("new", 1)]
