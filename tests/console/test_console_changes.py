"""What changed around an alert, in the console: the time line, the suspects, and their rollback."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import cast

import pytest
from textual.pilot import Pilot

from console.driving import Show, press, screen_text, settled, until
from mechexo import what_changed
from mechexo.alerts import operations as alerts
from mechexo.alerts.values import AlertState
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.flows import operations as flows
from mechexo_tui.app import MechexoApp
from mechexo_tui.screens.changes import ChangesScreen
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import width_of

pytestmark = pytest.mark.slow

RISK, OTHER = "config/risk.yaml", "config/other.yaml"


@pytest.fixture
def changed_desk(busy_desk: Desk, clock: VirtualClock) -> Desk:
    """The busy desk with a run that failed and a new file that git does not know."""
    flows.execute(busy_desk, "data_pipeline", ["sh", "-c", "echo no bars; exit 3"])
    written = busy_desk.root / "repo" / OTHER
    written.write_text("n: 1\n")
    moment = (clock.now() - timedelta(minutes=20)).timestamp()
    os.utime(written, (moment, moment))
    return busy_desk


def shown(pilot: Pilot[int]) -> ChangesScreen:
    return cast("ChangesScreen", pilot.app.screen)


def lines_of(pilot: Pilot[int], part: str) -> str:
    return shown(pilot).query_one(f"#{part}", LineList).text


async def test_w_on_an_alert_shows_what_changed_around_it_with_the_suspect_chosen(
    changed_desk: Desk, show: Show
) -> None:
    async with show(changed_desk, 100, 40) as pilot:
        await press(pilot, "w")
        await until(pilot, "Loosen the gross limit")
        text = screen_text(pilot)
        for word in ("what changed > risk_limits", "6h around it",
                     "▸ THIS ALERT", "◆ commit", "▲ edit", "✖ flow failure", "✖ alert",
                     "data_pipeline failed with exit code 3: no bars",
                     f"{OTHER}: new, not in git"):  # fmt: skip
            assert word in text, word
        story = lines_of(pilot, "story")
        assert "Suspect 1 of" in story
        assert f"150  touches {RISK}, which the alert names" in story
        assert " 16  45 min before" in story
        assert "166 points" in story
        assert f"x  dry run of its rollback: config {RISK}" in story


async def test_the_story_follows_the_cursor_and_says_why_something_is_no_suspect(
    changed_desk: Desk, show: Show
) -> None:
    async with show(changed_desk, 100, 40) as pilot:
        await press(pilot, "w", "g")
        while "data_pipeline failed" not in lines_of(pilot, "story"):
            before = shown(pilot).query_one("#rows", LineList).index
            await press(pilot, "j")
            assert shown(pilot).query_one("#rows", LineList).index != before
        assert "Not suspected: it came after the start." in lines_of(pilot, "story")
        assert "no rollback: a run cannot be taken back" in lines_of(pilot, "story")


async def test_x_on_the_screen_and_x_on_the_alert_show_the_same_dry_run(
    changed_desk: Desk, show: Show
) -> None:
    async with show(changed_desk, 100, 40) as pilot:
        await press(pilot, "x")
        await until(pilot, "Rollback, dry run")
        direct = screen_text(pilot)
        await press(pilot, "q", "w")
        await until(pilot, "Suspect 1 of")
        await press(pilot, "x")
        await until(pilot, "Rollback, dry run")
        same = [line for line in screen_text(pilot).splitlines() if "Plan " not in line]
        assert same == [line for line in direct.splitlines() if "Plan " not in line]
        assert "-  gross_pct: 180" in "\n".join(same)
        assert "why this one   touches config/risk.yaml, which the alert names" in direct
        await press(pilot, "q")
        assert isinstance(pilot.app.screen, ChangesScreen)
    assert "180" in (changed_desk.root / "repo" / RISK).read_text()


async def test_x_on_an_edit_shows_what_git_has(changed_desk: Desk, show: Show) -> None:
    risk = changed_desk.root / "repo" / RISK
    risk.write_text("limits:\n  gross_pct: 999\n  net_pct: 40\n")
    async with show(changed_desk, 100, 50) as pilot:
        await press(pilot, "w", "slash", *"differs", "enter")
        await until(pilot, "differs from what git has")
        await press(pilot, "x")
        await until(pilot, "-  gross_pct: 999")
        assert "+  gross_pct: 180" in screen_text(pilot)
    assert "999" in risk.read_text()


async def test_x_on_what_cannot_be_taken_back_says_so(changed_desk: Desk, show: Show) -> None:
    async with show(changed_desk, 100, 40) as pilot:
        await press(pilot, "w", "slash", *"new,", "enter", "x")
        await until(pilot, "no rollback: git has no earlier state of it")
        assert isinstance(pilot.app.screen, ChangesScreen)


async def test_s_puts_the_likeliest_first_and_t_the_newest(changed_desk: Desk, show: Show) -> None:
    async with show(changed_desk, 100, 40) as pilot:
        await press(pilot, "w", "S")
        assert "Loosen the gross limit" in lines_of(pilot, "rows").splitlines()[0]
        assert "suspect ^" in screen_text(pilot)
        await press(pilot, "T")
        assert "data_pipeline failed" in lines_of(pilot, "rows").splitlines()[0]
        assert "when v" in screen_text(pilot)


async def test_a_filter_keeps_rows_and_a_second_back_leaves(changed_desk: Desk, show: Show) -> None:
    async with show(changed_desk, 100, 40) as pilot:
        await press(pilot, "w", "slash", *"commit", "enter")
        rows = lines_of(pilot, "rows").strip().splitlines()
        assert rows
        assert all("◆ commit" in row for row in rows)
        await press(pilot, "q")
        assert "✖ flow failure" in lines_of(pilot, "rows")
        await press(pilot, "q")
        assert not isinstance(pilot.app.screen, ChangesScreen)


async def test_enter_opens_the_whole_story_and_tab_scrolls_in_it(
    changed_desk: Desk, show: Show
) -> None:
    async with show(changed_desk) as pilot:
        await press(pilot, "w", "enter")
        await until(pilot, "mechexo rollback plan config config/risk.yaml --to")
        await press(pilot, "q", "tab")
        assert shown(pilot).active.id == "story"
        await press(pilot, "tab")
        assert shown(pilot).active.id == "rows"


async def test_the_alert_can_be_taken_from_here(changed_desk: Desk, show: Show) -> None:
    async with show(changed_desk) as pilot:
        await press(pilot, "w", "a", "enter")
        await until(pilot, "risk_limits is acknowledged")
        assert isinstance(pilot.app.screen, ChangesScreen)
    assert alerts.list_alerts(changed_desk)[0].state is AlertState.ACKNOWLEDGED


async def test_without_an_alert_it_is_about_now(make_desk: Callable[..., Desk], show: Show) -> None:
    async with show(make_desk()) as pilot:
        await press(pilot, "w")
        await until(pilot, "what changed > now")
        text = screen_text(pilot)
        assert "? UNKNOWN  commits and edits not in git: " in text
        assert "[rollback] repository" in lines_of(pilot, "story")


async def test_a_source_that_cannot_be_read_stands_first_and_the_rest_is_there(
    changed_desk: Desk, show: Show
) -> None:
    with changed_desk.state.write() as transaction:
        transaction.execute("DROP TABLE oncall_override")
        transaction.execute("ALTER TABLE flow_run RENAME TO gone")
    async with show(changed_desk, 100, 40) as pilot:
        await press(pilot, "w")
        await until(pilot, "Loosen the gross limit")
        first, *_ = lines_of(pilot, "rows").splitlines()
        assert "? UNKNOWN  flow failures: " in first
        assert "Suspect 1 of" in lines_of(pilot, "story")


async def test_r_reads_again_and_the_cursor_stays(changed_desk: Desk, show: Show) -> None:
    async with show(changed_desk, 100, 40) as pilot:
        await press(pilot, "w", "g")
        key = shown(pilot).active.key
        (changed_desk.root / "repo/config/newest.yaml").write_text("x\n")
        await press(pilot, "r")
        await until(pilot, "config/newest.yaml: new, not in git")
        assert shown(pilot).active.key == key


async def test_a_source_that_hangs_holds_up_no_key(
    changed_desk: Desk, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, real = threading.Event(), what_changed.around
    threads: list[str] = []

    def slow(*args: object, **options: object) -> object:
        threads.append(threading.current_thread().name)
        free.wait(30)
        return real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(what_changed, "around", slow)
    async with show(changed_desk, 100, 40) as pilot:
        await pilot.press("w")
        await until(pilot, "reading what changed")
        await pilot.press("q")
        await pilot.press("2")
        await until(pilot, "Last 24 hours")
        free.set()
        await settled(pilot)
    assert threads
    assert threading.main_thread().name not in threads


async def test_a_defect_behind_it_is_said_and_the_console_lives(
    changed_desk: Desk, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object, **_options: object) -> object:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(what_changed, "around", broken)
    async with show(changed_desk) as pilot:
        await press(pilot, "w")
        await until(pilot, "a defect in mechexo: ZeroDivisionError")
        assert "? UNKNOWN" in screen_text(pilot)


@pytest.mark.parametrize("size", [(80, 24), (140, 40), (200, 60), (60, 16), (59, 15)])
async def test_it_fits_every_size_and_every_state_has_a_word(
    changed_desk: Desk, show: Show, size: tuple[int, int]
) -> None:
    async with show(changed_desk, *size) as pilot:
        await press(pilot, "w")
        await until(pilot, "◆ commit")
        text = screen_text(pilot)
        assert all(width_of(line) <= size[0] for line in text.splitlines())
        assert "▸ THIS ALERT" in text
        assert "q back" in text


async def test_in_ascii_no_sign_needs_more(changed_desk: Desk, show: Show) -> None:
    async with show(changed_desk, 100, 40, ascii=True) as pilot:
        await press(pilot, "w")
        await until(pilot, "* commit")
        assert screen_text(pilot).isascii()
        assert "! edit" in screen_text(pilot)


async def test_the_command_line_of_the_console_knows_it(changed_desk: Desk, show: Show) -> None:
    async with show(changed_desk) as pilot:
        await press(pilot, "colon", *"changes", "enter")
        await until(pilot, "what changed > risk_limits")


Compare = Callable[..., bool]


@pytest.mark.parametrize("size", [(80, 24), (200, 60)], ids=lambda size: f"{size[0]}")
def test_what_changed_looks_so(
    changed_desk: Desk, snap_compare: Compare, size: tuple[int, int]
) -> None:
    async def opened(pilot: Pilot[int]) -> None:
        await pilot.pause(0.3)
        await settled(pilot, costs=True)
        await press(pilot, "w")
        await until(pilot, "Suspect 1 of")
        await settled(pilot)

    assert snap_compare(MechexoApp(changed_desk), terminal_size=size, run_before=opened)
