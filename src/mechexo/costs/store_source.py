"""The tick store as a source of quotes, like files and databases (`costs/sources/`)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, ClassVar

import polars as pl

from mechexo.config.costs import CostSettings
from mechexo.costs.sources.protocol import RawTable, Window
from mechexo.costs.store import STORE, TickStore, ids_of
from mechexo.costs.store_cures import cure_of, damaged, empty
from mechexo.value_classes import dataclass

_AT_ONCE = 64
"""How many files are open at a time."""


@dataclass(frozen=True, slots=True)
class StoreSource:
    """The store behind the protocol of every other source (`costs/sources/protocol.py`)."""

    store: TickStore
    in_our_names: ClassVar[bool] = True
    """`[costs.quote_columns]` is for the files that the store was made of, not for its own."""

    def batches(
        self, window: Window, time_column: str | None
    ) -> Generator[Sequence[RawTable], None, None]:
        """See `Source.batches`: the days of the window, oldest first.

        Raises:
            UnreachableError: the store is empty or damaged.
        """
        days = self.store.days(window)
        if not days and not self.store.day_files():
            raise empty(self.store.folder)
        wanted = list(days)
        for place in range(0, len(wanted), _AT_ONCE):
            with ExitStack() as opened:
                files = [
                    (path, opened.enter_context(_opened(path)))
                    for path in map(self.store.path, wanted[place : place + _AT_ONCE])
                ]
                # Read after the files: a table that has grown since still has all of their ids.
                symbols = self.store.symbols(days[day] for day in wanted)
                yield [
                    RawTable(
                        str(path),
                        named(pl.scan_parquet(file), symbols, window.symbols),
                        cure=cure_of(path),
                    )
                    for path, file in files
                ]


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise damaged(path, error) from error


def stored_source(settings: CostSettings, setting: str, root: Path) -> StoreSource | None:
    """The tick store when it is what a setting names: `quotes = "store"`."""
    if setting != "quotes" or settings.quotes != STORE:
        return None
    return StoreSource(TickStore(root / Path(settings.store).expanduser()))


def named(
    frame: pl.LazyFrame, symbols: tuple[str, ...], wanted: tuple[str, ...] | None = None
) -> pl.LazyFrame:
    """Rows of the store with `symbol` (Enum) in the place of `sid`; of `wanted` symbols only."""
    if wanted is not None:
        frame = frame.filter(pl.col("sid").is_in(ids_of(wanted, symbols)))
    return frame.with_columns(symbol=pl.col("sid").cat.to(pl.Enum(symbols))).drop("sid")
