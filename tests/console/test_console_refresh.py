"""Facts that come, fail, stay away or do not change while one looks."""

from __future__ import annotations

import sqlite3
from typing import cast

import pytest

from console.driving import Show, press, screen_text, settled, until
from mechexo.alerts import operations as alerts
from mechexo.desk import Desk
from mechexo_tui.app import MechexoApp
from mechexo_tui.widgets.line_list import LineList

pytestmark = pytest.mark.slow


async def test_what_another_writer_did_is_shown_without_asking(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk) as pilot:
        alerts.raise_alert(
            busy_desk, key="late", severity="critical", name="late_news", summary="s", labels={}
        )
        await until(pilot, "late_news")


async def test_a_refresh_without_news_paints_nothing(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, 120, 40) as pilot:
        await settled(pilot, costs=True)
        painted: list[object] = []
        screen = pilot.app.screen
        original = screen._compositor.render_partial_update
        screen._compositor.render_partial_update = (  # type: ignore[method-assign]
            lambda: painted.append(1) or original()
        )
        await press(pilot, "r")
        assert painted == []


async def test_a_failed_source_says_why_in_its_place_and_leaves_the_rest_alive(
    busy_desk: Desk, show: Show
) -> None:
    async with show(busy_desk, 120, 40) as pilot:
        await settled(pilot, costs=True)
        assert "+2.5" in screen_text(pilot)
        (busy_desk.root / "fills.csv").write_text("no,such,columns\n1,2,3\n")
        await press(pilot, "r")
        await settled(pilot, costs=True)
        text = screen_text(pilot)
        assert "? UNKNOWN" in text
        assert "shown as of 14:33" in text
        assert "+2.5" in text, "the last good value stays"
        assert "risk_limits" in text


async def test_a_damaged_state_file_does_not_end_the_console(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk) as pilot:
        with sqlite3.connect(busy_desk.state.path) as connection:
            connection.execute("ALTER TABLE flow_run RENAME TO gone")
        connection.close()
        await press(pilot, "r", "3")
        await until(pilot, "? UNKNOWN")
        await press(pilot, "2")
        assert "risk_limits" in screen_text(pilot)


async def test_p_pauses_and_says_so(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk) as pilot:
        await press(pilot, "p")
        assert "PAUSED" in screen_text(pilot)
        await press(pilot, "p")
        assert "PAUSED" not in screen_text(pilot)


async def test_a_changed_configuration_is_said_in_the_header(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, 120, 40) as pilot:
        assert "configuration changed" not in screen_text(pilot)
        path = busy_desk.config_path
        path.write_text(path.read_text() + "\n# another look\n")
        await until(pilot, "configuration changed: leave and open again")


async def test_facts_that_arrive_while_a_screen_is_being_made_wait_for_it(
    busy_desk: Desk, show: Show
) -> None:
    async with show(busy_desk, 80, 24) as pilot:
        app = cast("MechexoApp", pilot.app)
        app.show_page("alerts")  # in front at once, its widgets only later
        assert not app.front.query(LineList)
        app.on_parts_read(app.facts.read(("alerts", "status")))
        app.front.on_resize()
        await settled(pilot)
        assert "risk_limits" in screen_text(pilot)
