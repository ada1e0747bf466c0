"""Who answers a message knows what it showed: what got worse since goes on paging."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from conftest import MakeDesk
from mechexo.alerts import calls
from mechexo.alerts import operations as alerts
from mechexo.alerts.answers import poll_answers
from mechexo.alerts.values import Alert, AlertState
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from support import own_channels as own
from support.fake_telegram import FakeTelegram
from support.fake_twilio import FakeTwilio
from support.own_channels import ADA

pytestmark = pytest.mark.slow

OFTEN = "per_minute = 600"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTelegram]:
    own.secrets(monkeypatch)
    made = FakeTelegram()
    yield made
    made.close()


@pytest.fixture
def desk(make_desk: MakeDesk, fake: FakeTelegram, clock: VirtualClock) -> Desk:
    """A desk whose chat shows an alert as high, and then as critical."""
    made = make_desk(own.bot(fake.url, extra=OFTEN) + own.ACCESS)
    told(made, "high")
    clock.advance(timedelta(minutes=1))
    told(made, "critical")
    assert [message.text.split(":")[0] for message in fake.messages] == ["HIGH", "CRITICAL"]
    return made


def told(desk: Desk, severity: str) -> None:
    alerts.observe(desk, [own.trouble(severity=severity)])
    alerts.deliver_due(desk)


def alert(desk: Desk) -> Alert:
    return alerts.get_alert(desk, 1)


def kinds(desk: Desk) -> list[str]:
    return [event.kind for event in alerts.timeline(desk, 1)]


def test_the_button_of_the_older_message_does_not_silence_the_rise(
    desk: Desk, fake: FakeTelegram, clock: VirtualClock
) -> None:
    fake.press("ack:1", user=ADA, message=fake.messages[0])
    (done,) = poll_answers(desk)
    assert (alert(desk).state, alert(desk).acknowledged_by) == (AlertState.FIRING, None)
    said = "alert 1: ada knows of high, but it is critical now and goes on paging"
    assert (done.done, done.words) == (False, f"{said}: answer the newer message")
    assert fake.notices[-1][1:] == (done.words, True)
    assert fake.messages[0].text.endswith("▲ alert 1: ada knows of high, but it is critical now")
    clock.advance(timedelta(minutes=1))
    waits_for = alert(desk).next_level_at
    assert waits_for is None or waits_for > clock.now()
    assert "cancelled" not in {each.state for each in alerts.deliveries(desk)}


def test_it_is_recorded_once_by_whom_and_of_what(desk: Desk, fake: FakeTelegram) -> None:
    for _ in range(2):
        fake.press("ack:1", user=ADA, message=fake.messages[0])
        poll_answers(desk)
    (event,) = [each for each in alerts.timeline(desk, 1) if each.kind == "knows_of_less"]
    said = "knows of high; it is critical now and goes on: by chat"
    assert (event.actor, event.detail) == ("ada", said)
    entries = [each for each in desk.audit_entries() if each.action == "alerts.acknowledge"]
    assert [(each.who, each.outcome) for each in entries] == [("ada", "done")]


def test_the_button_of_the_newer_message_acknowledges(desk: Desk, fake: FakeTelegram) -> None:
    fake.press("ack:1", user=ADA, message=fake.messages[1])
    poll_answers(desk)
    assert alert(desk).acknowledged_by == "ada"


def test_a_rise_that_was_not_sent_yet_is_not_known(
    desk: Desk, fake: FakeTelegram, clock: VirtualClock
) -> None:
    clock.advance(timedelta(minutes=1))
    alerts.observe(desk, [own.trouble("other", "high")])
    alerts.deliver_due(desk)
    clock.advance(timedelta(minutes=1))
    alerts.observe(desk, [own.trouble("other", "critical")])
    fake.press("ack:2", user=ADA)
    poll_answers(desk)
    assert alerts.get_alert(desk, 2).state is AlertState.FIRING
    (told,) = alerts.deliver_due(desk)
    assert (told.alert_id, told.state) == (2, "sent")


def test_a_reply_knows_what_the_message_showed(desk: Desk, fake: FakeTelegram) -> None:
    fake.write("ack", user=ADA, answering=fake.messages[0])
    poll_answers(desk)
    assert alert(desk).state is AlertState.FIRING
    fake.write("ack", user=ADA, answering=fake.messages[1])
    poll_answers(desk)
    assert alert(desk).state is AlertState.ACKNOWLEDGED


def test_words_that_answer_no_message_know_the_worst_that_the_chat_showed(
    desk: Desk, fake: FakeTelegram
) -> None:
    fake.write("ack 1", user=ADA)
    poll_answers(desk)
    assert alert(desk).state is AlertState.ACKNOWLEDGED


def test_a_message_that_is_not_known_counts_as_the_mildest(desk: Desk, fake: FakeTelegram) -> None:
    with desk.state.write() as transaction:
        transaction.execute("UPDATE delivery SET reference = ''")
    fake.press("ack:1", user=ADA, message=fake.messages[1])
    poll_answers(desk)
    assert alert(desk).state is AlertState.FIRING


def test_what_eased_since_is_known_too(desk: Desk, fake: FakeTelegram) -> None:
    alerts.observe(desk, [own.trouble(severity="medium")])
    fake.press("ack:1", user=ADA, message=fake.messages[0])
    poll_answers(desk)
    assert alert(desk).acknowledged_by == "ada"


def test_the_older_message_does_not_snooze_the_rise(desk: Desk, fake: FakeTelegram) -> None:
    fake.press("snooze:1", user=ADA, message=fake.messages[0])
    (done,) = poll_answers(desk)
    assert "not snoozed: this message said high, and it is critical now" in done.words
    assert alerts.silences(desk) == ()
    fake.press("snooze:1", user=ADA, message=fake.messages[1])
    poll_answers(desk)
    assert len(alerts.silences(desk)) == 1


def test_a_key_pressed_in_a_call_about_less_does_not_silence_the_rise(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.secrets(monkeypatch)
    fake = FakeTwilio()
    try:
        desk = make_desk(own.telephone(fake.url))
        told(desk, "high")
        (call,) = fake.placed
        fake.answer(call)
        alerts.observe(desk, [own.trouble(severity="critical")])
        fake.press(call, "1")
        (heard,) = calls.look_at_calls(desk)
        assert (heard.state, alert(desk).state) == ("sent", AlertState.FIRING)
        said = "phone:ada_phone knows of high; it is critical now and goes on paging"
        assert said in heard.detail
        assert "knows_of_less" in kinds(desk)
        assert [each.state for each in alerts.deliver_due(desk)] == ["sending"]
    finally:
        fake.close()
