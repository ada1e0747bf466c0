"""The console on a desk with something of everything, driven by Textual's pilot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from console.driving import Show, fill_desk, settled
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo_tui.app import MechexoApp


@pytest.fixture
def busy_desk(make_desk: Callable[..., Desk], tmp_path: Path, clock: VirtualClock) -> Desk:
    """Probes of four kinds, three alerts, a flow, costs, a repository with a suspect change."""
    return fill_desk(make_desk, tmp_path, clock)


@pytest.fixture
def show() -> Show:
    """Opens the console on a desk in a terminal of a size, and waits until all was read."""

    @asynccontextmanager
    async def opened(
        desk: Desk, columns: int = 80, rows: int = 24, **options: bool
    ) -> AsyncIterator[Pilot[int]]:
        app = MechexoApp(desk, **options)
        async with app.run_test(size=(columns, rows)) as pilot:
            await pilot.pause(0.25)
            await settled(pilot)
            yield pilot

    return opened
