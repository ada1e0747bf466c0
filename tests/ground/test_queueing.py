"""The lock of a file comes in the order of asking, and the dead keep nobody waiting."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mechexo.state import queueing
from mechexo.state.queueing import queue_for

LIMIT_S = 30.0
"""How long a test waits for what surely comes."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "lock").touch()
    return tmp_path / "lock"


@pytest.fixture
def holder(file: Path) -> Iterator[int]:
    """Somebody who has the lock."""
    descriptor = os.open(file, os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield descriptor
    os.close(descriptor)


def tickets(file: Path) -> int:
    """How many wait, as an outsider sees it."""
    descriptor = os.open(file, os.O_RDWR)
    try:
        last = int.from_bytes(os.pread(descriptor, 8, 0), "little")
        return sum(
            queueing._is_locked(descriptor, queueing._TICKETS + number, 1)
            for number in range(1, last + 1)
        )
    finally:
        os.close(descriptor)


def until(file: Path, waiting: int) -> None:
    end_s = time.monotonic() + LIMIT_S
    while tickets(file) != waiting:
        assert time.monotonic() < end_s, "it did not come about"
        time.sleep(0.002)


def ask(file: Path, name: str, order: list[str]) -> threading.Thread:
    def wait() -> None:
        descriptor = os.open(file, os.O_RDWR)
        try:
            if queue_for(descriptor, LIMIT_S):
                order.append(name)
        finally:
            os.close(descriptor)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_turns_come_in_the_order_of_asking_also_for_who_has_just_let_go(
    file: Path, holder: int
) -> None:
    order: list[str] = []
    threads = []
    for number, name in enumerate(("ada", "grace", "linus"), start=1):
        threads.append(ask(file, name, order))
        until(file, number)
    fcntl.flock(holder, fcntl.LOCK_UN)
    assert queue_for(holder, LIMIT_S)
    assert order == ["ada", "grace", "linus"]
    for thread in threads:
        thread.join()


def test_who_gives_up_leaves_the_place_to_the_next(file: Path, holder: int) -> None:
    other = os.open(file, os.O_RDWR)
    assert not queue_for(other, 0.01)
    assert tickets(file) == 0
    fcntl.flock(holder, fcntl.LOCK_UN)
    assert queue_for(other, 0.0)
    os.close(other)


@pytest.mark.slow
def test_one_that_is_killed_while_it_waits_keeps_nobody_waiting(file: Path, holder: int) -> None:
    code = (
        "import os, sys; from mechexo.state.queueing import queue_for; "
        "queue_for(os.open(sys.argv[1], os.O_RDWR), 600)"
    )
    killed = subprocess.Popen([sys.executable, "-c", code, str(file)])
    until(file, 1)
    order: list[str] = []
    thread = ask(file, "ada", order)
    until(file, 2)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    fcntl.flock(holder, fcntl.LOCK_UN)
    thread.join(LIMIT_S)
    assert order == ["ada"]


@pytest.mark.parametrize("content", [b"", b"x", b"\xff" * 8, b"hello, world"])
def test_whatever_stands_in_the_file_there_are_tickets(
    file: Path, holder: int, content: bytes
) -> None:
    file.write_bytes(content)
    order: list[str] = []
    thread = ask(file, "ada", order)
    end_s = time.monotonic() + LIMIT_S
    while not queueing._is_locked(holder, queueing._TICKETS, 0):
        assert time.monotonic() < end_s
    fcntl.flock(holder, fcntl.LOCK_UN)
    thread.join(LIMIT_S)
    assert order == ["ada"]
