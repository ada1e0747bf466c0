"""Doing something once, a little later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mechexo_tui.timers import once_after


class Pump:
    """Stands for a part of the console: keeps what it is to call, and how often it was stopped."""

    def __init__(self) -> None:
        self.turn: Callable[[], None] = lambda: None
        self.stopped = 0

    def set_interval(self, interval: float, callback: Callable[[], None]) -> Any:
        self.turn = callback
        return self

    def stop(self) -> None:
        self.stopped += 1


def test_it_is_done_once_also_when_a_second_turn_was_already_on_its_way() -> None:
    pump, done = Pump(), []
    once_after(pump, 0.004, lambda: done.append(1))  # type: ignore[arg-type]
    assert done == []
    pump.turn()
    pump.turn()
    assert done == [1]
    assert pump.stopped
