"""The loop: what runs beside the endpoint goes on whatever fails, and ends when it is told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from mechexo import watch
from mechexo.clock import SystemClock
from mechexo.desk import Desk
from mechexo.errors import StateError
from mechexo.server import running
from mechexo.server.notify import Notifier
from mechexo.server.serving import Serving
from support.serving import until

MakeDesk = Callable[..., Desk]


@contextmanager
def begun(desk: Desk, **more: object) -> Iterator[Serving]:
    serving = Serving(desk, notifier=Notifier(), **more)  # type: ignore[arg-type]
    serving.begin()
    try:
        yield serving
    finally:
        assert serving.end(60.0)


def real(desk: Desk) -> Desk:
    return Desk.open(desk.config_path, clock=SystemClock())


def test_a_function_given_to_it_runs_until_the_end_and_hears_of_it(desk: Desk) -> None:
    heard: list[bool] = []
    with begun(real(desk), background={"poll": lambda _, stop: heard.append(stop.wait(60))}):
        assert any(thread.name == "serve-poll" for thread in threading.enumerate())
        assert heard == []
    assert heard == [True]


@pytest.mark.slow
def test_one_that_fails_is_told_of_and_begun_again(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    calls: list[int] = []
    recovered = threading.Event()

    def poll(_: Desk, stop: threading.Event) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise StateError("the line is down")
        recovered.set()
        stop.wait(60)

    with begun(real(desk), background={"poll": poll}) as serving:
        assert recovered.wait(60)
        assert serving.loop.problems() == []
    assert "mechexo: poll: the line is down\n" in capfd.readouterr().err


@pytest.mark.slow
def test_a_defect_in_the_passes_ends_neither_them_nor_the_server(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    whole, calls = watch.advance, []

    def broken(desk: Desk) -> None:
        calls.append(1)
        if len(calls) < 3:
            raise ZeroDivisionError("a defect")
        whole(desk)

    monkeypatch.setattr(watch, "advance", broken)
    with begun(real(desk)):
        until(lambda: len(calls) >= 4, "further passes")
    said = capfd.readouterr().err
    # The report, and the line about the passes: each once, however often it fails.
    assert said.count("unexpected ZeroDivisionError: a defect") == 2
    assert "mechexo: pass: works again\n" in said
    assert len(list(desk.root.rglob("mechexo-crash-*.txt"))) == 1


def test_no_answer_is_held_back_by_nagles_algorithm(desk: Desk) -> None:
    with running._listen(desk, "127.0.0.1", 0) as listening:
        # asyncio switches it off for connections of this protocol only.
        assert listening.proto == socket.IPPROTO_TCP


def test_after_the_first_tick_it_is_said_that_all_is_loaded(desk: Desk) -> None:
    settled = threading.Event()
    with begun(real(desk), settled=settled.set) as serving:
        assert settled.wait(60)
        assert serving.loop.problems() == []
