"""What a rollback counts on is on the disk before it goes on, and a real kill proves it whole."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mechexo.desk import Desk
from mechexo.rollback import operations as rollback
from mechexo.rollback.durable import FileSystem
from mechexo.rollback.recovering import pending, recover
from mechexo.rollback.values import RunState
from rollback.carrying import around, carry_out, tree_of
from rollback.histories import History, at

pytestmark = pytest.mark.slow

CONFIG = """
[rollback]
repository = "repo"
[rollback.limits]
age = "3650d"
rate = 1000
[rollback.flows.all]
paths = ["**"]
"""


class Noting(FileSystem):
    """Notes what is renamed and made, between the flushes that the test notes."""

    def __init__(self, events: list[tuple[str, str]]) -> None:
        self.events = events

    def rename(self, folder: int, old: str, new: str) -> None:
        super().rename(folder, old, new)
        self.events.append(("rename", new))

    def create(self, folder: int, name: str, data: bytes, permissions: int) -> None:
        super().create(folder, name, data, permissions)
        self.events.append(("create", name))

    def reached(self, step: str) -> None:
        self.events.append(("reached", step))


def test_every_step_is_flushed_before_the_next_one_counts_on_it(
    make_desk: Callable[..., Desk], history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.commit({"a": "1\n", "b": "1\n"}, at(1))
    history.commit({"a": "2\n", "b": "2\n"}, at(2))
    desk, events = make_desk(CONFIG), list[tuple[str, str]]()
    flush = os.fsync

    def noted(descriptor: int) -> None:
        flush(descriptor)
        events.append(("fsync", Path(f"/proc/self/fd/{descriptor}").readlink().name))

    monkeypatch.setattr(os, "fsync", noted)
    carry_out(desk, rollback.plan_flow(desk, "all", to=at(1)), around(Noting(events)))
    where = {event: events.index(event) for event in events}
    assert where["reached", "intent recorded"] < where["create", "manifest.json"]
    kept = [event for event in events if event[1].startswith("old-")]
    assert all(where[event] < where["create", "ARMED"] for event in kept)
    for name in ("a", "b"):
        renamed = where["rename", name]
        assert where["create", "ARMED"] < renamed < where["create", "COMMITTED"]
        # The bytes before the name; the folder's new name before anything else.
        assert events[renamed - 1][0] == "create"
        assert events[renamed - 2][0] == "fsync"
        assert events[renamed + 1] == ("fsync", "repo")
    for marker in ("ARMED", "COMMITTED"):
        created = where["create", marker]
        assert events[created - 1] == ("fsync", marker)
        assert events[created + 1][0] == "fsync"


def test_killed_for_real_at_random_instants_it_is_all_old_or_all_new(
    make_desk: Callable[..., Desk], history: History
) -> None:
    names = [f"file{number}" for number in range(12)]
    history.commit(dict.fromkeys(names, "1\n"), at(1))
    history.commit(dict.fromkeys(names, "2\n"), at(2))
    # By the machine's clock, as the killed command goes by it: the plan must not have expired.
    desk = Desk.open(make_desk(CONFIG).config_path)
    old, new = tree_of(history.root), dict.fromkeys(names, (0o100644, b"1\n"))
    command = [sys.executable, "-m", "mechexo", "--config", str(desk.config_path), "rollback"]
    chance, ends = random.Random(5), set[str]()
    started = time.monotonic()
    subprocess.run([*command, "history"], check=True, capture_output=True)
    start_s = time.monotonic() - started
    for _ in range(30):
        plan = rollback.plan_flow(desk, "all", to=at(1))
        process = subprocess.Popen(
            [*command, "apply", plan.id, "--yes"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(start_s * chance.uniform(0.5, 4.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
        recover(desk, around())
        now = tree_of(history.root)
        assert now in (old, new)
        assert pending(desk, around()) == ()
        assert history.git("status", "--porcelain") == ""
        assert not list((history.root / ".git").glob("index.*"))
        ends.add("old" if now == old else "new")
        run = rollback.run_of(desk, plan)
        if now == new:
            assert run is not None
            assert run.state is RunState.APPLIED
            carry_out(desk, rollback.plan_undo(desk, run.id))
            assert tree_of(history.root) == old
    assert ends == {"old", "new"}
