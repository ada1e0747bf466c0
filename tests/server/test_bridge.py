"""Results that another thread brings into the loop."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

import pytest

from mechexo.server.bridge import Bridge


async def test_many_results_at_once_wake_the_loop_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bridge: Bridge[int] = Bridge()
    questions: list[Future[int]] = [Future() for _ in range(50)]
    waiting = [asyncio.ensure_future(bridge.result(each)) for each in questions]
    await asyncio.sleep(0)
    loop, woken = asyncio.get_running_loop(), list[object]()
    wake = loop.call_soon_threadsafe
    monkeypatch.setattr(loop, "call_soon_threadsafe", lambda f: (woken.append(f), wake(f)))

    def answer() -> None:
        for number, each in enumerate(questions):
            each.set_result(number)

    # The loop stands still meanwhile, as it does while it answers others.
    thread = threading.Thread(target=answer)
    thread.start()
    thread.join()
    assert await asyncio.gather(*waiting) == list(range(50))
    assert len(woken) == 1


async def test_no_result_of_many_threads_is_left_behind() -> None:
    bridge: Bridge[int] = Bridge()
    questions: list[Future[int]] = [Future() for _ in range(2000)]
    waiting = [asyncio.ensure_future(bridge.result(each)) for each in questions]
    await asyncio.sleep(0)

    def answer(first: int) -> None:
        for number in range(first, len(questions), 4):
            questions[number].set_result(number)

    threads = [threading.Thread(target=answer, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    async with asyncio.timeout(60):
        assert await asyncio.gather(*waiting) == list(range(2000))
    for thread in threads:
        thread.join()


async def test_a_result_that_was_there_before_it_was_asked_for_arrives() -> None:
    done: Future[int] = Future()
    done.set_result(7)
    assert await Bridge[int]().result(done) == 7


async def test_an_error_is_raised_where_it_is_waited_for() -> None:
    bridge, failed = Bridge[int](), Future[int]()
    waiting = asyncio.ensure_future(bridge.result(failed))
    await asyncio.sleep(0)
    failed.set_exception(ValueError("no room"))
    with pytest.raises(ValueError, match="no room"):
        await waiting


async def test_who_stops_waiting_takes_the_question_back() -> None:
    bridge, unasked, others = Bridge[int](), Future[int](), Future[int]()
    waiting = asyncio.ensure_future(bridge.result(unasked))
    other = asyncio.ensure_future(bridge.result(others))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert unasked.cancelled()
    others.set_result(1)
    assert await other == 1


async def test_a_question_under_way_may_be_answered_to_nobody() -> None:
    bridge, begun = Bridge[int](), Future[int]()
    waiting = asyncio.ensure_future(bridge.result(begun))
    await asyncio.sleep(0)
    begun.set_running_or_notify_cancel()
    waiting.cancel()
    await asyncio.wait([waiting])
    begun.set_result(1)
    await asyncio.sleep(0.01)
    assert waiting.cancelled()
