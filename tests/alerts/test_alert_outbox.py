"""Leases, retries and what happens to a message whose reason goes away on its way."""

from __future__ import annotations

from datetime import timedelta

import pytest

from conftest import START, MakeDesk
from mechexo.alerts import attempt_records, outbox
from mechexo.alerts import operations as alerts
from mechexo.alerts.bundling import Limit, Wait
from mechexo.alerts.outbox import LEASE, Claim
from mechexo.alerts.retry import FIRST_DELAYS, GIVE_UP_AFTER, LATER_DELAY, next_try
from mechexo.alerts.values import Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk

FEED = Observation("feed", True, "high", "feed_stale", "stale", "probe")


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    desk = make_desk('[channels.box]\nurl = "file://box.jsonl"\n')
    alerts.observe(desk, [FEED])
    return desk


def claim(desk: Desk) -> Claim | None:
    with desk.state.write() as transaction:
        found = outbox.claim(transaction.connection, "box", Limit(None), desk.clock.now())
    assert not isinstance(found, Wait)
    if found is None:
        return None
    (only,) = found.claims
    return only


def fail(desk: Desk, claimed: Claim) -> bool:
    now = desk.clock.now()
    with desk.state.write() as transaction:
        return attempt_records.record_retry(
            transaction.connection, claimed, "refused", "busy", now, now + FIRST_DELAYS[0]
        )


def claimed(desk: Desk) -> Claim:
    found = claim(desk)
    assert found is not None
    return found


def test_a_leased_message_is_nobody_elses_until_the_lease_ends(
    desk: Desk, clock: VirtualClock
) -> None:
    first = claimed(desk)
    clock.advance(LEASE - timedelta(microseconds=1))
    assert claim(desk) is None
    clock.advance(timedelta(microseconds=1))
    again = claimed(desk)
    assert (first.attempt, first.resend) == (1, False)
    assert (again.attempt, again.resend) == (2, True)


def test_a_sender_that_comes_back_too_late_changes_nothing(desk: Desk, clock: VirtualClock) -> None:
    late = claimed(desk)
    clock.advance(LEASE)
    claimed(desk)
    with desk.state.write() as transaction:
        assert not attempt_records.record_sent(
            transaction.connection, late, "accepted", clock.now()
        )
    assert alerts.deliveries(desk)[0].state == "sending"


def test_a_clock_that_is_set_back_does_not_keep_a_message(desk: Desk, clock: VirtualClock) -> None:
    clock.advance(timedelta(hours=2))
    claimed(desk)
    clock.advance(timedelta(hours=-1))
    assert claimed(desk).resend


def test_a_page_from_a_clock_that_ran_ahead_goes_out_and_counts_as_due(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk('[channels.box]\nurl = "file:///nowhere/box.jsonl"\n')
    clock.advance(timedelta(days=300))
    alerts.observe(desk, [FEED])
    clock.advance(timedelta(days=-300))
    assert alerts.oldest_due_s(desk) == 0
    assert [each.attempts for each in alerts.deliver_due(desk)] == [1]
    clock.advance(timedelta(seconds=90))
    assert alerts.oldest_due_s(desk) == 90


def test_a_held_page_from_a_clock_that_ran_ahead_is_held_by_the_clock_of_today(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk('[channels.box]\nurl = "file://box.jsonl"\n')
    clock.advance(timedelta(days=300, hours=9))
    alerts.observe(desk, [FEED])
    clock.advance(timedelta(days=-300))
    assert alerts.deliver_due(desk) == ()
    alerts.observe(desk, [])
    assert alerts.deliver_due(desk) == ()
    clock.advance(timedelta(hours=7))
    alerts.keep_time(desk)
    assert [each.state for each in alerts.deliver_due(desk)] == ["sent"]


@pytest.mark.parametrize("what", ["acknowledged", "resolved", "silenced", "worse"])
def test_a_message_on_its_way_is_not_tried_again_when_its_reason_is_gone(
    desk: Desk, clock: VirtualClock, what: str
) -> None:
    under_way = claimed(desk)
    if what == "acknowledged":
        alerts.acknowledge(desk, 1)
    elif what == "resolved":
        alerts.resolve(desk, 1)
    elif what == "silenced":
        hour = timedelta(hours=1)
        alerts.silence(desk, matchers={"key": "feed"}, duration=hour, reason="works")
    else:
        alerts.observe(desk, [Observation("feed", True, "critical", "feed_stale", "s", "probe")])
    assert fail(desk, under_way)
    (old,) = [each for each in alerts.deliveries(desk) if each.id == under_way.delivery_id]
    assert old.state == "cancelled"
    clock.advance(timedelta(minutes=1))
    sent = alerts.deliver_due(desk)
    assert under_way.delivery_id not in [each.id for each in sent]
    # It may have gone out when its sender last saw it: who got it hears what became of it.
    told = {"acknowledged": ["acknowledged"], "resolved": ["resolved"], "silenced": []}
    assert [each.kind for each in sent] == told.get(what, ["page"])


def test_every_attempt_has_exactly_one_end(desk: Desk, clock: VirtualClock) -> None:
    fail(desk, claimed(desk))
    clock.advance(timedelta(minutes=1))
    claimed(desk)
    clock.advance(LEASE)
    alerts.deliver_due(desk)
    rows = desk.state.rows("SELECT number, outcome FROM delivery_attempt ORDER BY number")
    assert [tuple(row) for row in rows] == [(1, "refused"), (2, "lost"), (3, "sent")]


def test_the_waits_grow_and_end_after_a_day() -> None:
    waits, now, attempt = [], START, 1
    while (due_at := next_try(attempt, START, now)) is not None:
        waits.append(due_at - now)
        now, attempt = due_at, attempt + 1
    assert tuple(waits[:3]) == FIRST_DELAYS
    assert set(waits[3:]) == {LATER_DELAY}
    assert GIVE_UP_AFTER - LATER_DELAY < now - START <= GIVE_UP_AFTER


def test_a_message_that_is_days_late_still_gets_its_first_tries() -> None:
    now = START + timedelta(days=3)
    assert [next_try(attempt, START, now) is None for attempt in (1, 2, 3, 4)] == [False] * 3 + [
        True
    ]


def test_a_channel_that_asked_for_rest_gets_it_from_what_becomes_due_later_too(
    desk: Desk, clock: VirtualClock
) -> None:
    first = claimed(desk)
    now = clock.now()
    until = now + timedelta(minutes=5)
    with desk.state.write() as transaction:
        attempt_records.leave_alone(transaction.connection, "box", until)
        attempt_records.record_retry(transaction.connection, first, "refused", "429", now, until)
    clock.advance(timedelta(seconds=1))
    alerts.observe(desk, [Observation("late", True, "critical", "late", "s", "gateway")])
    with desk.state.write() as transaction:
        found = outbox.claim(transaction.connection, "box", Limit(None), clock.now())
    assert found == Wait(until)
    clock.advance(timedelta(minutes=5))
    assert {each.state for each in alerts.deliver_due(desk)} == {"sent"}
