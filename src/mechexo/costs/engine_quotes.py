"""The quotes that one day's fills need, of a source that has those of a whole period.

Needed are the fills' symbols on the fills' day; from the day before, the symbols with a fill so
early that a quote of that day may be its reference; from the days after, those with a fill so late
that a horizon lies there. Always whole days, as a day's median spread is over all of it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import field, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from mechexo.costs.engine import Day
from mechexo.costs.engine_files import DayFeed, KnownFiles, one_file, scanned
from mechexo.costs.matching import symbol_numbers
from mechexo.costs.quotes import (
    WITHDRAWN,
    Quotes,
    Soundness,
    in_order,
    normalise_quotes,
    ordered_quotes,
)
from mechexo.costs.rules import QuoteRule
from mechexo.costs.sources.protocol import Window
from mechexo.costs.sources.reading import Feed
from mechexo.costs.store import DayFacts, TickStore, day_bounds
from mechexo.costs.store_source import StoreSource
from mechexo.value_classes import dataclass

_DAY = timedelta(days=1)
_US = timedelta(microseconds=1)
_BYTES_A_QUOTE = 100
"""What a quote takes in memory while its day is priced, at most."""
_NOTHING = {
    "ts": pl.Datetime("us", "UTC"),
    "symbol": pl.String(),
    "bid": pl.Float64(),
    "ask": pl.Float64(),
    "venue": pl.String(),
}


@dataclass(frozen=True, slots=True)
class QuotesByDay:
    """A source of quotes that is read when a day's turn comes."""

    feed: DayFeed
    window: Window
    """All that the period needs, as one pass over it would read it: whole days."""
    rule: QuoteRule
    longest: timedelta
    """The longest horizon."""
    parts: tuple[SourcePart, ...]
    ends: Ends

    def of(self, day: Day, fills: pl.DataFrame) -> Quotes:
        """The quotes that the fills of a day need, and when each symbol's last one is.

        Raises:
            ConfigError: the source does not fit its mapping.
            UnreachableError: it cannot be read.
        """
        asked, table, numbers = self._asked(fills["symbol"])
        if not asked:
            return normalise_quotes(pl.DataFrame(schema=_NOTHING), (), self.rule)
        reader = self._reader(asked)
        windows = self._windows(day, fills, asked)
        rows = [reader.read(window) for window in windows]
        first, days = windows[0].start, 1
        while True:
            found = reader.quotes(rows)
            # What crossed or wide rows leave standing may lie further back.
            lacking = _unresolved(found, fills) if first > self.window.start else ()
            if not lacking:
                # Of a table that has grown meanwhile they are numbered anew.
                known = numbers if found.symbols == table else None
                return replace(found, later=self.ends.of(found.symbols, asked), of_fills=known)
            before = self._days_before(first, days, lacking)
            rows.insert(0, reader.read(before))
            first, days = before.start, 2 * days

    def _asked(
        self, symbols: pl.Series
    ) -> tuple[tuple[str, ...], tuple[str, ...], pl.Series | None]:
        """Each of the symbols of some fills once, sorted; and where quotes are numbered before they
        are read, the table of that, and the number of each fill's symbol."""
        import numpy as np  # which whoever wants no more than `parts_of` need not wait for

        source = self.feed.feed.source
        if not isinstance(source, StoreSource) or not len(symbols):
            return _names(symbols), (), None
        table = source.store.symbols()
        numbers = symbol_numbers(symbols, table)
        count = np.bincount(numbers.fill_null(len(table)).to_numpy(), minlength=len(table))
        known = {table[number] for number in count[: len(table)].nonzero()[0]}
        others = _names(symbols.filter(numbers.is_null())) if numbers.null_count() else ()
        return tuple(sorted(known.union(others))), table, numbers

    def _reader(self, asked: tuple[str, ...]) -> _FromStore | _FromFeed:
        source = self.feed.feed.source
        if isinstance(source, StoreSource) and self.rule.venue_expiry is None:
            return _FromStore(source.store, self.rule)
        return _FromFeed(self.feed, asked, self.rule)

    def weight_mb(self, day: Day) -> int:
        """About how much memory the quotes of a day take."""
        inside = Window(*day_bounds(day.name, self.rule.zone))
        rows = sum(part.rows_in(inside) for part in self.parts)
        return int(rows * _BYTES_A_QUOTE) // 1_000_000

    def _windows(self, day: Day, fills: pl.DataFrame, symbols: tuple[str, ...]) -> list[Window]:
        start, end = day_bounds(day.name, self.rule.zone)
        reach = self.rule.reach
        moments = fills["ts"]
        early = _names(fills["symbol"].filter(moments <= start + reach))
        late = _names(fills["symbol"].filter(moments >= end - self.longest))
        windows = [Window(max(start, self.window.start), min(end, self.window.end), symbols)]
        back = start
        while early and back > start - reach and back > self.window.start:
            windows.insert(0, self._days_before(back, 1, early))
            back = windows[0].start
        if late and end < self.window.end:
            until = self._end_of_day(end + self.longest)
            windows.append(Window(end, min(until, self.window.end), late))
        return windows

    def _days_before(self, moment: datetime, days: int, symbols: tuple[str, ...]) -> Window:
        before = _local_date(moment - _US, self.rule.zone) - (days - 1) * _DAY
        start, _ = day_bounds(before, self.rule.zone)
        return Window(max(start, self.window.start), moment, symbols)

    def _end_of_day(self, moment: datetime) -> datetime:
        return day_bounds(_local_date(moment, self.rule.zone), self.rule.zone)[1]


