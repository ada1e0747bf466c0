"""Messages reach real sinks, and nothing is lost when a sink, or the sender, fails."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from conftest import MakeDesk
from mechexo.alerts import operations as alerts
from mechexo.alerts.values import Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk

pytestmark = pytest.mark.slow


def trouble(key: str = "feed", severity: str = "critical", summary: str = "stale") -> Observation:
    return Observation(key, True, severity, f"{key}_alert", summary, "probe", {"card": "data"})


class HttpSink:
    """A real HTTP server that answers as it is told and keeps what it got."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.status = 200
        self.hang = threading.Event()
        self.hanging = False
        self.let_go = 0
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.got.append(json.loads(body))
                if sink.hanging:
                    sink.hang.wait(30)
                    sink.let_go += 1
                    return
                self.send_response(sink.status)
                self.send_header("Retry-After", "7")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/"

    def close(self) -> None:
        self.hang.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    made = HttpSink()
    yield made
    made.close()


@contextmanager
def smtp_sink() -> Iterator[tuple[int, list[str]]]:
    got: list[str] = []

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
            got.append(envelope.content.decode())
            return "250 OK"

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(Handler(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port, got
    finally:
        controller.stop()


@contextmanager
def silent_sink() -> Iterator[int]:
    """A server that accepts and never says a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(8)
        yield server.getsockname()[1]


def channel(name: str, url: str, extra: str = "") -> str:
    return f'[channels.{name}]\nurl = "{url}"\n{extra}\n'


def at_once(*names: str) -> str:
    """A ladder of one level, climbed once."""
    tell = ", ".join(f'"{name}"' for name in names)
    return f"[escalation.default]\nrepeat = 0\nlevels = [{{ tell = [{tell}] }}]\n"


def states(desk: Desk) -> dict[str, str]:
    return {each.channel: each.state for each in alerts.deliveries(desk)}


def test_an_alert_reaches_an_smtp_server(make_desk: MakeDesk) -> None:
    with smtp_sink() as (port, got):
        url = f"mailto://127.0.0.1:{port}/?from=desk@example.com&to=you@example.com&mode=insecure"
        desk = make_desk(channel("mail", url))
        alerts.observe(desk, [trouble(summary="quotes are 400 s old")])
        (delivery,) = alerts.deliver_due(desk)
    assert delivery.state == "sent", delivery.detail
    (mail,) = got
    assert "CRITICAL: feed_alert on test (paper)" in mail
    assert "quotes are 400 s old" in mail
    assert "mechexo alerts ack 1" in mail


def test_an_alert_reaches_an_http_server_as_plain_text(make_desk: MakeDesk, sink: HttpSink) -> None:
    desk = make_desk(channel("hook", sink.url))
    alerts.observe(desk, [trouble(summary="NAV breach <5%> & rising\x00\x1b[31m")])
    (delivery,) = alerts.deliver_due(desk)
    assert delivery.state == "sent", delivery.detail
    (got,) = sink.got
    assert "NAV breach <5%> & rising\n" in got["message"]


def test_a_file_in_the_current_folder_stands_in_for_no_module(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(channel("box", "file://box.jsonl"))
    monkeypatch.chdir(desk.root)
    for module in ("signal", "secrets", "json"):
        (desk.root / f"{module}.py").write_text("raise SystemExit('not me')")
    alerts.observe(desk, [trouble()])
    assert [each.state for each in alerts.deliver_due(desk)] == ["sent"]


def test_a_long_summary_in_any_script_is_delivered(make_desk: MakeDesk, sink: HttpSink) -> None:
    desk = make_desk(channel("hook", sink.url) + channel("box", "file://box.jsonl"))
    alerts.observe(desk, [trouble(summary="\U0001f4a5漢<&>" * 2500)])
    delivered = alerts.deliver_due(desk)
    assert [each.state for each in delivered] == ["sent", "sent"]
    assert "\U0001f4a5漢<&>" in sink.got[0]["message"]


def test_a_second_pass_sends_nothing_again(make_desk: MakeDesk, sink: HttpSink) -> None:
    desk = make_desk(channel("hook", sink.url))
    alerts.observe(desk, [trouble()])
    alerts.deliver_due(desk)
    alerts.observe(desk, [trouble()])
    assert alerts.deliver_due(desk) == ()
    assert len(sink.got) == 1


def test_a_mailbox_beside_the_configuration_gets_one_line_per_message(make_desk: MakeDesk) -> None:
    desk = make_desk(channel("box", "file://messages/box.jsonl"))
    alerts.observe(desk, [trouble("one"), trouble("two")])
    assert {each.state for each in alerts.deliver_due(desk)} == {"sent"}
    lines = (desk.root / "messages" / "box.jsonl").read_text().splitlines()
    assert [json.loads(line)["alert_id"] for line in lines] == [1, 2]
    assert {message.alert_id for message in alerts.mailbox(desk)} == {1, 2}


def test_a_mailbox_in_a_missing_folder_elsewhere_is_tried_again(
    make_desk: MakeDesk, tmp_path: Path
) -> None:
    desk = make_desk(channel("box", f"file://{tmp_path}/nowhere/box.jsonl"))
    alerts.observe(desk, [trouble()])
    (delivery,) = alerts.deliver_due(desk)
    assert (delivery.state, delivery.attempts) == ("due", 1)
    assert "No such file or directory" in delivery.detail


def test_a_line_cut_off_by_a_crash_costs_no_other_line(make_desk: MakeDesk) -> None:
    desk = make_desk(channel("box", "file://box.jsonl"))
    (desk.root / "box.jsonl").write_text('{"at": "2026-03')
    alerts.observe(desk, [trouble()])
    alerts.deliver_due(desk)
    good, broken = alerts.mailbox(desk)
    assert good.alert_id == 1
    assert (broken.at, broken.title) == (None, "a line that cannot be read")


@pytest.mark.parametrize("status", [429, 500])
def test_a_server_that_refuses_is_tried_again_later(
    make_desk: MakeDesk, sink: HttpSink, clock: VirtualClock, status: int
) -> None:
    desk = make_desk(channel("hook", sink.url))
    alerts.observe(desk, [trouble()])
    sink.status = status
    (delivery,) = alerts.deliver_due(desk)
    assert (delivery.state, delivery.attempts) == ("due", 1)
    assert str(status) in delivery.detail
    assert alerts.deliver_due(desk) == (), "not before its time"
    sink.status = 200
    clock.advance(timedelta(seconds=10))
    (delivery,) = alerts.deliver_due(desk)
    assert (delivery.state, delivery.attempts) == ("sent", 2)
    assert len(sink.got) == 2


def test_a_server_that_is_not_there_is_tried_again(make_desk: MakeDesk) -> None:
    with silent_sink() as port:
        pass
    desk = make_desk(channel("hook", f"json://127.0.0.1:{port}/"))
    alerts.observe(desk, [trouble()])
    (delivery,) = alerts.deliver_due(desk)
    assert (delivery.state, delivery.attempts) == ("due", 1)


def test_a_channel_that_keeps_failing_is_given_up_after_a_day_with_its_reason(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(channel("box", "file:///nowhere/box.jsonl") + at_once("box"))
    alerts.observe(desk, [trouble()])
    attempts = 0
    while alerts.deliveries(desk, 1)[0].state == "due":
        clock.advance(timedelta(hours=5))
        attempts += len([each for each in alerts.deliver_due(desk) if each.alert_id == 1])
    (delivery,) = alerts.deliveries(desk, 1)
    assert delivery.state == "failed"
    assert "given up" in delivery.detail
    assert "No such file" in delivery.detail
    assert attempts == delivery.attempts


def test_an_address_that_apprise_refuses_is_an_alert_at_once_and_tried_when_it_was_mended(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(channel("hook", "json://:99999/"))
    alerts.observe(desk, [trouble()])
    (delivery,) = alerts.deliver_due(desk)
    assert (delivery.state, delivery.attempts) == ("due", 1)
    assert "does not accept" in delivery.detail
    assert [alert.key for alert in alerts.list_alerts(desk)] == ["feed", "channel:hook"]
    clock.advance(timedelta(days=3))
    assert {each.state for each in alerts.deliver_due(desk)} == {"due"}
    assert alerts.oldest_due_s(desk) == timedelta(days=3).total_seconds()
    desk = make_desk(channel("hook", "file://box.jsonl"))
    clock.advance(timedelta(minutes=15))
    assert {each.state for each in alerts.deliver_due(desk)} == {"sent"}
    assert {message.alert_id for message in alerts.mailbox(desk)} == {1, 2}


def test_an_address_that_apprise_refuses_is_not_tried_for_what_somebody_knows(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(channel("hook", "json://:99999/", 'severities = ["critical"]'))
    alerts.observe(desk, [trouble()])
    alerts.deliver_due(desk)
    alerts.acknowledge(desk, 1)
    clock.advance(timedelta(minutes=15))
    assert alerts.deliver_due(desk) == ()
    assert alerts.oldest_due_s(desk) is None


def test_a_secret_that_is_missing_now_is_looked_for_again(
    make_desk: MakeDesk, sink: HttpSink, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(channel("hook", sink.url + "${env:HOOK_PATH}"))
    alerts.observe(desk, [trouble()])
    (delivery,) = alerts.deliver_due(desk)
    assert (delivery.state, "HOOK_PATH" in delivery.detail) == ("due", True)
    monkeypatch.setenv("HOOK_PATH", "here")
    clock.advance(timedelta(minutes=1))
    assert [each.state for each in alerts.deliver_due(desk)] == ["sent"]


@pytest.mark.slow
def test_a_channel_that_hangs_takes_nothing_from_the_others(
    make_desk: MakeDesk, sink: HttpSink
) -> None:
    with silent_sink() as port:
        mail = f"mailto://127.0.0.1:{port}/?from=a@example.com&to=b@example.com&mode=insecure"
        desk = make_desk(
            channel("hook", sink.url)
            + channel("mail", mail, 'timeout = "1s"')
            + channel("box", "file://box.jsonl")
            + at_once("hook", "mail", "box")
        )
        alerts.observe(desk, [trouble("one"), trouble("two")])
        alerts.deliver_due(desk, deadline_s=10)
    assert len(sink.got) == 2
    assert len(alerts.mailbox(desk)) == 2
    mails = [each for each in alerts.deliveries(desk) if each.channel == "mail"]
    assert {each.state for each in mails} == {"due"}
    assert sorted(each.attempts for each in mails) == [0, 1], "a hung channel is left for this pass"
    assert any("ended by force" in each.detail for each in mails)


@pytest.mark.slow
def test_what_hangs_is_ended_at_the_deadline_and_due_again(
    make_desk: MakeDesk, sink: HttpSink, clock: VirtualClock
) -> None:
    sink.hanging = True
    desk = make_desk(channel("hook", sink.url + "?rto=60&cto=60"))
    alerts.observe(desk, [trouble()])
    (delivery,) = alerts.deliver_due(desk, deadline_s=3)
    assert (len(sink.got), sink.let_go) == (1, 0), "the server still hangs, and nobody waits"
    assert delivery.state == "due"
    assert children() == []
    sink.hanging = False
    clock.advance(timedelta(seconds=10))
    (delivery,) = alerts.deliver_due(desk)
    assert delivery.state == "sent"
    assert sink.got[-1]["title"].endswith("(resend)"), "the first may have arrived"


@pytest.mark.slow
def test_a_mailbox_that_somebody_holds_for_ever_keeps_nobody(make_desk: MakeDesk) -> None:
    desk = make_desk(channel("box", "file://box.jsonl"))
    alerts.observe(desk, [trouble()])
    held = os.open(desk.root / "box.jsonl", os.O_RDWR | os.O_CREAT)
    try:
        # Somebody else holds the mailbox for ever.
        fcntl.flock(held, fcntl.LOCK_EX)
        (delivery,) = alerts.deliver_due(desk, deadline_s=2)
    finally:
        os.close(held)
    assert (delivery.state, "ended by force" in delivery.detail) == ("due", True)
    assert children() == []


def children() -> list[str]:
    found = []
    for task in Path("/proc/self/task").iterdir():
        # A thread may end while we look.
        with suppress(FileNotFoundError, ProcessLookupError):
            found += (task / "children").read_text().split()
    return [pid for pid in found if b"alerts.channels.child" in _command_line(pid)]


def _command_line(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


def test_a_sender_killed_between_sending_and_recording_sends_again_and_says_so(
    make_desk: MakeDesk, sink: HttpSink, clock: VirtualClock
) -> None:
    sink.hanging = True
    desk = make_desk(channel("hook", sink.url + "?rto=60&cto=60"))
    alerts.observe(desk, [trouble()])
    # A clock of its own, standing at the test's time, as the lease is given in it.
    program = (
        "import sys; from pathlib import Path; from datetime import datetime\n"
        "from mechexo.clock import VirtualClock; from mechexo.desk import Desk\n"
        "from mechexo.alerts.sender import deliver_due\n"
        "clock = VirtualClock(datetime.fromisoformat(sys.argv[2]))\n"
        "deliver_due(Desk.open(Path(sys.argv[1]), clock=clock))\n"
    )
    arguments = [sys.executable, "-c", program, str(desk.config_path), clock.now().isoformat()]
    sender = subprocess.Popen(arguments, start_new_session=True)
    waited = time.monotonic() + 20
    while not sink.got and time.monotonic() < waited:
        time.sleep(0.02)
    os.kill(sender.pid, signal.SIGKILL)
    sender.wait()
    sink.hanging = False
    sink.hang.set()
    assert states(desk) == {"hook": "sending"}
    assert alerts.deliver_due(desk) == (), "not while the lease may be held by a living sender"
    clock.advance(timedelta(seconds=15))
    (delivery,) = alerts.deliver_due(desk)
    assert (delivery.state, delivery.attempts) == ("sent", 2)
    assert [got["title"].endswith("(resend)") for got in sink.got] == [False, True]
    kinds = [event.kind for event in alerts.timeline(desk, 1)]
    assert kinds == ["opened", "paged", "lost", "sent"]


def test_two_senders_at_once_send_each_message_once(make_desk: MakeDesk) -> None:
    desk = make_desk(channel("box", "file://box.jsonl"))
    alerts.observe(desk, [trouble(f"key-{number}") for number in range(12)])
    threads = [threading.Thread(target=alerts.deliver_due, args=(desk,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(message.alert_id or 0 for message in alerts.mailbox(desk)) == list(range(1, 13))


def test_nothing_is_sent_after_an_acknowledgement(make_desk: MakeDesk, sink: HttpSink) -> None:
    desk = make_desk(channel("hook", sink.url))
    alerts.observe(desk, [trouble()])
    alerts.acknowledge(desk, 1)
    assert alerts.deliver_due(desk) == ()
    assert sink.got == []
    assert states(desk) == {"hook": "cancelled"}


def test_a_critical_alert_goes_before_the_others(make_desk: MakeDesk) -> None:
    desk = make_desk(channel("box", "file://box.jsonl"))
    alerts.observe(desk, [trouble("a", "high"), trouble("b", "medium"), trouble("c", "critical")])
    alerts.deliver_due(desk)
    lines = (desk.root / "box.jsonl").read_text().splitlines()
    assert [json.loads(line)["alert_id"] for line in lines] == [3, 1, 2]


def test_a_message_for_a_channel_that_was_removed_goes_through_those_of_today(
    make_desk: MakeDesk,
) -> None:
    alerts.observe(make_desk(channel("old", "file://old.jsonl")), [trouble()])
    desk = make_desk(channel("new", "file://new.jsonl"))
    (delivery,) = alerts.deliver_due(desk)
    assert (delivery.channel, delivery.state) == ("new", "sent")
    (old,) = [each for each in alerts.deliveries(desk) if each.channel == "old"]
    assert old.state == "cancelled"
    assert old.detail == "old is not in the configuration any more"
    assert "new instead" in alerts.timeline(desk, 1)[2].detail


def test_whoever_was_told_already_is_not_told_again_when_another_channel_is_removed(
    make_desk: MakeDesk,
) -> None:
    good = channel("good", "file://good.jsonl")
    desk = make_desk(good + channel("bad", "json://:99999/"))
    alerts.observe(desk, [trouble()])
    alerts.deliver_due(desk)
    desk = make_desk(good + channel("more", "file://more.jsonl"))
    told = [(each.alert_id, each.channel) for each in alerts.deliver_due(desk)]
    assert sorted(each for each in told if each[0] == 1) == [(1, "more")]
    assert [m.alert_id for m in alerts.mailbox(desk) if m.channel == "good"].count(1) == 1
    assert alerts.undelivered(desk) == ()


def test_that_a_channel_fails_is_over_when_it_is_removed(make_desk: MakeDesk) -> None:
    desk = make_desk(channel("bad", "json://:99999/"))
    alerts.observe(desk, [trouble()])
    alerts.deliver_due(desk)
    assert [alert.key for alert in alerts.list_alerts(desk)] == ["feed", "channel:bad"]
    desk = make_desk(channel("good", "file://good.jsonl"))
    alerts.observe(desk, [])
    assert [alert.key for alert in alerts.list_alerts(desk)] == ["feed"]
    assert [each.alert_id for each in alerts.deliver_due(desk)] == [1]


def test_a_message_that_no_channel_can_take_any_more_waits_for_one(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    alerts.observe(make_desk(channel("old", "file://old.jsonl")), [trouble()])
    desk = make_desk()
    clock.advance(timedelta(minutes=2))
    (delivery,) = alerts.deliver_due(desk)
    assert (delivery.channel, delivery.state) == ("old", "due")
    assert alerts.oldest_due_s(desk) == 120
    alerts.observe(desk, [trouble()])
    assert [event.kind for event in alerts.timeline(desk, 1)] == ["opened", "paged", "rejected"]
    desk = make_desk(channel("new", "file://new.jsonl"))
    assert [(each.channel, each.state) for each in alerts.deliver_due(desk)] == [("new", "sent")]
    assert alerts.oldest_due_s(desk) is None


def test_a_page_that_was_given_up_is_told_while_its_alert_waits_for_somebody(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(channel("box", "file:///nowhere/box.jsonl", 'severities = ["critical"]'))
    alerts.observe(desk, [trouble(), trouble("late", "high")])
    assert alerts.undelivered(desk) == (
        "nobody was told about alert 2 (high late_alert): no channel takes it",
    )
    while alerts.deliveries(desk, 1)[0].state == "due":
        clock.advance(timedelta(hours=5))
        alerts.deliver_due(desk)
    first, *_ = alerts.undelivered(desk)
    assert first.startswith(
        "nobody was told about alert 1 (critical feed_alert): could not be delivered: given up"
    )
    for alert in alerts.list_alerts(desk):
        alerts.acknowledge(desk, alert.id)
    assert alerts.undelivered(desk) == ()


@pytest.mark.slow
def test_a_token_is_nowhere_but_at_the_server(
    make_desk: MakeDesk, sink: HttpSink, monkeypatch: pytest.MonkeyPatch, clock: VirtualClock
) -> None:
    monkeypatch.setenv("CANARY", "canary-7f3a9c-secret")
    sink.status = 500
    desk = make_desk(
        channel("hook", f"json://user:${{env:CANARY}}@127.0.0.1:{sink.port}/${{env:CANARY}}")
        + channel("chat", "tgram://${env:CANARY}/123")
        + channel("down", "json://127.0.0.1:1/${env:CANARY}/?token=${env:CANARY}")
    )
    alerts.observe(desk, [trouble()])
    for _ in range(3):
        alerts.deliver_due(desk)
        clock.advance(timedelta(minutes=10))
    assert sink.got
    assert any(each.attempts for each in alerts.deliveries(desk) if each.channel == "down")
    stored = b"".join(path.read_bytes() for path in desk.state.path.parent.iterdir())
    assert b"canary" not in stored
    said = repr([alerts.deliveries(desk), alerts.timeline(desk, 1)])
    assert "canary" not in said


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(401, "rejected"), (404, "rejected"), (500, "refused"), (429, "refused")],
)
def test_an_answer_that_no_second_try_changes_is_rejected_and_the_next_level_told_at_once(
    make_desk: MakeDesk, sink: HttpSink, status: int, outcome: str
) -> None:
    sink.status = status
    desk = make_desk(
        channel("hook", sink.url)
        + channel("box", "file://box.jsonl")
        + "[escalation.default]\nrepeat = 0\n"
        + 'levels = [{ tell = ["hook"] }, { after = "15m", tell = ["box"] }]\n'
    )
    alerts.observe(desk, [trouble()])
    alerts.deliver_due(desk)
    rows = desk.state.rows(
        "SELECT outcome FROM delivery_attempt JOIN delivery ON delivery.id = delivery_id "
        "WHERE alert_id = 1 AND channel = 'hook'"
    )
    assert [row["outcome"] for row in rows] == [outcome]
    told = {each.channel: each.state for each in alerts.deliveries(desk, 1)}
    assert told == {"hook": "due", **({"box": "sent"} if outcome == "rejected" else {})}


def test_an_alert_that_does_not_climb_goes_on_too_when_its_channel_fails_for_good(
    make_desk: MakeDesk, sink: HttpSink
) -> None:
    sink.status = 401
    desk = make_desk(
        channel("hook", sink.url)
        + channel("box", "file://box.jsonl")
        + "[escalation.default]\nrepeat = 0\n"
        + 'levels = [{ tell = ["hook"] }, { after = "15m", tell = ["box"] }]\n'
    )
    alerts.observe(desk, [trouble(severity="medium")])
    alerts.deliver_due(desk)
    told = {each.channel: each.state for each in alerts.deliveries(desk, 1)}
    assert told == {"hook": "due", "box": "sent"}
