"""The keys of plain fills (`costs/plain_fills.py`) as small numbers, and the runs in which fills
next to each other share them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from mechexo.costs.arrays import Array
from mechexo.costs.dimensions import SOURCES, Grouping
from mechexo.costs.group_keys import By, key, keys_of_fills
from mechexo.costs.merging import Question
from mechexo.costs.plain_fills import PlainFills, by_number
from mechexo.value_classes import dataclass

OF_THE_CLOCK = frozenset(
    ("day", "week", "month", "weekday", "hour", "half_hour", "time_of_day", "hour_utc")
)
"""Dimensions that only a fill's time decides."""
_MINUTE_US = 60_000_000
_FEW_MINUTES = 8
_MANY = 2**22
"""So many groups are not told apart in a table."""
_SHORT_RUNS = 16
"""Runs of fewer fills are put into order."""
_QUOTE, _STALE = (SOURCES.index(name) * 8 + 1 for name in ("quote", "stale"))
"""The classes (`costs.merging.class_of`) of plain fills."""


@dataclass(frozen=True, slots=True)
class Key:
    """A dimension's values, and which one each fill has."""

    name: str
    values: pl.Series
    numbers: Array | None
    """None where all have the first."""

    def of(self, places: Array) -> pl.Series:
        """The values of some fills."""
        if self.numbers is None:
            return self.values.new_from_index(0, len(places))
        return self.values[self.numbers[places]]

    def at(self, places: Array) -> Key:
        """The same of some fills."""
        return self if self.numbers is None else replace(self, numbers=self.numbers[places])


def runs_of(
    fills: pl.DataFrame, plain: PlainFills, symbols: tuple[str, ...], question: Question
) -> tuple[Runs, PlainFills]:
    """The runs of the plain ones of some fills, and these in the order of the runs.

    Args:
        fills: all of them.
        plain: the plain ones.
        symbols: the names of their symbols, by number.
        question: whose dimensions are the keys.

    Raises:
        UsageError: a dimension is unknown.
    """
    keys = _keys(fills, plain, symbols, question)
    order = _order(keys, plain)
    if order is not None:
        plain = plain.ordered(order)
        keys = [each.at(order) for each in keys]
    return Runs.of(keys, plain), plain


def _keys(
    fills: pl.DataFrame, plain: PlainFills, symbols: tuple[str, ...], question: Question
) -> list[Key]:
    minutes = _Minutes.of(fills, question.rules)
    names = [name for name in question.dimensions if name != "symbol"]
    timed = [name for name in names if minutes is not None and name in OF_THE_CLOCK]
    numbered: dict[str, tuple[pl.Series, Array | None]] = {}
    if minutes is not None and timed:
        numbered |= minutes.numbered(tuple(timed), question.rules)
    others = tuple(name for name in names if name not in timed)
    if others:
        keyed = keys_of_fills(fills, others, question.rules)
        numbered |= {name: _numbered(keyed[key(name)]) for name in others}
    found = []
    for name in question.dimensions:
        if name == "symbol":
            values = pl.Series(key(name), symbols, dtype=pl.String).cast(pl.Categorical)
            found.append(Key(name, values, plain.numbers))
        else:
            values, numbers = numbered[name]
            own = None if numbers is None else numbers.take(plain.places)
            found.append(Key(name, values, own))
    return found


