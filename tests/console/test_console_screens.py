"""The real console on a real desk, at the sizes people have, key by key."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from console.driving import Show, fill_desk, press, screen_text, settled, until
from mechexo.actor import Actor
from mechexo.alerts import operations as alerts
from mechexo.alerts.values import AlertState
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo_tui.app import MechexoApp
from mechexo_tui.widgets.line_list import LineList

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


async def test_below_sixty_by_sixteen_a_plain_list_still_works(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, 20, 5) as pilot:
        assert "PAPER" in screen_text(pilot)
        await press(pilot, "j", "k")
        assert "CRITICAL risk_li" in screen_text(pilot)
        await press(pilot, "b")
        assert "A risk limit" in screen_text(pilot)
        await press(pilot, "q")
        assert "CRITICAL" in screen_text(pilot)
        assert "? help" in screen_text(pilot)
        assert "q quit" in screen_text(pilot)


async def test_every_status_is_readable_without_colour(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, 120, 40) as pilot:
        text = screen_text(pilot)
        for word in ("● OK", "✖ CRITICAL", "? UNKNOWN", "✖ NOT OK"):
            assert word in text, word


async def test_ascii_only_means_ascii_only(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, 120, 40, ascii=True) as pilot:
        for key in "123456780":
            text = screen_text(pilot)
            own = [line for line in text.splitlines() if not line.isascii()]
            assert own == []
            await press(pilot, key)


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


async def test_read_only_says_so_and_changes_nothing(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, read_only=True) as pilot:
        assert "read-only" in screen_text(pilot)
        await press(pilot, "a")
        assert "the console was opened read-only" in screen_text(pilot)


async def test_a_viewer_is_told_which_role_is_needed(
    make_desk: Callable[..., Desk], tmp_path: Path, clock: VirtualClock, show: Show
) -> None:
    desk = fill_desk(make_desk, tmp_path, clock)
    viewer = desk.acting_as(Actor(424242, "guest"))
    async with show(viewer) as pilot:
        await press(pilot, "a")
        assert "needs the role responder; guest is viewer" in screen_text(pilot)


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


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("2", ("Alerts", "severity", "What happened", "gross exposure")),
        ("3", ("Flows", "Data pipeline", "● COMPLETED", "Runs")),
        ("4", ("Costs by day", "commission", "spread", "slippage", "priced", "6 of 6 fills")),
        ("5", ("System resources", "gateway", "✖ CRITICAL", "uptime")),
        ("6", ("Risk and trading", "gross_exposure", "112%", "trading_enabled")),
        ("7", ("Runbook", "✖ SEV1", "Trading is halted")),
        ("8", ("Messages", "Audit log", "alerts.raise")),
    ],
)
@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_a_digit_goes_to_its_screen_and_q_comes_back(
    busy_desk: Desk, show: Show, key: str, words: tuple[str, ...], size: tuple[int, int]
) -> None:
    async with show(busy_desk, *size) as pilot:
        await press(pilot, key)
        await settled(pilot, costs=key == "4")
        text = screen_text(pilot)
        for word in words:
            assert word in text, word
        await press(pilot, "q")
        assert "Alert history and analysis" in screen_text(pilot)


async def test_enter_opens_runs_probes_entries_and_audit_entries(
    busy_desk: Desk, show: Show
) -> None:
    async with show(busy_desk) as pilot:
        await press(pilot, "3", "G", "enter")
        assert "42 bars written" in screen_text(pilot)
        await press(pilot, "q", "5", "enter")
        assert "failed in a row" in screen_text(pilot)
        await press(pilot, "q", "7", "enter")
        assert "First 60 seconds" in screen_text(pilot)
        await press(pilot, "q", "8", "G", "enter")
        assert "hash" in screen_text(pilot)


async def test_alerts_are_sorted_by_shifted_letters_and_turned_round(
    busy_desk: Desk, show: Show
) -> None:
    async with show(busy_desk, 120, 40) as pilot:
        await press(pilot, "2", "N")
        assert "name v" in screen_text(pilot)
        assert pilot.app.screen.query_one("#rows", LineList).text.find("feed_stale") < 40
        await press(pilot, "N")
        assert "name ^" in screen_text(pilot)


async def test_sections_open_with_their_key_and_with_enter(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, 80, 24) as pilot:
        assert "noisiest" not in screen_text(pilot)
        await press(pilot, "i")
        assert "per day" in screen_text(pilot)
        await press(pilot, "enter")
        assert "per day" not in screen_text(pilot)


async def test_help_is_about_this_screen(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk) as pilot:
        await press(pilot, "question_mark")
        text = screen_text(pilot)
        assert "On the screen overview" in text
        assert "Acknowledge the alert" in text
        await press(pilot, "q", "4", "question_mark")
        assert "On the screen costs" in screen_text(pilot)


async def test_what_another_writer_did_is_shown_within_two_seconds(
    busy_desk: Desk, show: Show
) -> None:
    async with show(busy_desk) as pilot:
        await pilot.pause(1.1)
        alerts.raise_alert(
            busy_desk, key="late", severity="critical", name="late_news", summary="s", labels={}
        )
        for _ in range(20):
            await pilot.pause(0.1)
            if "late_news" in screen_text(pilot):
                break
        assert "late_news" in screen_text(pilot)


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


async def test_capital_r_writes_the_shift_report_and_says_where(
    busy_desk: Desk, show: Show
) -> None:
    async with show(busy_desk, 200, 60) as pilot:
        await press(pilot, "R")
        assert "the shift report is in" in screen_text(pilot)
    (report,) = (busy_desk.state.path.parent / "reports").glob("shift-*.md")
    assert "gross exposure" in report.read_text()


async def test_y_shows_what_it_copied(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, 120, 40) as pilot:
        await press(pilot, "y")
        assert "clipboard: CRITICAL risk_limits: gross exposure above its limit" in screen_text(
            pilot
        )


async def test_a_name_with_control_codes_cannot_steer_the_terminal(
    busy_desk: Desk, show: Show
) -> None:
    alerts.raise_alert(
        busy_desk, key="evil", severity="critical", name="evil", summary="a\x1b[2Jb\u202ec",
        labels={},
    )  # fmt: skip
    async with show(busy_desk, 120, 40) as pilot:
        text = screen_text(pilot)
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "evil" in text


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


async def test_facts_that_arrive_while_a_screen_is_being_made_wait_for_it(
    busy_desk: Desk, show: Show
) -> None:
    async with show(busy_desk, 80, 24) as pilot:
        app = cast("MechexoApp", pilot.app)
        app.show_page("alerts")  # in front at once, its widgets only later
        assert not app.front.query(LineList)
        app.on_parts_read(app.facts._read(("alerts", "status")))
        app.front.on_resize()
        await settled(pilot)
        assert "risk_limits" in screen_text(pilot)


async def test_x_without_a_repository_says_that_it_cannot_tell(
    make_desk: Callable[..., Desk], show: Show
) -> None:
    desk = make_desk()
    async with show(desk) as pilot:
        await press(pilot, "x")
        await until(pilot, "[rollback] repository")
        assert "? UNKNOWN" in screen_text(pilot)
        assert "nothing to roll back" not in screen_text(pilot)


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


async def test_a_list_that_was_shifted_begins_at_its_edge_when_one_comes_back(
    busy_desk: Desk, show: Show
) -> None:
    async with show(busy_desk, 60, 24) as pilot:
        await press(pilot, "x")
        await until(pilot, "Rollback, dry run")
        await press(pilot, "G", "right")
        diff = pilot.app.screen.query_one(LineList)
        assert diff.left > 0
        await press(pilot, "question_mark", "q")
        assert diff.left == 0


async def test_what_is_said_takes_the_lines_it_needs(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, 60, 24) as pilot:
        await press(pilot, "R")
        await until(pilot, "the shift report is in")
        (report,) = (busy_desk.state.path.parent / "reports").iterdir()
        shown = "".join(line.strip() for line in screen_text(pilot).splitlines()[-4:])
        assert report.name in shown


async def test_the_filter_of_the_overview_says_that_it_filters_alerts(
    busy_desk: Desk, show: Show
) -> None:
    async with show(busy_desk) as pilot:
        await press(pilot, "slash")
        assert "alerts with these words" in screen_text(pilot)
        await press(pilot, *"!feed", "enter")
        assert "2 of 3, without the words: feed" in screen_text(pilot)


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


async def test_every_reason_is_one_key_away(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk) as pilot:
        assert "(and 1 more: o)" in screen_text(pilot)
        await press(pilot, "o")
        text = screen_text(pilot)
        assert " 1  " in text
        assert " 2  " in text


async def test_a_list_says_that_there_is_more_of_it(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, 80, 24) as pilot:
        await press(pilot, "b")
        assert "▾" in screen_text(pilot)
        assert "▴" not in screen_text(pilot)
        await press(pilot, "G")
        assert "▴" in screen_text(pilot)
        assert "▾" not in screen_text(pilot)


async def test_a_changed_configuration_is_said_in_the_header(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, 120, 40) as pilot:
        assert "configuration changed" not in screen_text(pilot)
        path = busy_desk.config_path
        path.write_text(path.read_text() + "\n# another look\n")
        await until(pilot, "configuration changed: leave and open again")


async def test_a_narrow_list_still_says_what_is_acknowledged(busy_desk: Desk, show: Show) -> None:
    alerts.acknowledge(busy_desk, alerts.list_alerts(busy_desk)[0].id)
    async with show(busy_desk, 60, 20) as pilot:
        assert "✔ acked" in screen_text(pilot)


async def test_side_by_side_the_time_of_an_alert_is_whole(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, 160, 50) as pilot:
        await press(pilot, "2")
        row = next(line for line in screen_text(pilot).splitlines() if "risk_limits" in line)
        assert "14:30  " in row


async def test_the_runbook_that_an_alert_leads_to_is_not_filtered(
    busy_desk: Desk, show: Show
) -> None:
    async with show(busy_desk) as pilot:
        await press(pilot, "7", "slash", *"disk", "enter", "1", "j", "j", "b")
        await until(pilot, "no runbook entry is for odd_thing")
        assert "Trading is halted" in screen_text(pilot)


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
