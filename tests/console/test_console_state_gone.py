"""The console on a state file that goes away under it."""

from __future__ import annotations

from textual.pilot import Pilot

from console.driving import Show, press, screen_text
from mechexo.desk import Desk


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
