"""Running a command so that nobody notices the wrapper, while the end of its output is kept.

Standard input goes to the command as it is. Its output passes through a pipe, byte for byte; when
stdout and stderr lead to the same place they share one pipe, so that their order stays. Signals
that a wrapper may be sent go on to the command's whole process group.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from types import FrameType

from mechexo.output_tail import Tail
from mechexo.value_classes import dataclass

NOT_FOUND = 127
NOT_EXECUTABLE = 126
TIMED_OUT = 124

FORWARDED = (
    *(signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM),
    *(signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGWINCH, signal.SIGCONT),
)
_FROM_THE_TERMINAL = frozenset({signal.SIGINT, signal.SIGQUIT, signal.SIGWINCH})
"""What a terminal sends to its whole foreground group by itself."""
GRACE_S = 5.0
"""How long a command that ran out of time may take to end by itself before it is killed."""

# At most PIPE_BUF, so that a write to a pipe that poll calls writable never blocks.
_CHUNK_BYTES = 4096
_PIPE_BYTES = 65536
_MOST_DESCRIPTORS = 1 << 20
_OF_PYTHON = ("C.UTF-8", "C.utf8", "UTF-8")
_NAMES = {1: "stdout", 2: "stderr"}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended. `exit_code` is what a shell would say: 128 + n for a signal."""

    exit_code: int
    timed_out: bool
    tail: str
    unwritten: str = ""
    """Why its output could not be passed on to the end; empty when it was, or nobody read on."""


@dataclass(slots=True)
class _Stream:
    source: int
    sink: int
    waiting: bytes = b""
    open: bool = True
    failure: str = ""


@dataclass(slots=True)
class Signals:
    """Where our signals go: to the command, once there is one; after its end nowhere, so that
    what is left to do about it is done."""

    process: subprocess.Popen[bytes] | None = None
    own_group: bool = True
    pending: list[int] = field(default_factory=list)
    over: bool = False

    def pass_on(self, number: int, _frame: FrameType | None = None) -> None:
        """Sends a signal to the command (or keeps it until there is one)."""
        if self.over:
            return
        if self.process is None:
            self.pending.append(number)
        elif self.own_group:
            try:
                os.killpg(self.process.pid, number)
            except (ProcessLookupError, PermissionError):
                return  # The whole group has ended.
        elif number not in _FROM_THE_TERMINAL:
            # The terminal has sent its SIGINT to the command as well; a second one could be
            # taken as "give up at once".
            self.process.send_signal(number)


def run(
    command: Sequence[str],
    *,
    timeout_s: float | None = None,
    started: Callable[[int], None] | None = None,
    signals: Signals | None = None,
) -> Ended:
    """Runs a command to its end and passes its output on to this process's stdout and stderr.
    `started` is told its number; `signals` are those of `signals_passed_on`, for a caller that has
    something left to do afterwards.

    A command that cannot be started ends with 127 (not found) or 126 (not executable). One that
    takes longer than `timeout_s` gets SIGTERM, then SIGKILL, and ends with 124.
    """
    if signals is None:
        with signals_passed_on() as ours:
            return run(command, timeout_s=timeout_s, started=started, signals=ours)
    tail = Tail()
    signals.own_group = not _has_terminal()
    pipes = {sink: os.pipe() for sink in ((1,) if _same_place(1, 2) else (1, 2))}
    streams = [_Stream(source, sink) for sink, (source, _) in pipes.items()]
    try:
        process = subprocess.Popen(
            list(command),
            env=_environment_given(),
            stdout=pipes[1][1],
            stderr=pipes[max(pipes)][1],
            process_group=0 if signals.own_group else None,
        )
    except (OSError, ValueError) as error:
        signals.over = True
        for stream in streams:
            _close(stream)
        return _not_started(command[0], error)
    finally:
        for _, end in pipes.values():
            os.close(end)
    signals.process = process
    for number in signals.pending:
        signals.pass_on(number)
    if started is not None:
        started(process.pid)
    timed_out = _relay(signals, process, streams, tail, timeout_s)
    code = process.wait()
    signals.over = True
    _leave_a_relay(streams)
    exit_code = TIMED_OUT if timed_out else (code if code >= 0 else 128 - code)
    unwritten = next((stream.failure for stream in streams if stream.failure), "")
    return Ended(exit_code, timed_out, tail.text(), unwritten)


def _relay(
    running: Signals,
    process: subprocess.Popen[bytes],
    streams: Sequence[_Stream],
    tail: Tail,
    timeout_s: float | None,
) -> bool:
    """Passes output on until the command has ended; returns whether it ran out of time."""
    ended = os.pidfd_open(process.pid)
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    timed_out = False
    try:
        while True:
            wait_s = None if deadline is None else max(0.0, deadline - time.monotonic())
            ready = _poll(streams, wait_s, extra=ended)
            _move(streams, ready, tail)
            if ended in ready:
                break
            if deadline is not None and time.monotonic() >= deadline:
                running.pass_on(signal.SIGKILL if timed_out else signal.SIGTERM)
                deadline = None if timed_out else time.monotonic() + GRACE_S
                timed_out = True
    finally:
        os.close(ended)
    _drain(streams, tail)
    return timed_out


