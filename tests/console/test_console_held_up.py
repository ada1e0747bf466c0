"""A machine so busy that the console is held up just when a timer of its begins."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from textual import timer

from console.driving import Show, fill_desk, press, until
from mechexo.clock import VirtualClock
from mechexo.desk import Desk


async def test_a_screen_is_painted_although_the_timer_that_waits_for_it_was_held_up(
    make_desk: Callable[..., Desk],
    tmp_path: Path,
    clock: VirtualClock,
    show: Show,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = fill_desk(make_desk, tmp_path, clock)
    late_s, chance = 0.0, random.Random(1)

    def held_up() -> float:
        nonlocal late_s
        late_s += chance.choice((0, 0.005))  # longer than a look at a screen in the making
        return time.monotonic() + late_s

    async with show(desk) as pilot:
        monkeypatch.setattr(timer._time, "get_time", held_up)
        await press(pilot, "2")
        await until(pilot, "What happened")
        await press(pilot, "q")
        await until(pilot, "enter open")
