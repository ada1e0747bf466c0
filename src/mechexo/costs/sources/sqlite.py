"""A table of an SQLite database, opened read-only."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import polars as pl

from mechexo.access import barrier
from mechexo.costs.sources.protocol import Extent, RawTable, Window
from mechexo.costs.sources.queries import count, edges, quoted
from mechexo.errors import ConfigError, UnreachableError
from mechexo.reading_sqlite import read_database
from mechexo.value_classes import dataclass

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class SqliteSource:
    """One table or view."""

    path: Path
    table: str
    setting: str

    @classmethod
    def parse(cls, text: str, setting: str, root: Path) -> SqliteSource:
        """The source of `sqlite:///path?table=NAME`; the path is the desk's folder's when relative.

        Raises:
            ConfigError: the text is no such address.
        """
        parts = urlsplit(text)
        tables = parse_qs(parts.query).get("table", [])
        name = unquote(parts.path.removeprefix("/"))
        if parts.netloc or not name or len(tables) != 1:
            raise ConfigError(
                f"[costs] {setting} = {text!r}: write sqlite:///path?table=NAME "
                "(four slashes for an absolute path)"
            )
        return cls(root / Path(name).expanduser(), tables[0], setting)

    def batches(
        self, window: Window, time_column: str | None
    ) -> Generator[Sequence[RawTable], None, None]:
        """See `Source.batches`. Rows whose time is ISO text are narrowed down by date."""

        def read(connection: sqlite3.Connection) -> RawTable:
            names = self._columns(connection)
            rows = self._rows(connection, window, time_column if time_column in names else None)
            return self._table(names, rows)

        yield [read_named(self.path, read, self.setting)]

    def extent(self, time_column: str | None) -> Extent:
        """See `Measured.extent`."""

        def read(connection: sqlite3.Connection) -> Extent:
            names = self._columns(connection)
            table = f"SELECT * FROM {quoted(self.table)}"  # noqa: S608 (quoted)
            at_the_edges = edges(table, time_column if time_column in names else None)
            rows = connection.execute(at_the_edges).fetchall()
            (number,) = connection.execute(count(table)).fetchone()
            return Extent(int(number), self._table(names, rows))

        return read_named(self.path, read, self.setting)

    @property
    def where(self) -> str:
        """What an error calls it."""
        return f"{self.path} table {self.table}"

    def _table(self, names: Sequence[str], rows: Sequence[tuple[object, ...]]) -> RawTable:
        texts = {
            name: pl.Series(name, [_text(row[place]) for row in rows], dtype=pl.String)
            for place, name in enumerate(names)
        }
        return RawTable(self.where, pl.DataFrame(texts).lazy())

    def _columns(self, connection: sqlite3.Connection) -> list[str]:
        found = connection.execute("SELECT name FROM pragma_table_info(?)", (self.table,))
        names = [str(name) for (name,) in found]
        if not names:
            listed = connection.execute(
                "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name"
            )
            tables = ", ".join(str(name) for (name,) in listed) or "none"
            raise ConfigError(
                f"[costs] {self.setting}: {self.path} has no table {self.table!r}; it has: {tables}"
            )
        return names

    def _rows(
        self, connection: sqlite3.Connection, window: Window, time_column: str | None
    ) -> list[tuple[object, ...]]:
        table = quoted(self.table)
        if window.filled is not None:
            # Quoted on both sides; what is no column would be a text here, and leave nothing out.
            table = f"(SELECT * FROM {table} WHERE {quoted(window.filled)} IS NOT NULL)"  # noqa: S608
        if time_column is None:
            return connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 (quoted)
        # A day either side covers every zone that the text may be in.
        first = (window.start - timedelta(days=1)).date().isoformat()
        last = (window.end + timedelta(days=2)).date().isoformat()
        column = quoted(time_column)
        query = (
            f"SELECT * FROM {table} WHERE ({column} >= ? AND {column} < ?) "  # noqa: S608 (quoted)
            f"OR {column} IS NULL OR {column} NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-*'"
        )
        return connection.execute(query, (first, last)).fetchall()


def _text(value: object) -> str | None:
    """A stored value as text that reads back to the same number."""
    if value is None:
        return None
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def read_named(path: Path, work: Callable[[sqlite3.Connection], Result], setting: str) -> Result:
    """What `read_database` gives; its refusal names the setting."""
    if barred := barrier(path):
        raise UnreachableError(f"[costs] {setting}: {barred}")
    try:
        return read_database(path, work)
    except UnreachableError as error:
        raise UnreachableError(f"[costs] {setting}: {error}") from error
