"""Answers typed at the foot: notes, durations, reasons, commands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from console.driving import Show, fill_desk, press, screen_text
from mechexo.alerts import operations as alerts
from mechexo.alerts.values import AlertState
from mechexo.clock import VirtualClock
from mechexo.desk import Desk

pytestmark = pytest.mark.slow


async def test_a_acknowledges_with_a_note(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk) as pilot:
        await press(pilot, "a")
        assert "acknowledge risk_limits" in screen_text(pilot)
        await press(pilot, *"on it", "enter")
        assert "risk_limits is acknowledged by tester" in screen_text(pilot)
    found = alerts.list_alerts(busy_desk)[0]
    assert found.state is AlertState.ACKNOWLEDGED
    assert any("on it" in event.detail for event in alerts.timeline(busy_desk, found.id))


async def test_leaving_the_prompt_acknowledges_nothing(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk) as pilot:
        await press(pilot, "a", "escape")
        assert "not acknowledged" in screen_text(pilot)
    assert alerts.list_alerts(busy_desk)[0].state is AlertState.FIRING


async def test_s_asks_how_long_and_why(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk) as pilot:
        await press(pilot, "s")
        assert "for how long?" in screen_text(pilot)
        await press(pilot, *"2h", "enter")
        assert "for 2h, because" in screen_text(pilot)
        await press(pilot, *"known", "enter")
        assert "risk_limits is silenced for 2h" in screen_text(pilot)
    (silence,) = alerts.silences(busy_desk)
    assert silence.reason == "known"
    assert silence.ends_at - silence.starts_at == timedelta(hours=2)


async def test_a_silence_covers_the_chosen_alert_and_no_other_of_its_name(
    busy_desk: Desk, show: Show
) -> None:
    for number in (1, 2):
        alerts.raise_alert(
            busy_desk, key=f"channel:{number}", severity="critical", name="channel_failing",
            summary="refused", labels={}, reason="made for a test",
        )  # fmt: skip
    async with show(busy_desk) as pilot:
        await press(pilot, "slash", *"channel", "enter", "s", "enter", *"known", "enter")
    (silence,) = alerts.silences(busy_desk)
    (covered,) = alerts.covered(busy_desk, silence)
    assert covered.key in {"manual/channel:1", "manual/channel:2"}


async def test_a_bad_length_is_said_beside_the_text_which_stays_to_be_mended(
    busy_desk: Desk, show: Show
) -> None:
    async with show(busy_desk) as pilot:
        await press(pilot, "s", *"2x", "enter")
        text = screen_text(pilot)
        assert "'2x' is not a duration" in text
        assert "for how long? 2x" in text
        await press(pilot, "backspace")
        assert "not a duration" not in screen_text(pilot), "what was mended is not complained of"
        await press(pilot, "h", "enter")
        assert "for 2h, because" in screen_text(pilot)


@pytest.mark.parametrize(
    ("length", "wrong"), [("0s", "a silence needs an end"), ("999999999d", "would never end")]
)
async def test_a_silence_must_end_and_not_at_once(
    busy_desk: Desk, show: Show, length: str, wrong: str
) -> None:
    async with show(busy_desk) as pilot:
        await press(pilot, "s", *length, "enter")
        assert wrong in screen_text(pilot)
        await press(pilot, "escape")
        assert "not silenced" in screen_text(pilot)
    assert alerts.silences(busy_desk) == ()


async def test_keys_after_a_bad_answer_are_typed_and_not_obeyed(
    busy_desk: Desk, show: Show
) -> None:
    async with show(busy_desk) as pilot:
        await press(pilot, "s", *"abc", "enter", "q", "a")
        assert "for how long? abcqa" in screen_text(pilot)
        assert pilot.app.is_running


async def test_a_silence_is_not_made_without_a_reason(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk) as pilot:
        await press(pilot, "s", "enter", "enter")
        assert "a silence needs a reason" in screen_text(pilot)
        assert "for 1h, because" in screen_text(pilot)
    assert alerts.silences(busy_desk) == ()


async def test_an_acknowledgement_needs_no_words_not_even_on_a_live_desk(
    make_desk: Callable[..., Desk], tmp_path: Path, clock: VirtualClock, show: Show
) -> None:
    desk = fill_desk(make_desk, tmp_path, clock, mode="live")
    async with show(desk) as pilot:
        text = screen_text(pilot)
        assert "◆◆ LIVE ◆◆" in text
        assert "PAPER" not in text
        await press(pilot, "a", "enter")
        assert "risk_limits is acknowledged by tester" in screen_text(pilot)
    assert alerts.list_alerts(desk)[0].state is AlertState.ACKNOWLEDGED


async def test_in_a_narrow_terminal_the_answer_keeps_half_of_the_line(
    busy_desk: Desk, show: Show
) -> None:
    async with show(busy_desk, 20, 5) as pilot:
        await press(pilot, "j", "a", *"on it")
        assert "on it" in screen_text(pilot)


async def test_the_command_line_completes_and_goes_to_a_screen(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk) as pilot:
        await press(pilot, "colon", *"mes", "tab", "enter")
        assert "Audit log" in screen_text(pilot)
        await press(pilot, "colon", *"nonsense", "enter")
        assert "no command 'nonsense'" in screen_text(pilot)
        await press(pilot, "ctrl+u", *"home", "enter")
        assert "Alert history" in screen_text(pilot)


async def test_the_words_a_command_may_become_are_all_shown(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk) as pilot:
        await press(pilot, "colon", "tab")
        text = screen_text(pilot)
        for word in ("overview", "alerts", "resources", "messages", "silence", "rollback"):
            assert word in text, word