def _drain(streams: Sequence[_Stream], tail: Tail) -> None:
    """Passes on what the ended command left in the pipes, and no more than they can hold: what it
    started in the background may go on writing for ever."""
    left_bytes = _PIPE_BYTES * len(streams)
    while left_bytes > 0:
        slow = any(stream.waiting for stream in streams)
        ready = _poll(streams, None if slow else 0.0)
        if not ready:
            return
        left_bytes -= _move(streams, ready, tail)


def _poll(streams: Sequence[_Stream], wait_s: float | None, extra: int | None = None) -> set[int]:
    poll = select.poll()
    for stream in streams:
        if stream.waiting:
            poll.register(stream.sink, select.POLLOUT)
        elif stream.open:
            poll.register(stream.source, select.POLLIN)
    if extra is not None:
        poll.register(extra, select.POLLIN)
    wait_ms = None if wait_s is None else int(wait_s * 1000) + (wait_s > 0)
    return {descriptor for descriptor, _ in poll.poll(wait_ms)}


def _move(streams: Sequence[_Stream], ready: set[int], tail: Tail) -> int:
    """Reads or writes wherever it is possible; returns how many bytes were read."""
    read_bytes = 0
    for stream in streams:
        if stream.waiting and stream.sink in ready:
            try:
                stream.waiting = stream.waiting[os.write(stream.sink, stream.waiting) :]
            except BlockingIOError:
                continue
            except OSError as error:
                # Nobody reads any more (`| head`), or the disk is full. The command shall notice,
                # as it would alone.
                if not isinstance(error, BrokenPipeError):
                    stream.failure = f"{_NAMES[stream.sink]}: {error.strerror}"
                stream.waiting = b""
                _close(stream)
        elif stream.open and not stream.waiting and stream.source in ready:
            chunk = os.read(stream.source, _CHUNK_BYTES)
            if chunk:
                tail.add(chunk)
                stream.waiting = chunk
                read_bytes += len(chunk)
            else:
                _close(stream)
    return read_bytes


def _close(stream: _Stream) -> None:
    if stream.open:
        stream.open = False
        os.close(stream.source)


def _leave_a_relay(streams: Sequence[_Stream]) -> None:
    """Lets what the command left running in the background go on writing.

    Without the wrapper it would hold our stdout itself. A forked relay keeps the pipes alive until
    they are closed, so that the wrapper can end with its command.
    """
    if not any(stream.open or stream.waiting for stream in streams):
        return
    if os.fork() == 0:
        try:
            _keep_only({1, 2, *(stream.source for stream in streams)})
            nowhere = Tail(0)
            while any(stream.open or stream.waiting for stream in streams):
                _move(streams, _poll(streams, None), nowhere)
        finally:
            os._exit(0)
    for stream in streams:
        _close(stream)


def _keep_only(descriptors: set[int]) -> None:
    """Closes all else: the relay must hold neither the flow's lock nor the state file."""
    below = -1
    for descriptor in (*sorted(descriptors), _MOST_DESCRIPTORS):
        os.closerange(below + 1, descriptor)
        below = descriptor


def _not_started(program: str, error: OSError | ValueError) -> Ended:
    missing = isinstance(error, FileNotFoundError)
    why = getattr(error, "strerror", None) or str(error)
    said = f"mechexo: {program}: {'command not found' if missing else why}"
    sys.stderr.write(said + "\n")
    return Ended(NOT_FOUND if missing else NOT_EXECUTABLE, False, said)


@contextmanager
def signals_passed_on() -> Iterator[Signals]:
    """Until its end our signals go to the command. One that we were told to ignore stays ignored
    (nohup)."""
    running = Signals()
    if threading.current_thread() is not threading.main_thread():
        yield running
        return
    before = {
        number: signal.signal(number, running.pass_on)
        for number in FORWARDED
        if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield running
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _environment_given() -> dict[str, str]:
    """The environment for the command: ours, less the LC_CTYPE that Python itself sets where the
    locale is C, as it is under cron (PEP 538). The job would sort and read by it."""
    environment = dict(os.environ)
    if environment.get("LC_CTYPE") not in _OF_PYTHON:
        return environment
    try:
        # As this process was started, whatever was set since.
        given = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:
        return environment
    before = next((each for each in given if each.startswith(b"LC_CTYPE=")), None)
    if before is None:
        del environment["LC_CTYPE"]
    else:
        environment["LC_CTYPE"] = os.fsdecode(before.partition(b"=")[2])
    return environment


def _has_terminal() -> bool:
    """Whether the command may read from a terminal, which only its foreground group can."""
    try:
        return os.isatty(0)
    except OSError:
        return False


def _same_place(first: int, second: int) -> bool:
    try:
        one, other = os.fstat(first), os.fstat(second)
    except OSError:
        return False
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
