"""An engine that is killed at random instants and begun again, from one warm process.

Run as `python -m support.killed_engine CONFIG SEED KILLS`. Each life of the engine is a fork of
this process, so that it begins within milliseconds: it takes in alerts and sends, and tells what
was acknowledged to it through a pipe, after it was. Its sending processes run the real program,
forked too. What happened is written to stdout as one JSON document.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from mechexo.actor import Actor
from mechexo.alerts import operations as alerts
from mechexo.alerts.channels import child, mailbox_file, process
from mechexo.alerts.processes import Processes
from mechexo.alerts.values import Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk

START = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
LIFE = timedelta(seconds=61)
"""How much the clock moves between two lives: more than a lease, and than a channel's minute."""
CHANNELS = 2
ROUNDS = 2
LONGEST_S = 60.0
"""How long whatever surely ends is waited for."""
INTEGRITY_EVERY = 50
_BECOME_SUBREAPER = 36


@dataclass
class Report:
    """What the engine was told is safe, and what was wrong right after a kill."""

    fired: dict[str, int] = field(default_factory=dict)
    """The key of each acknowledged alert and its number."""
    over: list[int] = field(default_factory=list)
    known: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    kills: int = 0
    cut_off: int = 0
    """Kills while a message was under way."""

    def take(self, line: str) -> None:
        what, _, words = line.partition(" ")
        if what == "fired":
            key, _, number = words.partition(" ")
            self.fired[key] = int(number)
        elif what in ("over", "known"):
            getattr(self, what).append(int(words))


def main() -> None:
    config, seed, kills = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    # What the sending processes import is imported once, here.
    import apprise

    apprise.Apprise.instantiate("json://127.0.0.1:1/")
    assert mailbox_file
    # Sending processes whose engine was killed are ours to wait for.
    ctypes.CDLL(None).prctl(_BECOME_SUBREAPER, 1, 0, 0, 0)
    desk = Desk.open(config, clock=VirtualClock(START), actor=Actor(os.getuid(), "tester"))
    desk.state.close()
    chance, report = random.Random(seed), Report()
    # Forks share the memory of this process as long as nobody writes to it.
    gc.collect()
    gc.disable()
    gc.freeze()
    # How long a life of `ROUNDS` takes on this machine, now and then measured again.
    whole_s = 0.0
    for number in range(kills):
        if number % 100 == 0:
            whole_s = _life(desk, report, 2 * number, chance.random(), None)
        # Any instant of a life is as likely: the beginning, in which the last one's work is done
        # again, and several rounds of taking in and sending.
        _life(desk, report, 2 * number + 1, chance.random(), chance.uniform(0.0, whole_s))
        _look(desk.state.path, report, number)
    sys.stdout.write(json.dumps(vars(report)) + "\n")


def _life(desk: Desk, report: Report, number: int, seed: float, killed_at_s: float | None) -> float:
    """One life of the engine, killed or ended by itself after `ROUNDS`; how long it took."""
    began_s = time.monotonic()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            # Whatever else is open, and would look like a living end of a pipe.
            os.dup2(writing, 3)
            os.closerange(4, 65_536)
            living = replace(desk, clock=VirtualClock(START + number * LIFE))
            _live(
                living, number, random.Random(seed), ROUNDS if killed_at_s is None else sys.maxsize
            )
            code = 0
        except BaseException:
            import traceback

            traceback.print_exc()
            raise
        finally:
            os._exit(code)
    os.close(writing)
    said = _listen(reading, None if killed_at_s is None else began_s + killed_at_s)
    if killed_at_s is not None:
        os.kill(pid, signal.SIGKILL)
        report.kills += 1
    said += _listen(reading, None)
    os.close(reading)
    _, status = os.waitpid(pid, 0)
    wanted = 0 if killed_at_s is None else signal.SIGKILL
    if status != wanted:
        report.wrong.append(f"life {number} ended with status {status}")
    for line in said.decode().splitlines():
        report.take(line)
    took_s = time.monotonic() - began_s
    # A message that is under way goes its way; then nothing of that life is left.
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    return took_s


