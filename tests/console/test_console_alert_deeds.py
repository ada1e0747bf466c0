"""What a person does to alerts on their screen: asked for, done, told, and shown at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from textual.pilot import Pilot

from console.driving import Show, fill_desk, press, screen_text, until
from mechexo.alerts import operations as alerts
from mechexo.alerts.values import AlertState
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo_tui.app import MechexoApp
from mechexo_tui.widgets.line_list import LineList

pytestmark = pytest.mark.slow


def paused(pilot: Pilot[int]) -> None:
    """Nothing is read by the clocks any more: what is shown then was read by the deed itself."""
    cast("MechexoApp", pilot.app).facts.paused = True


async def test_an_acknowledgement_shows_without_waiting_for_a_look_at_the_file(
    ladder_desk: Desk, show: Show
) -> None:
    async with show(ladder_desk, 120, 40) as pilot:
        await press(pilot, "2")
        paused(pilot)
        await press(pilot, "a", "enter")
        await until(pilot, "✔ acked")
        await until(pilot, "gateway is acknowledged by tester")
        await until(pilot, "a reminder: chat")


async def test_what_was_resolved_meanwhile_is_refused_in_words(
    ladder_desk: Desk, show: Show
) -> None:
    async with show(ladder_desk, 120, 40) as pilot:
        await press(pilot, "2")
        paused(pilot)
        alerts.resolve(ladder_desk, 1)
        await press(pilot, "a", "enter")
        await until(pilot, "alert 1 was resolved at")


async def test_d_resolves_with_a_reason_and_what_it_caused_stands_alone(
    ladder_desk: Desk, show: Show
) -> None:
    async with show(ladder_desk, 120, 40) as pilot:
        await press(pilot, "2")
        await until(pilot, "caused by 1")
        await press(pilot, "d")
        await until(pilot, "resolve gateway, because:")
        await press(pilot, *"plugged", "enter")
        await until(pilot, "gateway is resolved")
        await until(pilot, "1 open")
        assert "caused by 1" not in screen_text(pilot)
    assert alerts.get_alert(ladder_desk, 1).state is AlertState.RESOLVED
    assert any("plugged" in event.detail for event in alerts.timeline(ladder_desk, 1))


async def test_a_question_that_is_left_changes_nothing(ladder_desk: Desk, show: Show) -> None:
    before = alerts.list_alerts(ladder_desk)
    async with show(ladder_desk, 120, 40) as pilot:
        await press(pilot, "2")
        for key, said in (("d", "not resolved"), ("n", "nothing is raised")):
            await press(pilot, key, "escape")
            await until(pilot, said)
    assert alerts.list_alerts(ladder_desk) == before


async def test_a_live_desk_wants_a_reason_at_the_question(
    make_desk: Callable[..., Desk], tmp_path: Path, clock: VirtualClock, show: Show
) -> None:
    desk = fill_desk(make_desk, tmp_path, clock, mode="live")
    async with show(desk, 120, 40) as pilot:
        await press(pilot, "2", "d", "enter")
        await until(pilot, "a live desk needs a reason")
        await press(pilot, *"done", "enter")
        await until(pilot, "risk_limits is resolved")


async def test_u_ends_the_silence_of_an_alert(ladder_desk: Desk, show: Show) -> None:
    made = alerts.silence(
        ladder_desk, matchers={"source": "manual"}, duration=timedelta(hours=2), reason="vendor"
    )
    async with show(ladder_desk, 120, 40) as pilot:
        await press(pilot, "2")
        await until(pilot, "silenced to")
        await press(pilot, "u")
        await until(pilot, f"end silence {made.id} (2 alerts), because:")
        await press(pilot, "enter")
        await until(pilot, f"silence {made.id} is over")
        await until(pilot, "caused by 1")
    assert alerts.silences(ladder_desk) == ()


async def test_of_several_silences_one_is_asked_for(ladder_desk: Desk, show: Show) -> None:
    first, second = (
        alerts.silence(
            ladder_desk, matchers={"key": "gateway"}, duration=timedelta(hours=hours), reason=why
        )
        for hours, why in ((1, "rebooting"), (2, "vendor"))
    )
    async with show(ladder_desk, 120, 40) as pilot:
        await press(pilot, "2", "u")
        await until(pilot, f"{first.id}: tester, rebooting; {second.id}: tester, vendor")
        await press(pilot, "9", "enter")
        await until(pilot, f"one of {first.id}, {second.id}, all")
        await press(pilot, "backspace", str(second.id), "enter")
        await until(pilot, f"end silence {second.id} (1 alert)")
        await press(pilot, "enter")
        await until(pilot, f"silence {second.id} is over")
        assert alerts.silences(ladder_desk) == (first,)
        await until(pilot, "silenced to 15:3")


async def test_u_says_when_nothing_is_silenced(ladder_desk: Desk, show: Show) -> None:
    async with show(ladder_desk, 120, 40) as pilot:
        await press(pilot, "2", "u")
        await until(pilot, "gateway is not silenced")


async def test_n_raises_an_alert_and_goes_to_it(ladder_desk: Desk, show: Show) -> None:
    async with show(ladder_desk, 120, 40) as pilot:
        await press(pilot, "2", "n", "enter")
        await until(pilot, "an alert needs a key")
        await press(pilot, *"disk", "enter", *"urgent", "enter")
        await until(pilot, "one of critical, high, medium, low, info")
        await press(pilot, "ctrl+u", "m", "tab")
        await until(pilot, "severity: medium")
        await press(pilot, "enter", *"disk_full", "enter", *"it is full", "enter")
        await until(pilot, "alert 3: medium disk_full")
        await until(pilot, "it is full")
        assert pilot.app.screen.query_one("#rows", LineList).key == "alert:3"
    raised = alerts.get_alert(ladder_desk, 3)
    assert (raised.key, raised.severity, raised.name) == ("disk", "medium", "disk_full")


async def test_a_key_that_is_open_already_is_said_before_it_counts_once_more(
    ladder_desk: Desk, show: Show
) -> None:
    async with show(ladder_desk, 120, 40) as pilot:
        await press(pilot, "2", "n", *"gateway", "enter")
        await until(pilot, "counts with the open alert 1")
        await press(pilot, *"critical", "enter", *"gateway", "enter", *"again", "enter")
        await until(pilot, "alert 1: critical gateway, seen 2 times")
