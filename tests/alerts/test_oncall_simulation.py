"""What a simulation says is what the desk would do, and it does nothing itself."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from conftest import MakeDesk
from mechexo.alerts import operations as alerts
from mechexo.alerts import overrides
from mechexo.alerts.simulating import simulate
from mechexo.alerts.simulation import Simulated
from mechexo.cli import main
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import NotFoundError, UsageError

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NIGHT = datetime(2026, 3, 2, 23, tzinfo=UTC)

CHANNELS = """
[channels.chat]
url = "file:///nowhere/chat.jsonl"
[channels.amail]
url = "file:///nowhere/ada.jsonl"
[channels.bmail]
url = "file:///nowhere/ben.jsonl"
[channels.ring]
url = "file:///nowhere/ring.jsonl"
severities = ["critical"]
[people.ada]
channels = ["amail"]
[people.ben]
channels = ["bmail"]
[[oncall.schedules.primary.layers]]
people = ["ada", "ben"]
every = "daily"
handover = "12:20"
since = "2026-03-01"
"""
LADDER = """
[escalation.default]
repeat = 0
levels = [
    { tell = ["chat"] },
    { after = "15m", tell = ["primary"] },
    { after = "30m", tell = ["ring"] },
]
"""


def story(found: Simulated, start: datetime = NOON) -> list[tuple[float, str, str]]:
    """Minutes, what, channel; what only happens to the alert is left out."""
    return [((e.at - start) / MINUTE, e.what, e.channel) for e in found.happenings if e.channel]


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    return make_desk(CHANNELS + LADDER)


def test_every_level_is_told_at_its_time_by_whoever_is_on_call_then(desk: Desk) -> None:
    found = simulate(desk, severity="critical", at=NOON)
    assert story(found) == [
        (0, "told", "chat"),
        (15, "escalated", "amail"),
        (30, "escalated", "ring"),
    ]
    assert [each.person for each in found.happenings if each.channel] == ["", "ada", ""]
    later = simulate(desk, severity="critical", at=NOON + 10 * MINUTE)
    assert story(later, NOON)[1] == (25, "escalated", "bmail"), "after the hand-over"


def test_an_override_counts(desk: Desk, clock: VirtualClock) -> None:
    clock.advance(NOON - clock.now())
    overrides.override(
        desk, "primary", "ben", starts_at=NOON + MINUTE, ends_at=NOON + 60 * MINUTE, reason="swap"
    )
    assert (15, "escalated", "bmail") in story(simulate(desk, severity="critical", at=NOON))


def test_an_acknowledgement_stops_it_and_who_was_told_hears_of_it(desk: Desk) -> None:
    found = simulate(desk, severity="high", at=NOON, acknowledge_after=20 * MINUTE)
    assert story(found) == [
        (0, "told", "chat"),
        (15, "escalated", "amail"),
        (20, "informed", "chat"),
        (20, "informed", "amail"),
    ]
    assert found.end == "nobody further: somebody knows"


def test_who_was_told_before_a_hand_over_hears_the_end_too(desk: Desk) -> None:
    found = simulate(desk, severity="critical", at=NOON, resolve_after=60 * MINUTE)
    assert [who for _, what, who in story(found) if what == "informed"] == ["chat", "amail", "ring"]


def test_a_forgotten_acknowledgement_reminds_and_begins_again(desk: Desk) -> None:
    found = simulate(desk, severity="critical", at=NOON, acknowledge_after=MINUTE)
    assert story(found)[2:4] == [(26, "reminder", "chat"), (31, "again", "chat")]


def test_a_channel_that_fails_makes_the_next_level_sooner(desk: Desk) -> None:
    found = simulate(desk, severity="critical", at=NOON, failing=["chat"])
    assert story(found) == [
        (0, "told", "chat"),
        (0, "failed", "chat"),
        (1, "escalated", "amail"),
        (30, "escalated", "ring"),
    ]
    assert "fallback" in [each.what for each in found.happenings]
    nobody = simulate(
        desk, severity="critical", at=NOON, failing=["chat", "amail", "bmail", "ring"]
    )
    assert not nobody.reached


def test_the_night_holds_it_and_the_first_morning_page_says_so(desk: Desk) -> None:
    found = simulate(desk, severity="high", at=NIGHT)
    assert [each.what for each in found.happenings[:2]] == ["opened", "held"]
    assert story(found, NIGHT)[0] == (420, "told", "chat")


@pytest.mark.parametrize(
    ("at", "hours"), [("2026-11-01T02:00Z", 9), ("2026-03-08T03:00Z", 7), ("2026-06-01T02:00Z", 8)]
)
def test_a_night_is_as_long_as_people_live_it(make_desk: MakeDesk, at: str, hours: int) -> None:
    desk = make_desk(CHANNELS + LADDER, zone="America/New_York")
    start = datetime.fromisoformat(at)
    assert story(simulate(desk, severity="high", at=start), start)[0] == (
        hours * 60,
        "told",
        "chat",
    )


def test_a_level_without_anybody_is_passed_and_a_hand_over_brings_somebody(
    make_desk: MakeDesk,
) -> None:
    only = '[escalation.default]\nrepeat = 0\nlevels = [{ tell = ["primary"] }]\n'
    desk = make_desk(CHANNELS.replace("2026-03-01", "2026-03-02") + only)
    found = simulate(desk, severity="high", at=NOON)
    assert [each.what for each in found.happenings] == ["opened", "no_channel", "told"]
    assert story(found) == [(20, "told", "amail")]
    empty = LADDER.replace('tell = ["chat"]', 'tell = ["ring"]')
    passed = simulate(make_desk(CHANNELS + empty), severity="high", at=NOON)
    assert [each.what for each in passed.happenings][1] == "no_responder"
    assert story(passed) == [(0, "told", "amail")], "level 1 takes critical ones only"


def test_a_silence_and_a_window_of_maintenance_count_and_what_they_held_pages_at_their_end(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    window = """
[maintenance.noon]
match = { name = "feed" }
reason = "feeds are moved"
start = "12:10"
end = "13:00"
"""
    desk = make_desk(CHANNELS + LADDER + window)
    found = simulate(desk, severity="high", at=NOON, name="feed")
    assert story(found)[:2] == [(0, "told", "chat"), (60, "again", "chat")]
    assert "silenced" in [each.what for each in found.happenings]
    alerts.silence(desk, matchers={"name": "x"}, duration=timedelta(hours=1), reason="works")
    start = clock.now()
    silenced = simulate(desk, severity="critical", at=start, name="x")
    assert story(silenced, start)[0] == (60, "told", "chat")


def test_routes_are_taken_by_labels_names_and_keys(make_desk: MakeDesk) -> None:
    routes = """
