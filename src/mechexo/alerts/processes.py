"""The sending processes of the channels, kept from one pass to the next while they are of use."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mechexo.alerts.channels.process import Answer, SendingProcess

if TYPE_CHECKING:
    from mechexo.alerts.channels.address import Address

IDLE_S = 300.0
"""A process that sent nothing for this long is ended: its memory is worth more than its start."""


@dataclass(slots=True)
class _Kept:
    process: SendingProcess
    address: Address
    limit_s: float
    used_at_s: float


class Processes:
    """One process per channel. Safe to use from the threads of several channels."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def started(
        self, channel: str, address: Address, limit_s: float, until_s: float
    ) -> tuple[SendingProcess, Answer]:
        """A process that is ready for the channel's messages, and its answer; a new one when there
        is none, or the channel's address has changed. `until_s` is on the monotonic clock."""
        with self._lock:
            known = self._kept.get(channel)
            if (
                known
                and (known.address, known.limit_s) == (address, limit_s)
                and known.process.lives
            ):
                known.used_at_s = time.monotonic()
                return known.process, Answer("ready", "")
            process = SendingProcess(address, limit_s)
            self._kept[channel] = _Kept(process, address, limit_s, time.monotonic())
        if known:
            known.process.kill()
        answer = process.start(until_s)
        if answer.outcome != "ready":
            self.discard(channel)
        return process, answer

    def discard(self, channel: str) -> None:
        """Ends the channel's process at once, whatever it does."""
        with self._lock:
            known = self._kept.pop(channel, None)
        if known:
            known.process.kill()

    def end_idle(self) -> None:
        """Ends the processes that sent nothing lately."""
        with self._lock:
            old = [
                channel
                for channel, each in self._kept.items()
                if time.monotonic() - each.used_at_s > IDLE_S
            ]
        for channel in old:
            self.discard(channel)

    def end(self) -> None:
        """Ends all of them."""
        for channel in tuple(self._kept):
            self.discard(channel)
