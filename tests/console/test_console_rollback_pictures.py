"""Pictures of a rollback plan in three sizes, on a desk whose every figure is fixed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from console.driving import press, settled, until
from console.rollback_desk import rollback_desk
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.rollback.happenings import Remedy
from mechexo.rollback.operations import plan_remedy
from mechexo.rollback.values import Plan
from mechexo_tui.app import MechexoApp
from mechexo_tui.screens.rollback_plan import RollbackPlanScreen

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=lambda size: f"{size[0]}")
def test_a_plan(
    make_desk: Callable[..., Desk],
    tmp_path: Path,
    clock: VirtualClock,
    snap_compare: Callable[..., bool],
    size: tuple[int, int],
) -> None:
    desk, _ = rollback_desk(make_desk, tmp_path / "desk", clock)

    def plan(desk: Desk) -> Plan:
        made = plan_remedy(desk, Remedy("flow", "reweight", clock.now().replace(minute=10)))
        # Its id is random, and its digest is over the names of machine and folder too.
        return replace(made, id="4f2a91c0", digest="9b6ca4e1" * 8)

    async def opened(pilot: Pilot[int]) -> None:
        await pilot.pause(0.3)
        await settled(pilot, costs=True)
        app = pilot.app
        assert isinstance(app, MechexoApp)
        app.open_screen(RollbackPlanScreen("rollback > reweight", plan))
        await until(pilot, "CAN BE APPLIED")
        await press(pilot, "n")

    assert snap_compare(MechexoApp(desk), terminal_size=size, run_before=opened)
