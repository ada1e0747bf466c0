"""The tick alerts while the uptime's error budget is spent too fast."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from mechexo.alerts import operations as alerts
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.desk_status import read_status
from mechexo.health import operations as health
from mechexo.watch import tick

pytestmark = pytest.mark.slow

WATCHED = """
[probes.memory]
kind = "host"
metric = "memory_pct"
critical_above = 101
"""


def live_through(desk: Desk, clock: VirtualClock, *, minutes: int, ok: bool) -> None:
    """Minutes in which each tick found the desk well, or not."""
    for _ in range(minutes):
        health.record_ops_ok(desk, ok)
        clock.advance(timedelta(minutes=1))


def open_burns(desk: Desk) -> dict[str, str]:
    return {
        alert.key: alert.severity
        for alert in alerts.list_alerts(desk)
        if alert.key.startswith("uptime:")
    }


def test_a_burn_is_an_alert_until_the_desk_has_been_well_for_a_while(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = make_desk(WATCHED)
    live_through(desk, clock, minutes=180, ok=True)
    tick(desk)
    assert open_burns(desk) == {}
    clock.advance(timedelta(minutes=1))
    live_through(desk, clock, minutes=10, ok=False)
    assert tick(desk).failed == ()
    assert open_burns(desk) == {"uptime:fast_burn": "high", "uptime:slow_burn": "medium"}
    clock.advance(timedelta(minutes=1))
    live_through(desk, clock, minutes=5, ok=True)
    tick(desk)
    assert open_burns(desk) == {"uptime:slow_burn": "medium"}
    clock.advance(timedelta(minutes=1))
    live_through(desk, clock, minutes=30, ok=True)
    tick(desk)
    assert open_burns(desk) == {}


def test_a_burn_stays_open_while_nobody_can_tell(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = make_desk(WATCHED)
    live_through(desk, clock, minutes=60, ok=False)
    tick(desk)
    assert "uptime:fast_burn" in open_burns(desk)
    clock.advance(timedelta(hours=2))
    assert "uptime:fast_burn" in open_burns(desk)
    tick(desk)
    assert "uptime:fast_burn" in open_burns(desk)


def test_a_new_desk_that_is_not_well_is_not_told_of_a_burn_too(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = make_desk(WATCHED)
    live_through(desk, clock, minutes=20, ok=False)
    tick(desk)
    assert open_burns(desk) == {}


def test_an_overspent_budget_does_not_itself_make_the_desk_not_well(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = make_desk(WATCHED + '[cards]\nshow = ["uptime"]\n')
    live_through(desk, clock, minutes=20, ok=False)
    assert tick(desk).ops_ok is True
    (card, *_) = read_status(desk).cards
    assert (card.name, card.status, card.summary[:4]) == ("uptime", "warning", "24h:")
