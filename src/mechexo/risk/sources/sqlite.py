"""The desk's own tables in SQLite: a query for each part, over a connection that cannot write. What
the queries may use is in `queries.parameters`, as `:today`."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mechexo.errors import UnreachableError
from mechexo.reading_sqlite import read_database
from mechexo.risk.assembling import Read, assembled
from mechexo.risk.keeping import MOST_ROWS
from mechexo.risk.sources.queries import parameters, read_rows
from mechexo.risk.values import FALLBACK, RiskLook

if TYPE_CHECKING:
    from mechexo.config import RiskSettings
    from mechexo.risk.systems import RiskQuestion

LONGEST = 1_000_000
"""Bytes of a value or a row: nobody's position is longer."""
_OF_THE_QUERY = frozenset({"SQLITE_ERROR", "SQLITE_READONLY", "SQLITE_TOOBIG", "SQLITE_MISMATCH"})


def look(settings: RiskSettings, question: RiskQuestion) -> RiskLook:
    """What the queries answer. All see one state of the database.

    Raises:
        UnreachableError: the database cannot be read; the text names it and says why.
    """
    named = parameters(question.day, question.now)

    def read(connection: sqlite3.Connection) -> dict[str, Read]:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
        connection.execute("BEGIN")
        return {
            part: _rows(connection, part, query, named, settings.fields)
            for part, query in settings.read.items()
        }

    path = question.path(settings.source)
    parts = read_database(path, read, timeout_s=question.within_s)
    return assembled(
        parts,
        day=question.day.day,
        currency=settings.currency or FALLBACK,
        multipliers=settings.multipliers,
        capital=settings.capital,
    )


def _rows(
    connection: sqlite3.Connection,
    part: str,
    query: str,
    named: Mapping[str, str | int],
    theirs: Mapping[str, str],
) -> Read:
    try:
        cursor = connection.execute(query, dict(named))
        found = cursor.fetchmany(MOST_ROWS + 1)
    except (
        sqlite3.OperationalError,
        sqlite3.ProgrammingError,
        sqlite3.DataError,
        sqlite3.Warning,
    ) as error:
        trouble = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
        if trouble == "SQLITE_INTERRUPT":
            raise UnreachableError(f"no answer in time; it was at the query of {part}") from None
        if trouble not in _OF_THE_QUERY:
            raise  # the database, not the query: locked, damaged
        return UnreachableError(f"the query does not fit the database: {error}")
    if cursor.description is None:
        return UnreachableError("the query answers nothing: it is no SELECT")
    names = [str(column[0]) for column in cursor.description]
    try:
        return read_rows(part, names, found, theirs)
    except UnreachableError as error:
        return error
