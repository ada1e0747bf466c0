"""The overview: everything at a glance at every size, and what its keys open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from console.driving import Show, fill_desk, press, screen_text, settled, until
from mechexo.alerts import operations as alerts
from mechexo.clock import VirtualClock
from mechexo.desk import Desk

pytestmark = pytest.mark.slow

SECTIONS = ("Alert history and analysis", "Flow status and performance", "System resources",
            "Risk and trading")  # fmt: skip


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 40), (200, 60)])
async def test_the_overview_shows_everything_at_every_size(
    busy_desk: Desk, show: Show, size: tuple[int, int]
) -> None:
    async with show(busy_desk, *size) as pilot:
        text = screen_text(pilot)
        for word in ("( PAPER )", "test", "on call Ada", "14:33 UTC", "risk_limits", "feed_stale",
                     "✖ CRITICAL", "▲ HIGH", "Costs", *SECTIONS):  # fmt: skip
            assert word in text, word
        assert "? help" in text
        assert max(map(len, text.splitlines())) <= size[0]


async def test_every_status_is_readable_without_colour(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, 120, 40) as pilot:
        text = screen_text(pilot)
        for word in ("● OK", "✖ CRITICAL", "? UNKNOWN", "✖ NOT OK"):
            assert word in text, word


async def test_sections_open_with_their_key_and_with_enter(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, 80, 24) as pilot:
        assert "noisiest" not in screen_text(pilot)
        await press(pilot, "i")
        assert "per day" in screen_text(pilot)
        await press(pilot, "enter")
        assert "per day" not in screen_text(pilot)


async def test_every_reason_is_one_key_away(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk) as pilot:
        assert "(and 1 more: o)" in screen_text(pilot)
        await press(pilot, "o")
        text = screen_text(pilot)
        assert " 1  " in text
        assert " 2  " in text


async def test_many_alerts_are_counted_and_all_of_them_are_one_key_away(
    busy_desk: Desk, show: Show
) -> None:
    alerts.observe(
        busy_desk,
        [
            alerts.Observation(f"k{n}", True, "medium", f"n{n}", "s", "test")
            for n in range(300)
        ],
    )  # fmt: skip
    async with show(busy_desk, 80, 24) as pilot:
        text = screen_text(pilot)
        assert "more: press 2" in text
        assert "Risk and trading" in text, "the sections stay on the screen"
        await press(pilot, "2", "G")
        await settled(pilot)
        assert "odd_thing" in screen_text(pilot)


async def test_the_filter_of_the_overview_says_that_it_filters_alerts(
    busy_desk: Desk, show: Show
) -> None:
    async with show(busy_desk) as pilot:
        await press(pilot, "slash")
        assert "alerts with these words" in screen_text(pilot)
        await press(pilot, *"!feed", "enter")
        assert "2 of 3, without the words: feed" in screen_text(pilot)


async def test_the_filter_keeps_and_leaves_out(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk) as pilot:
        await press(pilot, "slash", *"feed")
        text = screen_text(pilot)
        assert "feed_stale" in text
        assert "risk_limits  " not in text
        await press(pilot, "enter")
        assert "/feed" in screen_text(pilot)
        await press(pilot, "escape")
        assert "risk_limits" in screen_text(pilot)
        await press(pilot, "slash", *"!feed", "enter")
        assert "feed_stale" not in screen_text(pilot)


async def test_what_is_wrong_with_a_section_is_said_once(
    make_desk: Callable[..., Desk], tmp_path: Path, clock: VirtualClock, show: Show
) -> None:
    desk = fill_desk(make_desk, tmp_path, clock)
    (desk.root / "quotes.csv").write_text("")
    async with show(desk, 120, 40) as pilot:
        await until(pilot, "? UNKNOWN  ")
        await settled(pilot, costs=True)
        complaints = [line for line in screen_text(pilot).splitlines() if "quotes.csv" in line]
        assert len(complaints) == 1, complaints


async def test_an_acknowledged_alert_that_is_silenced_shows_both_and_until_when(
    busy_desk: Desk, show: Show
) -> None:
    worst = alerts.list_alerts(busy_desk)[0]
    alerts.acknowledge(busy_desk, worst.id, note="looking at the limits")
    alerts.silence(
        busy_desk, matchers={"name": worst.name}, duration=timedelta(hours=2), reason="known"
    )
    async with show(busy_desk, 80, 24) as pilot:
        assert "✔ silenced" in screen_text(pilot)
        await press(pilot, "2")
        text = screen_text(pilot)
        assert "looking at the limits" in text
    async with show(busy_desk, 120, 40) as pilot:
        assert "✔ silenced to 16:33" in screen_text(pilot)


async def test_a_narrow_list_still_says_what_is_acknowledged(busy_desk: Desk, show: Show) -> None:
    alerts.acknowledge(busy_desk, alerts.list_alerts(busy_desk)[0].id)
    async with show(busy_desk, 60, 20) as pilot:
        assert "✔ acked" in screen_text(pilot)