[escalation.loud]
repeat = 0
levels = [{ tell = ["ring", "ben"] }]
[routes.venues]
match = { venue = "x*" }
escalation = "loud"
[routes.keyed]
match = { key = "k" }
escalation = "loud"
"""
    desk = make_desk(CHANNELS + LADDER + routes)
    for more in ({"labels": {"venue": "xnas"}}, {"key": "k"}):
        found = simulate(desk, severity="critical", at=NOON, **more)
        assert story(found) == [(0, "told", "ring"), (0, "told", "bmail")]


def test_the_look_ends_and_says_what_would_come_after_it(desk: Desk) -> None:
    found = simulate(desk, severity="critical", at=NOON, lasting=20 * MINUTE)
    assert story(found)[-1] == (15, "escalated", "amail")
    assert found.end == "not looked further; then: level 3: ring"


def test_the_desk_does_what_the_simulation_said(make_desk: MakeDesk, clock: VirtualClock) -> None:
    # Nothing sends here, which shall not count as a failure.
    desk = make_desk(CHANNELS + LADDER + '[alerts]\nfallback_after = "12h"\n')
    clock.advance(NOON - clock.now())
    said = simulate(desk, severity="critical", at=NOON, name="feed", lasting=timedelta(hours=2))
    alerts.raise_alert(
        desk, key="feed", severity="critical", name="feed", summary="simulated", labels={}
    )
    for _ in range(120):
        clock.advance(MINUTE)
        alerts.keep_time(desk)
    done = [
        ((each.due_at - NOON) / MINUTE, each.channel) for each in reversed(alerts.deliveries(desk))
    ]
    assert done == [(minute, channel) for minute, _, channel in story(said)]


def test_nothing_of_the_desk_changes(desk: Desk) -> None:
    def content() -> list[str]:
        with sqlite3.connect(desk.state.path) as connection:
            return list(connection.iterdump())

    before = content()
    simulate(desk, severity="critical", at=NOON, acknowledge_after=MINUTE, failing=["chat"])
    assert content() == before


def test_what_cannot_be_simulated_is_refused_in_words(desk: Desk) -> None:
    with pytest.raises(UsageError, match="'bad' is not a severity"):
        simulate(desk, severity="bad", at=NOON)
    with pytest.raises(NotFoundError, match="no channel 'chatt'; did you mean chat"):
        simulate(desk, severity="high", at=NOON, failing=["chatt"])
    with pytest.raises(UsageError, match="at most 31d"):
        simulate(desk, severity="high", at=NOON, lasting=timedelta(days=32))
    with pytest.raises(UsageError, match="the calendar ends"):
        simulate(desk, severity="high", at=datetime(9999, 12, 31, 12, tzinfo=UTC))


Run = Callable[..., "tuple[str, str]"]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def do(desk: Desk, *words: str, code: int = 0) -> tuple[str, str]:
        base = ["mechexo", "--config", str(desk.config_path), "oncall", "simulate"]
        monkeypatch.setattr(sys, "argv", [*base, *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert (ended.value.code or 0) == code
        done = capsys.readouterr()
        return done.out, done.err

    return do


def test_the_command_shows_the_zone_s_own_time_also_in_the_hour_that_comes_twice(
    make_desk: MakeDesk, run: Run
) -> None:
    desk = make_desk(CHANNELS + LADDER, zone="America/New_York")
    words = ("--severity", "critical", "--at", "2026-11-01T01:50", "--ack-after", "20m")
    out, err = run(desk, *words)
    assert "01:50:00 EDT, the first of two; the second is 2026-11-01T06:50:00.000000Z" in err
    assert "2026-11-01 01:50:00 EDT" in out
    assert "2026-11-01 01:05:00 EST" in out
    assert "escalated (level 2)" in out


def test_the_command_gives_a_document(desk: Desk, run: Run) -> None:
    out, _ = run(desk, "--severity", "high", "--at", "2026-03-02T12:00Z", "--json")
    document = json.loads(out)
    assert document["schema"] == "mechexo.oncall_simulation/1"
    assert document["reached"] is True
    told = document["timeline"][1]
    assert told == {
        "at": "2026-03-02T12:00:00.000000Z", "what": "told", "level": 1, "channel": "chat",
        "person": "", "why": "first page",
    }  # fmt: skip


def test_the_command_says_that_nobody_would_hear(desk: Desk, run: Run) -> None:
    words = ("--severity", "info", "--at", "2026-03-02T12:00Z")
    document = json.loads(run(desk, *words, "--json", code=1)[0])
    assert document["reached"] is False
    out, _ = run(desk, *words, code=1)
    assert "✖ no message would reach anybody" in out
    assert "then: nobody: no channel takes info alerts" in out
