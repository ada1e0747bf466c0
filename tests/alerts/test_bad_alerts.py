"""Alerts that nobody should send, clocks that cannot be right, channels that mean nothing: each is
a clear refusal or is shown safely, and nothing is lost."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from conftest import MakeDesk
from console.driving import press, screen_text, settled, until
from mechexo.alerts import operations as alerts
from mechexo.alerts import sender
from mechexo.alerts.processes import Processes
from mechexo.alerts.values import Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import ConfigError, UsageError
from mechexo_tui.app import MechexoApp
from support import own_channels as own
from support.failing_servers import failing_mail
from support.fake_telegram import FakeTelegram
from support.fake_twilio import FakeTwilio
from support.program import mechexo, one_line
from support.sinks import Sink
from support.standing_time import StandingTime

pytestmark = pytest.mark.slow

TEXTS = {
    "NULs": "stale\0 quotes\0",
    "right to left": "quotes \u202e are fine\u202c and \u2067these\u2069 too",
    "Arabic": "الأسعار قديمة منذ ٤٠٠ ثانية",
    "escape sequences": "\x1b[2J\x1b]0;owned\x07\x1b[31mred\x9b1m",
    "line breaks": "first\r\nsecond\u2028third\x85fourth",
    "half a character": "half \udcff of one",
    "many marks": "e" + "\u0301" * 3_000,
    "wide": "🚨" * 3_000,
    "10,000 characters": "x" * 10_000,
    "far too long": "long words " * 20_000,
    "markup": "<b>&amp;</b> ]]> </Say><Dial>+15550009999</Dial> [bold red]x[/] *a* _b_ `c` %s {0}",
    "a reference": "${env:HOME} ${file:/etc/hostname} $(id)",
    "a mail of its own": "x\r\n.\r\nMAIL FROM:<a@example.com>\r\nBcc: b@example.com",
    "a formula": '=HYPERLINK("http://example.com","x")',
    "white space": " \t ",
    "nothing": "",
}

CRITICAL = "critical"

REFUSED = ("nonsense", "://", "telegram://x")
"""What the configuration itself takes for no address that could be written out."""


def alert(text: str, number: int = 1) -> Observation:
    """An alert that has the text wherever it can."""
    name = text if text.strip() else "name"
    return Observation(f"{number} {text}", True, CRITICAL, name, text, text, {text: text}, text)


@pytest.fixture
def processes() -> Iterator[Processes]:
    made = Processes()
    yield made
    made.end()


@pytest.fixture
def telegram(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTelegram]:
    own.secrets(monkeypatch)
    made = FakeTelegram()
    yield made
    made.close()


@pytest.fixture
def twilio(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTwilio]:
    made = FakeTwilio()
    yield made
    made.close()


async def test_any_text_reaches_every_kind_of_channel_and_every_screen_and_does_no_harm(
    make_desk: MakeDesk,
    clock: VirtualClock,
    telegram: FakeTelegram,
    twilio: FakeTwilio,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sender, "time", StandingTime(clock))
    with Sink() as sink, failing_mail("takes all") as (mail, server):
        assert server is not None
        desk = make_desk(
            f'[channels.hook]\nurl = "{sink.url}"\n[channels.box]\nurl = "file://box.jsonl"\n'
            f'[channels.mail]\nurl = "{mail}"\n'
            f"{own.bot(telegram.url)}{own.telephone(twilio.url)}{own.ACCESS}"
            "[escalation.default]\nrepeat = 0\nlevels = [{ tell = "
            '["hook", "box", "mail", "chat", "ada_phone"] }]\n'
        )
        taken = alerts.observe(
            desk, [alert(text, number) for number, text in enumerate(TEXTS.values())]
        )
        assert len(taken) == len(TEXTS)
        for _ in range(4):
            alerts.deliver_due(desk, deadline_s=60.0)
            clock.advance(timedelta(seconds=61))
        rows = [each for each in alerts.deliveries(desk, limit=10_000) if each.alert_id]
        unsent = [each for each in rows if each.state != "sent" and each.channel != "ada_phone"]
        assert unsent == []
        assert {each.channel for each in rows} == {*desk.settings.channels}
        assert len(twilio.calls) == 1
        assert server.titles
        received = [
            *(each["title"] + each["message"] for each in sink.got),
            *(each.title + each.body for each in alerts.mailbox(desk)),
            *(each.text for each in telegram.messages),
            *server.titles,
        ]
    assert all(map(harmless, received))
    assert any("${env:HOME} ${file:/etc/hostname} $(id)" in text for text in received)
    await is_shown_safely(desk)
    is_printed_safely(desk)


def harmless(text: str) -> bool:
    """Whether a text has nothing that a terminal would obey, or that turns its direction."""
    assert [
        each for each in text if each not in "\n\t" and unicodedata.category(each) == "Cc"
    ] == []
    assert not set(text) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    text.encode()
    return True


async def is_shown_safely(desk: Desk) -> None:
    for size in ((80, 24), (160, 50)):
        app = MechexoApp(desk)
        async with app.run_test(size=size) as pilot:
            await settled(pilot)
            await press(pilot, "2")
            await until(pilot, "CRITICAL")
            for _ in TEXTS:
                assert harmless(screen_text(pilot))
                await press(pilot, "j")
            await press(pilot, "enter")
            assert harmless(screen_text(pilot))
            await press(pilot, "8")
            assert harmless(screen_text(pilot))


def is_printed_safely(desk: Desk) -> None:
    numbers = [str(each.id) for each in alerts.list_alerts(desk)]
    listed = mechexo("alerts", "list", "--json", config=desk.config_path)
    assert len(json.loads(listed.stdout)["alerts"]) == len(numbers)
    rows = mechexo("alerts", "list", "--csv", config=desk.config_path)
    assert len(list(csv.reader(io.StringIO(rows.stdout)))) == len(numbers) + 1
    for words in (
        ("alerts", "list"),
        ("alerts", "show", numbers[0]),
        ("alerts", "why", numbers[1]),
        ("report", "shift"),
        ("status",),
    ):
        done = mechexo(*words, config=desk.config_path)
        assert "Traceback" not in done.stderr
        assert done.stdout
        assert harmless(done.stdout + done.stderr)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"key": ""}, "needs a key and a name"),
        ({"key": " \t "}, "needs a key and a name"),
        ({"name": "   "}, "needs a key and a name"),
        ({"name": "\u202e"}, "needs a key and a name"),
        ({"severity": "urgent"}, "'urgent' is not a severity; use one of: critical, high"),
        ({"severity": ""}, "is not a severity"),
        ({"severity": "CRITICAL"}, "is not a severity"),
    ],
)
def test_what_can_be_no_alert_is_refused_in_one_line_and_nothing_is_stored(
    desk: Desk, words: dict[str, str], said: str
) -> None:
    given = {"key": "k", "severity": "high", "name": "n", "summary": "s", **words}
    options = [word for name, value in given.items() for word in (f"--{name}", value)]
    done = mechexo("alerts", "raise", *options, config=desk.config_path)
    assert done.returncode == UsageError.exit_code
    one_line(done, said)
    bad = Observation(given["key"], True, given["severity"], given["name"], "s", "test")
    with pytest.raises(UsageError, match=said.split("'")[-1]):
        alerts.observe(desk, [alert("good"), bad])
    assert alerts.list_alerts(desk) == ()


def test_any_text_can_be_raised_by_hand_but_for_what_no_command_line_can_hold(desk: Desk) -> None:
    raised = []
    for number, text in enumerate(TEXTS.values()):
        if "\0" in text or len(text) > 100_000:
            continue
        name = text if text.strip() else "name"
        done = mechexo(
            *("alerts", "raise", "--severity", "high", f"--key={number}", f"--name={name}"),
            *(f"--summary={text}", f"--label=a={text}"),
            config=desk.config_path,
        )
        assert done.returncode == 0, done.stderr
        assert harmless(done.stdout + done.stderr)
        raised.append(str(number))
    assert len(raised) == len(TEXTS) - 2
    assert {each.key for each in alerts.list_alerts(desk)} == set(raised)


def test_ten_thousand_labels_are_kept_and_told_in_a_message_that_can_be_sent(
    make_desk: MakeDesk, telegram: FakeTelegram
) -> None:
    desk = make_desk(own.bot(telegram.url) + own.ACCESS)
    labels = {f"label-{number}": "x" * 50 for number in range(10_000)}
    alerts.observe(desk, [replace(alert("many"), labels=labels)])
    (delivery,) = alerts.deliver_due(desk, deadline_s=60.0)
    assert delivery.state == "sent", delivery.detail
    (kept,) = alerts.list_alerts(desk)
    assert len(kept.labels) == 10_000
    words = [word for number in range(2_000) for word in ("--label", f"l{number}=v{number}")]
    done = mechexo(
        *("alerts", "raise", "--severity", "high", "--key", "two", "--name", "n"),
        *("--summary", "s", *words),
        config=desk.config_path,
    )
    assert done.returncode == 0, done.stderr
    assert mechexo("alerts", "show", "1", config=desk.config_path).returncode == 0


def test_keys_that_look_alike_do_not_merge(desk: Desk) -> None:
    keys = ["a", " a", "a ", "A", "a\0", "a\u200b", "\u202ea", "a" * 500, "a" * 501, "a" * 502]
    alerts.observe(desk, [replace(alert("x"), key=key) for key in keys])
    found = alerts.list_alerts(desk)
    assert len({each.key for each in found}) == len(keys) == len(found)
    alerts.observe(desk, [replace(alert("x"), key=key) for key in keys])
    assert {each.count for each in alerts.list_alerts(desk)} == {2}


@pytest.mark.parametrize("year", [1970, 2100])
def test_a_clock_that_cannot_be_right_delivers_all_the_same_and_loses_nothing_when_it_is_set(
    make_desk: MakeDesk, clock: VirtualClock, processes: Processes, year: int
) -> None:
    desk = make_desk(
        '[channels.box]\nurl = "file://box.jsonl"\n[channels.second]\nurl = "file://two.jsonl"\n'
        "[escalation.default]\nrepeat = 0\n"
        'levels = [{ tell = ["box"] }, { after = "15m", tell = ["second"] }]\n'
    )
    right = clock.now()
    alerts.observe(desk, [alert("before", 1)])
    alerts.deliver_due(desk, processes=processes)
    clock.advance(datetime(year, 1, 1, 12, tzinfo=UTC) - right)
    alerts.observe(desk, [alert("wrong", 2), alert("before", 1)])
    alerts.deliver_due(desk, processes=processes)
    assert sorted(told(desk, "box")) == [1, 2]
    for number in (1, 2):
        assert alerts.timeline(desk, number)
    assert mechexo("alerts", "list", config=desk.config_path).returncode == 0
    # It is set right again; both still climb, each once.
    clock.advance(right - clock.now())
    for _ in range(4):
        alerts.keep_time(desk)
        alerts.deliver_due(desk, processes=processes)
        clock.advance(timedelta(minutes=10))
    assert sorted(told(desk, "second")) == [1, 2]
    assert sorted(told(desk, "box")) == [1, 2]
    alerts.observe(desk, [replace(alert("wrong", 2), firing=False)])
    alerts.acknowledge(desk, 1)
    assert {each.id for each in alerts.list_alerts(desk)} == {1}


def told(desk: Desk, channel: str) -> list[int]:
    return [
        message.alert_id or 0
        for message in reversed(alerts.mailbox(desk))
        if message.channel == channel and message.title.startswith("CRITICAL")
    ]


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "://",
        "json://",
        "json://:99999/",
        "json://[::1",
        "mailto://",
        "telegram://x",
        "http://[",
        "json://host:port/",
        "${env:NOT_SET_ANYWHERE}",
        "${file:/nowhere/secret}",
        "${env:EMPTY}",
        "file://",
        "file:///proc/nowhere/box.jsonl",
    ],
)
def test_a_channel_that_means_nothing_is_refused_or_said_to_fail_and_the_others_deliver(
    make_desk: MakeDesk, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMPTY", "")
    toml = f'[channels.bad]\nurl = "{url}"\n[channels.box]\nurl = "file://box.jsonl"\n'
    ladder = '[escalation.default]\nrepeat = 0\nlevels = [{ tell = ["bad", "box"] }]\n'
    if url in REFUSED:
        with pytest.raises(ConfigError, match=r"\[?channels"):
            make_desk(toml + ladder)
        return
    desk = make_desk(toml + ladder)
    alerts.observe(desk, [alert("x")])
    alerts.deliver_due(desk, deadline_s=60.0)
    by_channel = {each.channel: each for each in alerts.deliveries(desk, 1)}
    assert by_channel["box"].state == "sent"
    assert by_channel["bad"].state == "due"
    detail = by_channel["bad"].detail
    assert len(detail) > 10
    assert "Traceback" not in detail
    done = mechexo("alerts", "why", "1", config=desk.config_path)
    assert done.returncode == 0
    assert mechexo("oncall", "lint", config=desk.config_path).returncode in (0, 1, 2)
