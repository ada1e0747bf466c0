"""Results of another thread, brought into the loop: many of them with one wake-up."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from functools import partial
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Bridge(Generic[Result]):
    """Waits in the loop for what another thread answers.

    `asyncio.wrap_future` wakes the loop for each result by itself: of a transaction with sixty
    alerts sixty times, each with a system call and a change of threads.
    """

    def __init__(self) -> None:
        self._arrived: deque[
            tuple[asyncio.Future[Result], BaseException, None]
            | tuple[asyncio.Future[Result], None, Result]
        ] = deque()
        self._is_told = False

    async def result(self, answer: Future[Result]) -> Result:
        """The answer's result, or its error. Who stops waiting takes the question back."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Result] = loop.create_future()
        answer.add_done_callback(partial(self._arrive, loop, waiter))
        try:
            return await waiter
        except asyncio.CancelledError:
            answer.cancel()
            raise

    def _arrive(
        self,
        loop: asyncio.AbstractEventLoop,
        waiter: asyncio.Future[Result],
        answer: Future[Result],
    ) -> None:
        if answer.cancelled():
            return
        # Asked in the answering thread: the loop shall wait for no lock.
        if (error := answer.exception()) is not None:
            self._arrived.append((waiter, error, None))
        else:
            self._arrived.append((waiter, None, answer.result()))
        # Set back before the loop takes what is there: what comes after that is told again.
        if not self._is_told and not loop.is_closed():
            self._is_told = True
            loop.call_soon_threadsafe(self._take)

    def _take(self) -> None:
        self._is_told = False
        while self._arrived:
            arrived = self._arrived.popleft()
            if arrived[0].done():
                continue
            if arrived[1] is not None:
                arrived[0].set_exception(arrived[1])
            else:
                arrived[0].set_result(arrived[2])
