"""Two engines on one state file tell what one engine would have told, no more and no less."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from mechexo.actor import Actor
from mechexo.alerts import operations as alerts
from mechexo.alerts.values import SEVERITIES, AlertState, Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import ConflictError
from support import one_engine

pytestmark = pytest.mark.slow

EVENING = datetime(2026, 3, 2, 21, 20, tzinfo=UTC)
"""Quiet hours begin soon."""
STEPS = 30
MOST_PASSES = 40
KEYS = tuple(f"key-{number}" for number in range(9))
MOVES_S = (0, 0, 5, 10, 15, 30, 60, 70, 120, 300, 900, 3600)

CONFIG = """
[desk]
name = "test"
zone = "UTC"
[quiet_hours]
enabled = true
[channels.chat]
url = "file://chat.jsonl"
per_minute = 4
severities = ["critical", "high", "medium", "low"]
[channels.mail]
url = "file://{folder}/mail/mail.jsonl"
severities = ["critical", "high"]
[channels.phone]
url = "file://phone.jsonl"
severities = ["critical"]
[escalation.default]
repeat = 1
repeat_every = "10m"
levels = [
    {{ tell = ["chat"] }},
    {{ after = "2m", tell = ["mail"] }},
    {{ after = "5m", tell = ["phone", "chat"] }},
]
[escalation.mail_first]
repeat = 0
levels = [{{ tell = ["mail"] }}, {{ after = "15m", tell = ["phone", "chat"] }}]
[routes.mailed]
match = {{ name = "mailed" }}
escalation = "mail_first"
[suppress.gateway]
cause = {{ name = "gateway" }}
hides = {{ key = "key-8" }}
"""


class Engines:
    """Processes that make their passes at once."""

    def __init__(self, config: Path, number: int) -> None:
        self.running = [
            subprocess.Popen(
                [sys.executable, "-m", "support.one_engine", str(config)],
                cwd=Path(one_engine.__file__).parents[1],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(number)
        ]

    def make_a_pass(self, now: datetime) -> None:
        for each in self.running:
            assert each.stdin is not None
            each.stdin.write(f"{now.isoformat()}\n")
            each.stdin.flush()
        for each in self.running:
            assert each.stdout is not None
            assert each.stdout.readline() == "done\n"

    def end(self) -> None:
        for each in self.running:
            assert each.stdin is not None
            assert each.stdout is not None
            each.stdin.close()
            each.stdout.close()
            each.wait(60)


@dataclass(frozen=True)
class Told:
    """What came of a script."""

    deliveries: Counter[tuple[object, ...]]
    alerts: tuple[tuple[object, ...], ...]
    messages: dict[str, Counter[tuple[str, str]]]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where that is possible: some hundred passes wait for no disk there."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with TemporaryDirectory(dir=memory) as made:
        yield Path(made)


@pytest.mark.parametrize("seed", [0, 1, 3, 11, 13, 14, 21, 49])
def test_two_engines_tell_what_one_tells(folder: Path, seed: int) -> None:
    one = played(folder / "one", seed, 1)
    two = played(folder / "two", seed, 2)
    assert sum(one.messages["chat"].values()) > 5
    assert two.deliveries == one.deliveries
    assert two.alerts == one.alerts
    assert two.messages == one.messages


def played(folder: Path, seed: int, engines: int) -> Told:
    """A script of `seed`: people, sources, faults and the clock act; after each act the engines
    make their passes until there is nothing left for them to do."""
    folder.mkdir()
    (folder / "mail").mkdir()
    config = folder / "mechexo.toml"
    config.write_text(CONFIG.format(folder=folder))
    clock = VirtualClock(EVENING)
    desk = Desk.open(config, clock=clock, actor=Actor(os.getuid(), "tester"))
    chance, running = random.Random(seed), Engines(config, engines)
    acts: list[tuple[int, Callable[[], object]]] = [
        (8, lambda: fire(desk, chance)),
        (2, lambda: end(desk, chance)),
        (2, lambda: acknowledge(desk, chance)),
        (1, lambda: silence(desk, chance)),
        (2, lambda: break_or_mend(folder / "mail")),
    ]
    try:
        for _ in range(STEPS):
            for _ in range(chance.choice((1, 1, 2, 7))):
                chance.choices([act for _, act in acts], [weight for weight, _ in acts])[0]()
            clock.advance(timedelta(seconds=chance.choice(MOVES_S)))
            settle(desk, running)
        # Whatever still waits for the morning, a limit or a mended channel goes out now.
        if not (folder / "mail").exists():
            break_or_mend(folder / "mail")
        for _ in range(20):
            clock.advance(timedelta(minutes=30))
            settle(desk, running)
    finally:
        running.end()
    return told(desk)


def settle(desk: Desk, engines: Engines) -> None:
    for _ in range(MOST_PASSES):
        before = outbox(desk)
        engines.make_a_pass(desk.clock.now())
        if outbox(desk) == before:
            return
    raise AssertionError("there is always more to do")


def outbox(desk: Desk) -> list[tuple[object, ...]]:
    return [*map(tuple, desk.state.rows("SELECT * FROM delivery"))]


def fire(desk: Desk, chance: random.Random) -> None:
    name = chance.choice(("trouble", "trouble", "mailed", "gateway"))
    key, severity = chance.choice(KEYS), chance.choice(SEVERITIES[:4])
    alerts.observe(desk, [Observation(key, True, severity, name, f"{key} is bad", "test")])


def end(desk: Desk, chance: random.Random) -> None:
    key = chance.choice(KEYS)
    alerts.observe(desk, [Observation(key, False, "high", "trouble", "good again", "test")])


def acknowledge(desk: Desk, chance: random.Random) -> None:
    found = alerts.list_alerts(desk)
    if found:
        with suppress(ConflictError):
            alerts.acknowledge(desk, chance.choice([each.id for each in found]))


def silence(desk: Desk, chance: random.Random) -> None:
    matchers = {"key": chance.choice(KEYS)}
    lasts = timedelta(minutes=chance.choice((1, 10, 60)))
    alerts.silence(desk, matchers=matchers, duration=lasts, reason="known")


def break_or_mend(folder: Path) -> None:
    aside = folder.with_name("aside")
    if folder.exists():
        folder.rename(aside)
    else:
        aside.rename(folder)


def told(desk: Desk) -> Told:
    deliveries = desk.state.rows(
        "SELECT alert.key, alert_id, page, delivery.level, channel, kind, delivery.state, attempts,"
        " resend FROM delivery JOIN alert ON alert.id = alert_id"
    )
    found = alerts.list_alerts(desk, states=tuple(AlertState))
    return Told(
        Counter(map(tuple, deliveries)),
        tuple(
            sorted(
                (each.id, each.key, each.severity, each.state, each.level, each.pages, each.climbs)
                for each in found
            )
        ),
        {
            name: Counter(mailbox(desk, place))
            for name, place in (
                ("chat", "chat.jsonl"),
                ("mail", "mail/mail.jsonl"),
                ("phone", "phone.jsonl"),
            )
        },
    )


def mailbox(desk: Desk, place: str) -> Iterator[tuple[str, str]]:
    path = desk.root / place
    for line in path.read_text().splitlines() if path.exists() else ():
        message = json.loads(line)
        # How often a failing channel was seen to fail is a matter of who looked.
        body = message["body"].replace(str(desk.root), "the desk")
        yield message["title"], re.sub(r"seen .*", "", body)
