"""What the console knows: judged again as time passes, and never replaced by something older."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from console.driving import Show, press, screen_text, until
from mechexo.alerts import operations as alerts
from mechexo.alerts import reading
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import StateError
from mechexo.watch import tick
from mechexo_tui.facts import Facts, PartsRead
from mechexo_tui.sources import ALERTED, FOLLOWING, JUDGED, LOADERS, STATE, Part, read_parts

pytestmark = pytest.mark.slow

TICKING = """
[refresh]
tick = "2s"

[probes.import_job]
kind = "heartbeat"
card = "data"
every_expected = "1h"
"""


async def test_a_desk_whose_ticks_stop_is_soon_not_ok(
    make_desk: Callable[..., Desk], clock: VirtualClock, show: Show
) -> None:
    desk = make_desk(TICKING)
    tick(desk)
    async with show(desk, 120, 40) as pilot:
        assert "NOT OK" not in screen_text(pilot)
        assert "● OK" in screen_text(pilot)
        clock.advance(timedelta(seconds=44))
        await until(pilot, "✖ NOT OK")
        await until(pilot, "the last tick was 44s ago")


async def test_a_verdict_that_is_not_renewed_becomes_unknown(
    make_desk: Callable[..., Desk], clock: VirtualClock, show: Show
) -> None:
    desk = make_desk(TICKING)
    tick(desk)
    async with show(desk, 120, 40) as pilot:
        await press(pilot, "p")
        clock.advance(timedelta(minutes=2))
        await press(pilot, "2", "q")
        head = screen_text(pilot).splitlines()[0]
        assert "PAUSED" in head
        assert "? UNKNOWN" in head
        assert "● OK" not in head


def test_a_verdict_that_cannot_be_read_again_is_unknown(desk: Desk) -> None:
    facts = Facts(desk)
    facts.wait_for_first()
    assert facts.heading("", read_only=False).known
    facts.take(PartsRead(99, {"status": Part(error="the disk is gone")}))
    heading = facts.heading("", read_only=False)
    assert heading.ops_ok is None
    assert not heading.known


def test_an_older_reading_never_replaces_a_newer_one(desk: Desk) -> None:
    facts = Facts(desk)
    facts.wait_for_first()
    facts.take(PartsRead(12, {"alerts": Part(("newer",))}))
    facts.take(PartsRead(11, {"alerts": Part(("older",)), "runs": Part(("first",))}))
    assert facts.overview.alerts.value == ("newer",)
    assert facts.overview.runs.value == ("first",)


def test_judging_again_shows_only_another_verdict(desk: Desk, clock: VirtualClock) -> None:
    facts = Facts(desk)
    facts.wait_for_first()
    facts.take(PartsRead(10, read_parts(desk, STATE)))
    clock.advance(timedelta(seconds=15))
    assert not facts.take(PartsRead(11, read_parts(desk, JUDGED)))
    tick(desk)
    assert facts.take(PartsRead(12, read_parts(desk, JUDGED)))


def test_a_late_failure_does_not_bring_back_an_older_value(desk: Desk) -> None:
    facts = Facts(desk)
    facts.wait_for_first()
    facts.take(PartsRead(11, {"runs": Part(("before",))}))
    facts.take(PartsRead(12, {"runs": Part(("after",))}))
    facts.take(PartsRead(13, {"runs": Part(error="no such table")}))
    assert facts.overview.runs == Part(("after",), None, "no such table")


def test_one_alert_is_shown_as_it_is_now_before_all_are_read_again(ladder_desk: Desk) -> None:
    facts = Facts(ladder_desk)
    facts.wait_for_first()
    facts.take(facts.read(ALERTED))
    known = alerts.acknowledge(ladder_desk, 1)
    facts.take(facts.with_alert(known))
    assert facts.alert(1) == known
    again = facts.read(("alerts", FOLLOWING)).parts
    assert facts.overview.alerts.value == again["alerts"].value
    assert facts.overview.following.value == again[FOLLOWING].value
    facts.take(facts.with_alert(alerts.resolve(ladder_desk, 1)))
    assert [each.id for each in facts.overview.alerts.value or ()] == [2]


def test_an_acknowledgement_shows_also_when_it_is_not_known_who_is_told_next(
    ladder_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = Facts(ladder_desk)
    facts.wait_for_first()
    facts.take(facts.read(ALERTED))
    before = facts.overview.following
    known = alerts.acknowledge(ladder_desk, 1)

    def damaged(*_: object) -> None:
        raise StateError("the file is gone")

    monkeypatch.setattr(reading, "outlooks", damaged)
    facts.take(facts.with_alert(known))
    assert facts.alert(1) == known
    assert facts.overview.following == before


def test_what_comes_next_is_of_the_alerts_that_were_read_with_it(ladder_desk: Desk) -> None:
    found = read_parts(ladder_desk, ("alerts", FOLLOWING))
    assert set(found[FOLLOWING].value) == {each.id for each in found["alerts"].value}
    broken = {**LOADERS, "alerts": lambda _: 1 / 0}
    found = read_parts(ladder_desk, ("alerts", FOLLOWING), broken)
    assert "a defect" in found[FOLLOWING].error
