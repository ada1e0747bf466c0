"""Five pictures of the console on a desk whose every figure is fixed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from console.driving import press, settled
from mechexo.desk import Desk
from mechexo_tui.app import MechexoApp

pytestmark = pytest.mark.slow


Compare = Callable[..., bool]


async def all_read(pilot: Pilot[int]) -> None:
    await pilot.pause(0.3)
    await settled(pilot, costs=True)
    await settled(pilot)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=lambda size: f"{size[0]}")
def test_the_overview(busy_desk: Desk, snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(MechexoApp(busy_desk), terminal_size=size, run_before=all_read)


def test_a_runbook_entry(busy_desk: Desk, snap_compare: Compare) -> None:
    async def opened(pilot: Pilot[int]) -> None:
        await all_read(pilot)
        await press(pilot, "enter")

    assert snap_compare(MechexoApp(busy_desk), terminal_size=(100, 34), run_before=opened)


def test_a_rollback_diff(busy_desk: Desk, snap_compare: Compare) -> None:
    async def opened(pilot: Pilot[int]) -> None:
        await all_read(pilot)
        await press(pilot, "x", "G", *["k"] * 3)

    assert snap_compare(MechexoApp(busy_desk), terminal_size=(100, 34), run_before=opened)
