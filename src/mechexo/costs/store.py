"""The tick store: quotes in one file per exchange day, ordered as the kernel wants them.

    <store>/symbols.json           the symbol table: a symbol's place is its id, for good
    <store>/days/2026-03-02.parquet   one exchange day, lz4, ordered by (sid, ts, seq)
    <store>/manifest.json          the ledger: each day's file as `ingest` left it, and its facts
    <store>/sources.json           which file of the source holds which days (`ingest` only)

A day's rows: sid (UInt32, place in the symbol table), ts (Datetime us, UTC), bid, ask (Float64,
null where a side was missing), and where the source has them seq (Int64), venue (String),
bid_size, ask_size (Float64). An exchange day is a calendar day of the exchange's zone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from polars.exceptions import PanicException, PolarsError

from mechexo.costs.interrupts import interrupts_told
from mechexo.costs.sources.protocol import Window
from mechexo.costs.store_cures import damaged, empty
from mechexo.errors import ConfigError, UnreachableError
from mechexo.files import write_whole
from mechexo.times import from_iso_z, iso_z
from mechexo.value_classes import dataclass

STORE = "store"
"""The value of `[costs] quotes` that means the tick store."""

SCHEMA = "mechexo.ticks/1"
COLUMNS: Mapping[str, pl.DataType] = {
    "sid": pl.UInt32(),
    "ts": pl.Datetime("us", "UTC"),
    "seq": pl.Int64(),
    "bid": pl.Float64(),
    "ask": pl.Float64(),
    "venue": pl.String(),
    "bid_size": pl.Float64(),
    "ask_size": pl.Float64(),
}
"""All columns that a day's file may have, in their order."""
NAMES = tuple(COLUMNS)

ALWAYS = ("sid", "ts", "bid", "ask")
ORDER = ("sid", "ts", "seq")
_FACTS = "mechexo.ticks"
"""The key of a day's facts in the metadata of its file."""
_DAY = timedelta(days=1)
_FEW_DAYS = 16


