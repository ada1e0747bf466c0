"""Whether restored files can be read at all, and running a flow's own commands with a limit."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
import tomllib
import warnings
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from mechexo.output_tail import Tail, last_words
from mechexo.rollback import reading_yaml
from mechexo.rollback.diffing import harmless
from mechexo.times import format_duration
from mechexo.value_classes import dataclass

_TAIL_BYTES = 2000
_LAST_LINE = 300
_CHUNK_BYTES = 65536
# What a pipe can hold, so that what the command itself has said is read to its end.
_LEFT_BYTES = 1024 * 1024
# What a command needs to run at all; nothing of the person's own session.
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME", "TMPDIR", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class CommandEnd:
    """How a command ended. `exit_code` is None when it could not start or did not end in time;
    a signal that ended it is its negative number."""

    exit_code: int | None
    timed_out: bool
    duration_s: float
    tail: str
    """The end of what it said, harmless to show."""

    @property
    def well(self) -> bool:
        """Whether it ended with 0."""
        return self.exit_code == 0

    @property
    def in_words(self) -> str:
        """How it ended, with the last line it said when that was not well."""
        if self.well:
            return f"ended well after {self.duration_s:.1f} s"
        line = last_words(self.tail)
        last = f": {line}" if line else ""
        if self.timed_out:
            lasted = format_duration(timedelta(seconds=round(self.duration_s)))
            return f"did not end within {lasted} and was stopped{last}"
        if self.exit_code is None:
            return f"could not be started{last}"
        if self.exit_code < 0:
            return f"was ended by {_signal_name(-self.exit_code)}{last}"
        return f"ended with {self.exit_code}{last}"


def fault(path: str, data: bytes) -> str:
    """What is wrong with a file that its name says is YAML, JSON, TOML or Python; empty when
    nothing is. Python is compiled, never run."""
    kind = Path(path).suffix.lower()
    try:
        match kind:
            case ".yaml" | ".yml":
                # Its form only: a document may have tags of the desk's own, which is no fault.
                reading_yaml.check(data)
            case ".json":
                json.loads(data)
            case ".toml":
                tomllib.loads(data.decode("utf-8"))
            case ".py":
                _compile(path, data)
            case _:
                return ""
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        return harmless(" ".join(str(error).split())[:_LAST_LINE]) or type(error).__name__
    return ""


def run_command(
    words: Sequence[str], folder: Path, timeout: timedelta, environment: Mapping[str, str]
) -> CommandEnd:
    """Runs a command, without a shell, in a process group of its own; at the limit the whole group
    is killed. Its input is empty, its output is kept to its end only."""
    started_s, limit_s = time.monotonic(), timeout.total_seconds()
    given = {name: os.environ[name] for name in _KEPT if name in os.environ}
    try:
        process = subprocess.Popen(
            list(words),
            cwd=folder,
            env={**given, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        said = f"{getattr(error, 'filename', None) or words[0]}: {why}"
        return CommandEnd(None, False, time.monotonic() - started_s, said)
    tail = Tail(_TAIL_BYTES)
    try:
        ended = _wait(process, tail, started_s + limit_s)
    finally:
        # Also after a good end: what it left running in its group would work on our files. Until
        # it is waited for, its number is nobody else's.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    took_s = time.monotonic() - started_s
    _drain(process, tail)
    code = process.returncode if ended else None
    return CommandEnd(code, not ended, took_s, tail.text())


def _wait(process: subprocess.Popen[bytes], tail: Tail, until_s: float) -> bool:
    """Reads what the command says until it ends; False when it does not end in time.

    Its end is the process's, not the pipe's, which a child may hold open.
    """
    assert process.stdout is not None
    pipe, end = process.stdout.fileno(), os.pidfd_open(process.pid)
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    poll.register(end, select.POLLIN)
    try:
        while (left_s := until_s - time.monotonic()) > 0:
            ready = {descriptor for descriptor, _ in poll.poll(left_s * 1000)}
            if end in ready:
                return True
            if pipe in ready:
                chunk = os.read(pipe, _CHUNK_BYTES)
                tail.add(chunk)
                if not chunk:
                    poll.unregister(pipe)
        return False
    finally:
        os.close(end)


def _drain(process: subprocess.Popen[bytes], tail: Tail) -> None:
    """Reads what is left in the pipe. Who holds it open now has left the group and may write for
    ever, so no more is read than a pipe holds."""
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    left = _LEFT_BYTES
    with process.stdout as pipe, contextlib.suppress(BlockingIOError):
        while left > 0 and (chunk := os.read(pipe.fileno(), _CHUNK_BYTES)):
            tail.add(chunk)
            left -= len(chunk)


def _compile(path: str, data: bytes) -> None:
    with warnings.catch_warnings():
        # A warning would be written over whatever the person is looking at.
        warnings.simplefilter("ignore")
        compile(data, path, "exec", dont_inherit=True)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
