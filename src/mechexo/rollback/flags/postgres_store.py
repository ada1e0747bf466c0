"""The desk's flags in a table of a PostgreSQL database, through the extra `postgresql`.

One trigger keeps the history, in the schema of the table. Values travel as text, as the server
writes them, and are compared so; the column says of which type they are.
"""

# ruff: noqa: S608 (names are quoted; the others are ours)

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from mechexo.config.rollback import FlagSettings
from mechexo.config.secrets import redact
from mechexo.errors import (
    BusyError,
    ConfigError,
    UnreachableError,
)
from mechexo.rollback.flags import postgres_tracking as tracking
from mechexo.rollback.flags.changing import (
    chosen,
    not_tracked,
    refuse_unless_as_was,
    to_be_set,
)
from mechexo.rollback.flags.picking import Row, picked
from mechexo.rollback.flags.postgres_tracking import quoted
from mechexo.rollback.flags.values import (
    FlagChange,
    FlagEvent,
    FlagsThen,
    FlagValue,
    Scalar,
)

CONNECT_WITHIN_S = 2
"""libpq takes whole seconds, and reads 1 as 2."""
LOCK_WAIT_MS = 5000
STATEMENT_MS = 10_000


class PostgresStore:
    """Flags in PostgreSQL. The times of the history are the server's."""

    def __init__(self, address: str, settings: FlagSettings, secrets: tuple[str, ...] = ()) -> None:
        self._address = address
        self._secrets = secrets
        self._settings = settings
        *schema, name = settings.table.split(".")
        self._table = quoted(*schema, name)
        self._history = quoted(*schema, tracking.HISTORY)
        self._key = quoted(settings.key_column)
        self._value = quoted(settings.value_column)

    def read(self) -> tuple[FlagValue, ...]:
        """See `FlagStore`."""
        with self._transaction(reading=True) as connection:
            rows = connection.execute(
                f"SELECT {self._key}::text, {self._value}::text FROM {self._table} ORDER BY 1"
            ).fetchall()
            as_stored = self._type(connection)
            versions: dict[str, int] = {}
            if self._has_history(connection):
                query = f"SELECT key, MAX(seq) FROM {self._history} GROUP BY key"
                versions = dict(connection.execute(query).fetchall())
        seen: set[str] = set()
        for key, _ in rows:
            if key is None:
                raise UnreachableError(
                    f"PostgreSQL: {self._settings.table} has a flag whose key is NULL"
                )
            if key in seen:
                raise UnreachableError(f"PostgreSQL: {self._settings.table} has {key} twice")
            seen.add(key)
        return tuple(
            FlagValue(key, tracking.read_as(text, as_stored), versions.get(key, 0))
            for key, text in sorted(rows)
        )

    def at(self, moment: datetime) -> FlagsThen:
        """See `FlagStore`."""
        with self._transaction(reading=True) as connection:
            if not self._has_history(connection):
                raise not_tracked()
            query = f"SELECT seq, at, how FROM {self._history} ORDER BY seq"
            rows = [Row(*row) for row in connection.execute(query)]
            last = picked(rows, moment)
            found = connection.execute(
                f"SELECT key, new, seq, kind FROM {self._history} WHERE how <> 'delete' AND seq IN"
                f" (SELECT MAX(seq) FROM {self._history} WHERE seq BETWEEN %s AND %s AND key <> ''"
                " GROUP BY key) ORDER BY key",
                (last.begin, last.seq),
            ).fetchall()
        flags = {
            key: FlagValue(key, tracking.read_as(text, kind), seq) for key, text, seq, kind in found
        }
        return FlagsThen(moment, last.seq, flags, last.began)

    def change(self, changes: Sequence[FlagChange], *, actor: str) -> None:
        """See `FlagStore`."""
        with self._transaction(actor=actor) as connection:
            as_stored = self._type(connection)
            # In one order whoever asks, so that two of us never wait for each other.
            for change in sorted(changes, key=lambda each: each.key):
                now = self._rows(connection, change.key, as_stored)
                refuse_unless_as_was(change, now, self._version(connection, change.key))
                self._set(connection, change.key, change.new, as_stored)

    def replace_now(
        self, key: str, choose: Callable[[FlagValue], FlagChange], *, actor: str
    ) -> tuple[FlagChange, ...]:
        """See `FlagStore`."""
        with self._transaction(actor=actor) as connection:
            as_stored = self._type(connection)
            query = f"SELECT {self._key}::text FROM {self._table}"
            changes = chosen(
                key,
                self._rows(connection, key, as_stored),
                self._version(connection, key),
                choose,
                lambda: (row[0] for row in connection.execute(query)),
            )
            if change := to_be_set(changes):
                self._set(connection, key, change.new, as_stored)
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
        wanted: list[tuple[str, object]] = [("key = %s", key)] if key else []
        wanted += [("at >= %s", start)] if start else []
        wanted += [("at <= %s", end)] if end else []
        where = f"WHERE {' AND '.join(each for each, _ in wanted)} " if wanted else ""
        query = (
            f"SELECT seq, at, key, old, new, how, actor, kind FROM {self._history} {where}"
            "ORDER BY seq DESC LIMIT %s"
        )
        with self._transaction(reading=True) as connection:
            if not self._has_history(connection):
                return ()
            rows = connection.execute(query, (*(value for _, value in wanted), limit)).fetchall()
        return tuple(
            FlagEvent(
                seq,
                at,
                of,
                tracking.read_as(old, kind),
                tracking.read_as(new, kind),
                how,
                actor,
            )
            for seq, at, of, old, new, how, actor, kind in rows
        )

    def track(self) -> bool:
        """See `FlagStore`."""
        with self._transaction() as connection:
            connection.execute(f"LOCK TABLE {self._table} IN SHARE ROW EXCLUSIVE MODE")
            if not self._is_unique(connection):
                raise ConfigError(
                    f"PostgreSQL: {self._settings.table}.{self._settings.key_column} is not unique,"
                    " so a change cannot be told from a second flag; CREATE UNIQUE INDEX ON "
                    f"{self._table} ({self._key})"
                )
            if self._followed(connection):
                return False
            connection.execute(tracking.history_table(self._history))
            connection.execute(
                tracking.function(self._table, self._history, self._key, self._value)
            )
            self._drop_triggers(connection)
            connection.execute(
                f"INSERT INTO {self._history} (key, how) VALUES ('', 'begin')",
            )
            connection.execute(
                f"INSERT INTO {self._history} (key, new, how, kind) SELECT {self._key}::text,"
                f" {self._value}::text, 'seen', pg_typeof({self._value})::text"
                f" FROM {self._table} ORDER BY 1"
            )
            for statement in tracking.triggers(self._table, self._history):
                connection.execute(statement)
        return True

    def tracked(self) -> datetime | None:
        """See `FlagStore`."""
        with self._transaction(reading=True) as connection:
            if not self._followed(connection):
                return None
            row = connection.execute(
                f"SELECT at FROM {self._history} WHERE how = 'begin' ORDER BY seq DESC LIMIT 1"
            ).fetchone()
        return row[0] if row else None

    def untrack(self) -> bool:
        """See `FlagStore`."""
        with self._transaction() as connection:
            if not (self._has_history(connection) and self._triggers(connection)):
                return False
            self._drop_triggers(connection)
            connection.execute(f"INSERT INTO {self._history} (key, how) VALUES ('', 'end')")
        return True

    def _rows(self, connection: Any, key: str, as_stored: str) -> list[Scalar]:
        query = (
            f"SELECT {self._value}::text FROM {self._table} WHERE {self._key}::text = %s FOR UPDATE"
        )
        return [tracking.read_as(row[0], as_stored) for row in connection.execute(query, (key,))]

    def _set(self, connection: Any, key: str, value: Scalar, as_stored: str) -> None:
        stamped = ""
        if self._settings.time_column:
            stamped = f", {quoted(self._settings.time_column)} = now()"
        connection.execute(
            f"UPDATE {self._table} SET {self._value} = CAST(%s::text AS {as_stored}){stamped}"
            f" WHERE {self._key}::text = %s",
            (tracking.text_of(value), key),
        )

    def _version(self, connection: Any, key: str) -> int:
        if not self._has_history(connection):
            return 0
        query = f"SELECT MAX(seq) FROM {self._history} WHERE key = %s"
        return int(connection.execute(query, (key,)).fetchone()[0] or 0)

    def _type(self, connection: Any) -> str:
        """The type of the values' column, as SQL writes it."""
        row = connection.execute(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = to_regclass(%s) AND attname = %s AND NOT attisdropped",
            (self._table, self._settings.value_column),
        ).fetchone()
        if row is None:
            raise UnreachableError(
                f"PostgreSQL: {self._settings.table} has no column {self._settings.value_column}"
            )
        return str(row[0])

    def _has_history(self, connection: Any) -> bool:
        row = connection.execute("SELECT to_regclass(%s)", (self._history,)).fetchone()
        return row[0] is not None

    def _triggers(self, connection: Any) -> dict[str, str]:
        """Our triggers that are there and on, each with the body of its function."""
        query = (
            "SELECT tgname, prosrc FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid"
            " WHERE tgname = ANY(%s) AND tgrelid = to_regclass(%s) AND tgenabled IN ('O', 'A')"
        )
        names = [tracking.TRIGGER, tracking.EMPTYING]
        return dict(connection.execute(query, (names, self._table)).fetchall())

    def _drop_triggers(self, connection: Any) -> None:
        for name in (tracking.TRIGGER, tracking.EMPTYING):
            connection.execute(f"DROP TRIGGER IF EXISTS {name} ON {self._table}")

    def _followed(self, connection: Any) -> bool:
        """Whether trigger, function and history are as we make them."""
        if not self._has_history(connection):
            return False
        wanted = tracking.function_body(self._table, self._history, self._key, self._value)
        return self._triggers(connection) == dict.fromkeys(
            (tracking.TRIGGER, tracking.EMPTYING), wanted
        )

    def _is_unique(self, connection: Any) -> bool:
        row = connection.execute(
            "SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid"
            " AND a.attnum = i.indkey[0] WHERE i.indrelid = to_regclass(%s) AND i.indisunique"
            " AND i.indnkeyatts = 1 AND i.indpred IS NULL AND i.indisvalid AND a.attname = %s",
            (self._table, self._settings.key_column),
        ).fetchone()
        return row is not None

    @contextmanager
    def _transaction(self, *, actor: str = "", reading: bool = False) -> Iterator[Any]:
        """One transaction on a connection of its own; of one that reads all is of one moment."""
        try:
            import psycopg
            from psycopg import errors
        except ImportError:
            raise UnreachableError(
                'PostgreSQL needs the extra "postgresql": pip install "mechexo[postgresql]"'
            ) from None
        options = f"-c lock_timeout={LOCK_WAIT_MS} -c statement_timeout={STATEMENT_MS}"
        if reading:
            options += " -c default_transaction_read_only=on"
            options += r" -c default_transaction_isolation=repeatable\ read"
        try:
            with psycopg.connect(
                self._address, connect_timeout=CONNECT_WITHIN_S, options=options
            ) as connection:
                if not reading:
                    connection.execute("SET LOCAL synchronous_commit = on")
                if actor:
                    connection.execute(
                        "SELECT set_config('mechexo.actor', %s, true)", (actor,)
                    ).fetchone()
                yield connection
        except errors.LockNotAvailable as error:
            raise BusyError("PostgreSQL: another program keeps the flags locked") from error
        except psycopg.Error as error:
            said = " ".join(redact(str(error), self._secrets).split())
            raise UnreachableError(f"PostgreSQL: the flags cannot be used: {said}") from error
