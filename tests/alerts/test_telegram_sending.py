"""Messages to a chat: what they look like, and what is said of every way in which they fail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import MakeDesk
from mechexo.alerts import operations as alerts
from mechexo.alerts.channels import telegram
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from support import own_channels as own
from support.fake_service import Fault, nobody_accepts, nobody_listens
from support.fake_telegram import CHAT, TOKEN, FakeTelegram, too_many

pytestmark = pytest.mark.slow


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTelegram]:
    own.secrets(monkeypatch)
    made = FakeTelegram()
    yield made
    made.close()


@pytest.fixture
def desk(make_desk: MakeDesk, fake: FakeTelegram) -> Desk:
    return make_desk(own.bot(fake.url) + own.ACCESS)


def answer(desk: Desk, asked: dict[str, object] | None = None, limit_s: float = 8.0):
    channel = desk.settings.channels["chat"]
    return own.ask_once(desk, channel, asked or own.question(), limit_s=limit_s)


def test_an_alert_reaches_the_chat_with_its_buttons(desk: Desk, fake: FakeTelegram) -> None:
    alerts.observe(desk, [own.trouble(summary="NAV breach <5%> & rising")])
    (delivery,) = alerts.deliver_due(desk)
    assert delivery.state == "sent", delivery.detail
    (message,) = fake.messages
    assert message.text.startswith(
        "CRITICAL: feed_alert on test (paper)\n\nNAV breach <5%> & rising\n"
    )
    assert message.buttons == ["ack:1", "snooze:1", "runbook:1"]


def test_how_the_service_knows_a_message_is_kept(desk: Desk, fake: FakeTelegram) -> None:
    alerts.observe(desk, [own.trouble()])
    alerts.deliver_due(desk)
    row = desk.state.reader().execute("SELECT reference FROM delivery").fetchone()
    assert row[0] == str(fake.messages[0].number)


def test_a_digest_has_buttons_for_the_three_most_urgent(desk: Desk, fake: FakeTelegram) -> None:
    assert answer(desk, own.question("digest", 9, 7, 5, 3)).outcome == "sent"
    numbers = [each.partition(":")[2] for each in fake.messages[0].buttons]
    assert numbers == ["9"] * 3 + ["7"] * 3 + ["5"] * 3


def test_what_only_informs_has_no_buttons(desk: Desk, fake: FakeTelegram) -> None:
    assert answer(desk, own.question("resolved")).outcome == "sent"
    assert fake.messages[0].buttons == []


def test_a_group_that_moved_is_followed_and_said(desk: Desk, fake: FakeTelegram) -> None:
    fake.moved[str(CHAT)] = -100_123
    fake.chats.add("-100123")
    found = answer(desk)
    assert (found.outcome, fake.messages[0].chat) == ("sent", "-100123")
    assert "mend `to`" in found.detail


@pytest.mark.parametrize(
    ("status", "words", "outcome", "said"),
    [
        (400, "Bad Request: chat not found", "rejected", "mend `to`"),
        (400, "Bad Request: anything else", "rejected", "anything else"),
        (401, "Unauthorized", "rejected", "mend `token`"),
        (403, "Forbidden: bot was blocked by the user", "rejected", "unblock it"),
        (404, "Not Found", "rejected", "mend `token`"),
        (413, "Request Entity Too Large", "rejected", "413"),
        (500, "Internal Server Error", "refused", "500"),
        (502, "Bad Gateway", "refused", "502"),
    ],
)
def test_what_an_error_answer_means(
    desk: Desk, fake: FakeTelegram, status: int, words: str, outcome: str, said: str
) -> None:
    document = {"ok": False, "error_code": status, "description": words}
    fake.faults.append(Fault("answer", status, document))
    found = answer(desk)
    assert found.outcome == outcome
    assert said in found.detail


def test_real_refusals_of_the_service(desk: Desk, fake: FakeTelegram) -> None:
    fake.blocked.add(str(CHAT))
    assert "blocked" in answer(desk).detail
    fake.blocked.clear()
    fake.chats.clear()
    assert "chat not found" in answer(desk).detail
    fake.token = "other:token"
    assert answer(desk).outcome == "rejected"


def test_the_service_says_how_long_to_wait(desk: Desk, fake: FakeTelegram) -> None:
    fake.faults.append(Fault("answer", 429, too_many(7)))
    found = answer(desk)
    assert (found.outcome, found.retry_after_s) == ("refused", 7.0)


def test_nothing_more_goes_out_before_the_service_wants_it(
    desk: Desk, fake: FakeTelegram, clock: VirtualClock
) -> None:
    alerts.observe(desk, [own.trouble("one"), own.trouble("two")])
    fake.faults.append(Fault("answer", 429, too_many(40)))
    alerts.deliver_due(desk)
    clock.advance(timedelta(seconds=39))
    assert alerts.deliver_due(desk) == ()
    assert len(fake.requests) == 1
    clock.advance(timedelta(seconds=1))
    assert {each.state for each in alerts.deliver_due(desk)} == {"sent"}


@pytest.mark.parametrize("how", ["reset", "half"])
def test_an_answer_cut_off_may_have_been_a_message(
    desk: Desk, fake: FakeTelegram, how: str
) -> None:
    fake.faults.append(Fault(how))
    found = answer(desk)
    assert found.outcome == "unanswered"
    assert "connected, but" in found.detail


@pytest.mark.parametrize("how", ["hang", "after"])
def test_a_service_that_says_nothing_is_not_waited_for(
    desk: Desk, fake: FakeTelegram, how: str
) -> None:
    fake.faults.append(Fault(how))
    found = answer(desk, limit_s=1.0)
    assert found.outcome == "unanswered"
    assert len(fake.messages) == (1 if how == "after" else 0)


def test_a_message_goes_out_again_marked_when_nobody_answered(
    desk: Desk, fake: FakeTelegram, clock: VirtualClock
) -> None:
    alerts.observe(desk, [own.trouble()])
    fake.faults.append(Fault("half"))
    assert [each.state for each in alerts.deliver_due(desk)] == ["due"]
    clock.advance(timedelta(seconds=10))
    assert [each.state for each in alerts.deliver_due(desk)] == ["sent"]
    assert "(resend)" in fake.messages[-1].text


def test_a_server_error_is_over_with_the_next_attempt(
    desk: Desk, fake: FakeTelegram, clock: VirtualClock
) -> None:
    alerts.observe(desk, [own.trouble()])
    fake.faults.append(Fault("answer", 500))
    assert [each.state for each in alerts.deliver_due(desk)] == ["due"]
    clock.advance(timedelta(seconds=10))
    assert [each.state for each in alerts.deliver_due(desk)] == ["sent"]
    assert "(resend)" not in fake.messages[-1].text


def test_nobody_listening_is_a_refusal(make_desk: MakeDesk, fake: FakeTelegram) -> None:
    with nobody_listens() as api:
        found = answer(make_desk(own.bot(api)))
    assert (found.outcome, found.detail) == (
        "refused",
        "Telegram: could not connect: connection refused",
    )


def test_a_connection_that_does_not_come_about_is_a_refusal(
    make_desk: MakeDesk, fake: FakeTelegram
) -> None:
    with nobody_accepts() as api:
        found = answer(make_desk(own.bot(api)), limit_s=1.5)
    assert found.outcome == "refused", found.detail


def test_a_name_that_does_not_exist_is_a_refusal(make_desk: MakeDesk, fake: FakeTelegram) -> None:
    found = answer(make_desk(own.bot("http://telegram.invalid")), limit_s=own.LIMIT_S)
    assert found.outcome == "refused", found.detail
    assert "name cannot be resolved" in found.detail


def test_no_secure_connection_is_a_refusal(make_desk: MakeDesk, fake: FakeTelegram) -> None:
    found = answer(make_desk(own.bot(fake.url.replace("http:", "https:"))))
    assert found.outcome == "refused", found.detail
    assert "no secure connection" in found.detail


def test_a_rejected_token_is_an_alert_at_once(desk: Desk, fake: FakeTelegram) -> None:
    fake.token = "1:other"
    alerts.observe(desk, [own.trouble()])
    alerts.deliver_due(desk)
    raised = {each.key: each.summary for each in alerts.list_alerts(desk)}
    assert "mend `token`" in raised["channel:chat"]


@pytest.mark.parametrize("how", ["answer", "half", "reset"])
def test_the_token_is_nowhere_but_at_the_service(
    desk: Desk, fake: FakeTelegram, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    repeated = {"ok": False, "description": f"no such bot {TOKEN} in {TOKEN.partition(':')[2]}"}
    fake.faults.append(Fault(how, 401, repeated))
    alerts.observe(desk, [own.trouble()])
    alerts.deliver_due(desk)
    assert TOKEN in fake.requests[0].path
    for text in (own.everything_written(desk), caplog.text, repr(desk.settings.channels)):
        assert TOKEN.partition(":")[2] not in text


@pytest.fixture(scope="module")
def open_fake() -> Iterator[FakeTelegram]:
    """One service for all examples: it keeps what it got, and nothing else depends on it."""
    made = FakeTelegram()
    yield made
    made.close()


@given(st.text(max_size=200), st.text(alphabet=st.characters(), max_size=200))
@settings(max_examples=150, deadline=None)
def test_any_text_is_one_that_the_chat_takes(
    open_fake: FakeTelegram, title: str, body: str
) -> None:
    _taken(open_fake, title, body)


@pytest.mark.parametrize(
    "text",
    [
        *("<b>&amp;</b>", "a\0b", "\u202eevil\u202c" * 50, "x" * 10_000, "\ud800", ""),
        "漢\U0001f4a5" * 5000,
    ],
)
def test_a_hard_text_is_one_that_the_chat_takes(open_fake: FakeTelegram, text: str) -> None:
    _taken(open_fake, text, text)


def _taken(fake: FakeTelegram, title: str, body: str) -> None:
    parts = {"token": fake.token, "to": str(CHAT), "api": fake.url}
    send = telegram.connect({"parts": parts, "limit_s": own.LIMIT_S})
    found = send({"kind": "page", "alert_ids": [1], "title": title, "body": body})
    assert found["outcome"] == "sent", found
