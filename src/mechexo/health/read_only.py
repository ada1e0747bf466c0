"""Reading somebody else's SQLite database, and only reading it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mechexo.health.context import Context
from mechexo.reading_sqlite import read_database

Result = TypeVar("Result")

SCHEME = "sqlite:///"


def read(configured: str, context: Context, work: Callable[[sqlite3.Connection], Result]) -> Result:
    """What `work` reads from the configured database, within the look's time.

    Raises:
        UnreachableError: the database cannot be read; the text says why.
    """
    return read_database(database_path(configured, context), work, timeout_s=context.timeout_s)


def database_path(configured: str, context: Context) -> Path:
    """The file that `sqlite:///path` or a plain path means; `sqlite:////path` is absolute."""
    return context.path(context.resolve(configured).removeprefix(SCHEME))


def identifier(*names: str) -> str:
    """A quoted name like "table"."column".

    Always with its table: SQLite reads a lone quoted name that is no column as a piece of text.
    """
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)
