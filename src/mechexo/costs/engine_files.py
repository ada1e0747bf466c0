"""Reading files window by window: only those that may hold rows of the window are opened."""

from __future__ import annotations

import glob
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import polars as pl
from polars.exceptions import PanicException, PolarsError

from mechexo.costs.interrupts import interrupts_told
from mechexo.costs.sources.columns import DTYPES
from mechexo.costs.sources.files import FileSource
from mechexo.costs.sources.protocol import RawTable, Window
from mechexo.costs.sources.reading import Feed, typed_rows
from mechexo.costs.sources.telling import unreadable
from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True)
class Extent:
    """One file, and from when until when its rows are, also those that cannot be read."""

    path: Path
    first: datetime | None
    """None in a file without a readable time."""
    last: datetime | None
    rows: int
    timeless: int
    """Rows without a readable time, which every window has."""

    def meets(self, window: Window) -> bool:
        """Whether the window may have rows of this file."""
        if self.first is None or self.last is None:
            return self.timeless > 0
        return self.timeless > 0 or (self.first < window.end and self.last >= window.start)


@dataclass(frozen=True, slots=True)
class KnownFiles:
    """A source of files whose extents are known."""

    extents: tuple[Extent, ...]
    setting: str

    def batches(
        self, window: Window, time_column: str | None
    ) -> Generator[Sequence[RawTable], None, None]:
        """See `Source.batches`."""
        for each in self.extents:
            if each.meets(window):
                yield from one_file(each.path, self.setting).batches(window, time_column)


def one_file(path: Path, setting: str) -> FileSource:
    """A source of one file."""
    return FileSource(glob.escape(str(path)), setting)


@dataclass(frozen=True, slots=True)
class DayFeed:
    """A feed that is read window by window, and gives what one reading of all would give."""

    feed: Feed
    present: frozenset[str] | None
    """The columns that any of its files has; None when that is not known."""

    def read(self, window: Window) -> pl.DataFrame:
        """The rows of a window; a column that only other files have is null.

        Raises:
            ConfigError: the source does not fit its mapping.
            UnreachableError: it cannot be read.
        """
        rows = self.feed.read(window).frame
        lacking = (self.present or frozenset()) - set(rows.columns)
        kinds = self.feed.columns.kinds
        return rows.with_columns(
            pl.lit(None, dtype=DTYPES[kinds[name]]).alias(name) for name in sorted(lacking)
        )


def by_window(feed: Feed, window: Window, workers: int = 1) -> DayFeed:
    """The same feed, knowing its files' extents and columns when it is files.

    Reads the times of the window's rows once, of some files at a time.

    Raises:
        ConfigError: a file does not fit the mapping.
        UnreachableError: a file cannot be read.
    """
    if not isinstance(feed.source, FileSource):
        return DayFeed(feed, None)
    setting = feed.source.setting

    def looked_at(path: Path) -> tuple[Extent, frozenset[str]]:
        own = replace(feed, source=one_file(path, setting))
        ((row, has),) = _queried(own, window, _extent, also_unreadable=True)
        return Extent(path, *row.row(0)), has

    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(looked_at, feed.source.paths()))
    known = replace(feed, source=KnownFiles(tuple(extent for extent, _ in found), setting))
    return DayFeed(known, frozenset(name for _, has in found for name in has))


def _extent(rows: pl.LazyFrame) -> pl.LazyFrame:
    moment = pl.col("ts")
    return rows.select(
        first=moment.min(), last=moment.max(), rows=pl.len(), timeless=moment.is_null().sum()
    )


def scanned(
    feed: Feed, window: Window, query: Callable[[pl.LazyFrame], pl.LazyFrame]
) -> pl.DataFrame:
    """What a query gives for each of a feed's tables, without holding a table in memory.

    Raises:
        ConfigError: a table does not fit the mapping.
        UnreachableError: one cannot be read.
    """
    found = [answer for answer, _ in _queried(feed, window, query)]
    return pl.concat(found) if found else pl.DataFrame()


def _queried(
    feed: Feed,
    window: Window,
    query: Callable[[pl.LazyFrame], pl.LazyFrame],
    *,
    also_unreadable: bool = False,
) -> Iterator[tuple[pl.DataFrame, frozenset[str]]]:
    """The answers, each with the columns that its table has."""
    with closing(feed.source.batches(window, feed.mapping.get("ts", "ts"))) as batches:
        for batch in batches:
            for table in batch:
                rows, present = typed_rows(table, feed, window, also_unreadable=also_unreadable)
                try:
                    with interrupts_told():
                        answer = query(rows).collect(engine="streaming")
                except (PolarsError, PanicException, OSError) as error:
                    raise unreadable(table.where, error) from error
                yield answer, present
