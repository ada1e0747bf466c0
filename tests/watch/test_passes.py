"""The quick passes of a server: what time alone does, sending, and when a whole tick is due."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from mechexo import watch
from mechexo.alerts import operations as alerts
from mechexo.alerts.values import Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import BusyError

pytestmark = pytest.mark.slow

MakeDesk = Callable[..., Desk]
BOX = '[channels.box]\nurl="file://box.jsonl"\n[quiet_hours]\nenabled = false\n'
FIRE = Observation("test/a", True, "critical", "a", "about a", "test")


def test_a_pass_ends_a_silence_and_sends_what_it_held(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(BOX)
    alerts.silence(
        desk,
        matchers={"name": "a"},
        duration=timedelta(minutes=5),
        reason="known",
    )
    alerts.observe(desk, [FIRE])
    watch.advance(desk)
    assert watch.send_due(desk) == ()
    clock.advance(timedelta(minutes=5))
    watch.advance(desk)
    assert [each.state for each in watch.send_due(desk)] == ["sent"]


def test_a_pass_does_what_an_escalation_is_due(make_desk: MakeDesk, clock: VirtualClock) -> None:
    desk = make_desk(
        BOX + '[channels.second]\nurl="file://second.jsonl"\n'
        '[[escalation.default.levels]]\nafter="0m"\ntell=["box"]\n'
        '[[escalation.default.levels]]\nafter="15m"\ntell=["second"]\n'
    )
    alerts.observe(desk, [FIRE])
    watch.send_due(desk)
    assert not (desk.root / "second.jsonl").exists()
    clock.advance(timedelta(minutes=15))
    watch.advance(desk)
    assert [each.channel for each in watch.send_due(desk)] == ["second"]


def test_two_passes_at_once_are_one(desk: Desk) -> None:
    with Path(f"{desk.state.path}.pass").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BusyError, match="another pass is running"):
            watch.advance(desk)
    watch.advance(desk)


def test_a_pass_and_a_tick_do_not_wait_for_each_other(desk: Desk) -> None:
    with Path(f"{desk.state.path}.tick").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        watch.advance(desk)


@pytest.mark.parametrize(
    ("later_s", "due_s"), [(0, 60), (6, 54), (53, 7), (54, 0), (60, 0), (-30, 0), (7200, 0)]
)
def test_whoever_ran_the_last_tick_it_stands_for_its_interval(
    desk: Desk, clock: VirtualClock, later_s: int, due_s: float
) -> None:
    assert watch.tick_due_s(desk) == 0
    watch.tick(desk)
    clock.advance(timedelta(seconds=later_s))
    assert watch.tick_due_s(desk) == due_s
