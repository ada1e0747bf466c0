"""Reading somebody else's SQLite database, and only reading it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mechexo.errors import UnreachableError
from mechexo.health.context import Context
from mechexo.reading_sqlite import read_database

Result = TypeVar("Result")

SCHEME = "sqlite:///"
A_FILE = "sqlite:///path or a path; postgresql:// is for the kind sql"


def read(configured: str, context: Context, work: Callable[[sqlite3.Connection], Result]) -> Result:
    """What `work` reads from the configured database, within the look's time.

    Raises:
        UnreachableError: the database cannot be read; the text says why.
    """
    return read_database(database_path(configured, context), work, timeout_s=context.timeout_s)


def database_path(configured: str, context: Context) -> Path:
    """The file that `sqlite:///path` or a plain path means; `sqlite:////path` is absolute.

    Raises:
        UnreachableError: it is the address of something else, as a reference may turn out to be.
    """
    address = context.resolve(configured, whole=True)
    if names_no_file(address):
        raise UnreachableError(f"database is not {A_FILE}")
    return context.path(address.removeprefix(SCHEME))


def names_no_file(database: str) -> bool:
    """Whether it is the address of something that only the kind `sql`, or none, can read."""
    return "://" in database and not database.startswith(SCHEME)


def identifier(*names: str) -> str:
    """A quoted name like "table"."column".

    Always with its table: SQLite reads a lone quoted name that is no column as a piece of text.
    """
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)
