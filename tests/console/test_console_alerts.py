"""The alerts screen: the list in its order, the story beside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot

from console.driving import Show, fill_desk, press, screen_text, until
from mechexo.alerts import attempt_records, outbox
from mechexo.alerts import operations as alerts
from mechexo.alerts.bundling import Limit
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo_tui.widgets.line_list import LineList

pytestmark = pytest.mark.slow


async def test_alerts_are_sorted_by_shifted_letters_and_turned_round(
    busy_desk: Desk, show: Show
) -> None:
    async with show(busy_desk, 120, 40) as pilot:
        await press(pilot, "2", "N")
        assert "name v" in screen_text(pilot)
        assert pilot.app.screen.query_one("#rows", LineList).text.find("feed_stale") < 40
        await press(pilot, "N")
        assert "name ^" in screen_text(pilot)


async def test_side_by_side_the_time_of_an_alert_is_whole(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, 160, 50) as pilot:
        await press(pilot, "2")
        row = next(line for line in screen_text(pilot).splitlines() if "risk_limits" in line)
        assert "14:30  " in row


async def test_stamps_in_what_happened_are_in_the_desks_zone(
    make_desk: Callable[..., Desk], tmp_path: Path, clock: VirtualClock, show: Show
) -> None:
    desk = fill_desk(make_desk, tmp_path, clock, zone="America/New_York")
    worst = alerts.list_alerts(desk)[0]
    alerts.silence(desk, matchers={"name": worst.name}, duration=timedelta(hours=2), reason="known")
    async with show(desk, 200, 60) as pilot:
        await press(pilot, "2")
        await until(pilot, "11:33:00 EST")
        assert "16:33:00Z" not in screen_text(pilot)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
@pytest.mark.parametrize("ascii", [False, True])
async def test_the_list_says_who_is_told_next_and_when_at_every_size(
    ladder_desk: Desk, show: Show, size: tuple[int, int], ascii: bool
) -> None:
    async with show(ladder_desk, *size, ascii=ascii) as pilot:
        await press(pilot, "2")
        await until(pilot, "What happened")
        text = screen_text(pilot)
        row = next(line for line in text.splitlines() if "CRITICAL  gateway" in line)
        assert "firing" in row
        assert "3m      1  mail (ada) 11m" in row
        row = next(line for line in text.splitlines() if "HIGH      no_fills" in line)
        assert "caused by 1" in row
        assert "next           level 2: mail (ada) in 11m" in text
        assert "2 started: 1 critical, 1 high" in text
        assert max(map(len, text.splitlines())) <= size[0]
        assert text.isascii() or not ascii


async def test_the_time_to_the_next_level_moves_while_one_looks(
    ladder_desk: Desk, show: Show, clock: VirtualClock
) -> None:
    async with show(ladder_desk) as pilot:
        await press(pilot, "2")
        await until(pilot, "mail (ada) 11m")
        clock.advance(timedelta(minutes=7))
        await until(pilot, "mail (ada) 4m")
        await until(pilot, "level 2: mail (ada) in 4m")
        clock.advance(timedelta(minutes=4, seconds=20))
        await until(pilot, "mail (ada) 25s")
        clock.advance(timedelta(minutes=1))
        await until(pilot, "mail (ada) now")


async def test_the_list_is_sorted_by_level_and_by_who_is_told_next(
    ladder_desk: Desk, show: Show
) -> None:
    alerts.raise_alert(
        ladder_desk, key="late", severity="critical", name="aardvark", summary="s", labels={}
    )
    # Nothing was sent for 3 minutes: the first one is at its second level now, and waits longest.
    async with show(ladder_desk, 120, 40) as pilot:
        await press(pilot, "2", "L")
        assert "level v" in screen_text(pilot)
        assert order_of(pilot, "gateway", "aardvark", "no_fills")
        await press(pilot, "W")
        assert "next v" in screen_text(pilot)
        assert order_of(pilot, "aardvark", "gateway", "no_fills")
        await press(pilot, "W")
        assert "next ^" in screen_text(pilot)
        assert order_of(pilot, "no_fills", "gateway", "aardvark")


def order_of(pilot: Pilot[int], *names: str) -> bool:
    shown = pilot.app.screen.query_one("#rows", LineList).text
    places = [shown.find(name) for name in names]
    assert -1 not in places
    return places == sorted(places)


async def test_todays_messages_and_the_last_failures_words_are_shown(
    ladder_desk: Desk, show: Show, clock: VirtualClock
) -> None:
    now = clock.now()
    with ladder_desk.state.write() as transaction:
        found = outbox.claim(transaction.connection, "chat", Limit(None), now)
        assert isinstance(found, outbox.Bundle)
        attempt_records.record_failed(
            transaction.connection, found.claims[0], "rejected", "403 blocked", now
        )
    async with show(ladder_desk) as pilot:
        await press(pilot, "2")
        await until(pilot, "✖ chat 1 failed · mail nothing")
        await until(pilot, "chat at 14:33: 403 blocked")
    async with show(ladder_desk, 200, 60) as pilot:
        await press(pilot, "2")
        await until(pilot, "Messages today")
        row = next(line for line in screen_text(pilot).splitlines() if "✖ 1" in line)
        assert "14:33 403 blocked" in row
        assert "Last 24 hours" in screen_text(pilot)


async def test_a_count_that_cannot_be_read_says_so_and_leaves_the_list(
    ladder_desk: Desk, show: Show
) -> None:
    with closing(sqlite3.connect(ladder_desk.state.path)) as connection:
        connection.execute("ALTER TABLE delivery_attempt RENAME TO gone")
    async with show(ladder_desk, 200, 60) as pilot:
        await press(pilot, "2")
        await until(pilot, "? UNKNOWN  today's messages")
        assert "mail (ada) 11m" in screen_text(pilot)
