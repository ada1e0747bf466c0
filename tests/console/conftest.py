"""The console on a desk with something of everything, driven by Textual's pilot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot

from console.driving import Show, fill_desk, settled
from mechexo.alerts import operations as alerts
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo_tui.app import MechexoApp


@pytest.fixture
def busy_desk(make_desk: Callable[..., Desk], tmp_path: Path, clock: VirtualClock) -> Desk:
    """Probes of four kinds, three alerts, a flow, costs, a repository with a suspect change."""
    return fill_desk(make_desk, tmp_path, clock)


LADDER = """
[channels.chat]
url = "file://chat.jsonl"
[channels.mail]
url = "file://mail.jsonl"
[people.ada]
channels = ["mail"]
[escalation.default]
severities = ["critical", "high"]
[[escalation.default.levels]]
after = "0m"
tell = ["chat"]
[[escalation.default.levels]]
after = "15m"
tell = ["ada"]
[suppress.gateway]
cause = { name = "gateway" }
hides = { name = "no_fills" }
"""


@pytest.fixture
def ladder_desk(make_desk: Callable[..., Desk], clock: VirtualClock) -> Desk:
    """Two levels, a critical alert that is 3 minutes and some old, and one that it causes."""
    desk = make_desk(LADDER)
    for severity, name in (("critical", "gateway"), ("high", "no_fills")):
        alerts.raise_alert(
            desk, key=name, severity=severity, name=name, summary=f"{name} it is", labels={}
        )
    clock.advance(timedelta(minutes=3, seconds=15))
    return desk


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
