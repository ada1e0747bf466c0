"""Reading somebody else's SQLite database, and only reading it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from mechexo.access import barrier
from mechexo.errors import UnreachableError
from mechexo.health.context import Context

SCHEME = "sqlite:///"
_STEPS_BETWEEN_LOOKS = 10_000


def database_path(configured: str, context: Context) -> Path:
    """The file that `sqlite:///path` or a plain path means; `sqlite:////path` is absolute."""
    return context.path(context.resolve(configured).removeprefix(SCHEME))


@contextmanager
def open_read_only(path: Path, timeout_s: float) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write, and whose queries end after `timeout_s` seconds.

    Raises:
        UnreachableError: the database cannot be read; the text says why.
    """
    deadline = time.monotonic() + timeout_s
    # SQLite would only say that it is unable to open it.
    if barred := barrier(path):
        raise UnreachableError(f"{path.name} cannot be read: {barred}")
    if not path.is_file():
        raise UnreachableError(f"there is no database {path}")
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?mode=ro",
            uri=True,
            timeout=timeout_s,
            isolation_level=None,
        )
        connection.set_progress_handler(
            lambda: int(time.monotonic() >= deadline), _STEPS_BETWEEN_LOOKS
        )
        connection.execute("PRAGMA query_only=ON")
        # A read-only connection still makes files for ATTACH and VACUUM INTO.
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        yield connection
    except sqlite3.Error as error:
        said = "no answer in time" if str(error) == "interrupted" else str(error)
        raise UnreachableError(f"{path.name} cannot be read: {said}") from error
    finally:
        if connection is not None:
            connection.close()


def identifier(*names: str) -> str:
    """A quoted name like "table"."column".

    Always with its table: SQLite reads a lone quoted name that is no column as a piece of text.
    """
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)