@dataclass(frozen=True, slots=True)
class _Minutes:
    """The minutes of fills that come in the order of time: what the clock says of one of a minute
    it says of all, and of a day's it need not be asked as often as there are fills."""

    moments: pl.DataFrame
    """ts of the first fill of each minute that has any."""
    lengths: Array
    """How many each has."""

    @classmethod
    def of(cls, fills: pl.DataFrame, rules: Grouping) -> _Minutes | None:
        """None where there are hardly more fills than minutes, or a day may begin within one."""
        came = fills["ts"].to_physical().to_numpy()
        ends = fills["ts"][0], fills["ts"][-1]
        minutes = np.arange(came[0] // _MINUTE_US * _MINUTE_US, came[-1] + 1, _MINUTE_US)
        if len(minutes) * _FEW_MINUTES > len(came) or not _on_whole_minutes(ends, rules):
            return None
        if not fills["ts"].is_sorted():
            return None
        starts = came.searchsorted(minutes)
        starts = starts[np.append(True, starts[1:] != starts[:-1])]
        return cls(fills.select("ts")[starts], np.diff(starts, append=len(came)))

    def numbered(self, names: By, rules: Grouping) -> dict[str, tuple[pl.Series, Array | None]]:
        """As `_numbered`, of all fills, by dimension."""
        keyed = keys_of_fills(self.moments, names, rules)
        found = {name: _numbered(keyed[key(name)]) for name in names}
        return {
            name: (values, None if numbers is None else numbers.repeat(self.lengths))
            for name, (values, numbers) in found.items()
        }


def _on_whole_minutes(ends: tuple[datetime, datetime], rules: Grouping) -> bool:
    clocks = [each.astimezone(ZoneInfo(rules.zone)) for each in ends]
    shifts = [each.utcoffset() or timedelta(0) for each in clocks]
    starts = timedelta(seconds=rules.day_starts.second, microseconds=rules.day_starts.microsecond)
    return not any(each % timedelta(minutes=1) for each in (*shifts, starts))


def _numbered(column: pl.Series) -> tuple[pl.Series, Array | None]:
    """The values of a column, null among them, and the place of each row's; None where all rows
    have the first."""
    own = column.to_physical().cast(pl.Int32)
    lowest, highest = own.min(), own.max()
    if lowest == highest and column.null_count() in (0, len(column)):
        return column.head(1), None
    assert isinstance(lowest, int)
    assert isinstance(highest, int)
    values = column.unique()
    # One more than the highest stands for null.
    rows, places = (
        each.fill_null(highest + 1).to_numpy() - lowest
        for each in (own, values.to_physical().cast(pl.Int32))
    )
    table = np.empty(places.max() + 1, kind_for(len(values)))
    table[places] = np.arange(len(values))
    return values, table.take(rows)


def kind_for(count: int) -> type[np.unsignedinteger[Any]]:
    """The numbers that count so many."""
    return np.uint16 if count <= 2**16 else np.uint32


def _order(keys: list[Key], plain: PlainFills) -> Array | None:
    """The order of the fills' keys, where they change with every few fills and lie too far apart to
    be added up as they come; None when that is not worth it."""
    changes = _changes([each.numbers for each in keys if each.numbers is not None])
    size = len(plain)
    if changes is None or np.count_nonzero(changes) * _SHORT_RUNS <= size:
        return None
    code = np.zeros(size, np.int64)
    groups = 1
    for each in keys:
        if each.numbers is not None:
            groups *= len(each.values)
            code *= len(each.values)
            code += each.numbers
    if groups > _MANY:
        return None
    filled = np.bincount(code, minlength=groups) > 0
    number = filled.cumsum() - 1
    cells = int(number[-1]) + 1
    if cells * _SHORT_RUNS > size:
        return None
    return by_number(number.astype(kind_for(cells)).take(code))


def _changes(columns: list[Array]) -> Array | None:
    """Whether each row but the first differs from the one before it in any column."""
    changed: Array | None = None
    for column in columns:
        own = column[1:] != column[:-1]
        changed = own if changed is None else np.logical_or(changed, own, out=changed)
    return changed


@dataclass(frozen=True, slots=True)
class Runs:
    """Fills next to each other that are alike in their keys and in the kind of their reference."""

    keys: tuple[Key, ...]
    """Their numbers are those of the runs."""
    starts: Array
    lengths: Array
    stale: Array | None

    @classmethod
    def of(cls, keys: list[Key], plain: PlainFills) -> Runs:
        columns = [each.numbers for each in keys if each.numbers is not None]
        changes = _changes(columns if plain.stale is None else [*columns, plain.stale])
        starts = np.zeros(1, np.intp)
        if changes is not None:
            starts = np.concatenate([starts, changes.nonzero()[0] + 1])
        return cls(
            tuple(each.at(starts) for each in keys),
            starts,
            np.diff(starts, append=len(plain)),
            None if plain.stale is None else plain.stale[starts],
        )

    @property
    def varied(self) -> frozenset[str]:
        """The dimensions that have several values."""
        return frozenset(each.name for each in self.keys if each.numbers is not None)

    def between(self, first: int, end: int) -> slice:
        """The runs of the rows from `first` to `end`."""
        start = int(self.starts.searchsorted(first, side="right")) - 1
        return slice(start, int(self.starts.searchsorted(end, side="left")))

    def keys_of(self, runs: Array, by: By | None = None) -> list[pl.Series]:
        """The keys of some runs, in the dimensions `by` or in all."""
        keys = {each.name: each for each in self.keys}
        return [keys[name].of(runs) for name in (keys if by is None else by)]

    def numbered(self, by: By, *, classes: bool = False) -> tuple[Array, Array]:
        """The number of each run's group, and a run of each group; with `classes` those of several
        classes are several groups."""
        apart = [each.numbers for each in self.keys if each.name in by and each.numbers is not None]
        if classes and self.stale is not None:
            apart.append(self.stale.astype(np.uint8))
        if not apart:
            return np.zeros(len(self.starts), np.int64), np.zeros(1, np.intp)
        number, first = _ranked(apart[0])
        for own in apart[1:]:
            # Numbered anew with each dimension, so that no product grows too large.
            number, first = _ranked(number * (int(own.max()) + 1) + own)
        return number, first

    def classes(self, runs: Array) -> pl.Series:
        """The classes of some runs (`costs.merging.class_of`)."""
        if self.stale is None:
            return pl.Series("class", [_QUOTE], dtype=pl.UInt8).new_from_index(0, len(runs))
        return pl.Series("class", np.where(self.stale[runs], _STALE, _QUOTE).astype(np.uint8))


def _ranked(codes: Array) -> tuple[Array, Array]:
    """The rank of each code among those that there are, and the place of one of each."""
    highest = int(codes.max())
    if highest > _MANY:
        _, first, number = np.unique(codes, return_index=True, return_inverse=True)
        return number, first
    place = np.full(highest + 1, -1, np.intp)
    place[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    first = place[place >= 0]
    place[codes[first]] = np.arange(len(first))
    return place[codes], first
