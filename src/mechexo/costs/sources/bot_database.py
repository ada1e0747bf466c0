"""The SQLite databases that trading bots keep: opened read-only, their rows under our names."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl

from mechexo.costs.sources.addresses import Address, parse_address
from mechexo.costs.sources.queries import quoted
from mechexo.costs.sources.sqlite import Result, read_named
from mechexo.errors import ConfigError
from mechexo.value_classes import dataclass

FRAME = {
    "fill_id": pl.String(),
    "ts": pl.Datetime("us", "UTC"),
    "symbol": pl.String(),
    "side": pl.String(),
    "quantity": pl.Float64(),
    "price": pl.Float64(),
    "commission": pl.Float64(),
    "commission_currency": pl.String(),
    "currency": pl.String(),
    "strategy": pl.String(),
    "venue": pl.String(),
    "order_id": pl.String(),
    "order_type": pl.String(),
    "liquidity": pl.String(),
}
"""What a bot's fills are read as; `costs.sources.columns` says what each column is."""


@dataclass(frozen=True, slots=True)
class BotDatabase:
    """One bot's database file."""

    address: Address
    path: Path

    @classmethod
    def parse(cls, text: str, setting: str, root: Path) -> BotDatabase:
        """The database of `scheme:///path`, from the desk's folder when relative.

        Raises:
            ConfigError: the text is no such address, or stands where no fills are wanted.
        """
        address = parse_address(text, setting)
        address.refuse_unknown(())
        if address.host or not address.path or address.query:
            raise address.wrong(f"{address.scheme}:///path (four slashes for an absolute path)")
        if setting != "fills":
            raise ConfigError(f"{address.where}: {address.scheme}:// holds fills only")
        return cls(address, address.file(root))

    @property
    def where(self) -> str:
        """What an error calls it."""
        return f"{self.address.where}: {self.path}"

    def read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """What `work` reads, its rows by the names of their columns.

        Raises:
            UnreachableError: the file is not there, or cannot be read.
        """

        def by_name(connection: sqlite3.Connection) -> Result:
            connection.row_factory = sqlite3.Row
            return work(connection)

        return read_named(self.path, by_name, self.address.setting)

    def columns(
        self, connection: sqlite3.Connection, table: str, needed: Sequence[str]
    ) -> dict[str, str]:
        """A table's columns and their declared types.

        Raises:
            ConfigError: the table or a needed column is missing: this is another program's file.
        """
        found = connection.execute("SELECT name, type FROM pragma_table_info(?)", (table,))
        columns = {str(name): str(kind).upper() for name, kind in found}
        missing = [name for name in needed if name not in columns]
        if missing:
            what = f"table {table}" if not columns else f"column {missing[0]} in table {table}"
            raise ConfigError(
                f"{self.where} has no {what}: it is no database of {self.address.scheme}"
            )
        return columns


def selected(table: str, wanted: Sequence[str], columns: Mapping[str, str]) -> str:
    """The columns of a select; NULL for one that this version of the bot does not keep yet."""
    return ", ".join(
        f"{table}.{quoted(name)} AS {quoted(name)}" if name in columns else f"NULL AS {name}"
        for name in wanted
    )
