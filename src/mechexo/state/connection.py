"""A connection to the state file that says what is wrong in words, whoever reads through it."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any, NoReturn

from mechexo.errors import BusyError, StateError


class Connection(sqlite3.Connection):
    """A connection whose failures are errors of mechexo that name the file."""

    path: Path
    file: os.stat_result
    """The file that the connection was opened on."""

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(factory or Cursor)

    # Since Python 3.11 these three make a cursor of their own and not the one above.
    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        return self.cursor().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> Any:
        return self.cursor().executemany(sql, parameters)

    def executescript(self, sql_script: str, /) -> Any:
        return self.cursor().executescript(sql_script)


class Cursor(sqlite3.Cursor):
    """The cursor of such a connection."""

    connection: Connection

    # No `with` here: every statement of every operation comes through.
    def execute(self, sql: str, parameters: Any = (), /) -> Cursor:
        try:
            return super().execute(sql, parameters)
        except sqlite3.Error as error:
            _raise_in_words(self.connection.path, error)

    def executemany(self, sql: str, parameters: Any, /) -> Cursor:
        try:
            return super().executemany(sql, parameters)
        except sqlite3.Error as error:
            _raise_in_words(self.connection.path, error)

    def executescript(self, sql_script: str, /) -> Cursor:
        try:
            super().executescript(sql_script)
        except sqlite3.Error as error:
            _raise_in_words(self.connection.path, error)
        return self

    def fetchone(self) -> Any:
        try:
            return super().fetchone()
        except sqlite3.Error as error:
            _raise_in_words(self.connection.path, error)

    def fetchmany(self, size: int | None = 1) -> list[Any]:
        try:
            return super().fetchmany(size)
        except sqlite3.Error as error:
            _raise_in_words(self.connection.path, error)

    def fetchall(self) -> list[Any]:
        try:
            return super().fetchall()
        except sqlite3.Error as error:
            _raise_in_words(self.connection.path, error)

    def __iter__(self) -> Any:
        # Around the whole and not around each row: lists have thousands of them.
        try:
            yield from iter(super().__next__, None)
        except sqlite3.Error as error:
            _raise_in_words(self.connection.path, error)


class explained:  # noqa: N801 - used as a word of a `with`
    """Turns what SQLite and the system say into errors that tell the user what to do."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, sqlite3.Error):
            _raise_in_words(self._path, error)


def _raise_in_words(path: Path, error: sqlite3.Error) -> NoReturn:
    if isinstance(error, sqlite3.OperationalError):
        said = str(error)
        if "locked" in said or "busy" in said:
            raise BusyError(f"{path}: another program keeps the state file locked") from error
        if "full" in said or ("disk I/O" in said and _no_room_beside(path)):
            raise StateError(
                f"{path}: the disk is full, nothing was written; free space on it"
            ) from error
        if "unable to open" in said and _is_gone(path):
            raise gone(path) from error
        if "unable to open" in said:
            raise StateError(
                f"{path}: cannot open the state file; check that its folder exists and that you "
                "may read and write it"
            ) from error
        if "readonly" in said or "disk I/O" in said:
            raise StateError(f"{path}: cannot write the state file: {said}") from error
        raise _strange(path, error) from error
    if isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)):
        # A rule of the schema that holds, or a statement of ours that is wrong: not the file's.
        raise error
    if "not a database" in str(error) or "malformed" in str(error):
        raise StateError(
            f"{path}: the state file is damaged ({error}); put a backup in its place"
        ) from error
    raise _strange(path, error) from error


def _strange(path: Path, error: sqlite3.Error) -> StateError:
    """For a file that SQLite can read, and that is not as mechexo left it."""
    return StateError(
        f"{path}: the state file is not as mechexo made it ({error}); see: mechexo doctor, or put "
        "a backup in its place"
    )


def gone(path: Path) -> StateError:
    """What to say when no file lies at the path any more."""
    return StateError(
        f"{path}: the state file has gone; put it, or a backup, in its place "
        "(the next start of mechexo makes an empty one)"
    )


def _is_gone(path: Path) -> bool:
    try:
        path.stat()
    except OSError as error:
        return isinstance(error, FileNotFoundError)
    return False


def _no_room_beside(path: Path) -> bool:
    """Whether the disk is too full for the files that SQLite keeps beside the state file; it calls
    that an input/output error."""
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < 64 * 1024


class reachable:  # noqa: N801 - used as a word of a `with`
    """Turns a system error on the file or its folder into one that names it."""

    __slots__ = ("_path",)

    def __init__(self, path: Path | str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise StateError(f"{self._path}: {error.strerror or error}") from error
