"""Reading an SQLite database of the desk without writing anything beside it.

A connection that only reads still makes the files that a database in WAL mode keeps beside it
(`-wal` and `-shm`) where they are missing. They belong to whoever made them, and a writer that is
somebody else then finds its own database "readonly" until they are removed. So:

| beside it | how it is read |
| --- | --- |
| a log with content, and its index | as any reader does: both files are there already |
| a log with content, no index | not at all: an index would have to be made |
| no log, or an empty one; WAL mode | as a file that stands still; again when it did not |
| no log, or an empty one; rollback journal | as any reader does: that makes no file |

While it looks and reads it holds the lock that every reader of SQLite holds on the database.
Meanwhile nobody can take the log or its index away, nor change the journal's mode: what was found
beside the database stays true until the reading is over.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from mechexo.access import barrier
from mechexo.errors import UnreachableError

Result = TypeVar("Result")

LOCK_WAIT_S = 5.0
_TRIES = 5
_STEPS_BETWEEN_LOOKS = 10_000
# Where SQLite locks: https://sqlite.org/src/file/src/os.h (PENDING_BYTE and what follows it).
_PENDING = (0x40000000, 1)
_SHARED = (0x40000000 + 2, 510)
_READ_VERSION = slice(19, 20)
_ROLLBACK = b"\x01"


def read_database(
    path: Path, work: Callable[[sqlite3.Connection], Result], *, timeout_s: float | None = None
) -> Result:
    """What `work` reads through a connection that cannot write and leaves no file behind.

    `work` may be called again when the database changed while it read, so it does nothing but
    read. Its queries end after `timeout_s` seconds; without it only locks are not waited for
    longer than `LOCK_WAIT_S`.

    Raises:
        UnreachableError: the database cannot be read; the text names it and says why.
    """
    # SQLite would only say that it is unable to open it.
    if barred := barrier(path):
        raise UnreachableError(f"{path.name} cannot be read: {barred}")
    if not path.is_file():
        raise UnreachableError(f"there is no database {path}")
    real = Path(os.path.realpath(path))
    limit_s = LOCK_WAIT_S if timeout_s is None else timeout_s
    deadline = time.monotonic() + limit_s
    try:
        for _ in range(_TRIES):
            with _held_as_a_reader(real, deadline) as descriptor:
                found = _read_once(real, descriptor, work, deadline, timed=timeout_s is not None)
            if found is not None:
                return found[0]
    except sqlite3.Error as error:
        raise UnreachableError(f"{path.name} cannot be read: {_in_words(error)}") from error
    except OSError as error:
        raise UnreachableError(f"{path.name} cannot be read: {error.strerror}") from error
    raise UnreachableError(f"{path.name} cannot be read: it changed again and again meanwhile")


def _read_once(
    path: Path,
    descriptor: int,
    work: Callable[[sqlite3.Connection], Result],
    deadline: float,
    *,
    timed: bool,
) -> tuple[Result] | None:
    """What `work` answers; None when the database did not stand still that long."""
    before = _signature(path, descriptor)
    way = _way(path, descriptor)
    stands = way == "immutable=1"
    try:
        with closing(_connected(path, way, deadline, timed=timed)) as connection:
            if not os.path.samestat(path.stat(), os.fstat(descriptor)):
                return None  # another file was put in its place
            result = work(connection)
    except Exception:
        # Half of one state and half of another may look like anything, also like damage.
        if stands and _signature(path, descriptor) != before:
            return None
        raise
    return None if stands and _signature(path, descriptor) != before else (result,)


def _way(path: Path, descriptor: int) -> str:
    """How it can be opened so that no file is made; see the table above."""
    log, index = _beside(path)
    if _size(log):
        for file in (log, index):
            if barred := barrier(file):
                raise UnreachableError(f"{path.name} cannot be read: {barred}")
        if index.exists():
            return "mode=ro"
        raise UnreachableError(
            f"{path.name} cannot be read: it has a log ({log.name}) without its index "
            f"({index.name}), which mechexo does not make; open it once as its owner"
        )
    is_rollback = os.pread(descriptor, 100, 0)[_READ_VERSION] == _ROLLBACK
    return "mode=ro" if is_rollback else "immutable=1"


def _connected(path: Path, way: str, deadline: float, *, timed: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?{way}",
        uri=True,
        timeout=max(deadline - time.monotonic(), 0.0) if timed else LOCK_WAIT_S,
        isolation_level=None,
    )
    if timed:
        connection.set_progress_handler(
            lambda: int(time.monotonic() >= deadline), _STEPS_BETWEEN_LOOKS
        )
    connection.execute("PRAGMA query_only=ON")
    # A read-only connection still makes files for ATTACH and VACUUM INTO.
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    return connection


def _in_words(error: sqlite3.Error) -> str:
    if getattr(error, "sqlite_errorname", "") == "SQLITE_READONLY_ROLLBACK":
        return "a writer was cut off in the middle of a change; open it once as its owner"
    return "no answer in time" if str(error) == "interrupted" else str(error)


def _beside(path: Path) -> tuple[Path, Path]:
    """The log and its index, whether they are there or not."""
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _signature(path: Path, descriptor: int) -> tuple[int, ...]:
    """What differs when somebody wrote to the database, or began a log beside it."""
    whole = os.fstat(descriptor)
    try:
        log = _beside(path)[0].stat()
    except FileNotFoundError:
        return (whole.st_size, whole.st_mtime_ns)
    return (whole.st_size, whole.st_mtime_ns, log.st_ino, log.st_size, log.st_mtime_ns)


@contextmanager
def _held_as_a_reader(path: Path, deadline: float) -> Iterator[int]:
    """Holds SQLite's shared lock on the file while the block runs; gives an open descriptor."""
    descriptor = _descriptors.borrow(path)
    try:
        # Whoever waits for the last reader to leave holds the first byte: no new one comes in.
        _lock(descriptor, fcntl.F_RDLCK, _PENDING, deadline)
        try:
            _lock(descriptor, fcntl.F_RDLCK, _SHARED, deadline)
        finally:
            _lock(descriptor, fcntl.F_UNLCK, _PENDING, deadline)
        try:
            yield descriptor
        finally:
            _lock(descriptor, fcntl.F_UNLCK, _SHARED, deadline)
    finally:
        _descriptors.give_back(descriptor)


