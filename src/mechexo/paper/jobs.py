"""What cron does on a live desk: starting flows and ticks as processes, and reaping them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from mechexo.value_classes import dataclass

STOP_WAIT_S = 3.0
PAUSE_WAIT_S = 10.0
LONGEST_S = 120.0


class Jobs:
    """The desk's child processes by name; a job that still runs is not started again."""

    def __init__(self, folder: Path, log: TextIO) -> None:
        self._folder, self._log = folder, log
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._paused = False

    def pause_flows(self) -> bool:
        """Starts no flow from here on and waits for those that run. Returns whether none does."""
        self._paused = True
        for name, process in self._running.items():
            if name != "tick":
                try:
                    process.wait(PAUSE_WAIT_S)
                except subprocess.TimeoutExpired:
                    return False
        return True

    def resume_flows(self) -> None:
        """Starts flows again."""
        self._paused = False

    def flow(self, name: str, *, wait: bool = False, stop: threading.Event | None = None) -> None:
        """Runs a flow on record, through mechexo's own wrapper."""
        if self._paused:
            return
        program = [sys.executable, f"flows/{name}.py"]
        self._start(name, ["flows", "exec", name, "--", *program], wait, stop)

    def tick(self, *, wait: bool = False, stop: threading.Event | None = None) -> None:
        """One pass over the probes."""
        self._start("tick", ["tick"], wait, stop)

    def reap(self) -> None:
        """Forgets the processes that have ended."""
        for name, process in list(self._running.items()):
            if process.poll() is not None:
                del self._running[name]

    def busy(self) -> bool:
        """Whether any job still runs."""
        self.reap()
        return bool(self._running)

    def close(self) -> None:
        """Stops what still runs and waits for it."""
        for process in self._running.values():
            _signal(process, signal.SIGTERM)
        for process in self._running.values():
            try:
                process.wait(STOP_WAIT_S)
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)
                process.wait()
        self._running.clear()

    def _start(self, name: str, words: list[str], wait: bool, stop: threading.Event | None) -> None:
        self.reap()
        if name in self._running:
            return
        process = subprocess.Popen(
            [
                sys.executable,
                # Nothing in the desk's folder stands in for a module.
                "-P",
                "-m",
                "mechexo",
                "--config",
                str(self._folder / "mechexo.toml"),
                *words,
            ],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=self._log.fileno(),
            stderr=self._log.fileno(),
            # Its own group: Ctrl-C in the console's terminal is not meant for it.
            start_new_session=True,
        )
        self._running[name] = process
        if wait:
            _wait(process, stop or threading.Event())
            self.reap()


def _wait(process: subprocess.Popen[bytes], stop: threading.Event) -> None:
    waited_s = 0.0
    while process.poll() is None and not stop.is_set() and waited_s < LONGEST_S:
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            waited_s += 0.1


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        process.poll()  # it ended by itself in between


@dataclass(slots=True)
class _Entry:
    every_s: float
    action: Callable[[], None]
    due_s: float


class Timetable:
    """What is to be done how often. A round that was missed is not made up for."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def add(self, name: str, every_s: float, action: Callable[[], None], first_s: float) -> None:
        """Adds something to do every `every_s` seconds, first at `first_s`."""
        self._entries[name] = _Entry(every_s, action, first_s)

    def run_due(self, elapsed_s: float) -> tuple[str, ...]:
        """Does what is due at `elapsed_s`. Returns the names of it."""
        done = []
        for name, entry in self._entries.items():
            if elapsed_s >= entry.due_s:
                entry.due_s = max(entry.due_s + entry.every_s, elapsed_s)
                entry.action()
                done.append(name)
        return tuple(done)
