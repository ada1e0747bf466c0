"""Waiting for the lock of a file in the order of asking. The kernel frees what a dead one held."""

from __future__ import annotations

import fcntl
import os
import struct
import time

_NEXT_PAUSE_S, _PAUSE_S = 0.0003, 0.001
"""How long who is next waits before another look, and how long the others do."""

# Which bytes of the file are locked says who waits; what stands in it is the last ticket's number.
_DRAWING = 0
_TICKETS = 1024
_FLOCK = "hhqqi4x"
_NUMBER = struct.Struct("<Q")
_LARGEST = 2**62


def queue_for(descriptor: int, wait_s: float) -> bool:
    """Takes the lock of an open file in the order of asking; False when no turn came in time.

    Who waits holds a ticket: a locked byte of the file. Without them whoever looks at the right
    moment would win, and that is, again and again, the one that has just let go. The kernel takes
    the ticket, as the lock itself, from a program that dies.
    """
    deadline = time.monotonic() + wait_s
    if not _is_locked(descriptor, _TICKETS, 0) and _take(descriptor):
        return True
    while (ticket := _draw(descriptor)) is None:
        if not _pause(_NEXT_PAUSE_S, deadline):
            return False
    try:
        while True:
            is_next = not _is_locked(descriptor, _TICKETS, ticket)
            if is_next and _take(descriptor):
                return True
            if not _pause(_NEXT_PAUSE_S if is_next else _PAUSE_S, deadline):
                return False
    finally:
        _lock_byte(descriptor, fcntl.F_UNLCK, _TICKETS + ticket)


def _pause(pause_s: float, deadline: float) -> bool:
    """Waits a little; False when there is no time left."""
    if time.monotonic() >= deadline:
        return False
    time.sleep(pause_s)
    return True


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _draw(descriptor: int) -> int | None:
    """The next ticket; None when somebody else draws at this moment."""
    if not _lock_byte(descriptor, fcntl.F_WRLCK, _DRAWING):
        return None
    try:
        before = os.pread(descriptor, _NUMBER.size, 0)
        # It only has to be above those of all that wait.
        number = _NUMBER.unpack(before)[0] + 1 if len(before) == _NUMBER.size else 1
        if number >= _LARGEST:
            number = 1
        os.pwrite(descriptor, _NUMBER.pack(number), 0)
        _lock_byte(descriptor, fcntl.F_WRLCK, _TICKETS + number)
    finally:
        _lock_byte(descriptor, fcntl.F_UNLCK, _DRAWING)
    return int(number)


def _lock_byte(descriptor: int, how: int, place: int) -> bool:
    # Of the open file and not of the process: threads wait for each other, too.
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, how, 0, place, 1, 0))
    except BlockingIOError:
        return False
    return True


def _is_locked(descriptor: int, start: int, length: int) -> bool:
    """Whether anybody else has locked one of these bytes; a length of 0 is all to the end."""
    asked = struct.pack(_FLOCK, fcntl.F_WRLCK, 0, start, length, 0)
    found = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, asked)
    return bool(struct.unpack(_FLOCK, found)[0] != fcntl.F_UNLCK)