@dataclass(frozen=True, slots=True)
class DayFacts:
    """What one day's file holds, and what its check at ingest found."""

    day: date
    zone: str
    """The exchange's zone, whose calendar day this is."""
    rows: int
    symbols: int
    first: datetime
    last: datetime
    disordered: int
    """Rows that came ahead of the one of their symbol that they follow now."""
    duplicates: int
    """Rows equal in everything to a later one of their moment; dropped."""
    ties: int
    """Rows that share symbol, moment and seq with another and differ from it; in input order."""
    unsound: int
    """Rows that are no quote to trade on: one-sided, zero, not finite, or crossed."""
    widest: float | None
    """The largest spread as a multiple of the smallest of its symbol, of the symbol where that is
    largest; None when a symbol has a spread of zero, or none at all."""
    columns: tuple[str, ...]
    table: str
    """Length and digest of the symbol table when the day was written (`table_mark`)."""
    source: str
    """Digest of what the day was made of."""
    ingested_at: datetime
    version: str
    """Of mechexo."""

    def as_record(self) -> dict[str, object]:
        """The facts as JSON knows them."""
        return {
            "schema": SCHEMA,
            **{name: getattr(self, name) for name in self.__slots__},
            "day": self.day.isoformat(),
            "columns": list(self.columns),
            **{name: iso_z(getattr(self, name)) for name in ("first", "last", "ingested_at")},
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> DayFacts:
        """Reads what `as_record` gave.

        Raises:
            KeyError, TypeError, ValueError: it is no such record.
        """
        if record["schema"] != SCHEMA:
            raise ValueError(f"written as {record['schema']}, not as {SCHEMA}")
        plain = {name: record[name] for name in cls.__slots__}
        for name in ("first", "last", "ingested_at"):
            plain[name] = from_iso_z(plain[name])
        return cls(
            **{
                **plain,
                "day": date.fromisoformat(plain["day"]),
                "columns": tuple(plain["columns"]),
            }
        )

    def as_metadata(self) -> dict[str, str]:
        """The facts as the metadata of a Parquet file."""
        return {_FACTS: json.dumps(self.as_record())}


def market_day(zone: str) -> pl.Expr:
    """The exchange day (Date) of `ts` (Datetime, UTC)."""
    return pl.col("ts").dt.convert_time_zone(zone).dt.date()


def day_bounds(day: date, zone: str) -> tuple[datetime, datetime]:
    """Start and end of an exchange day, in UTC."""
    place = ZoneInfo(zone)
    first, following = (
        datetime.combine(each, time(), place).astimezone(UTC)
        for each in (day, day + timedelta(days=1))
    )
    return first, following


class TickStore:
    """The files of one store. Reading needs no lock: a day's file is there whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.days_folder = folder / "days"
        self._known: dict[str, tuple[list[int], dict[str, Any]]] = {}
        """What its JSON files said, by name, and their stamps then."""

    def __getstate__(self) -> Path:
        return self.folder

    def __setstate__(self, folder: Path) -> None:
        self.__init__(folder)  # type: ignore[misc]

    def path(self, day: date) -> Path:
        """The file of a day."""
        return self.days_folder / f"{day.isoformat()}.parquet"

    def day_files(self) -> dict[date, Path]:
        """The files of all days that are there, oldest first.

        Raises:
            UnreachableError: a file's name is that of no day.
        """
        found = {}
        for path in sorted(self.days_folder.glob("????-??-??.parquet")):
            try:
                found[date.fromisoformat(path.stem)] = path
            except ValueError:
                raise UnreachableError(f"{path} is no day of the store: take it away") from None
        return found

    def symbols(self, days: Iterable[DayFacts] = ()) -> tuple[str, ...]:
        """The symbol table, which is the one that `days` were written with or has grown since.

        Raises:
            UnreachableError: it is damaged, or another one.
        """
        found = self._json("symbols.json")
        table = tuple(found["symbols"]) if found else ()
        for mark in {facts.table for facts in days}:
            if mark != table_mark(table[: int(mark.partition(" ")[0])]):
                raise UnreachableError(
                    f"{self.folder / 'symbols.json'} is not the table that the days of the store "
                    "were written with; make them anew with: mechexo costs ingest --rebuild"
                )
        return table

    def add_symbols(self, names: Iterable[str]) -> tuple[str, ...]:
        """Appends the names that the table lacks, in their order; returns the whole table."""
        known = self.symbols()
        table = tuple(dict.fromkeys((*known, *names)))
        if len(table) == len(known):
            return known
        self.write("symbols.json", {"schema": SCHEMA, "symbols": table})
        return table

    def days(self, window: Window | None = None) -> dict[date, DayFacts]:
        """Every day with its facts, oldest first; with a window only those that have rows in it.

        A day's own file is right about itself; the manifest only saves opening it.

        Raises:
            UnreachableError: a file cannot be read.
        """
        if window is None:
            return self._facts_of(self.day_files())
        # No zone's days are further than one from those of UTC.
        first, last = window.start.date() - 2 * _DAY, window.end.date() + 2 * _DAY
        return {
            day: facts
            for day, facts in self._facts_of(self._files_between(first, last)).items()
            if facts.first < window.end and facts.last >= window.start
        }

    def _files_between(self, first: date, last: date) -> dict[date, Path]:
        days = (last - first).days + 1
        if days > _FEW_DAYS:
            return {day: path for day, path in self.day_files().items() if first <= day <= last}
        # To look for a few takes less than to look through the years.
        wanted = (first + number * _DAY for number in range(days))
        return {day: path for day in wanted if os.path.isfile(path := self.path(day))}  # noqa: PTH113

    def _facts_of(self, files: Mapping[date, Path]) -> dict[date, DayFacts]:
        listed = self.manifest()
        found = {}
        for day, path in files.items():
            entry = listed.get(path.stem)
            facts = entry["facts"] if entry and entry["file"] == stamp(path) else None
            found[day] = DayFacts.from_record(facts) if facts else self.facts(path)
        return found

    def manifest(self) -> dict[str, Any]:
        """The records of the ledger (`costs.store_ledger`), by ISO date.

        Raises:
            UnreachableError: it is damaged.
        """
        return dict((self._json("manifest.json") or {"days": {}})["days"])

    def facts(self, path: Path) -> DayFacts:
        """The facts in a day's own file.

        Raises:
            UnreachableError: the file is damaged or none of a store.
        """
        try:
            facts = DayFacts.from_record(json.loads(pl.read_parquet_metadata(path)[_FACTS]))
            if facts.day.isoformat() != path.stem:
                raise ValueError(f"it is the file of {facts.day}")
            return facts
        except (PolarsError, PanicException, OSError, KeyError, TypeError, ValueError) as error:
            raise damaged(path, error) from error

    def read(self, window: Window) -> tuple[pl.DataFrame, tuple[DayFacts, ...]]:
        """The quotes of a window, numbered as in the symbol table: sid (Int64), ts, bid, ask; each
        day's ordered by (sid, ts, seq). And the facts of these days. Other symbols' rows may be
        among them.

        Raises:
            UnreachableError: the store is empty or damaged.
        """
        inside = tuple(self.days(window).values())
        if not inside and not self.day_files():
            raise empty(self.folder)
        parts = [self._day(facts.day, facts, window) for facts in inside]
        table = self.symbols(inside)
        if not parts:
            parts = [pl.DataFrame(schema={name: COLUMNS[name] for name in ALWAYS})]
        rows = pl.concat(parts)
        highest = rows["sid"].max()
        if isinstance(highest, int) and highest >= len(table):
            raise damaged(self.folder / "symbols.json", IndexError(f"no symbol {highest}"))
        return rows.with_columns(pl.col("sid").cast(pl.Int64)), inside

    def _day(self, day: date, facts: DayFacts, window: Window) -> pl.DataFrame:
        path = self.path(day)
        try:
            with path.open("rb") as file, interrupts_told():
                rows = pl.scan_parquet(file).select(ALWAYS)
                # To leave out a few symbols takes longer than to read them.
                if window.symbols is not None and 2 * len(window.symbols) < facts.symbols:
                    rows = rows.filter(pl.col("sid").is_in(ids_of(window.symbols, self.symbols())))
                if facts.first < window.start or facts.last >= window.end:
                    inside = (pl.col("ts") >= window.start) & (pl.col("ts") < window.end)
                    rows = rows.filter(inside)
                return rows.collect(engine="in-memory")
        except (PolarsError, PanicException, OSError) as error:
            raise damaged(path, error) from error

    def write(self, name: str, content: object) -> None:
        """Writes one of the store's JSON files, whole.

        Raises:
            OSError: it cannot be written; what stood there stands there still.
        """
        self._known.pop(name, None)
        write_whole(self.folder / name, json.dumps(content, indent=1).encode())

    def sources(self) -> dict[str, Any]:
        """What `ingest` wrote down about the files of its source."""
        return dict(self._json("sources.json") or {})

    def _json(self, name: str) -> dict[str, Any] | None:
        path = self.folder / name
        try:
            # Looked at first: of a file that is replaced meanwhile the new one is read next time.
            stamped = [*stamp(path), path.stat().st_ino]
            known = self._known.get(name)
            if known is not None and known[0] == stamped:
                return known[1]
            found = dict(json.loads(path.read_bytes()))
            if found["schema"] != SCHEMA:
                raise ValueError(f"written as {found['schema']}, not as {SCHEMA}")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise damaged(path, error) from error
        self._known[name] = stamped, found
        return found


def ids_of(wanted: Iterable[str], symbols: Sequence[str]) -> list[int]:
    """The ids of the symbols that the table knows, ascending."""
    places = {name: place for place, name in enumerate(symbols)}
    return sorted(places[name] for name in wanted if name in places)


@lru_cache(maxsize=4)
def table_mark(table: tuple[str, ...]) -> str:
    """What tells a symbol table from another: its length and the digest of its names."""
    return f"{len(table)} {sha256(json.dumps(table).encode()).hexdigest()[:32]}"


def check_zone(store: TickStore, days: Iterable[DayFacts], zone: str) -> None:
    """Refuses a store whose days are not the exchange's.

    Raises:
        ConfigError: they are those of another zone.
    """
    for facts in days:
        if facts.zone != zone:
            raise ConfigError(
                f"the tick store {store.folder} has days of {facts.zone}, the exchange's are of "
                f"{zone}; make it anew with: mechexo costs ingest --rebuild"
            )


def stamp(path: Path) -> list[int]:
    """Size in bytes and time of the last change in ns: other ones, and a file may have changed."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]
