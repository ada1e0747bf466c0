"""What people answer in the chat is taken care of once, by their role, and told to them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from conftest import MakeDesk
from mechexo.alerts import operations as alerts
from mechexo.alerts.answers import Listener, bots_asked, poll_answers
from mechexo.alerts.values import Alert, AlertState
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import UnreachableError
from support import own_channels as own
from support.fake_service import Fault
from support.fake_telegram import CHAT, TOKEN, FakeTelegram, too_many
from support.own_channels import ADA, GRACE, STRANGER

pytestmark = pytest.mark.slow


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTelegram]:
    own.secrets(monkeypatch)
    made = FakeTelegram()
    yield made
    made.close()


@pytest.fixture
def desk(make_desk: MakeDesk, fake: FakeTelegram) -> Desk:
    """A desk whose chat shows one critical alert."""
    made = make_desk(own.bot(fake.url) + own.ACCESS)
    alerts.observe(made, [own.trouble()])
    alerts.deliver_due(made)
    return made


def notice(fake: FakeTelegram) -> str:
    """The words of the last answered press."""
    return fake.notices[-1][1]


def refusals(desk: Desk) -> list[tuple[str, str]]:
    return [(each.who, each.action) for each in desk.audit_entries() if each.outcome == "refused"]


def test_a_pressed_button_acknowledges(desk: Desk, fake: FakeTelegram) -> None:
    fake.press("ack:1", user=ADA)
    (done,) = poll_answers(desk)
    alert = alerts.get_alert(desk, 1)
    assert (alert.state, alert.acknowledged_by) == (AlertState.ACKNOWLEDGED, "ada")
    assert (done.by, done.done) == ("ada", True)
    assert notice(fake) == "alert 1: ada knows since 2026-03-02 14:30:00 UTC"


def test_the_message_shows_who_took_it(desk: Desk, fake: FakeTelegram) -> None:
    fake.press("ack:1", user=ADA)
    poll_answers(desk)
    (message,) = fake.messages
    assert message.text.endswith("✔ alert 1: ada knows since 2026-03-02 14:30:00 UTC")
    assert message.text.startswith("CRITICAL")
    assert message.buttons == ["runbook:1"]


def test_where_it_came_from_stands_in_the_timeline(desk: Desk, fake: FakeTelegram) -> None:
    fake.press("ack:1", user=ADA)
    poll_answers(desk)
    said = [(each.actor, each.detail) for each in alerts.timeline(desk, 1)]
    assert ("ada", "by chat") in said


def test_the_chat_that_it_came_from_is_not_told_again(desk: Desk, fake: FakeTelegram) -> None:
    fake.press("ack:1", user=ADA)
    poll_answers(desk)
    alerts.deliver_due(desk)
    assert len(fake.messages) == 1


def test_the_first_one_stands(desk: Desk, fake: FakeTelegram, clock: VirtualClock) -> None:
    alerts.acknowledge(desk, 1)
    clock.advance(timedelta(minutes=3))
    fake.press("ack:1", user=ADA)
    poll_answers(desk)
    assert notice(fake) == "alert 1: tester knows since 2026-03-02 14:30:00 UTC"
    assert alerts.get_alert(desk, 1).acknowledged_by == "tester"


def test_who_is_only_a_viewer_is_told_so(desk: Desk, fake: FakeTelegram) -> None:
    fake.press("ack:1", user=GRACE)
    (done,) = poll_answers(desk)
    assert not done.done
    assert "needs the role responder; grace is viewer" in notice(fake)
    assert alerts.get_alert(desk, 1).state is AlertState.FIRING
    assert refusals(desk) == [("grace", "alerts.acknowledge")]


def test_a_stranger_is_refused_and_the_refusal_recorded_once(
    desk: Desk, fake: FakeTelegram, clock: VirtualClock
) -> None:
    for act in ("ack:1", "snooze:1", "runbook:1"):
        fake.press(act, user=STRANGER)
    poll_answers(desk)
    assert notice(fake) == "not known here: 999 is not among the actors of chat"
    assert len(fake.notices) == 3
    assert alerts.get_alert(desk, 1).state is AlertState.FIRING
    assert refusals(desk) == [("telegram:999", "alerts.acknowledge")]
    clock.advance(timedelta(hours=2))
    fake.press("ack:1", user=STRANGER)
    poll_answers(desk)
    assert len(refusals(desk)) == 2


def test_a_stranger_stays_one_when_everybody_may_respond(
    make_desk: MakeDesk, fake: FakeTelegram
) -> None:
    desk = make_desk(own.bot(fake.url) + '[access]\nothers = "admin"\n')
    alerts.observe(desk, [own.trouble()])
    alerts.deliver_due(desk)
    fake.press("ack:1", user=STRANGER)
    poll_answers(desk)
    assert alerts.get_alert(desk, 1).state is AlertState.FIRING


def test_a_snooze_silences_this_alert_for_an_hour(desk: Desk, fake: FakeTelegram) -> None:
    fake.press("snooze:1", user=ADA)
    poll_answers(desk)
    (silence,) = alerts.silences(desk)
    assert (silence.author, dict(silence.matchers)) == ("ada", {"key": "feed"})
    assert silence.ends_at - silence.starts_at == timedelta(hours=1)
    assert notice(fake) == "alert 1: quiet until 2026-03-02 15:30:00 UTC, by ada"
    assert fake.messages[0].buttons == ["ack:1", "runbook:1"]


def test_a_second_snooze_changes_nothing(desk: Desk, fake: FakeTelegram) -> None:
    message = fake.messages[0]
    fake.press("snooze:1", user=ADA, message=message)
    fake.press("snooze:1", user=ADA, message=message)
    poll_answers(desk)
    assert len(alerts.silences(desk)) == 1
    assert len(fake.notices) == 2


def test_a_viewer_cannot_snooze(desk: Desk, fake: FakeTelegram) -> None:
    fake.press("snooze:1", user=GRACE)
    poll_answers(desk)
    assert alerts.silences(desk) == ()
    assert refusals(desk) == [("grace", "alerts.silence")]


def test_the_first_steps_come_as_a_message(desk: Desk, fake: FakeTelegram) -> None:
    def first_steps(alert: Alert) -> str:
        return f"Steps for {alert.name}:\n1. look <here> & there"

    fake.press("runbook:1", user=GRACE)
    poll_answers(desk, first_steps=first_steps)
    assert fake.messages[-1].text == "Steps for feed_alert:\n1. look <here> & there"
    assert notice(fake) == "see the chat"


def test_that_there_are_no_steps_is_said(desk: Desk, fake: FakeTelegram) -> None:
    fake.press("runbook:1", user=ADA)
    poll_answers(desk, first_steps=lambda _: "")
    assert notice(fake) == "no runbook entry was found for alert 1"


@pytest.mark.parametrize(
    "text", ["ack 1", "/ack 1", "ACK #1 on it", "/ack@desk_bot 1 on it", " ack  1\non it"]
)
def test_a_written_word_acknowledges(desk: Desk, fake: FakeTelegram, text: str) -> None:
    fake.write(text, user=ADA)
    poll_answers(desk)
    assert alerts.get_alert(desk, 1).acknowledged_by == "ada"
    assert fake.messages[-1].text == "alert 1: ada knows since 2026-03-02 14:30:00 UTC"
    details = [each.detail for each in alerts.timeline(desk, 1) if each.actor == "ada"]
    assert details == ["by chat: on it" if "on it" in text else "by chat"]


def test_a_reply_need_not_name_the_alert(desk: Desk, fake: FakeTelegram) -> None:
    fake.write("ack", user=ADA, answering=fake.messages[0])
    poll_answers(desk)
    assert alerts.get_alert(desk, 1).acknowledged_by == "ada"


def test_a_word_without_a_number_is_asked_for_one(desk: Desk, fake: FakeTelegram) -> None:
    fake.write("ack", user=ADA)
    poll_answers(desk)
    assert fake.messages[-1].text == "which alert? Write: ack NUMBER"


@pytest.mark.parametrize("text", ["acknowledged, thanks", "hello", "ack, sure, later", "ack: 1"])
def test_talk_is_left_alone(desk: Desk, fake: FakeTelegram, text: str) -> None:
    fake.write(text, user=ADA)
    assert poll_answers(desk) == ()
    assert len(fake.messages) == 1


def test_what_cannot_be_done_is_said(desk: Desk, fake: FakeTelegram) -> None:
    alerts.resolve(desk, 1)
    for data in ("ack:1", "snooze:1", "ack:77", "ack:99999999999999999999", "strange"):
        fake.press(data, user=ADA)
    poll_answers(desk)
    words = [text for _, text, _ in fake.notices]
    assert "was resolved" in words[0]
    assert words[1] == "alert 1 is over; there is nothing to snooze"
    assert "77" in words[2]
    assert words[3:] == ["this button is of no use any more"] * 2


def test_an_update_of_another_shape_holds_nothing_up(desk: Desk, fake: FakeTelegram) -> None:
    fake.receive({"callback_query": {"id": 5}})
    fake.receive({"message": {"text": "ack 1"}})
    fake.receive({"message": {"text": 7, "from": 3}})
    fake.receive({"poll": []})
    fake.press("ack:1", user=ADA)
    poll_answers(desk)
    assert alerts.get_alert(desk, 1).acknowledged_by == "ada"


def test_an_answer_is_taken_once(desk: Desk, fake: FakeTelegram) -> None:
    fake.press("ack:1", user=ADA)
    assert len(poll_answers(desk)) == 1
    assert poll_answers(desk) == ()
    assert len(fake.notices) == 1


def test_an_answer_waits_when_it_could_not_be_written(
    desk: Desk, fake: FakeTelegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.press("ack:1", user=ADA)
    monkeypatch.setattr("mechexo.state.store.LOCK_WAIT_S", 0.1)
    (desk.state.path.parent / f"{desk.state.path.name}.lock").touch()
    with _another_writes(desk), pytest.raises(Exception, match="another process has been writing"):
        poll_answers(desk)
    assert fake.notices == []
    assert len(poll_answers(desk)) == 1
    assert alerts.get_alert(desk, 1).acknowledged_by == "ada"


def test_a_program_killed_on_the_way_loses_and_doubles_nothing(
    desk: Desk, fake: FakeTelegram
) -> None:
    """It dies after the effect, while it tells of it: the next one sees the press again."""
    fake.press("snooze:1", user=ADA)
    query_held = threading.Event()
    original = fake.respond

    def respond(request):  # type: ignore[no-untyped-def]
        if request.path.endswith("answerCallbackQuery") and not query_held.is_set():
            query_held.set()
            fake.closing.wait(own.LIMIT_S)
        return original(request)

    fake.respond = respond  # type: ignore[method-assign]
    program = (
        "import sys\nfrom pathlib import Path\nfrom mechexo.desk import Desk\n"
        "from mechexo.alerts.answers import poll_answers\n"
        "from mechexo.clock import VirtualClock\nfrom datetime import datetime\n"
        f"clock = VirtualClock(datetime.fromisoformat({desk.clock.now().isoformat()!r}))\n"
        "poll_answers(Desk.open(Path(sys.argv[1]), clock=clock))\n"
    )
    running = subprocess.Popen([sys.executable, "-c", program, desk.config_path])
    assert query_held.wait(own.LIMIT_S)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert len(alerts.silences(desk)) == 1
    (done,) = poll_answers(desk)
    assert done.done
    assert len(alerts.silences(desk)) == 1
    assert len(fake.notices) == 1


def test_two_programs_do_not_ask_the_same_bot(desk: Desk, fake: FakeTelegram) -> None:
    waiting = threading.Thread(target=poll_answers, args=(desk, 20.0))
    waiting.start()
    own.eventually(lambda: fake.polls)
    assert poll_answers(desk) == ()
    assert len(fake.polls) == 1
    fake.press("ack:1", user=ADA)
    waiting.join(own.LIMIT_S)
    assert alerts.get_alert(desk, 1).acknowledged_by == "ada"


def test_a_long_poll_answers_at_once(desk: Desk, fake: FakeTelegram) -> None:
    listener = Listener(desk)
    thread = threading.Thread(target=listener.run)
    thread.start()
    own.eventually(lambda: fake.polls)
    fake.press("ack:1", user=ADA)
    own.eventually(lambda: fake.notices)
    fake.write("ack 1", user=ADA)
    own.eventually(lambda: len(fake.messages) == 2)
    listener.stop()
    thread.join(own.LIMIT_S)
    assert not thread.is_alive()


def test_a_listener_tells_what_is_wrong_and_when_it_is_over(desk: Desk, fake: FakeTelegram) -> None:
    told: list[str] = []
    fake.faults.append(Fault("answer", 502))
    listener = Listener(desk, tell=told.append)
    thread = threading.Thread(target=listener.run)
    thread.start()
    own.eventually(lambda: fake.polls)
    fake.press("ack:1", user=ADA)
    own.eventually(lambda: told[1:])
    listener.stop()
    thread.join(own.LIMIT_S)
    assert "502" in told[0]
    assert told[1:] == [""]


def test_somebody_else_who_asks_the_bot_is_named(desk: Desk, fake: FakeTelegram) -> None:
    words = "Conflict: terminated by other getUpdates request"
    fake.faults.append(Fault("answer", 409, {"ok": False, "description": words}))
    with pytest.raises(UnreachableError, match="another program asks this bot"):
        poll_answers(desk)
    ((name, state),) = bots_asked(desk)
    assert name == "chat"
    assert state is not None
    assert "Conflict" in state.trouble


@pytest.mark.parametrize(
    "fault",
    [
        Fault("answer", 401, {"ok": False, "description": f"no {TOKEN}"}),
        Fault("answer", 429, too_many(5)),
        Fault("answer", 500),
        Fault("half"),
        Fault("reset"),
    ],
)
def test_a_failure_is_said_and_over_with_the_next_poll(
    desk: Desk, fake: FakeTelegram, fault: Fault
) -> None:
    fake.press("ack:1", user=ADA)
    fake.faults.append(fault)
    with pytest.raises(UnreachableError, match="chat: the answers cannot be asked for") as caught:
        poll_answers(desk)
    assert TOKEN.partition(":")[2] not in str(caught.value) + own.everything_written(desk)
    assert len(poll_answers(desk)) == 1
    ((_, state),) = bots_asked(desk)
    assert state is not None
    assert state.trouble == ""


def test_an_answer_that_cannot_be_told_of_still_counts(desk: Desk, fake: FakeTelegram) -> None:
    query = fake.press("ack:1", user=ADA)
    fake.open_queries.discard(query)
    poll_answers(desk)
    assert alerts.get_alert(desk, 1).acknowledged_by == "ada"
    assert poll_answers(desk) == ()


def test_numbers_drawn_anew_after_a_quiet_week_are_not_missed(
    desk: Desk, fake: FakeTelegram, clock: VirtualClock
) -> None:
    fake.write("ack 77", user=ADA)
    poll_answers(desk)
    poll_answers(desk)
    clock.advance(timedelta(days=8))
    fake.renumber(5)
    fake.write("ack 1", user=ADA)
    assert len(poll_answers(desk)) == 1
    assert alerts.get_alert(desk, 1).acknowledged_by == "ada"


def test_a_bot_without_actors_is_not_asked(make_desk: MakeDesk, fake: FakeTelegram) -> None:
    text = own.bot(fake.url)
    lines = [line for line in text.splitlines() if not line.startswith("actors")]
    assert poll_answers(make_desk("\n".join(lines))) == ()
    assert fake.requests == []


def test_one_bot_of_two_chats_is_asked_once(make_desk: MakeDesk, fake: FakeTelegram) -> None:
    fake.chats.add("-5")
    desk = make_desk(own.bot(fake.url) + own.bot(fake.url, name="team", to=-5) + own.ACCESS)
    alerts.observe(desk, [own.trouble()])
    alerts.deliver_due(desk)
    team = next(each for each in fake.messages if each.chat == "-5")
    fake.press("ack:1", user=ADA, message=team)
    (done,) = poll_answers(desk)
    assert done.channel == "team"
    assert len(fake.polls) == 1


def test_the_lock_and_the_table_name_no_secret(desk: Desk, fake: FakeTelegram) -> None:
    fake.press("ack:1", user=ADA)
    poll_answers(desk)
    names = json.dumps([each.name for each in desk.state.path.parent.iterdir()])
    for secret in TOKEN.split(":"):
        assert secret not in names
        assert secret not in own.everything_written(desk)
    assert str(CHAT) not in names


class _another_writes:  # noqa: N801 - reads as a sentence
    """Holds the writers' queue."""

    def __init__(self, desk: Desk) -> None:
        self._path = f"{desk.state.path}.lock"

    def __enter__(self) -> None:
        import fcntl

        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
