"""A query or a table of a DuckDB database, opened read-only."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
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

_ZONED = {
    "TIMESTAMP WITH TIME ZONE": True,
    "TIMESTAMP": False,
    "TIMESTAMP_NS": False,
    "TIMESTAMP_MS": False,
    "TIMESTAMP_S": False,
}


@dataclass(frozen=True, slots=True)
class DuckdbSource:
    """One query's rows."""

    address: Address
    path: Path
    query: str
    timeout: timedelta

    @classmethod
    def parse(cls, text: str, setting: str, root: Path) -> DuckdbSource:
        """The source of `duckdb:///path?query=SELECT ...` or `?table=NAME`.

        Raises:
            ConfigError: the text is no such address.
        """
        address = parse_address(text, setting)
        all_of(address)
        if address.host or not address.path:
            raise address.wrong("duckdb:///path?query=SELECT ... (four slashes: absolute)")
        return cls(address, address.file(root), selection(address), timeout_of(address))

    def batches(
        self, window: Window, time_column: str | None
    ) -> Generator[Sequence[RawTable], None, None]:
        """See `Source.batches`. The database itself narrows the rows down to the window."""
        where = f"{self.address.where}: {self.path}"
        with self._connected(where) as connection:
            zoned = self._zoned(connection, time_column)
            query = narrowed(self.query, window, time_column, zoned=zoned)
            frame = pl.DataFrame(connection.sql(query))
        yield [RawTable(where, frame.lazy())]

    def extent(self, time_column: str | None) -> Extent:
        """See `Measured.extent`."""
        where = f"{self.address.where}: {self.path}"
        with self._connected(where) as connection:
            known = self._kinds(connection)
            query = edges(self.query, time_column if time_column in known else None)
            rows = int(connection.execute(count(self.query)).fetchall()[0][0])
            return Extent(rows, RawTable(where, pl.DataFrame(connection.sql(query)).lazy()))

    def _zoned(self, connection: Any, time_column: str | None) -> bool | None:
        return _ZONED.get(self._kinds(connection).get(time_column or "", ""))

    def _kinds(self, connection: Any) -> dict[str, str]:
        described = connection.execute(
            f"DESCRIBE SELECT * FROM ({self.query}) AS source"  # noqa: S608 (the desk's own query)
        ).fetchall()
        return {str(name): str(kind) for name, kind, *_ in described}

    @contextmanager
    def _connected(self, where: str) -> Iterator[Any]:
        """A read-only connection whose queries end at the time-out."""
        try:
            import duckdb
        except ImportError:
            raise ConfigError(
                'DuckDB needs the extra "duckdb": pip install "mechexo[duckdb]"'
            ) from None
        if not self.path.is_file():
            raise UnreachableError(f"{where} is not there")
        try:
            # Nothing is fetched from the network to answer a query.
            settings: dict[str, Any] = {"autoinstall_known_extensions": False}
            with closing(
                duckdb.connect(str(self.path), read_only=True, config=settings)
            ) as connection:
                timer = threading.Timer(self.timeout.total_seconds(), connection.interrupt)
                timer.daemon = True
                timer.start()
                try:
                    yield connection
                finally:
                    timer.cancel()
        except duckdb.InterruptException as error:
            raise took_too_long(where, self.timeout) from error
        except (duckdb.IOException, duckdb.ConnectionException, duckdb.FatalException) as error:
            raise UnreachableError(f"{where} cannot be read: {told(error)}") from error
        except duckdb.Error as error:
            raise ConfigError(f"{where}: {told(error)}") from error
