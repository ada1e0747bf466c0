"""Reading the rows of a period from a configured source, under our names and types."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import polars as pl
from polars.exceptions import PanicException, PolarsError

from mechexo.config.costs import CostSettings
from mechexo.costs.interrupts import interrupts_kept, interrupts_told
from mechexo.costs.sources.columns import (
    BAR_COLUMNS,
    DTYPES,
    FILL_COLUMNS,
    NAIVE,
    ORDER_COLUMNS,
    QUOTE_COLUMNS,
    RATE_COLUMNS,
    TRADE_COLUMNS,
    Columns,
    check_mapping,
    naive_times,
    nothing,
    typed,
)
from mechexo.costs.sources.corrections import EARLIER, Corrections, is_marked
from mechexo.costs.sources.imported import IMPORTED, ImportedSource, fills_folder
from mechexo.costs.sources.kinds import open_source
from mechexo.costs.sources.protocol import ALWAYS, RawTable, Source, Window
from mechexo.costs.sources.readable import PRICES, not_readable, readable
from mechexo.costs.sources.telling import told, unreadable
from mechexo.errors import UnreachableError
from mechexo.value_classes import dataclass

_END = datetime(2200, 1, 1, tzinfo=UTC)
"""After all that a source holds, and within what times in nanoseconds reach."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a period. Optional columns that no table of the source has are left out."""

    frame: pl.DataFrame
    unreadable: int = 0
    """How many others could not be read (`sources/readable.py`); of fills and orders none is."""


@dataclass(frozen=True, slots=True)
class Feed:
    """A source, and how its columns and times are read."""

    source: Source
    columns: Columns
    mapping: Mapping[str, str]
    """Our column name = the source's, where they differ."""
    naive_zone: str | None

    def read(self, window: Window, *, counted: bool = False) -> Rows:
        """The rows of a window; `counted` says whether to count those that cannot be read as well.

        Raises:
            ConfigError: the source does not fit its mapping.
            UnreachableError: it cannot be read.
        """
        parts: list[pl.DataFrame] = []
        present: set[str] = set()
        unreadable = 0
        with closing(self._parts(window)) as read:
            for part, has, batch in read:
                parts.append(part)
                present |= has
                unreadable += self.unreadable_of(batch, window) if counted else 0
        if not parts:
            return Rows(nothing(self.columns))
        whole = pl.concat(parts, rechunk=True)
        found = whole.select(name for name in self.columns.kinds if name in present)
        return Rows(found, unreadable)

    def unreadable(self, window: Window) -> int:
        """How many rows of a window cannot be read.

        Raises:
            As `read`.
        """
        with closing(self._batches(window)) as batches:
            return sum(self.unreadable_of(batch, window) for batch in batches)

    def only(self, names: Sequence[str], condition: pl.Expr, window: Window) -> pl.DataFrame:
        """Some columns of the rows of a window that meet a condition. More is not held in memory.

        Raises:
            As `read`.
        """

        def asked(rows: pl.LazyFrame) -> pl.LazyFrame:
            return rows.filter(condition).select(*names, NAIVE)

        with closing(self._parts(window, asked)) as read:
            parts = [part.drop(NAIVE) for part, *_ in read]
        kinds = self.columns.kinds
        none = pl.DataFrame(schema={name: DTYPES[kinds[name]] for name in names})
        return pl.concat([none, *parts])

    def _parts(
        self, window: Window, query: Callable[[pl.LazyFrame], pl.LazyFrame] = lambda rows: rows
    ) -> Generator[tuple[pl.DataFrame, frozenset[str], Sequence[RawTable]], None, None]:
        """What a query gives of each batch of tables, which of our columns one of these has, and
        the batch, as long as it may be read."""
        with closing(self._batches(window)) as batches:
            for batch in batches:
                tables = [typed_rows(table, self, window) for table in batch]
                part = _collected(batch, [query(frame) for frame, _ in tables])
                _refuse_naive(part, batch, self.naive_zone)
                yield part, frozenset(name for _, has in tables for name in has), batch

    def _batches(self, window: Window) -> Generator[Sequence[RawTable], None, None]:
        # Closed here, where an interrupt while closing is still an interrupt.
        times = self.columns.times
        time_column = self.mapping.get("ts", "ts") if times == ("ts",) else None
        with closing(self.source.batches(window, time_column)) as batches:
            yield from batches

    def unreadable_of(self, batch: Sequence[RawTable], window: Window) -> int:
        """How many of the window's rows in some tables of the source cannot be read.

        Raises:
            As `read`.
        """
        counts = [unreadable_rows(table, self, window) for table in batch]
        # In pieces: of a file that is larger than memory a period may read little.
        return int(_collected(batch, counts, "streaming")["len"].sum())