def _listen(reading: int, until_s: float | None) -> bytes:
    """What the engine says until a moment, or until it is dead."""
    said, ends_s = b"", time.monotonic() + LONGEST_S if until_s is None else until_s
    while (left_s := ends_s - time.monotonic()) > 0:
        if not select.select([reading], [], [], left_s)[0]:
            continue
        more = os.read(reading, 65_536)
        if not more:
            break
        said += more
    return said


def _live(desk: Desk, number: int, chance: random.Random, rounds: int) -> None:
    """What is killed: the work that was left, then alerts and messages, until it dies."""
    ready = [_Fork() for _ in range(CHANNELS)]
    process.subprocess = SimpleNamespace(  # type: ignore[assignment]
        Popen=lambda *_, **__: ready.pop() if ready else _Fork(),
        PIPE=subprocess.PIPE,
        DEVNULL=subprocess.DEVNULL,
        TimeoutExpired=subprocess.TimeoutExpired,
    )
    processes = Processes()
    alerts.deliver_due(desk, processes=processes)
    mine: list[tuple[str, int]] = []
    for turn in range(rounds):
        keys = [f"{number}-{turn}-{each}" for each in range(chance.choice((1, 1, 2)))]
        for alert in alerts.observe(desk, map(_trouble, keys)):
            _tell(f"fired {alert.key} {alert.id}")
            mine.append((alert.key, alert.id))
        alerts.deliver_due(desk, processes=processes)
        if mine and chance.random() < 0.3:
            key, alert_id = mine.pop()
            if chance.random() < 0.5:
                alerts.observe(desk, [replace(_trouble(key), firing=False)])
                _tell(f"over {alert_id}")
            else:
                alerts.acknowledge(desk, alert_id)
                _tell(f"known {alert_id}")
    processes.end()


def _trouble(key: str) -> Observation:
    return Observation(key, True, "high", "trouble", f"about {key}", "test")


def _tell(line: str) -> None:
    os.write(3, f"{line}\n".encode())


class _Fork:
    """A sending process as `subprocess.Popen` gives it, forked instead of started anew."""

    def __init__(self) -> None:
        question, asking = os.pipe()
        answering, answer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setsid()
                os.dup2(question, 0)
                os.dup2(answer, 1)
                os.closerange(3, 65_536)
                child.main()
            finally:
                os._exit(0)
        os.close(question)
        os.close(answer)
        self.stdin, self.stdout = os.fdopen(asking, "wb", 0), os.fdopen(answering, "rb", 0)
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            found, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if found else None
        return self._code

    def wait(self, timeout: float) -> int:
        until_s = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > until_s:
                raise subprocess.TimeoutExpired("sending", timeout)
            time.sleep(0.001)
        return code


def _look(path: Path, report: Report, number: int) -> None:
    """The file right after a kill: each channel has at most one message under way."""
    with contextlib.closing(sqlite3.connect(path)) as connection:

        def rows(sql: str) -> list[Any]:
            return connection.execute(sql).fetchall()

        leased = dict(
            rows("SELECT channel, COUNT(*) FROM delivery WHERE state = 'sending' GROUP BY 1")
        )
        newest = dict(
            rows(
                "SELECT channel, deliveries FROM channel_message WHERE id IN "
                "(SELECT MAX(id) FROM channel_message GROUP BY channel)"
            )
        )
        report.cut_off += bool(leased)
        if any(count != newest.get(channel) for channel, count in leased.items()):
            report.wrong.append(f"kill {number}: {leased} under way, the last message {newest}")
        half = rows(
            "SELECT id FROM alert WHERE (SELECT COUNT(*) FROM delivery "
            f"WHERE alert_id = alert.id AND kind = 'page') <> {CHANNELS} OR NOT EXISTS "
            "(SELECT 1 FROM alert_event WHERE alert_id = alert.id AND kind = 'opened')"
        )
        if half:
            report.wrong.append(f"kill {number}: alerts stored in part: {half}")
        if number % INTEGRITY_EVERY == 0 and (said := rows("PRAGMA integrity_check")) != [("ok",)]:
            report.wrong.append(f"kill {number}: {said}")


if __name__ == "__main__":
    main()
