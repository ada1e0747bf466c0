"""Lock files beside the state file: one program at a time does a thing. The kernel frees them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from mechexo.errors import StateError


def is_held(path: str) -> bool:
    """Whether a program holds a lock now. One that takes it at the same moment may have to try
    twice."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def held(path: str, what: str, *, folder: bool = False) -> Iterator[bool]:
    """Holds a lock until the block ends; False when another program holds it. Waits for nobody.
    With `folder` an existing folder is the lock itself, and nothing is made.

    Raises:
        StateError: the lock cannot be made or opened; `what` it is for is in the words.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY if folder else os.O_RDWR | os.O_CREAT
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(f"{path}: cannot make the {what} lock file: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine = True
        except BlockingIOError:
            mine = False
        yield mine
    finally:
        os.close(descriptor)
