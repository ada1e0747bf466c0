"""Time for a sender whose desk has a virtual clock."""

from __future__ import annotations

import time
from datetime import timedelta

from mechexo.clock import VirtualClock


class StandingTime:
    """What a sender takes for the module `time`: while it waits for a channel's limit, the desk's
    clock goes on instead of the world's."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock, self._slept_s = clock, 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self._slept_s

    def sleep(self, seconds: float) -> None:
        self._slept_s += seconds
        self._clock.advance(timedelta(seconds=seconds))
