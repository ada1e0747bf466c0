"""Killed a thousand times at any instant, an engine loses no alert and doubles no message twice."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from mechexo.alerts import operations as alerts
from mechexo.alerts.values import AlertState
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from support import killed_engine
from support.sinks import Sink

pytestmark = pytest.mark.slow

KILLS = 1_000
SEED = 20_260_302
LONGEST_S = 1_800.0

MESSAGE_OF = re.compile(r"^Alert (\d+), high", re.MULTILINE)
LINE_OF = re.compile(r"^(\d+) (?:HIGH|OVER|tester knows)", re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where that is possible: a killed process loses nothing that a disk would keep."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with TemporaryDirectory(dir=memory) as made:
        yield Path(made)


def test_a_thousand_kills_lose_no_alert_and_double_a_message_at_most_once_each_and_marked(
    folder: Path,
) -> None:
    with Sink() as sink:
        config = folder / "mechexo.toml"
        config.write_text(
            '[desk]\nname = "test"\n[quiet_hours]\nenabled = false\n'
            f'[channels.hook]\nurl = "{sink.url}"\n[channels.box]\nurl = "file://box.jsonl"\n'
            '[escalation.default]\nrepeat = 0\nlevels = [{ tell = ["hook", "box"] }]\n'
        )
        report = killed(config)
        desk = sent_in_the_end(config)
        received = {
            "hook": [(each["title"], each["message"]) for each in sink.got],
            "box": in_the_mailbox(folder / "box.jsonl"),
        }

    assert report["wrong"] == []
    assert report["kills"] == KILLS
    assert report["cut_off"] > KILLS / 20, "too few instants were within a sending"
    nothing_is_lost(desk, report, received)
    what_came_twice_is_marked(desk, received)
    every_attempt_has_one_end(desk)
    reader = desk.state.reader()
    assert reader.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert reader.execute("PRAGMA foreign_key_check").fetchall() == []
    assert desk.verify_audit().problems == ()


def killed(config: Path) -> dict[str, Any]:
    """What the engine that was killed so often had been told is safe."""
    done = subprocess.run(
        [sys.executable, "-m", "support.killed_engine", str(config), str(SEED), str(KILLS)],
        cwd=Path(killed_engine.__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def sent_in_the_end(config: Path) -> Desk:
    """The desk after an engine that nobody killed has done what was left."""
    clock = VirtualClock(killed_engine.START + 2 * KILLS * killed_engine.LIFE)
    desk = replace(Desk.open(config), clock=clock)
    for _ in range(20):
        clock.advance(timedelta(minutes=2))
        alerts.deliver_due(desk)
    assert states(desk).keys() <= {"sent", "cancelled"}, states(desk)
    return desk


def states(desk: Desk) -> dict[str, int]:
    return dict(map(tuple, desk.state.rows("SELECT state, COUNT(*) FROM delivery GROUP BY state")))


def in_the_mailbox(path: Path) -> list[tuple[str, str]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [(line["title"], line["body"]) for line in lines]


def numbers(body: str) -> list[int]:
    """The alerts that a message speaks of."""
    return [int(each) for each in MESSAGE_OF.findall(body) or LINE_OF.findall(body)]


def kind(title: str) -> str:
    said = {"HIGH": "page", "OVER": "resolved", "tester": "acknowledged"}
    return next((kind for word, kind in said.items() if title.startswith(word)), "digest")


def nothing_is_lost(
    desk: Desk, report: dict[str, Any], received: dict[str, list[tuple[str, str]]]
) -> None:
    stored = {each.key: each for each in alerts.list_alerts(desk, states=tuple(AlertState))}
    assert report["fired"].items() <= {key: each.id for key, each in stored.items()}.items()
    assert len(report["fired"]) > KILLS / 4
    # What came to be and was not acknowledged is what one round of each life had under way.
    assert len(stored) - len(report["fired"]) <= 2 * KILLS
    by_id = {each.id: each for each in stored.values()}
    assert {by_id[each].state for each in report["over"]} <= {AlertState.RESOLVED}
    assert {by_id[each].state for each in report["known"]} <= {AlertState.ACKNOWLEDGED}
    for channel, messages in received.items():
        told = {number for _, body in messages for number in numbers(body)}
        untold = [each for each in stored.values() if each.id not in told]
        assert not [each.id for each in untold if each.state is AlertState.FIRING], channel
        for each in untold:
            (page,) = [
                message
                for message in alerts.deliveries(desk, each.id)
                if (message.channel, message.kind) == (channel, "page")
            ]
            assert page.state == "cancelled"
            assert page.detail in ("resolved", "tester knows")


def what_came_twice_is_marked(desk: Desk, received: dict[str, list[tuple[str, str]]]) -> None:
    lost = {
        (row["channel"], row["alert_id"], row["kind"]): row["lost"]
        for row in desk.state.rows(
            "SELECT channel, alert_id, kind, COUNT(*) AS lost FROM delivery_attempt "
            "JOIN delivery ON delivery.id = delivery_id "
            "WHERE outcome IN ('lost', 'unanswered') GROUP BY 1, 2, 3"
        )
    }
    more_than_once = 0
    for channel, messages in received.items():
        seen: Counter[tuple[str, int, str]] = Counter()
        for title, body in messages:
            for number in numbers(body):
                what = kind(title)
                if what == "digest":
                    what = digest_kind(body, number)
                again = seen[channel, number, what]
                assert bool(again) <= title.endswith("(resend)"), (channel, number, title)
                seen[channel, number, what] += 1
        for each, times in seen.items():
            assert times <= 1 + lost.get(each, 0), each
            more_than_once += times > 1
    assert more_than_once, "no kill came between a sending and its record"


def digest_kind(body: str, number: int) -> str:
    (line,) = [each for each in body.splitlines() if each.startswith(f"{number} ")]
    return kind(line.split(" ", 1)[1])


def every_attempt_has_one_end(desk: Desk) -> None:
    """Each message has its attempts, numbered from 1, each with one result; and the sums agree."""
    rows = desk.state.rows(
        "SELECT delivery.id, state, attempts, GROUP_CONCAT(number || ' ' || outcome) AS ends "
        "FROM delivery LEFT JOIN delivery_attempt AS attempt ON attempt.delivery_id = delivery.id "
        "GROUP BY delivery.id"
    )
    for row in rows:
        ends = dict(end.split() for end in row["ends"].split(",")) if row["ends"] else {}
        assert sorted(map(int, ends)) == [*range(1, row["attempts"] + 1)], dict(row)
        last = ends.get(str(row["attempts"]))
        assert (last == "sent") == (row["state"] == "sent"), dict(row)
        assert {*ends.values()} <= {"sent", "lost", "refused", "unanswered"}, dict(row)
    counted = states(desk)
    assert len(rows) == counted["sent"] + counted.get("cancelled", 0)
    stored = desk.state.rows("SELECT COUNT(*) FROM alert")[0][0]
    pages = desk.state.rows("SELECT COUNT(*) FROM delivery WHERE kind = 'page'")[0][0]
    assert pages == stored * killed_engine.CHANNELS
