"""Folders for what does not fit into memory: gone when their run ends, and when it was killed with
the next run.

A run holds a lock on its folder, which the system lets go of when the process is no more, however
it ended: no number of a process need be trusted.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "mechexo-costs-"


class Scratch:
    """A folder of this run's own. A context manager; `close` it."""

    def __init__(self) -> None:
        remove_left_behind()
        while True:
            self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
            self._lock = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            # Before it was locked, another run may have taken it for one left behind.
            if self.folder.is_dir():
                return
            os.close(self._lock)

    def __enter__(self) -> Path:
        return self.folder

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Takes the folder away, with all that is in it."""
        try:
            shutil.rmtree(self.folder)
        finally:
            os.close(self._lock)


def remove_left_behind() -> None:
    """Takes the folders away whose run is no more: those of our own that nobody has locked.

    What cannot be looked at or taken away stays; no answer depends on it.
    """
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            if os.fstat(folder).st_uid == os.geteuid():
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
        except OSError:
            continue
        finally:
            os.close(folder)
