"""Who comes on call and who goes hears of it once, with what is open."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from conftest import MakeDesk
from mechexo.alerts import operations as alerts
from mechexo.alerts import overrides
from mechexo.alerts.handing_over import tell_handovers
from mechexo.alerts.values import Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.watch import tick

MINUTE = timedelta(minutes=1)
NINE = datetime(2026, 3, 3, 9, tzinfo=UTC)
"""When ben takes over from ada."""


@pytest.fixture
def toml(tmp_path: Path) -> str:
    boxes = "".join(
        f'[channels.{name}]\nurl = "file://{tmp_path}/{name}.jsonl"\nseverities = ["critical"]\n'
        for name in ("amail", "bmail", "cmail", "team")
    )
    return f"""
{boxes}
[people.ada]
channels = ["amail", "team"]
[people.ben]
channels = ["bmail", "team"]
[people.cy]
channels = ["cmail"]
[[oncall.schedules.primary.layers]]
people = ["ada", "ben"]
every = "daily"
handover = "09:00"
since = "2026-03-02"
"""


@pytest.fixture
def at(clock: VirtualClock) -> Callable[[datetime], None]:
    def move(moment: datetime) -> None:
        clock.advance(moment - clock.now())

    return move


At = Callable[[datetime], None]


def notices(desk: Desk) -> list[tuple[str, str]]:
    """Channel and state of every notice, oldest first."""
    found = reversed(alerts.deliveries(desk))
    return [(each.channel, each.state) for each in found if each.kind == "notice"]


def said(desk: Desk, alert_id: int) -> str:
    return alerts.get_alert(desk, alert_id).summary


@pytest.fixture
def desk(make_desk: MakeDesk, toml: str, at: At) -> Desk:
    at(NINE - 2 * MINUTE)
    made = make_desk(toml)
    tell_handovers(made)
    return made


def test_both_are_told_through_their_own_channels_each_once(desk: Desk, at: At) -> None:
    at(NINE - MINUTE)
    assert tell_handovers(desk) == 0
    at(NINE + MINUTE)
    assert tell_handovers(desk) == 1
    assert notices(desk) == [("bmail", "due"), ("team", "due"), ("amail", "due")]
    assert said(desk, 1) == (
        "Hand-over at 2026-03-03T09:00:00.000000Z. "
        "primary: ben is on call now, ada was until now. No alert is open."
    )


def test_it_is_told_once_also_after_a_restart_and_when_the_clock_goes_back(
    desk: Desk, at: At
) -> None:
    at(NINE + MINUTE)
    tell_handovers(desk)
    again = Desk.open(desk.config_path, clock=desk.clock, actor=desk.actor)
    for moment in (NINE + MINUTE, NINE - 30 * MINUTE, NINE + 2 * MINUTE, NINE + 90 * MINUTE):
        at(moment)
        assert tell_handovers(again) == 0
    assert len(notices(desk)) == 3


def test_what_is_open_is_said_the_worst_first(desk: Desk, at: At) -> None:
    alerts.observe(
        desk,
        [
            Observation(f"k{number}", True, severity, f"n{number}", "bad", "probe")
            for number, severity in enumerate(["low", "critical", *["high"] * 10])
        ],
    )
    alerts.acknowledge(desk, 2, note="mine")
    at(NINE)
    tell_handovers(desk)
    words = said(desk, 13)
    assert "Open: 1 critical, 10 high, 1 low: 2 critical n1 (tester knows); " in words
    assert words.endswith("; and 2 more.")


def test_the_first_look_and_a_long_outage_tell_nothing_old(
    make_desk: MakeDesk, toml: str, at: At
) -> None:
    at(NINE + MINUTE)
    desk = make_desk(toml)
    assert tell_handovers(desk) == 0
    at(NINE + timedelta(days=3, hours=5))
    assert tell_handovers(desk) == 0
    at(NINE + timedelta(days=4, minutes=59))
    assert tell_handovers(desk) == 1, "an hour late at most"


def test_a_clock_that_was_far_ahead_does_not_stop_the_messages(desk: Desk, at: At) -> None:
    at(NINE + timedelta(days=30_000, hours=3))
    tell_handovers(desk)
    at(NINE - MINUTE)
    tell_handovers(desk)
    at(NINE + MINUTE)
    assert tell_handovers(desk) == 1


def test_an_override_is_a_hand_over_at_its_start_and_at_its_end(desk: Desk, at: At) -> None:
    at(NINE + timedelta(hours=1))
    tell_handovers(desk)
    start = NINE + timedelta(hours=1, minutes=1)
    at(start)
    overrides.override(desk, "primary", "cy", starts_at=start, ends_at=start + 30 * MINUTE)
    at(start + MINUTE)
    assert tell_handovers(desk) == 1
    assert "primary: cy is on call now, ben was until now." in said(desk, 1)
    at(start + 31 * MINUTE)
    assert tell_handovers(desk) == 1
    assert "primary: ben is on call now, cy was until now." in said(desk, 2)


def test_several_schedules_at_one_moment_make_one_message(
    make_desk: MakeDesk, toml: str, at: At
) -> None:
    second = toml[toml.index("[[oncall") :].replace("primary", "second")
    second = second.replace('"ada", "ben"', '"ben", "cy"')
    at(NINE - MINUTE)
    desk = make_desk(toml + second)
    tell_handovers(desk)
    at(NINE)
    tell_handovers(desk)
    assert [channel for channel, _ in notices(desk)] == ["bmail", "team", "amail", "cmail"]
    assert "second: cy is on call now, ben was until now." in said(desk, 1)


def test_it_can_be_turned_off_and_a_desk_without_schedules_has_none(
    make_desk: MakeDesk, toml: str, at: At
) -> None:
    at(NINE - MINUTE)
    off = make_desk(f"{toml}\n[oncall]\nhandover_message = false\n")
    tick(off)
    at(NINE + MINUTE)
    report = tick(off)
    assert "handovers" not in [stage.name for stage in report.stages]
    assert notices(off) == []


@pytest.mark.slow
def test_the_tick_tells_it_and_it_arrives_in_the_desk_s_own_time_also_at_night(
    make_desk: MakeDesk, toml: str, at: At, tmp_path: Path
) -> None:
    night = toml.replace('"09:00"', '"23:00"')
    start = datetime(2026, 3, 4, 4, tzinfo=UTC)
    at(start - MINUTE)
    desk = make_desk(night, zone="America/New_York")
    tick(desk)
    at(start)
    report = tick(desk)
    assert not [stage for stage in report.failed if stage.name == "handovers"]
    (line,) = (tmp_path / "bmail.jsonl").read_text().splitlines()
    message = json.loads(line)
    assert message["title"] == "For your information: hand-over on test (paper)"
    assert message["body"].startswith("Hand-over at 2026-03-03 23:00:00 EST. primary: ben")
