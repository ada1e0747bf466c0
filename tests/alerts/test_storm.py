"""A thousand alerts in ten seconds, on channels that take twenty messages a minute."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from conftest import MakeDesk
from mechexo.alerts import operations as alerts
from mechexo.alerts import sender
from mechexo.alerts.processes import Processes
from mechexo.alerts.values import Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from support import own_channels as own
from support.fake_service import Request
from support.fake_telegram import FakeTelegram
from support.standing_time import StandingTime

pytestmark = pytest.mark.slow

STORM_S = 10
A_SECOND = 100
LASTS_S = 150
CRITICAL_AT_S = 35
PER_MINUTE = 20
LONGEST_PASS_S = 60.0

ALONE = re.compile(r"^Alert (\d+), (\w+)", re.MULTILINE)
LINE = re.compile(r"^(\d+) (?:HIGH|CRITICAL): ", re.MULTILINE)
MORE = re.compile(r"^… and (\d+) more$", re.MULTILINE)
TOLD = re.compile(r"(\d+) (critical|high)")


@dataclass(frozen=True)
class Said:
    """A message as somebody read it, and when by the desk's clock."""

    at: datetime
    title: str
    body: str

    @property
    def digest(self) -> bool:
        return not ALONE.search(self.body)

    @property
    def named(self) -> set[int]:
        """The alerts that it names."""
        found = LINE if self.digest else ALONE
        return {
            int(each[0] if isinstance(each, tuple) else each) for each in found.findall(self.body)
        }

    @property
    def counted(self) -> int:
        """How many it says that it speaks of."""
        if not self.digest:
            return 1
        return sum(int(number) for number, _ in TOLD.findall(self.title))


class Chat(FakeTelegram):
    """A chat that knows when, by the desk's clock, it was told what."""

    def __init__(self, clock: VirtualClock) -> None:
        self.said: list[Said] = []
        self._clock = clock
        super().__init__()

    def respond(self, request: Request) -> tuple[int, Mapping[str, Any]]:
        known, at = len(self.messages), self._clock.now()
        answer = super().respond(request)
        self.said += [Said(at, *message.text.split("\n\n", 1)) for message in self.messages[known:]]
        return answer


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, clock: VirtualClock) -> Iterator[Chat]:
    own.secrets(monkeypatch)
    made = Chat(clock)
    yield made
    made.close()


def burst(number: int, severity: str = "high") -> Observation:
    return Observation(f"key-{number}", True, severity, "burst", f"host {number} is slow", "test")


def storm(desk: Desk, clock: VirtualClock) -> None:
    """The storm and two minutes after it, a pass each second."""
    began, processes = clock.now(), Processes()
    try:
        while (passed := (clock.now() - began).total_seconds()) < LASTS_S:
            second = int(passed)
            if second < STORM_S:
                first = second * A_SECOND
                alerts.observe(desk, map(burst, range(first, first + A_SECOND)))
            if second == CRITICAL_AT_S:
                alerts.observe(desk, [burst(10_000, "critical")])
            alerts.keep_time(desk)
            alerts.deliver_due(desk, deadline_s=LONGEST_PASS_S, processes=processes)
            # To the next full second: a pass may have waited for the channel.
            clock.advance(timedelta(seconds=second + 1) - (clock.now() - began))
    finally:
        processes.end()


def in_the_box(desk: Desk) -> list[Said]:
    lines = (desk.root / "box.jsonl").read_text().splitlines()
    return [_line(json.loads(line)) for line in lines]


def _line(record: dict[str, str]) -> Said:
    return Said(datetime.fromisoformat(record["at"]), record["title"], record["body"])


@pytest.mark.parametrize("channel", ["box", "chat"])
def test_a_storm_is_told_at_once_then_once_a_minute_and_nothing_of_it_is_lost(
    channel: str,
    make_desk: MakeDesk,
    clock: VirtualClock,
    fake: Chat,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sender, "time", StandingTime(clock))
    box = f'[channels.box]\nurl = "file://box.jsonl"\nper_minute = {PER_MINUTE}\n'
    ladder = f'[escalation.default]\nrepeat = 0\nlevels = [{{ tell = ["{channel}"] }}]\n'
    desk = make_desk((box if channel == "box" else own.bot(fake.url)) + own.ACCESS + ladder)
    began = clock.now()
    storm(desk, clock)
    said = fake.said if channel == "chat" else in_the_box(desk)

    first, *_ = said
    assert not first.digest
    assert first.at == began, "the first page goes in the first pass"
    digests = [each for each in said if each.digest]
    assert len(digests) >= 2
    for one, next_one in pairwise(digests):
        assert next_one.at - one.at >= timedelta(minutes=1)
    the_limits_are_kept(said, gap=timedelta(seconds=1 if channel == "chat" else 0))

    (alone,) = [each for each in said if each.title.startswith("CRITICAL")]
    waited = alone.at - began - timedelta(seconds=CRITICAL_AT_S)
    assert timedelta(0) <= waited <= timedelta(seconds=5)
    assert not alone.digest

    stored = {each.id for each in alerts.list_alerts(desk)}
    assert len(stored) == STORM_S * A_SECOND + 1
    assert sum(each.counted for each in said) == len(stored)
    named = Counter(number for each in said for number in each.named)
    assert set(named) <= stored
    assert set(named.values()) == {1}
    if channel == "box":
        # There a digest says of how many it does not give the name; in a chat there is no room.
        assert [len(each.named) + more(each) for each in said] == [each.counted for each in said]
    states = desk.state.rows("SELECT state, COUNT(*) FROM delivery GROUP BY state")
    assert [tuple(row) for row in states] == [("sent", len(stored))]


def more(said: Said) -> int:
    found = MORE.search(said.body)
    return int(found[1]) if found else 0


def the_limits_are_kept(said: list[Said], *, gap: timedelta) -> None:
    times = [each.at for each in said]
    assert times == sorted(times)
    for one, next_one in pairwise(times):
        assert next_one - one >= gap
    for end in times:
        assert len([at for at in times if end - timedelta(minutes=1) < at <= end]) <= PER_MINUTE


def test_single_alerts_without_end_stay_within_a_channels_limit(
    make_desk: MakeDesk, clock: VirtualClock, fake: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a burst but a rain: critical ones, three a second, for a minute."""
    monkeypatch.setattr(sender, "time", StandingTime(clock))
    desk = make_desk(own.bot(fake.url) + own.ACCESS)
    processes, began = Processes(), clock.now()
    try:
        for second in range(180):
            if second < 60:
                alerts.observe(desk, [burst(3 * second + each, "critical") for each in range(3)])
            alerts.deliver_due(desk, deadline_s=LONGEST_PASS_S, processes=processes)
            clock.advance(max(timedelta(seconds=second + 1) - (clock.now() - began), timedelta(0)))
    finally:
        processes.end()
    the_limits_are_kept(fake.said, gap=timedelta(seconds=1))
    pages = [each for each in fake.said if "CRITICAL" in each.title or "critical" in each.title]
    assert sum(each.counted for each in pages) == 180
    assert {each["state"] for each in desk.state.rows("SELECT state FROM delivery")} == {"sent"}
