"""Whether restored files can be read at all, and running a flow's own commands with a limit."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from mechexo.times import format_duration

_TAIL_BYTES = 2000
_LAST_LINE = 300
# What a command needs to run at all; nothing of the person's own session.
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME", "TMPDIR", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class CommandEnd:
    """How a command ended. `exit_code` is None when it could not start or did not end in time."""

    exit_code: int | None
    timed_out: bool
    duration_s: float
    tail: str
    """The end of what it said."""

    @property
    def well(self) -> bool:
        """Whether it ended with 0."""
        return self.exit_code == 0

    @property
    def in_words(self) -> str:
        """How it ended, with the last line it said when that was not well."""
        if self.well:
            return f"ended well after {self.duration_s:.1f} s"
        lines = [line for line in self.tail.splitlines() if line.strip()]
        last = f": {lines[-1].strip()[:_LAST_LINE]}" if lines else ""
        if self.timed_out:
            lasted = format_duration(timedelta(seconds=round(self.duration_s)))
            return f"did not end within {lasted} and was stopped{last}"
        if self.exit_code is None:
            return f"could not be started{last}"
        return f"ended with {self.exit_code}{last}"


def fault(path: str, data: bytes) -> str:
    """What is wrong with a file that its name says is YAML, JSON, TOML or Python; empty when
    nothing is. Python is compiled, never run."""
    kind = Path(path).suffix.lower()
    try:
        match kind:
            case ".yaml" | ".yml":
                import yaml

                # Events only: a document may have tags of the desk's own, which is no fault.
                for _ in yaml.parse(data, Loader=yaml.CSafeLoader):
                    pass
            case ".json":
                json.loads(data)
            case ".toml":
                tomllib.loads(data.decode("utf-8"))
            case ".py":
                compile(data, path, "exec", dont_inherit=True)
            case _:
                return ""
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        return _words(error)
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "yaml":
            raise
        return _words(error)
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
    except OSError as error:
        said = f"{words[0]}: {error.strerror}"
        return CommandEnd(None, False, time.monotonic() - started_s, said)
    tail = bytearray()
    try:
        ended = _wait(process, tail, started_s + limit_s)
    finally:
        # Also after a good end: what it left running in its group would work on our files.
        _kill(process)
    took_s = time.monotonic() - started_s
    text = tail.decode("utf-8", "replace")
    if not ended:
        return CommandEnd(None, True, took_s, text)
    return CommandEnd(process.returncode, False, took_s, text)


def _wait(process: subprocess.Popen[bytes], tail: bytearray, until_s: float) -> bool:
    """Reads what the command says until it ends; False when it does not end in time.

    Its end is the process's, not the pipe's, which a child may hold open.
    """
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            ended = process.poll() is not None
            left_s = until_s - time.monotonic()
            if not ended and left_s <= 0:
                return False
            ready = (
                selector.select(0.0 if ended else min(left_s, 0.05)) if selector.get_map() else ()
            )
            chunk = os.read(process.stdout.fileno(), 65536) if ready else b""
            tail += chunk
            del tail[:-_TAIL_BYTES]
            if ready and not chunk:
                selector.unregister(process.stdout)
            if ended and not chunk:
                return True
            if not selector.get_map() and not ended:
                try:
                    process.wait(max(left_s, 0.0))
                except subprocess.TimeoutExpired:
                    return False


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:_LAST_LINE] or type(error).__name__
