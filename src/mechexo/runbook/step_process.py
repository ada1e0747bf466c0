"""Running a step's command so that it can neither outlive its time nor reach the terminal.

A small program (`step_supervisor.py`) starts it in a session of its own and ends all that comes of
it. What it says comes here through one pipe, chunk by chunk; nothing is kept of it but what the
receiver keeps.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from mechexo.runbook import step_supervisor
from mechexo.value_classes import dataclass

GRACE_S = 3.0
"""How long processes may take to end after SIGTERM before they are killed."""
MARGIN_S = 10.0
"""How much later than it should the supervisor may report before it is given up."""
# What would lead a command back to the person's own screen.
_TAKEN_AWAY = frozenset(
    {
        *("SSH_TTY", "GPG_TTY", "TMUX", "TMUX_PANE", "STY", "WINDOW", "WINDOWID"),
        *("DISPLAY", "WAYLAND_DISPLAY", "SSH_ASKPASS", "SUDO_ASKPASS", "GIT_ASKPASS"),
        *("COLUMNS", "LINES"),
    }
)
_MARK = "MECHEXO_STEP_RUN"
_CHUNK_BYTES = 65536
# What a pipe can hold, so that what the command itself has said is read to its end.
_LEFT_BYTES = 1024 * 1024
_PULSE_S = 0.1


class Receiver(Protocol):
    """Takes what a command says."""

    def add(self, chunk: bytes) -> None:
        """What it has just written."""

    def pulse(self) -> None:
        """Time goes on: called ten times a second."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    `how` is `ended` (by itself), `timed_out`, `cancelled`, `not_started`, or `lost`: who watched
    over it was ended, so that nobody knows.
    """

    how: str
    exit_code: int | None
    duration_s: float
    left: tuple[str, ...] = ()
    """What a command that ended by itself had left running; ended too unless it was to stay."""
    stuck: tuple[str, ...] = ()
    """What could not be ended."""
    why: str = ""


def run(
    command: str,
    *,
    folder: Path,
    environment: Mapping[str, str],
    timeout_s: float,
    to: Receiver,
    cancel: threading.Event | None = None,
    keep: bool = False,
    grace_s: float = GRACE_S,
) -> Ended:
    """Runs `sh -c command` to its end, or to the end of its time, with all that it forked.

    Args:
        command: as a shell takes it.
        folder: where it runs.
        environment: what is set besides this process's own environment.
        timeout_s: seconds until it is ended.
        to: takes its output, stdout and stderr in one.
        cancel: ends it when set.
        keep: lets what it leaves running in the background live, when it ends by itself.
        grace_s: seconds between SIGTERM and SIGKILL.
    """
    mark = secrets.token_hex(16)
    began_s = time.monotonic()
    ours, theirs = socket.socketpair()
    source, sink = os.pipe()
    with ours:
        try:
            supervisor = subprocess.Popen(
                [sys.executable, "-I", "-S", step_supervisor.__file__],
                cwd=folder,
                env=_environment(environment, mark),
                stdin=theirs.fileno(),
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            os.close(source)
            why = f"{folder}: {getattr(error, 'strerror', None) or error}"
            return Ended("not_started", None, time.monotonic() - began_s, why=why)
        finally:
            theirs.close()
            os.close(sink)
        request = {
            "caller": os.getpid(),
            "command": command,
            "timeout_s": timeout_s,
            "grace_s": grace_s,
            "keep": keep,
        }
        until_s = began_s + timeout_s + grace_s + step_supervisor.KILL_S + MARGIN_S
        report: dict[str, Any] | None = None
        try:
            report = _attend(ours, source, request, until_s, to, cancel)
        finally:
            # After an error here: the end of our socket makes it end everything.
            ours.close()
            stuck = _dismiss(supervisor, mark, reported=report is not None, grace_s=grace_s)
            _drain(source, to)
    if report is None:
        why = "who watched over it was ended, so nobody knows what it did"
        took_s = time.monotonic() - began_s
        return Ended("lost", None, took_s, (), stuck, why)
    return Ended(
        report["how"],
        report["code"],
        report["took_s"],
        tuple(report["left"]),
        tuple(report["stuck"]),
    )


def _environment(added: Mapping[str, str], mark: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _TAKEN_AWAY}
    return {**kept, **added, _MARK: mark}


def _attend(
    ours: socket.socket,
    source: int,
    request: Mapping[str, object],
    until_s: float,
    to: Receiver,
    cancel: threading.Event | None,
) -> dict[str, Any] | None:
    """Passes output on until the supervisor reports; None when it ends without a word."""
    with contextlib.suppress(BrokenPipeError):
        ours.sendall(json.dumps(request).encode() + b"\n")
    poll = select.poll()
    poll.register(source, select.POLLIN)
    poll.register(ours, select.POLLIN)
    said, asked, next_pulse_s = b"", False, 0.0
    while True:
        for descriptor, _ in poll.poll(_PULSE_S * 1000):
            if descriptor == source:
                if chunk := os.read(source, _CHUNK_BYTES):
                    to.add(chunk)
                else:
                    poll.unregister(source)
                continue
            more = _received(ours)
            said += more
            if said.endswith(b"\n"):
                found: dict[str, Any] = json.loads(said)
                return found
            if not more:
                return None
        now_s = time.monotonic()
        if now_s >= next_pulse_s:
            to.pulse()
            next_pulse_s = now_s + _PULSE_S
        if cancel is not None and cancel.is_set() and not asked:
            asked = True
            until_s = min(until_s, now_s + _late_s(float(str(request["grace_s"]))))
            with contextlib.suppress(BrokenPipeError):
                ours.sendall(b"c")
        if now_s > until_s:
            return None


def _received(ours: socket.socket) -> bytes:
    try:
        return ours.recv(65536)
    except ConnectionResetError:
        return b""


def _late_s(grace_s: float) -> float:
    return grace_s + step_supervisor.KILL_S + MARGIN_S


def _dismiss(
    supervisor: subprocess.Popen[bytes], mark: str, *, reported: bool, grace_s: float
) -> tuple[str, ...]:
    """Waits for the supervisor to end. Where it was killed, or does not end, what bears the run's
    mark is ended here; returns what could not be."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        supervisor.wait(MARGIN_S if reported else _late_s(grace_s))
    if supervisor.poll() is None:
        supervisor.kill()
        supervisor.wait()
    elif reported or supervisor.returncode == 0:
        return ()
    until_s = time.monotonic() + step_supervisor.KILL_S
    while found := _marked(mark):
        if time.monotonic() > until_s:
            return tuple(str(pid) for pid in found)
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    return ()


def _marked(mark: str) -> list[int]:
    """The processes that were started with the mark in their environment. A zombie has none."""
    wanted, found = f"{_MARK}={mark}".encode(), []
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            with contextlib.suppress(OSError):
                if wanted in (place / "environ").read_bytes():
                    found.append(int(place.name))
    return found


def _drain(source: int, to: Receiver) -> None:
    """Reads what is left in the pipe. Who still holds it open may write for ever, so no more is
    read than a pipe holds."""
    os.set_blocking(source, False)
    left = _LEFT_BYTES
    try:
        with contextlib.suppress(BlockingIOError):
            while left > 0 and (chunk := os.read(source, _CHUNK_BYTES)):
                to.add(chunk)
                left -= len(chunk)
    finally:
        os.close(source)