@dataclass(frozen=True, slots=True)
class _FromFeed:
    """Quotes of any source."""

    feed: DayFeed
    symbols: tuple[str, ...]
    rule: QuoteRule

    def read(self, window: Window) -> pl.DataFrame:
        return self.feed.read(window)

    def quotes(self, rows: Sequence[pl.DataFrame]) -> Quotes:
        return normalise_quotes(pl.concat(rows, how="diagonal"), self.symbols, self.rule)


@dataclass(slots=True)
class _FromStore:
    """Quotes of the tick store: numbered and in order as they are, looked through once and for
    all."""

    store: TickStore
    rule: QuoteRule
    facts: list[DayFacts] = field(default_factory=list)
    """Of the days that were read."""

    def read(self, window: Window) -> pl.DataFrame:
        rows, facts = self.store.read(window)
        self.facts += facts
        return rows

    def quotes(self, rows: Sequence[pl.DataFrame]) -> Quotes:
        ordered = in_order(pl.concat(rows)) if len(self.facts) > 1 else pl.concat(rows)
        widest = [facts.widest for facts in self.facts]
        known = Soundness(
            all_sound=not any(facts.unsound for facts in self.facts),
            widest=max((each for each in widest if each is not None), default=0.0)
            if None not in widest
            else None,
        )
        return ordered_quotes(ordered, self.store.symbols(), self.rule, known=known)


def _unresolved(quotes: Quotes, fills: pl.DataFrame) -> tuple[str, ...]:
    """Symbols of fills before which there are only crossed or wide rows."""
    if (
        quotes.frame.is_empty()
        or not quotes.frame.select((pl.col("kind") > WITHDRAWN).any()).item()
    ):
        return ()
    own = pl.col("ts").filter(pl.col("kind") <= WITHDRAWN).min()
    ranges = quotes.frame.group_by("sid").agg(begins=pl.col("ts").min(), own=own)
    names = pl.DataFrame({"symbol": quotes.symbols}, schema={"symbol": pl.String})
    leading = names.with_columns(sid=pl.int_range(pl.len(), dtype=pl.Int64)).join(
        ranges.filter(pl.col("own").is_null() | (pl.col("own") > pl.col("begins"))), on="sid"
    )
    among = (pl.col("ts") >= pl.col("begins")) & (
        pl.col("own").is_null() | (pl.col("ts") <= pl.col("own"))
    )
    own_names = fills.select("ts", pl.col("symbol").cast(pl.String))
    found = own_names.join(leading, on="symbol").filter(among)
    return _names(found["symbol"])


