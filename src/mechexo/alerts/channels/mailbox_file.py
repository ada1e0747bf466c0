"""Appending to a mailbox file. Imports little: it runs in a process of its own per pass."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path


def append_line(path: Path, record: dict[str, object]) -> None:
    """Appends one JSON line and waits until it is on disk. Writers take turns.

    Raises:
        OSError: it could not be written; nothing counts as sent.
    """
    line = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        end = os.lseek(descriptor, 0, os.SEEK_END)
        if end and os.pread(descriptor, 1, end - 1) != b"\n":
            # A writer died inside its line: ours shall not be lost in the same one.
            line = b"\n" + line
        while line:
            line = line[os.write(descriptor, line) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if not end:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
