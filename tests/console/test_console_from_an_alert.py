"""What an alert leads to: its runbook entry, the rollback of the suspected change, and back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from console.driving import Show, press, screen_text, until
from mechexo.alerts import operations as alerts
from mechexo.alerts.values import AlertState
from mechexo.desk import Desk

pytestmark = pytest.mark.slow


async def test_enter_on_an_alert_opens_its_runbook_entry(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk) as pilot:
        await press(pilot, "enter")
        text = screen_text(pilot)
        assert "A risk limit is breached" in text
        assert "First 60 seconds" in text
        await press(pilot, "escape")
        assert "Alerts" in screen_text(pilot)


async def test_an_alert_without_an_entry_says_so_and_opens_the_runbook(
    busy_desk: Desk, show: Show
) -> None:
    async with show(busy_desk) as pilot:
        await press(pilot, "j", "j", "b")
        text = screen_text(pilot)
        assert "no runbook entry is for odd_thing" in text
        assert "Trading is halted" in text


async def test_without_an_entry_the_cursor_stands_on_the_nearest(
    busy_desk: Desk, show: Show
) -> None:
    alerts.raise_alert(
        busy_desk, key="k", severity="critical", name="vendor_quotes", reason="made for a test",
        summary="the data pipeline did not finish", labels={},
    )  # fmt: skip
    async with show(busy_desk) as pilot:
        await press(pilot, "b")
        await until(pilot, "the nearest is data-pipeline-failure")
        await press(pilot, "enter")
        assert "runbook > data-pipeline-failure" in screen_text(pilot)


async def test_back_from_the_runbook_is_where_the_alert_was(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk) as pilot:
        await press(pilot, "2", "j", "j", "b")
        await until(pilot, "no runbook entry is for odd_thing")
        await press(pilot, "enter")
        await until(pilot, "runbook > ")
        await press(pilot, "escape", "escape", "a")
        await until(pilot, "acknowledge odd_thing")


async def test_the_runbook_that_an_alert_leads_to_is_not_filtered(
    busy_desk: Desk, show: Show
) -> None:
    async with show(busy_desk) as pilot:
        await press(pilot, "7", "slash", *"disk", "enter", "1", "j", "j", "b")
        await until(pilot, "no runbook entry is for odd_thing")
        assert "Trading is halted" in screen_text(pilot)


async def test_x_shows_the_dry_run_of_the_suspected_change(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, 100, 50) as pilot:
        await press(pilot, "x")
        text = screen_text(pilot)
        for word in ("nothing has been changed", "config/risk.yaml", "Set the limits",
                     "Loosen the gross limit", "Guards", "● OK", "@@", "-  gross_pct: 180",
                     "+  gross_pct: 100"):  # fmt: skip
            assert word in text, word
    assert "180" in (busy_desk.root / "repo/config/risk.yaml").read_text()


async def test_x_says_why_when_nothing_changed(desk: Desk, show: Show) -> None:
    async with show(desk) as pilot:
        await press(pilot, "x")
        assert "roll" in screen_text(pilot)
        assert "planning" not in screen_text(pilot)


async def test_x_without_a_repository_says_that_it_cannot_tell(
    make_desk: Callable[..., Desk], show: Show
) -> None:
    desk = make_desk()
    async with show(desk) as pilot:
        await press(pilot, "x")
        await until(pilot, "[rollback] repository")
        assert "? UNKNOWN" in screen_text(pilot)
        assert "nothing to roll back" not in screen_text(pilot)


async def test_an_alert_can_be_taken_from_its_runbook_entry_and_from_its_diff(
    busy_desk: Desk, show: Show
) -> None:
    async with show(busy_desk) as pilot:
        await press(pilot, "b", "a", *"reading", "enter")
        await until(pilot, "risk_limits is acknowledged")
        await press(pilot, "x")
        await until(pilot, "Rollback, dry run")
    assert alerts.list_alerts(busy_desk)[0].state is AlertState.ACKNOWLEDGED


async def test_a_probe_leads_to_its_alert(busy_desk: Desk, show: Show) -> None:
    alerts.observe(
        busy_desk,
        [alerts.Observation("probe:gateway", True, "high", "gateway", "refused", "probe")],
    )
    async with show(busy_desk) as pilot:
        await press(pilot, "5", "a")
        assert "acknowledge gateway" in screen_text(pilot)
