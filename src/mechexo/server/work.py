"""Work that must not hold up the answering of other requests: a few threads, and a bound on how
much waits for them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from mechexo.server.answers import RequestError

Result = TypeVar("Result")

THREADS = 4
MOST_WAITING = 64


class Work:
    """Runs functions in threads; refuses more than can be done soon."""

    def __init__(self, threads: int = THREADS, most_waiting: int = MOST_WAITING) -> None:
        self._prefix = f"serve-work-{id(self)}"
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=self._prefix)
        self._most = most_waiting
        self._under_way = 0
        self._shared: dict[str, asyncio.Future[Any]] = {}

    async def run(self, function: Callable[[], Result]) -> Result:
        """The function's result.

        Raises:
            RequestError: too much waits already (503).
        """
        if self._under_way >= self._most:
            raise RequestError(503, "too many requests are under way; come again", retry_after_s=1)
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, function)
        finally:
            self._under_way -= 1

    async def shared(self, name: str, function: Callable[[], Result]) -> Result:
        """The same, for what many ask at once: whoever comes while it runs gets its result."""
        running: asyncio.Future[Result] | None = self._shared.get(name)
        if running is None:
            running = asyncio.ensure_future(self.run(function))
            self._shared[name] = running
            running.add_done_callback(lambda _: self._shared.pop(name, None))
        # Whoever goes away does not take the answer from the others.
        return await asyncio.shield(running)

    def end(self, within_s: float) -> None:
        """Begins nothing more; waits so long for what is under way, and leaves what hangs."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        until_s = time.monotonic() + within_s
        for thread in threading.enumerate():
            if thread.name.startswith(self._prefix):
                thread.join(max(until_s - time.monotonic(), 0.0))
