"""The desk's own tables in SQLite: a query for each part, over a connection that cannot write.

The queries may use `:today` and `:month_first` (dates of the trading day), `:month` (2026-11),
`:day_start`, `:day_end`, `:month_start` and `:now` (moments in UTC, `2026-11-27 05:00:00`),
`:day_start_s`, `:day_end_s`, `:month_start_s` and `:now_s` (Unix seconds).
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mechexo.config.risk import FIELDS
from mechexo.errors import UnreachableError
from mechexo.reading_sqlite import read_database
from mechexo.risk.assembling import VALUE, Read, Row, assembled
from mechexo.risk.keeping import MOST_ROWS
from mechexo.risk.values import RiskLook

if TYPE_CHECKING:
    from mechexo.config import RiskSettings
    from mechexo.risk.systems import RiskQuestion
    from mechexo.risk.trading_day import TradingDay

_BESIDE = {"capital": "currency", "capital_used": "currency", "pnl_today": "currency"}
_BESIDE |= {"pnl_month": "currency"}


def look(settings: RiskSettings, question: RiskQuestion) -> RiskLook:
    """What the queries answer. All see one state of the database.

    Raises:
        UnreachableError: the database cannot be read; the text names it and says why.
    """
    named = parameters(question.day, question.now)
    ours = {theirs.lower(): field for field, theirs in settings.fields.items()}

    def read(connection: sqlite3.Connection) -> dict[str, Read]:
        connection.execute("BEGIN")
        return {
            part: _rows(connection, part, query, named, ours)
            for part, query in settings.read.items()
        }

    path = question.path(settings.source)
    parts = read_database(path, read, timeout_s=question.within_s)
    return assembled(
        parts,
        day=question.day.day,
        currency=settings.currency,
        multipliers=settings.multipliers,
        capital=settings.capital,
    )


def parameters(day: TradingDay, now: datetime) -> dict[str, str | int]:
    """What a query may ask for by name."""
    moments = {
        "day_start": day.starts_at,
        "day_end": day.ends_at,
        "month_start": day.month_starts_at,
        "now": now,
    }
    return {
        "today": day.day.isoformat(),
        "month": f"{day.day:%Y-%m}",
        "month_first": day.month_first.isoformat(),
        **{name: sql_moment(at) for name, at in moments.items()},
        **{f"{name}_s": int(at.timestamp()) for name, at in moments.items()},
    }


def sql_moment(at: datetime) -> str:
    """A moment as SQLite's own functions write it, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _rows(
    connection: sqlite3.Connection,
    part: str,
    query: str,
    named: dict[str, str | int],
    ours: dict[str, str],
) -> Read:
    try:
        cursor = connection.execute(query, named)
        found = cursor.fetchmany(MOST_ROWS + 1)
    except (sqlite3.OperationalError, sqlite3.ProgrammingError, sqlite3.Warning) as error:
        if getattr(error, "sqlite_errorname", "SQLITE_ERROR") != "SQLITE_ERROR":
            raise  # the database, not the query: locked, interrupted, damaged
        return UnreachableError(f"the query does not fit the database: {error}")
    if cursor.description is None:
        return UnreachableError("the query answers nothing: it is no SELECT")
    names = [str(column[0]).lower() for column in cursor.description]
    return [_row(part, [ours.get(name, name) for name in names], row) for row in found]


def _row(part: str, names: list[str], row: tuple[object, ...]) -> Row:
    """The row by our names. Of a part that is one value (and its currency) the place counts."""
    known = dict(zip(names, row, strict=True))
    if part in ("positions", "limits", "rates"):
        return {name: value for name, value in known.items() if name in FIELDS}
    found = {VALUE: row[0]}
    if part in _BESIDE:
        beside = known.get("currency", row[1] if len(row) > 1 else None)
        found["currency"] = beside
    return found