def _names(symbols: pl.Series) -> tuple[str, ...]:
    """Each of some symbols once, sorted."""
    return tuple(symbols.unique().cast(pl.String).sort().to_list()) if len(symbols) else ()


class Ends:
    """When the last quote of each symbol in a period is: read once, from its end backwards, as far
    as it takes to know of the symbols that are asked for."""

    def __init__(self, parts: Sequence[SourcePart]) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, datetime] = {}
        self._parts = list(parts)
        """What was not read yet, the earliest first."""
        self._told: tuple[Sequence[str], Sequence[str], pl.DataFrame] | None = None
        """What was asked last, and what was told: most days ask for the same symbols."""

    def __getstate__(self) -> tuple[dict[str, datetime], list[SourcePart]]:
        with self._lock:  # days of this process may be asking meanwhile
            return dict(self._known), list(self._parts)

    def __setstate__(self, state: tuple[dict[str, datetime], list[SourcePart]]) -> None:
        self._known, self._parts = state
        self._lock, self._told = threading.Lock(), None

    def of(self, symbols: Sequence[str], asked: Sequence[str]) -> pl.DataFrame:
        """For some symbols: sid (their place among all) and end, of those that have quotes.

        Args:
            symbols: all, in the order of their numbers.
            asked: which of them to tell of.

        Raises:
            UnreachableError: the source cannot be read.
        """
        with self._lock:
            if self._told is not None and self._told[:2] == (symbols, asked):
                return self._told[2]
            while self._parts and not self._settled(asked):
                self._read(self._parts.pop())
            wanted = set(asked)
            found = [
                (place, self._known[name])
                for place, name in enumerate(symbols)
                if name in wanted and name in self._known
            ]
            kinds = {"sid": pl.Int64(), "end": pl.Datetime("us", "UTC")}
            ends = pl.DataFrame(found, schema=kinds, orient="row")
            self._told = symbols, asked, ends
            return ends

    def _settled(self, symbols: Sequence[str]) -> bool:
        latest = self._parts[-1].last
        return all(name in self._known and self._known[name] >= latest for name in symbols)

    def _read(self, part: SourcePart) -> None:
        found = scanned(
            part.feed,
            part.window,
            lambda rows: rows.group_by(pl.col("symbol").cast(pl.String)).agg(pl.col("ts").max()),
        )
        for name, moment in found.iter_rows():
            if name is not None and moment is not None:
                self._known[name] = max(moment, self._known.get(name, moment))


@dataclass(frozen=True, slots=True)
class SourcePart:
    """A file, or a day of the store."""

    feed: Feed
    window: Window
    first: datetime
    last: datetime
    rows: int

    def rows_in(self, window: Window) -> float:
        """About how many rows of it a window has."""
        if self.last < window.start or self.first >= window.end:
            return 0.0
        length = (self.last - self.first) / _US + 1
        shared = min(self.last, window.end) - max(self.first, window.start)
        return self.rows * min(1.0, (shared / _US + 1) / length)


def parts_of(feed: Feed, window: Window) -> Iterator[SourcePart]:
    """A source in parts that can be read one by one, ordered by their last moments."""
    if isinstance(feed.source, KnownFiles):
        setting = feed.source.setting
        found = [
            SourcePart(
                replace(feed, source=one_file(each.path, setting)),
                window,
                each.first,
                each.last,
                each.rows,
            )
            for each in feed.source.extents
            if each.first is not None and each.last is not None
        ]
        yield from sorted(found, key=lambda part: part.last)
    elif isinstance(feed.source, StoreSource):
        for facts in feed.source.store.days(window).values():
            start, end = day_bounds(facts.day, facts.zone)
            inside = Window(max(start, window.start), min(end, window.end))
            last = min(facts.last, window.end)
            yield SourcePart(feed, inside, facts.first, last, facts.rows)
    else:
        yield SourcePart(feed, window, window.start, window.end, 0)


def _local_date(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date()
