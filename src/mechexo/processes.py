"""Which process does a piece of work, told apart from a later one that got the same number."""

from __future__ import annotations

import os
from pathlib import Path

from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True)
class Process:
    """A process of this machine: its number, the boot it belongs to, and when it started.

    `started` is in clock ticks since boot, as the kernel gives it. Both texts are empty where the
    kernel does not tell; then only the number is compared.
    """

    pid: int
    boot_id: str
    started: str


def this_process() -> Process:
    """The present process."""
    return process_of(os.getpid())


def process_of(pid: int) -> Process:
    """The process that has a number now."""
    return Process(pid, _boot_id(), _started(pid))


def is_alive(process: Process) -> bool:
    """Whether that very process still runs. A zombie has ended."""
    if process.boot_id != _boot_id():
        return False
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # It runs, as somebody else.
    return _started(process.pid) == process.started


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _started(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The name stands in brackets and may hold brackets and spaces itself.
    fields = stat.rpartition(")")[2].split()
    state, started = fields[0], fields[19]
    return "" if state in "ZX" else started