def standing_fills(feed: Feed, rows: pl.DataFrame, window: Window) -> pl.DataFrame:
    """Of the rows of a window of fills those that stand, also when it was said after the window
    that one is taken back or corrected. Without a column `correction`, all rows.

    Raises:
        ConfigError: the source does not fit its mapping, or a correction cannot be read.
        UnreachableError: the source cannot be read.
    """
    if "correction" not in rows.columns:
        return rows
    if isinstance(feed.source, ImportedSource):
        # The imports themselves have settled what was said on other days.
        known = Corrections.of(rows.filter(is_marked()))
    else:
        known = corrections_of(feed, window)
    return known.standing(rows, window.start, window.end)


def corrections_of(feed: Feed, window: Window) -> Corrections:
    """What takes back or corrects the fills of a window, from shortly before it until the end of
    the source.

    Raises:
        As `standing_fills`.
    """
    since = max(ALWAYS.start, window.start - EARLIER)
    column = feed.mapping.get("correction", "correction")
    until_now = Window(since, max(window.end, _END), filled=column)
    return Corrections.of(feed.only(("fill_id", "ts", "correction"), is_marked(), until_now))


def read_fills(settings: CostSettings, root: Path, window: Window) -> Rows:
    """The fills of a window, as `costs.fills.normalise_fills` takes them, tags included.

    Of fills that the source itself takes back or corrects, in the window or later, only what stands
    is among them.

    Raises:
        ConfigError: no source is configured, or it does not fit its mapping.
        UnreachableError: the source cannot be read.
    """
    columns = FILL_COLUMNS.with_tags(settings.tags)
    source = feed("fills", columns, settings, root)
    return Rows(standing_fills(source, source.read(window).frame, window))


def read_quotes(settings: CostSettings, root: Path, window: Window) -> Rows:
    """The quotes of a window, as `costs.quotes.normalise_quotes` takes them.

    Raises:
        ConfigError: no source is configured, or it does not fit its mapping.
        UnreachableError: the source cannot be read.
    """
    return _counted("quotes", QUOTE_COLUMNS, settings, root, window)


def read_trades(settings: CostSettings, root: Path, window: Window) -> Rows | None:
    """The market's trades of a window: ts, symbol, price, and size and seq where there are any.

    None when no source of trades is configured.

    Raises:
        ConfigError: the source does not fit its mapping.
        UnreachableError: the source cannot be read.
    """
    return _optional("trades", TRADE_COLUMNS, settings, root, window)


def read_bars(settings: CostSettings, root: Path, window: Window) -> Rows | None:
    """The bars that end in a window: ts (of the end), symbol, and those of high, low, close and
    volume that there are.

    None when no source of bars is configured. Raises as `read_trades`.
    """
    return _optional("bars", BAR_COLUMNS, settings, root, window)


def read_orders(settings: CostSettings, root: Path, window: Window) -> Rows | None:
    """The desk's orders that lived in a window: order_id, symbol, side (text), quantity, and those
    of decision_at, arrival_at, end_at, limit_price, benchmark_price, strategy, broker and algo
    that there are. An order without any time is always among them.

    None when no source of orders is configured. Raises as `read_trades`.
    """
    return _optional("orders", ORDER_COLUMNS, settings, root, window)


def read_rates(settings: CostSettings, root: Path, window: Window) -> Rows | None:
    """The exchange rates of a window: ts, currency, rate (base currency for one of it). A date
    stands for its first moment.

    None when no source of rates is configured. Raises as `read_trades`.
    """
    return _optional("rates", RATE_COLUMNS, settings, root, window)


