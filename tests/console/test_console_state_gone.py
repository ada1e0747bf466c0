"""The console on a state file that goes away under it."""

from __future__ import annotations

from textual.pilot import Pilot

from console.driving import Show, press, screen_text
from mechexo.desk import Desk
from mechexo_tui.app import desk_to_show


def words_of(pilot: Pilot[int]) -> str:
    """What is on the screen, wherever its lines end."""
    return " ".join(screen_text(pilot).split())


async def test_a_state_file_that_has_gone_is_said_so_when_it_is_read_again_and_not_made_anew(
    busy_desk: Desk, show: Show
) -> None:
    async with show(busy_desk, 120, 40) as pilot:
        assert "risk_limits" in screen_text(pilot)
        aside = busy_desk.state.path.rename(busy_desk.root / "aside")
        await press(pilot, "r")
        assert "has gone; put it, or a backup, in its place" in words_of(pilot)
        assert not busy_desk.state.path.exists()
        aside.rename(busy_desk.state.path)
        await press(pilot, "r")
        assert "has gone" not in words_of(pilot)


async def test_a_console_on_a_damaged_state_file_says_so_everywhere_and_opens_the_runbook(
    busy_desk: Desk, show: Show
) -> None:
    for left in busy_desk.state.path.parent.glob("*.sqlite-*"):
        left.unlink()  # what SQLite could read it from all the same
    busy_desk.state.path.write_bytes(b"no database " * 4096)
    desk = desk_to_show(busy_desk.config_path)
    async with show(desk, 120, 40) as pilot:
        assert words_of(pilot).count("the state file is damaged") >= 2
        assert "ops_ok ? UNKNOWN" in words_of(pilot)
        await press(pilot, "7", "enter")
        assert "First 60 seconds" in screen_text(pilot)
