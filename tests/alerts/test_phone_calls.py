"""A telephone is told when a key was pressed: else it rings again, and then gets a text message."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from conftest import MakeDesk
from mechexo.alerts import calls
from mechexo.alerts import operations as alerts
from mechexo.alerts.channels.process import Answer
from mechexo.alerts.values import AlertState, Delivery
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from support import own_channels as own
from support.fake_service import Fault, nobody_accepts, nobody_listens
from support.fake_twilio import SENDER, TO, TOKEN, FakeTwilio

pytestmark = pytest.mark.slow


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTwilio]:
    own.secrets(monkeypatch)
    made = FakeTwilio()
    yield made
    made.close()


@pytest.fixture
def desk(make_desk: MakeDesk, fake: FakeTwilio) -> Desk:
    return make_desk(own.telephone(fake.url))


@pytest.fixture
def ringing(desk: Desk) -> Desk:
    """A desk whose telephone rings for one critical alert."""
    return called(desk)


def called(desk: Desk) -> Desk:
    alerts.observe(desk, [own.trouble()])
    (delivery,) = alerts.deliver_due(desk)
    assert delivery.state == "sending", delivery.detail
    return desk


def answer(desk: Desk, *, limit_s: float = 8.0) -> Answer:
    channel = desk.settings.channels["ada_phone"]
    return own.ask_once(desk, channel, own.question(), limit_s=limit_s)


def attempts(desk: Desk) -> list[tuple[int, str, str]]:
    rows = desk.state.reader().execute(
        "SELECT number, outcome, detail FROM delivery_attempt ORDER BY id"
    )
    return [tuple(row) for row in rows]


def delivery(desk: Desk) -> Delivery:
    (found,) = alerts.deliveries(desk)
    return found


def test_the_call_reads_the_alert_twice_and_asks_for_a_key(ringing: Desk, fake: FakeTwilio) -> None:
    (call,) = fake.placed
    fake.answer(call)
    assert (call.to, call.sender) == (TO, SENDER)
    asked = "CRITICAL: feed alert on test (paper). stale Press 1 to acknowledge."
    assert call.said[:2] == [asked, asked]


def test_a_call_under_way_is_not_yet_told(ringing: Desk, fake: FakeTwilio) -> None:
    assert calls.look_at_calls(ringing) == ()
    assert (delivery(ringing).state, attempts(ringing)) == ("sending", [])
    assert calls.under_way(ringing)


def test_a_pressed_key_acknowledges_at_once(ringing: Desk, fake: FakeTwilio) -> None:
    (call,) = fake.placed
    fake.answer(call)
    calls.look_at_calls(ringing)
    assert delivery(ringing).state == "sending"
    fake.press(call, "1")
    (told,) = calls.look_at_calls(ringing)
    assert told.state == "sent"
    assert told.detail == "heard: a key was pressed; phone:ada_phone knows"
    assert call.said[-1] == "Thank you. It is noted."
    alert = alerts.get_alert(ringing, 1)
    assert (alert.state, alert.acknowledged_by) == (AlertState.ACKNOWLEDGED, "phone:ada_phone")
    assert not calls.under_way(ringing)


def test_whose_number_it_is_has_acknowledged(make_desk: MakeDesk, fake: FakeTwilio) -> None:
    actors = 'actors = { "${env:ADA_NUMBER}" = "ada" }'
    desk = called(make_desk(own.telephone(fake.url, extra=actors) + own.ACCESS))
    fake.answer(fake.placed[0])
    fake.press(fake.placed[0], "1")
    calls.look_at_calls(desk)
    assert alerts.get_alert(desk, 1).acknowledged_by == "ada"


def test_a_number_whose_user_may_not_is_heard_but_does_not_acknowledge(
    make_desk: MakeDesk, fake: FakeTwilio
) -> None:
    actors = f'actors = {{ "{TO}" = "grace" }}'
    desk = called(make_desk(own.telephone(fake.url, extra=actors) + own.ACCESS))
    fake.answer(fake.placed[0])
    fake.press(fake.placed[0], "1")
    (told,) = calls.look_at_calls(desk)
    assert told.state == "sent"
    assert "grace is viewer" in told.detail
    assert alerts.get_alert(desk, 1).state is AlertState.FIRING


def test_a_key_that_only_the_events_tell_of_counts(ringing: Desk, fake: FakeTwilio) -> None:
    (call,) = fake.placed
    fake.answer(call)
    fake.press(call, "1")
    fake.calls = [call]
    call.events_ready = True
    fake.hang_up(call)
    (told,) = calls.look_at_calls(ringing)
    assert told.state == "sent"


@pytest.mark.parametrize(
    ("walk", "by", "words"),
    [
        (("ringing", "no-answer"), "", "nobody answered"),
        (("busy",), "", "the number was busy"),
        (("failed",), "", "the call failed"),
        (("canceled",), "", "the call was cancelled"),
        (("in-progress", "completed"), "human", "answered, but no key was pressed"),
        (("in-progress", "completed"), "machine_start", "a mailbox answered"),
        (("completed",), "fax", "a mailbox answered"),
    ],
)
def test_what_nobody_heard_rings_again_two_minutes_later(
    desk: Desk, fake: FakeTwilio, clock: VirtualClock, walk: tuple[str, ...], by: str, words: str
) -> None:
    fake.will(*walk, answered_by=by)
    called(desk)
    for _ in walk:
        calls.look_at_calls(desk)
    assert attempts(desk) == [(1, "unheard", words)]
    assert alerts.deliver_due(desk) == ()
    clock.advance(timedelta(seconds=119))
    assert alerts.deliver_due(desk) == ()
    clock.advance(timedelta(seconds=1))
    assert [each.state for each in alerts.deliver_due(desk)] == ["sending"]
    assert len(fake.placed) == 2


def test_a_mailbox_that_presses_a_key_has_heard_nothing(ringing: Desk, fake: FakeTwilio) -> None:
    (call,) = fake.placed
    fake.answer(call, by="machine_end_beep")
    fake.press(call, "1")
    calls.look_at_calls(ringing)
    fake.hang_up(call)
    calls.look_at_calls(ringing)
    assert [each[1] for each in attempts(ringing)] == ["unheard"]


def test_after_three_calls_comes_a_text_message(
    desk: Desk, fake: FakeTwilio, clock: VirtualClock
) -> None:
    alerts.observe(desk, [own.trouble(summary="NAV <breach> & rising")])
    for _ in range(3):
        fake.will("no-answer")
        alerts.deliver_due(desk)
        calls.look_at_calls(desk)
        clock.advance(timedelta(minutes=2))
    alerts.deliver_due(desk)
    assert len(fake.placed) == 3
    (text,) = fake.texts
    assert text["To"] == TO
    assert "NAV <breach> & rising" in text["Body"]
    assert [(number, outcome) for number, outcome, _ in attempts(desk)] == [
        (1, "unheard"),
        (2, "unheard"),
        (3, "unheard"),
        (4, "sent"),
    ]
    assert delivery(desk).state == "sent"


def test_the_text_message_does_not_wait(desk: Desk, fake: FakeTwilio, clock: VirtualClock) -> None:
    alerts.observe(desk, [own.trouble()])
    for wait_min in (0, 2, 2):
        clock.advance(timedelta(minutes=wait_min))
        fake.will("busy")
        alerts.deliver_due(desk)
        calls.look_at_calls(desk)
    alerts.deliver_due(desk)
    assert len(fake.texts) == 1


def test_calls_that_nobody_heard_are_no_failure_of_the_channel(
    desk: Desk, fake: FakeTwilio, clock: VirtualClock
) -> None:
    alerts.observe(desk, [own.trouble()])
    for _ in range(3):
        fake.will("no-answer")
        alerts.deliver_due(desk)
        calls.look_at_calls(desk)
        clock.advance(timedelta(minutes=2))
    assert [each.key for each in alerts.list_alerts(desk)] == ["feed"]


def test_an_acknowledgement_elsewhere_ends_the_ringing(ringing: Desk, fake: FakeTwilio) -> None:
    fake.placed[0].status = "ringing"
    alerts.acknowledge(ringing, 1)
    (told,) = calls.look_at_calls(ringing)
    assert (told.state, told.detail) == ("sent", "acknowledged meanwhile: tester knows")
    assert fake.hung_up == [fake.placed[0].sid]


def test_an_acknowledgement_between_two_calls_ends_them(
    desk: Desk, fake: FakeTwilio, clock: VirtualClock
) -> None:
    fake.will("busy")
    called(desk)
    calls.look_at_calls(desk)
    alerts.acknowledge(desk, 1)
    clock.advance(timedelta(minutes=2))
    alerts.deliver_due(desk)
    assert delivery(desk).state == "cancelled"
    assert len(fake.placed) == 1


def test_while_it_rings_nothing_else_calls_the_same_number(
    ringing: Desk, fake: FakeTwilio, clock: VirtualClock
) -> None:
    alerts.observe(ringing, [own.trouble("other")])
    clock.advance(timedelta(minutes=3))
    assert alerts.deliver_due(ringing) == ()
    fake.answer(fake.placed[0])
    fake.press(fake.placed[0], "1")
    calls.look_at_calls(ringing)
    alerts.deliver_due(ringing)
    assert len(fake.placed) == 2


def test_a_key_acknowledges_all_that_the_call_was_about(
    desk: Desk, fake: FakeTwilio, clock: VirtualClock
) -> None:
    alerts.observe(desk, [own.trouble(f"feed{number}", "high") for number in range(8)])
    alerts.deliver_due(desk)
    (call,) = fake.placed
    fake.answer(call)
    fake.press(call, "1")
    told = calls.look_at_calls(desk)
    assert len(told) == 8
    assert {each.state for each in alerts.list_alerts(desk)} == {AlertState.ACKNOWLEDGED}


def test_a_program_that_starts_anew_goes_on_with_the_call(
    ringing: Desk, fake: FakeTwilio, clock: VirtualClock
) -> None:
    clock.advance(timedelta(minutes=1))
    again = Desk.open(ringing.config_path, clock=clock, actor=ringing.actor)
    assert alerts.deliver_due(again) == ()
    fake.answer(fake.placed[0])
    fake.press(fake.placed[0], "1")
    (told,) = calls.look_at_calls(again)
    assert told.state == "sent"
    assert len(fake.placed) == 1


def test_a_call_whose_end_cannot_be_learnt_is_unheard_after_ten_minutes(
    ringing: Desk, fake: FakeTwilio, clock: VirtualClock
) -> None:
    fake.token = "changed"
    clock.advance(timedelta(minutes=9))
    assert calls.look_at_calls(ringing) == ()
    clock.advance(timedelta(minutes=1))
    calls.look_at_calls(ringing)
    ((_, outcome, detail),) = attempts(ringing)
    assert outcome == "unheard"
    assert "its end is not known: Twilio answered 401" in detail


@pytest.mark.parametrize("fault", [Fault("answer", 500), Fault("half"), Fault("reset")])
def test_a_look_that_fails_is_done_again(ringing: Desk, fake: FakeTwilio, fault: Fault) -> None:
    fake.answer(fake.placed[0])
    fake.press(fake.placed[0], "1")
    fake.faults.append(fault)
    assert calls.look_at_calls(ringing) == ()
    assert len(calls.look_at_calls(ringing)) == 1


def test_a_telephone_that_is_configured_no_more_ends_its_call(
    ringing: Desk, make_desk: MakeDesk
) -> None:
    calls.look_at_calls(make_desk(""))
    assert [each[1] for each in attempts(ringing)] == ["unheard"]
    assert not calls.under_way(ringing)


def test_each_attempt_has_one_record(desk: Desk, fake: FakeTwilio, clock: VirtualClock) -> None:
    alerts.observe(desk, [own.trouble()])
    fake.faults.append(Fault("answer", 500))
    alerts.deliver_due(desk)
    clock.advance(timedelta(seconds=10))
    fake.will("busy")
    alerts.deliver_due(desk)
    calls.look_at_calls(desk)
    calls.look_at_calls(desk)
    clock.advance(timedelta(minutes=2))
    alerts.deliver_due(desk)
    fake.answer(fake.placed[1])
    fake.press(fake.placed[1], "1")
    calls.look_at_calls(desk)
    assert [(number, outcome) for number, outcome, _ in attempts(desk)] == [
        (1, "refused"),
        (2, "unheard"),
        (3, "sent"),
    ]


@pytest.mark.parametrize(
    ("status", "code", "outcome", "said"),
    [
        (400, 21211, "rejected", "mend `to`"),
        (400, 21212, "rejected", "mend `sender`"),
        (400, 21215, "rejected", "allow calls to this country"),
        (401, 20003, "rejected", "mend `account` and `token`"),
        (403, 20005, "rejected", "may not do this"),
        (404, 20404, "rejected", "mend `account`"),
        (429, 20429, "refused", "(20429)"),
        (500, 20500, "refused", "500"),
        (503, 20503, "refused", "503"),
    ],
)
def test_what_an_error_answer_means(
    desk: Desk, fake: FakeTwilio, status: int, code: int, outcome: str, said: str
) -> None:
    document: dict[str, Any] = {"code": code, "message": f"wrong: {TO}", "status": status}
    fake.faults.append(Fault("answer", status, document, {"Retry-After": "9"}))
    found = answer(desk)
    assert found.outcome == outcome
    assert said in found.detail
    assert TO not in found.detail
    assert found.retry_after_s == (9.0 if outcome == "refused" else None)


@pytest.mark.parametrize("how", ["reset", "half", "hang", "after"])
def test_a_call_that_nobody_confirmed_may_have_been_placed(
    desk: Desk, fake: FakeTwilio, how: str
) -> None:
    fake.faults.append(Fault(how))
    assert answer(desk, limit_s=1.5).outcome == "unanswered"


def test_what_never_reached_the_service_is_a_refusal(make_desk: MakeDesk, fake: FakeTwilio) -> None:
    with nobody_listens() as api:
        assert answer(make_desk(own.telephone(api))).outcome == "refused"
    with nobody_accepts() as api:
        assert answer(make_desk(own.telephone(api)), limit_s=1.5).outcome == "refused"
    secure = fake.url.replace("http:", "https:")
    assert answer(make_desk(own.telephone(secure))).outcome == "refused"
    nowhere = make_desk(own.telephone("http://twilio.invalid"))
    assert answer(nowhere, limit_s=own.LIMIT_S).outcome == "refused"


def test_a_wrong_number_is_said_before_anything_is_sent(
    make_desk: MakeDesk, fake: FakeTwilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADA_NUMBER", "5550002222 (home)")
    desk = make_desk(own.telephone(fake.url))
    alerts.observe(desk, [own.trouble()])
    (found,) = alerts.deliver_due(desk)
    assert "to must be a number like +15551234567" in found.detail
    assert "5550002222" not in found.detail
    assert fake.requests == []


@pytest.mark.parametrize("how", ["answer", "half"])
def test_token_and_number_are_nowhere_but_at_the_service(
    desk: Desk, fake: FakeTwilio, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    fake.faults.append(Fault(how, 401, {"code": 20003, "message": f"no {TOKEN} for {TO}"}))
    alerts.observe(desk, [own.trouble()])
    alerts.deliver_due(desk)
    for text in (own.everything_written(desk), caplog.text):
        assert TOKEN not in text
        assert TO not in text


@pytest.mark.parametrize("column", ["labels", "placed_at"])
def test_a_call_about_a_damaged_alert_is_settled_and_keeps_no_other_waiting(
    ringing: Desk, fake: FakeTwilio, column: str
) -> None:
    (call,) = fake.placed
    table = "alert" if column == "labels" else "phone_call"
    with ringing.state.write() as transaction:
        transaction.execute(f"UPDATE {table} SET {column} = '{{'")
    fake.answer(call)
    fake.press(call, "1")
    (told,) = calls.look_at_calls(ringing)
    assert told.state == "sent"
    assert not calls.under_way(ringing)
    said = "alert 1 (feed_alert) is damaged" if column == "labels" else "phone:ada_phone knows"
    assert said in told.detail
