"""The desk's flags in a table of an SQLite database."""

# ruff: noqa: S608 (names are quoted; the others are ours)

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from mechexo.access import barrier
from mechexo.clock import Clock
from mechexo.config.rollback import FlagSettings
from mechexo.errors import (
    BusyError,
    ConfigError,
    UnreachableError,
)
from mechexo.reading_sqlite import read_database
from mechexo.rollback.flags import sqlite_tracking as tracking
from mechexo.rollback.flags.changing import (
    chosen,
    not_tracked,
    refuse_unless_as_was,
    to_be_set,
)
from mechexo.rollback.flags.picking import Row, picked
from mechexo.rollback.flags.sqlite_tracking import CONTEXT, HISTORY, quoted
from mechexo.rollback.flags.values import (
    FlagChange,
    FlagEvent,
    FlagsThen,
    FlagValue,
    Scalar,
)
from mechexo.times import from_iso_z, iso_z

LOCK_WAIT_S = 5.0
READ_WITHIN_S = 5.0


class SqliteStore:
    """Flags in SQLite. Reading makes no file beside the database and stops no writer."""

    def __init__(self, path: Path, settings: FlagSettings, clock: Clock) -> None:
        self._path = path
        self._settings = settings
        self._clock = clock
        self._table = quoted(settings.table)
        # With its table: SQLite reads a lone quoted name that is no column as a piece of text.
        self._key = quoted(settings.table, settings.key_column)
        self._value = quoted(settings.table, settings.value_column)

    def read(self) -> tuple[FlagValue, ...]:
        """See `FlagStore`."""
        return read_database(self._path, self._flags, timeout_s=READ_WITHIN_S)

    def at(self, moment: datetime) -> FlagsThen:
        """See `FlagStore`."""

        def look(connection: sqlite3.Connection) -> FlagsThen:
            if not _has_history(connection):
                raise not_tracked()
            query = f"SELECT seq, at, how FROM {HISTORY} ORDER BY seq"
            rows = [Row(seq, from_iso_z(at), how) for seq, at, how in connection.execute(query)]
            last = picked(rows, moment)
            found = connection.execute(
                f"SELECT key, new, seq FROM {HISTORY} WHERE how <> 'delete' AND seq IN"
                f" (SELECT MAX(seq) FROM {HISTORY} WHERE seq BETWEEN ? AND ? AND key <> ''"
                " GROUP BY key) ORDER BY key",
                (last.begin, last.seq),
            ).fetchall()
            flags = {key: FlagValue(key, value, seq) for key, value, seq in found}
            return FlagsThen(moment, last.seq, flags, last.began)

        return read_database(self._path, look, timeout_s=READ_WITHIN_S)

    def change(self, changes: Sequence[FlagChange], *, actor: str) -> None:
        """See `FlagStore`."""
        with self._transaction(actor) as (connection, at):
            for change in changes:
                now, version = self._rows(connection, change.key), _version(connection, change.key)
                refuse_unless_as_was(change, now, version)
                self._set(connection, change.key, change.new, at)

    def replace_now(
        self, key: str, choose: Callable[[FlagValue], FlagChange], *, actor: str
    ) -> tuple[FlagChange, ...]:
        """See `FlagStore`."""
        with self._transaction(actor) as (connection, at):
            query = f"SELECT {self._key} FROM {self._table}"
            changes = chosen(
                key,
                self._rows(connection, key),
                _version(connection, key),
                choose,
                lambda: (row[0] for row in connection.execute(query)),
            )
            if change := to_be_set(changes):
                self._set(connection, key, change.new, at)
        return changes

    def history(
        self,
        key: str = "",
        limit: int | None = None,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> tuple[FlagEvent, ...]:
        """See `FlagStore`."""
        wanted = [("key = ?", key)] if key else []
        wanted += [("at >= ?", iso_z(start))] if start else []
        wanted += [("at <= ?", iso_z(end))] if end else []
        where = f"WHERE {' AND '.join(each for each, _ in wanted)} " if wanted else ""
        query = (
            f"SELECT seq, at, key, old, new, how, actor FROM {HISTORY} {where}"
            "ORDER BY seq DESC LIMIT ?"
        )
        parameters = (*(value for _, value in wanted), -1 if limit is None else limit)

        def look(connection: sqlite3.Connection) -> tuple[FlagEvent, ...]:
            if not _has_history(connection):
                return ()
            return tuple(
                FlagEvent(seq, from_iso_z(at), *rest)
                for seq, at, *rest in connection.execute(query, parameters)
            )

        return read_database(self._path, look, timeout_s=READ_WITHIN_S)

    def track(self) -> bool:
        """See `FlagStore`."""
        with self._transaction("", tracked=False) as (connection, at):
            try:
                wanted = self._wanted_triggers(connection)
            except ConfigError as error:
                raise ConfigError(f"{self._path.name}: {error}") from None
            if _has_history(connection) and _triggers(connection) == wanted:
                return False
            for statement in tracking.TABLES:
                connection.execute(statement)
            _drop_triggers(connection)
            flags = connection.execute(
                f"SELECT {self._key}, {self._value} FROM {self._table} ORDER BY 1"
            ).fetchall()
            rows = [("", None, "begin"), *((key, value, "seen") for key, value in flags)]
            connection.executemany(
                f"INSERT INTO {HISTORY} (at, key, new, how, actor) VALUES (?, ?, ?, ?, '')",
                [(iso_z(at), *row) for row in rows],
            )
            for statement in wanted.values():
                connection.execute(statement)
        return True

    def tracked(self) -> datetime | None:
        """See `FlagStore`."""

        def look(connection: sqlite3.Connection) -> datetime | None:
            if not _has_history(connection):
                return None
            try:
                if _triggers(connection) != self._wanted_triggers(connection):
                    return None
            except ConfigError:
                return None  # `track` says why.
            row = connection.execute(
                f"SELECT at FROM {HISTORY} WHERE how = 'begin' ORDER BY seq DESC LIMIT 1"
            ).fetchone()
            return from_iso_z(row[0]) if row else None

        return read_database(self._path, look, timeout_s=READ_WITHIN_S)

    def untrack(self) -> bool:
        """See `FlagStore`."""
        with self._transaction("", tracked=False) as (connection, at):
            if not _triggers(connection):
                return False
            _drop_triggers(connection)
            connection.execute(
                f"INSERT INTO {HISTORY} (at, key, how, actor) VALUES (?, '', 'end', '')",
                (iso_z(at),),
            )
        return True

    def _flags(self, connection: sqlite3.Connection) -> tuple[FlagValue, ...]:
        rows = connection.execute(
            f"SELECT {self._key}, {self._value} FROM {self._table} ORDER BY 1"
        ).fetchall()
        versions = {}
        if _has_history(connection):
            query = f"SELECT key, MAX(seq) FROM {HISTORY} GROUP BY key"
            versions = dict(connection.execute(query).fetchall())
        seen: set[object] = set()
        for key, _ in rows:
            if not isinstance(key, str):
                raise UnreachableError(
                    f"{self._path.name}: {self._settings.table} has a flag whose key is no text"
                )
            if key in seen:
                raise UnreachableError(
                    f"{self._path.name}: {self._settings.table} has the flag {key} twice"
                )
            seen.add(key)
        return tuple(FlagValue(key, value, versions.get(key, 0)) for key, value in rows)

    def _rows(self, connection: sqlite3.Connection, key: str) -> list[Scalar]:
        query = f"SELECT {self._value} FROM {self._table} WHERE {self._key} = ?"
        return [row[0] for row in connection.execute(query, (key,))]

    def _set(self, connection: sqlite3.Connection, key: str, value: Scalar, at: datetime) -> None:
        columns, parameters = [f"{quoted(self._settings.value_column)} = ?"], [value]
        if self._settings.time_column:
            name = quoted(self._settings.table, self._settings.time_column)
            before = connection.execute(
                f"SELECT {name} FROM {self._table} WHERE {self._key} = ? LIMIT 1", (key,)
            ).fetchone()[0]
            columns.append(f"{quoted(self._settings.time_column)} = ?")
            parameters.append(_stamp(at, before))
        connection.execute(
            f"UPDATE {self._table} SET {', '.join(columns)} WHERE {self._key} = ?",
            (*parameters, key),
        )

    def _wanted_triggers(self, connection: sqlite3.Connection) -> dict[str, str]:
        settings = self._settings
        return tracking.wanted_triggers(
            connection, settings.table, settings.key_column, settings.value_column
        )

    @contextmanager
    def _transaction(
        self, actor: str, *, tracked: bool = True
    ) -> Iterator[tuple[sqlite3.Connection, datetime]]:
        """A write transaction and its moment, which is after every change committed before it."""
        with _explained(self._path), closing(self._connected()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            at = _whole_ms(self._clock.now())
            try:
                named = tracked and _has_table(connection, CONTEXT)
                if named:
                    connection.execute(f"DELETE FROM {CONTEXT}")
                    connection.execute(f"INSERT INTO {CONTEXT} VALUES (?, ?)", (iso_z(at), actor))
                yield connection, at
                if named:
                    connection.execute(f"DELETE FROM {CONTEXT}")
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _connected(self) -> sqlite3.Connection:
        if barred := barrier(self._path, write=True):
            raise UnreachableError(f"{self._path.name} cannot be written: {barred}")
        if not self._path.is_file():
            raise UnreachableError(f"there is no database {self._path}")
        connection = sqlite3.connect(
            f"file:{quote(str(self._path.absolute()))}?mode=rw",
            uri=True,
            timeout=LOCK_WAIT_S,
            isolation_level=None,
        )
        connection.execute("PRAGMA synchronous = FULL")
        return connection


def _has_table(connection: sqlite3.Connection, name: str) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(query, (name,)).fetchone() is not None


def _has_history(connection: sqlite3.Connection) -> bool:
    return _has_table(connection, HISTORY)


def _triggers(connection: sqlite3.Connection) -> dict[str, str]:
    query = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name GLOB 'mechexo_flag_*'"
    )
    return dict(connection.execute(query).fetchall())


def _drop_triggers(connection: sqlite3.Connection) -> None:
    for name in _triggers(connection):
        connection.execute(f"DROP TRIGGER {quoted(name)}")


def _version(connection: sqlite3.Connection, key: str) -> int:
    if not _has_history(connection):
        return 0
    query = f"SELECT MAX(seq) FROM {HISTORY} WHERE key = ?"
    return int(connection.execute(query, (key,)).fetchone()[0] or 0)


def _whole_ms(moment: datetime) -> datetime:
    """As exact as SQLite's own clock, so that the order of times is that of changes."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _stamp(at: datetime, before: object) -> Scalar:
    """The moment in the form that the column holds: seconds since 1970, or text in UTC."""
    if isinstance(before, int):
        return int(at.timestamp())
    return at.timestamp() if isinstance(before, float) else iso_z(at)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise BusyError(f"{path.name}: another program keeps the flags locked") from error
        raise UnreachableError(f"{path.name} cannot be written: {error}") from error
    except sqlite3.Error as error:
        raise UnreachableError(f"{path.name} cannot be written: {error}") from error
