"""Asking the process that runs this desk: a question is a file, and so is its answer."""

from __future__ import annotations

import fcntl
import json
import os
import time
import uuid
from pathlib import Path

WAIT_S = 25.0


def ask(desk: Path, words: list[str]) -> tuple[bool, str]:
    """Leaves a request and waits for its answer: whether it was done, and a line on it.

    Raises:
        OSError: nobody runs this desk, or no answer came.
    """
    if not _runs(desk):
        raise OSError("this desk does not run now; mechexo demo starts it")
    question = desk / "requests" / f"{time.time_ns()}-{uuid.uuid4().hex}.ask"
    beside = question.with_suffix(".new")
    beside.write_text(" ".join(words), encoding="utf-8")
    os.replace(beside, question)  # noqa: PTH105
    answer = question.with_suffix(".answer")
    waited_until = time.monotonic() + WAIT_S
    while not answer.exists():
        if time.monotonic() > waited_until:
            raise TimeoutError(f"no answer in {WAIT_S:.0f} s; whether it was done is not known")
        time.sleep(0.05)
    found = json.loads(answer.read_text(encoding="utf-8"))
    answer.unlink()
    return bool(found["ok"]), str(found["said"])


def _runs(desk: Path) -> bool:
    with (desk / "paper.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
