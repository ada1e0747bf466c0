"""Sending processes: lent to one user at a time, and kept between two passes.

One that waits ready sends the next message at once; starting one takes a good part of a second.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from mechexo.alerts.channels.process import Answer, SendingProcess

if TYPE_CHECKING:
    from mechexo.alerts.channels.address import Address

IDLE_S = 300.0
"""A process that sent nothing for this long is ended: its memory is worth more than its start."""


class Borrowed:
    """A process in one user's hands, until it is kept or killed. `kill` may come from elsewhere."""

    def __init__(self, owner: Processes, channel: str, address: Address, limit_s: float) -> None:
        self._owner, self.channel, self.address, self.limit_s = owner, channel, address, limit_s
        self.process = SendingProcess(address, limit_s)
        self._ready = False
        self.kept_at_s = 0.0

    def ready(self, until_s: float) -> Answer:
        """Its answer to the start, waited for until `until_s` on the monotonic clock; `ready` at
        once when it has served before."""
        if self._ready:
            return Answer("ready", "")
        answer = self.process.start(until_s)
        self._ready = answer.outcome == "ready"
        return answer

    def keep(self) -> None:
        """Gives it back, for the next user."""
        self._owner.give_back(self, useful=True)

    def kill(self) -> None:
        """Ends it by force, whatever it does."""
        self._owner.give_back(self, useful=False)


class Processes:
    """At most one waiting process per channel, and those in use. Safe to use from threads."""

    def __init__(self) -> None:
        self._waiting: dict[str, Borrowed] = {}
        self._used: set[Borrowed] = set()
        self._lock = threading.Lock()

    def borrow(self, channel: str, address: Address, limit_s: float) -> Borrowed:
        """A process for this channel and address: the waiting one, or a new one."""
        with self._lock:
            found = self._waiting.pop(channel, None)
            fits = found is not None and (found.address, found.limit_s) == (address, limit_s)
            if found is not None and fits and found.process.lives:
                self._used.add(found)
                return found
            made = Borrowed(self, channel, address, limit_s)
            self._used.add(made)
        if found is not None:
            found.process.kill()
        return made

    def give_back(self, borrowed: Borrowed, *, useful: bool) -> None:
        """Keeps a process that is of further use, and ends any other."""
        with self._lock:
            was_used = borrowed in self._used
            self._used.discard(borrowed)
            ended = borrowed
            if useful and was_used:
                borrowed.kept_at_s = time.monotonic()
                other = self._waiting.get(borrowed.channel)
                self._waiting[borrowed.channel] = borrowed
                if other is None:
                    return
                ended = other
        ended.process.kill()

    def end_idle(self) -> None:
        """Ends the processes that have waited for long."""
        now_s = time.monotonic()
        with self._lock:
            old = [each for each in self._waiting.values() if now_s - each.kept_at_s > IDLE_S]
            for each in old:
                del self._waiting[each.channel]
        for each in old:
            each.process.kill()

    def end(self) -> None:
        """Ends all of them, also those in use."""
        with self._lock:
            found = [*self._waiting.values(), *self._used]
            self._waiting.clear()
            self._used.clear()
        for each in found:
            each.process.kill()