def _lock(descriptor: int, kind: int, place: tuple[int, int], deadline: float) -> None:
    start, length = place
    # As `struct flock` lies in memory. A lock of the open file, not of the process: SQLite, in
    # this same process, then neither loses it nor loses its own with it.
    wanted = struct.pack("hhqqi", kind, os.SEEK_SET, start, length, 0)
    while True:
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, wanted)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOTSUP):
                return  # No such locks here: what was found beside it may change meanwhile.
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            if time.monotonic() >= deadline:
                raise sqlite3.OperationalError("database is locked") from None
            time.sleep(0.005)
        else:
            return


class _Descriptors:
    """Open descriptors of databases, kept to be used again.

    Closing one would take away every lock that this process holds on the same file through SQLite:
    POSIX wants it so. Only that of a file which is nowhere any more is closed.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._idle: list[int] = []

    def borrow(self, path: Path) -> int:
        """A descriptor of the file that nobody else uses meanwhile."""
        wanted = path.stat()
        with self._turn:
            for descriptor in tuple(self._idle):
                found = os.fstat(descriptor)
                if found.st_nlink == 0:
                    self._idle.remove(descriptor)
                    os.close(descriptor)
                elif os.path.samestat(found, wanted):
                    self._idle.remove(descriptor)
                    return descriptor
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def give_back(self, descriptor: int) -> None:
        """Says that it is free again."""
        with self._turn:
            self._idle.append(descriptor)


_descriptors = _Descriptors()