def _optional(
    setting: str, columns: Columns, settings: CostSettings, root: Path, window: Window
) -> Rows | None:
    if not getattr(settings, setting):
        return None
    return _counted(setting, columns, settings, root, window)


def _counted(
    setting: str, columns: Columns, settings: CostSettings, root: Path, window: Window
) -> Rows:
    source = feed(setting, columns, settings, root)
    return source.read(window, counted=countable(source))


def countable(feed: Feed) -> bool:
    """Whether rows of a source that cannot be read are counted: those of the market's data. What
    the tick store left out, `ingest` has told; of fills and orders each is told by itself."""
    from mechexo.costs.store_source import StoreSource

    return feed.columns.setting in PRICES and not isinstance(feed.source, StoreSource)


def feed(setting: str, columns: Columns, settings: CostSettings, root: Path) -> Feed:
    """The configured source of a setting, and how it is read.

    Raises:
        ConfigError: no source is configured, or its mapping names a column that we do not have.
    """
    address = getattr(settings, setting)
    source = _ours(settings, setting, root) or open_source(address, setting, root)
    mapping: Mapping[str, str] = getattr(settings, columns.setting)
    check_mapping(columns, mapping)
    if getattr(source, "in_our_names", False):
        mapping = {}
    return Feed(source, columns, mapping, settings.naive_zone)


def _ours(settings: CostSettings, setting: str, root: Path) -> Source | None:
    """What mechexo itself keeps: the imported fills, the stored quotes; None for all else."""
    if setting == "fills" and settings.fills == IMPORTED:
        return ImportedSource(fills_folder(root / Path(settings.folder).expanduser()))
    from mechexo.costs.store_source import stored_source

    return stored_source(settings, setting, root)


def typed_rows(
    table: RawTable, feed: Feed, window: Window, *, also_unreadable: bool = False
) -> tuple[pl.LazyFrame, frozenset[str]]:
    """A table's rows of a window under our names and types, and which of ours it has; with
    `also_unreadable` those too in which a price is no number.

    Raises:
        As `Feed.read`.
    """
    reading = typed if also_unreadable else readable
    with _told_of(table):
        return reading(table, feed.columns, feed.mapping, feed.naive_zone, window)


def unreadable_rows(table: RawTable, feed: Feed, window: Window) -> pl.LazyFrame:
    """How many of a table's rows of a window cannot be read: one row, `len`.

    Raises:
        As `Feed.read`.
    """
    with _told_of(table):
        return not_readable(table, feed.columns, feed.mapping, feed.naive_zone, window)


@contextmanager
def _told_of(table: RawTable) -> Iterator[None]:
    """What cannot be read of a table is told of it by its name."""
    try:
        with interrupts_told(), interrupts_kept():
            yield
    except (PolarsError, PanicException, OSError) as error:
        raise unreadable(table.where, error, table.cure) from error


def _collected(
    batch: Sequence[RawTable],
    frames: Sequence[pl.LazyFrame],
    engine: Literal["in-memory", "streaming"] = "in-memory",
) -> pl.DataFrame:
    try:
        with interrupts_told():
            # The in-memory engine keeps the order of rows, which tells quotes of one moment apart.
            return pl.concat(frames).collect(engine=engine)
    except (PolarsError, PanicException, OSError) as error:
        for table, frame in zip(batch, frames, strict=True):
            try:
                with interrupts_told():
                    frame.collect(engine=engine)
            except (PolarsError, PanicException, OSError) as its_own:
                raise unreadable(table.where, its_own, table.cure) from its_own
        raise UnreachableError(f"{batch[0].where} and its like: {told(error)}") from error


def _refuse_naive(rows: pl.DataFrame, batch: Sequence[RawTable], naive_zone: str | None) -> None:
    if naive_zone is None and rows[NAIVE].any():
        where = batch[0].where if len(batch) == 1 else f"{batch[0].where} or one of its like"
        raise naive_times(where)
