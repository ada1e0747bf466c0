"""A query or a table of a PostgreSQL database, in a read-only session.

Rows come by `COPY ... TO STDOUT` as text: the server writes each number so that it reads back as
the same one, and the rows pass through in pieces instead of all at once.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from mechexo.costs.sources.addresses import Address, parse_address
from mechexo.costs.sources.protocol import Extent, RawTable, Window
from mechexo.costs.sources.queries import (
    all_of,
    count,
    edges,
    narrowed,
    selection,
    timeout_of,
    took_too_long,
)
from mechexo.costs.sources.telling import told
from mechexo.errors import ConfigError, UnreachableError
from mechexo.value_classes import dataclass

_PASSED_ON = (
    "application_name",
    "channel_binding",
    "connect_timeout",
    "gssencmode",
    "krbsrvname",
    "password",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslpassword",
    "sslrootcert",
    "target_session_attrs",
)
"""The parameters that libpq reads."""
_ZONED = {1184: True, 1114: False}
"""The numbers of PostgreSQL's own types: timestamptz and timestamp."""
_PIECE_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True)
class PostgresqlSource:
    """One query's rows."""

    address: Address
    root: Path
    query: str
    timeout: timedelta

    @classmethod
    def parse(cls, text: str, setting: str, root: Path) -> PostgresqlSource:
        """The source of `postgresql://user:${env:PASSWORD}@host/database?query=SELECT ...`.

        Raises:
            ConfigError: the text is no such address, or holds a password in plain text.
        """
        address = parse_address(text, setting)
        all_of(address, _PASSED_ON)
        if not address.path:
            raise address.wrong("postgresql://user@host/database?query=SELECT ...")
        return cls(address, root, selection(address), timeout_of(address))

    def batches(
        self, window: Window, time_column: str | None
    ) -> Generator[Sequence[RawTable], None, None]:
        """See `Source.batches`. The database itself narrows the rows down to the window."""
        with self._connected() as connection:
            columns = self._columns(connection)
            zoned = _ZONED.get(columns.get(time_column or "", 0))
            query = narrowed(self.query, window, time_column, zoned=zoned)
            for piece in _pieces(connection, query):
                yield [RawTable(self.where, pl.scan_csv(piece, infer_schema=False))]

    @property
    def where(self) -> str:
        """What an error calls it."""
        return f"{self.address.where}: {self.address.host or 'localhost'}/{self.address.path}"

    def extent(self, time_column: str | None) -> Extent:
        """See `Measured.extent`."""
        with self._connected() as connection:
            known = self._columns(connection)
            query = edges(self.query, time_column if time_column in known else None)
            rows = int(connection.execute(count(self.query)).fetchone()[0])
            frame = pl.concat(
                pl.scan_csv(piece, infer_schema=False) for piece in _pieces(connection, query)
            )
            return Extent(rows, RawTable(self.where, frame))

    def _columns(self, connection: Any) -> dict[str, int]:
        """The query's columns and the numbers of their types.

        A prepared statement is a single one: a query that would smuggle in another is refused.
        """
        query = f"SELECT * FROM ({self.query}) AS source LIMIT 0"  # noqa: S608 (the desk's own)
        cursor = connection.execute(query, prepare=True)
        return {str(column.name): int(column.type_code) for column in cursor.description}

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        try:
            import psycopg
        except ImportError:
            raise ConfigError(
                'PostgreSQL needs the extra "postgresql": pip install "mechexo[postgresql]"'
            ) from None
        secrets = self.address.secrets(self.root)
        try:
            with psycopg.connect(**self._connection(), autocommit=True) as connection:
                yield connection
        except psycopg.errors.QueryCanceled as error:
            raise took_too_long(self.where, self.timeout) from error
        except (psycopg.ProgrammingError, psycopg.DataError, psycopg.InternalError) as error:
            raise ConfigError(f"{self.where}: {told(error, secrets)}") from error
        except psycopg.Error as error:
            raise UnreachableError(f"{self.where}: {told(error, secrets)}") from error

    def _connection(self) -> dict[str, Any]:
        """What libpq is told, references resolved. The session reads only, and says times in UTC
        and numbers whole."""
        address = self.address
        milliseconds = int(self.timeout.total_seconds() * 1000)
        settings = {
            "default_transaction_read_only": "on",
            "statement_timeout": str(milliseconds),
            "TimeZone": "UTC",
            "DateStyle": "ISO",
            "extra_float_digits": "3",
        }
        given = {
            "host": address.host,
            "port": str(address.port or ""),
            "user": address.user,
            "password": address.password,
            "dbname": address.path,
            **{name: address.parameters.get(name, "") for name in _PASSED_ON if name != "password"},
        }
        given["password"] = given["password"] or address.parameters.get("password", "")
        resolved = {name: address.resolved(value, self.root) for name, value in given.items()}
        return {
            "connect_timeout": "10",
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
            **{name: value for name, value in resolved.items() if value},
        }


def _pieces(connection: Any, query: str) -> Iterator[bytes]:
    """The rows as CSV, in pieces of whole rows that each begin with the header."""
    header, piece = b"", bytearray()
    with connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)") as rows:
        # libpq hands over one row at a time.
        for row in rows:
            if not header:
                header = bytes(row)
                piece += header
                continue
            piece += row
            if len(piece) >= _PIECE_BYTES:
                yield bytes(piece)
                piece = bytearray(header)
    if header:
        yield bytes(piece)
