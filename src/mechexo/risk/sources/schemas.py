"""Whether a bot's database has the tables that are to be read; what differs is said by name."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable

from mechexo.errors import UnreachableError


def tables_of(connection: sqlite3.Connection) -> frozenset[str]:
    """The names of its tables."""
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return frozenset(name for (name,) in found)


def columns_of(connection: sqlite3.Connection, table: str) -> frozenset[str]:
    """The names of a table's columns; none when there is no such table."""
    found = connection.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall()
    return frozenset(name for (name,) in found)


def need(
    connection: sqlite3.Connection,
    table: str,
    columns: Collection[str],
    *,
    of: str,
    set_aside: Iterable[str] = (),
) -> None:
    """Refuses a database without these columns.

    Args:
        of: whose database it should be, with the version: `Freqtrade 2022.4 or later`.
        set_aside: the beginnings of the names under which a migration keeps the table meanwhile.

    Raises:
        UnreachableError: the table, or a column of it, is not there; the text names what.
    """
    there = columns_of(connection, table)
    if not there:
        aside = [
            name for name in sorted(tables_of(connection)) if name.startswith(tuple(set_aside))
        ]
        if aside and tuple(set_aside):
            raise UnreachableError(
                f"the table {table} is missing and {aside[-1]} is there: a migration is under way, "
                "or was cut off; start the bot once"
            )
        raise UnreachableError(f"there is no table {table}: this is no database of {of}")
    if missing := sorted(set(columns) - there):
        raise UnreachableError(
            f"the table {table} has no {', '.join(missing)}: its schema is not that of {of}"
        )
