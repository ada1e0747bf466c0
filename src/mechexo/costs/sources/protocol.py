"""What a source of fills or quotes is."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

import polars as pl

from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows are wanted: start <= ts < end, of these symbols (of all when None)."""

    start: datetime
    end: datetime
    symbols: tuple[str, ...] | None = None
    filled: str | None = None
    """Of rows that have nothing in this column (the source's own name) none is wanted; the source
    may leave them out."""


ALWAYS = Window(datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 29, tzinfo=UTC))
"""All that there is: as far as the calendar goes, less what zones may add."""


@dataclass(frozen=True, slots=True)
class RawTable:
    """One file or table, under its own names and types."""

    where: str
    """What an error calls it."""
    frame: pl.LazyFrame
    constants: Mapping[str, str | None] = field(default_factory=dict)
    """Columns of one value throughout, as hive partitions have; the frame's own come first."""
    cure: str = ""
    """What to do when it cannot be read, where its kind has more to say than the error."""


class Source(Protocol):
    """Something that holds fills, quotes or what goes with them.

    One whose columns are ours already says so with `in_our_names = True`: it is not mapped.
    """

    def batches(
        self, window: Window, time_column: str | None
    ) -> Generator[Sequence[RawTable], None, None]:
        """The tables that may hold rows of the window, some at a time.

        A batch may be read until the next one is asked for. More rows than the window's may
        come: the reader filters. `time_column` is the source's own name of the time, None when
        rows have several and none of them alone says whether the row is wanted.

        Raises:
            UnreachableError: the source is not there or cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class Extent:
    """How much a source holds: its rows, and those of them with the first and the last time."""

    rows: int
    edges: RawTable


@runtime_checkable
class Measured(Protocol):
    """A source that can tell its extent without handing out all of its rows."""

    def extent(self, time_column: str | None) -> Extent:
        """See `Extent`. Raises as `Source.batches`."""
        ...
