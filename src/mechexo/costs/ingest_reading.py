"""What `ingest` reads: the source's quotes under our names, and which file holds which days."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
from polars.exceptions import PanicException, PolarsError

from mechexo.costs.interrupts import interrupts_kept, interrupts_told
from mechexo.costs.sources.columns import NAIVE, QUOTE_COLUMNS, check_mapping, naive_times
from mechexo.costs.sources.protocol import RawTable, Source, Window
from mechexo.costs.sources.readable import NO_NUMBER, marked
from mechexo.costs.sources.telling import unreadable
from mechexo.costs.store import market_day
from mechexo.errors import UnreachableError
from mechexo.value_classes import dataclass

# As far as nanoseconds in 64 bits reach.
EVER = Window(datetime(1700, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))
_NEVER = Window(EVER.start, EVER.start)
_END_BYTES = 65_536
"""How much of a file's head and of its tail its digest covers."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of the source: what tells it from a changed one, and the days it holds."""

    where: str
    size: int
    mtime_ns: int
    digest: str
    """Of its head and its tail."""
    days: Mapping[str, int]
    """Rows of each exchange day, by ISO date."""
    unreadable: int
    """Rows without a symbol, a readable time or a readable price."""

    @property
    def mark(self) -> list[object]:
        """What changes when the file does."""
        return [self.where, self.size, self.mtime_ns, self.digest]

    def as_record(self) -> dict[str, object]:
        """As JSON knows it."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> SourceFile:
        """Reads what `as_record` gave."""
        return cls(**{name: record[name] for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Reader:
    """A source of quotes and how its columns and times are read."""

    source: Source
    mapping: Mapping[str, str]
    naive_zone: str | None
    zone: str
    """The exchange's."""

    @property
    def mark(self) -> str:
        """What changes when the same file would be read differently."""
        return json.dumps([sorted(self.mapping.items()), self.naive_zone, self.zone])

    def tables(self, window: Window) -> Iterator[Sequence[RawTable]]:
        """The tables that may hold rows of the window, some at a time."""
        check_mapping(QUOTE_COLUMNS, self.mapping)
        with closing(self.source.batches(window, self.mapping.get("ts", "ts"))) as batches:
            yield from batches

    def holds_only_files(self) -> bool:
        """Whether every table is a local file, which can be told from a changed one."""
        tables = [table for batch in self.tables(_NEVER) for table in batch]
        return all(Path(table.where).is_file() for table in tables)

    def rows(self, table: RawTable, window: Window) -> pl.LazyFrame:
        """A table's rows of the window, in its order, with `day`; null in those without a readable
        time. A column that the table lacks is null. So is a symbol that is empty, and that of a row
        in which something else stands for a price: it withdraws no quote."""
        with _read(table), interrupts_kept():
            frame, _ = marked(table, QUOTE_COLUMNS, self.mapping, self.naive_zone, window)
        named = pl.when(~pl.col(NO_NUMBER), pl.col("symbol") != "").then("symbol").alias("symbol")
        return frame.with_columns(named, day=market_day(self.zone)).drop(NO_NUMBER)

    def survey(
        self, known: Mapping[str, SourceFile], told: Callable[[str], None]
    ) -> list[SourceFile]:
        """Every file of the source in its order, with the days it holds; unchanged ones are not
        read again.

        Raises:
            ConfigError: the source does not fit its mapping, or times lack a zone.
            UnreachableError: a file cannot be read.
        """
        found = []
        for batch in self.tables(EVER):
            for table in batch:
                told(table.where)
                found.append(self._surveyed(table, known.get(table.where)))
        return found

    def _surveyed(self, table: RawTable, known: SourceFile | None) -> SourceFile:
        mark = fingerprint(Path(table.where))
        if known is not None and known.mark == [table.where, *mark]:
            return known
        rows = self.rows(table, EVER)
        lacking = pl.col("ts").is_null() | pl.col("symbol").is_null()
        with _read(table):
            counts = (
                rows.group_by("day")
                .agg(
                    rows=(~lacking).sum(),
                    lacking=lacking.sum(),
                    naive=pl.col(NAIVE).any(),
                )
                .collect(engine="streaming")
            )
        if self.naive_zone is None and counts["naive"].any():
            raise naive_times(table.where)
        days = counts.filter(pl.col("day").is_not_null() & (pl.col("rows") > 0)).sort("day")
        return SourceFile(
            table.where,
            *mark,
            {day.isoformat(): count for day, count in days.select("day", "rows").iter_rows()},
            int(counts["lacking"].sum()),
        )


@dataclass(frozen=True, slots=True)
class Spill:
    """The rows of some days, each day's in files of its own, in the order in which they came."""

    days: Mapping[date, Sequence[Path]]
    without_symbol: int
    """Rows of the window that no day has, as they have no symbol ..."""
    without_time: int
    """... or no readable time: every window has the latter."""


def spilled(
    reader: Reader,
    window: Window,
    days: Sequence[date],
    folder: Path,
    wanted: Callable[[str], bool] = lambda _where: True,
) -> Spill:
    """Sorts the rows of some days into files of their own, in one pass and bounded memory.

    Args:
        reader: the source.
        window: covers the days.
        days: which days; few, as each has a buffer while the source is read.
        folder: an empty one for the files: our columns of quotes and `NAIVE`.
        wanted: which tables to read, by `RawTable.where`.

    Raises:
        ConfigError: the source does not fit its mapping.
        UnreachableError: a table cannot be read, or the folder cannot be written.
    """
    for number, batch in enumerate(reader.tables(window)):
        tables = [table for table in batch if wanted(table.where)]
        if not tables:
            continue
        rows = pl.concat([reader.rows(table, window) for table in tables])
        rows = rows.with_columns(day=pl.when(pl.col("symbol").is_not_null()).then("day"))
        with _read(*tables):
            rows.filter(pl.col("day").is_null() | pl.col("day").is_in(days)).sink_parquet(
                pl.PartitionBy(
                    folder / f"{number:06}",
                    key="day",
                    include_key=False,
                    approximate_bytes_per_file=None,
                ),
                compression="lz4",
                maintain_order=True,
                mkdir=True,
                engine="streaming",
            )
    lacking = list(folder.glob("*/day=__HIVE*/*.parquet"))
    without_time, without_symbol = (
        pl.scan_parquet(lacking)
        .select(pl.col("ts").is_null().sum(), symbol=pl.col("ts").is_not_null().sum())
        .collect()
        .row(0)
        if lacking
        else (0, 0)
    )
    files = {day: sorted(folder.glob(f"*/day={day.isoformat()}/*.parquet")) for day in days}
    return Spill(files, without_symbol, without_time)


def fingerprint(path: Path) -> tuple[int, int, str]:
    """Size, time of the last change, digest of head and tail: what changes when a file does.

    Raises:
        UnreachableError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_END_BYTES)
            found = path.stat()
            file.seek(max(len(head), found.st_size - _END_BYTES))
            digest = sha256(head + file.read(_END_BYTES)).hexdigest()[:32]
    except OSError as error:
        raise UnreachableError(f"{path} cannot be read: {error.strerror}") from error
    return found.st_size, found.st_mtime_ns, digest


@contextmanager
def _read(*tables: RawTable) -> Iterator[None]:
    """What Polars says of a table becomes an error that names it."""
    try:
        with interrupts_told():
            yield
    except (PolarsError, PanicException, OSError) as error:
        if "No space left" in str(error):  # what could not be done was to write
            raise
        where = tables[0].where if len(tables) == 1 else f"{tables[0].where} or one of its like"
        raise unreadable(where, error) from error
