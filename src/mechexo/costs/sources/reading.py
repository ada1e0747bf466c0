"""Reading the rows of a period from a configured source, under our names and types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from polars.exceptions import PanicException, PolarsError

from mechexo.config.costs import CostSettings
from mechexo.costs.interrupts import interrupts_kept, interrupts_told
from mechexo.costs.sources.columns import (
    FILL_COLUMNS,
    NAIVE,
    QUOTE_COLUMNS,
    Columns,
    check_mapping,
    naive_times,
    typed,
)
from mechexo.costs.sources.files import FileSource
from mechexo.costs.sources.protocol import RawTable, Source, Window
from mechexo.costs.sources.sqlite import SqliteSource
from mechexo.errors import ConfigError, UnreachableError


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a period. Optional columns that no table of the source has are left out."""

    frame: pl.DataFrame


def read_fills(settings: CostSettings, root: Path, window: Window) -> Rows:
    """The fills of a window, as `costs.fills.normalise_fills` takes them.

    Raises:
        ConfigError: no source is configured, or it does not fit its mapping.
        UnreachableError: the source cannot be read.
    """
    source = _opened(settings.fills, "fills", root)
    return _read(source, FILL_COLUMNS, settings.fill_columns, settings.naive_zone, window)


def read_quotes(settings: CostSettings, root: Path, window: Window) -> Rows:
    """The quotes of a window, as `costs.quotes.normalise_quotes` takes them.

    Raises:
        ConfigError: no source is configured, or it does not fit its mapping.
        UnreachableError: the source cannot be read.
    """
    source = _opened(settings.quotes, "quotes", root)
    return _read(source, QUOTE_COLUMNS, settings.quote_columns, settings.naive_zone, window)


def _opened(text: str, setting: str, root: Path) -> Source:
    if not text:
        raise ConfigError(
            f"[costs] {setting} is not set: name a Parquet or CSV glob, "
            "or sqlite:///path?table=NAME"
        )
    if text.startswith("sqlite:"):
        return SqliteSource.parse(text, setting, root)
    return FileSource.parse(text, setting, root)


def _read(
    source: Source,
    columns: Columns,
    mapping: Mapping[str, str],
    naive_zone: str | None,
    window: Window,
) -> Rows:
    check_mapping(columns, mapping)
    parts: list[pl.DataFrame] = []
    present: set[str] = set()
    # Closed here, where an interrupt while closing is still an interrupt.
    with closing(source.batches(window, mapping.get("ts", "ts"))) as batches:
        for batch in batches:
            frames = []
            for table in batch:
                frame, has = _typed(table, columns, mapping, naive_zone, window)
                frames.append(frame)
                present |= has
            parts.append(_collected(batch, frames))
            _refuse_naive(parts[-1], batch, naive_zone)
    whole = pl.concat(parts, rechunk=True)
    return Rows(whole.select(name for name in columns.kinds if name in present))


def _typed(
    table: RawTable,
    columns: Columns,
    mapping: Mapping[str, str],
    naive_zone: str | None,
    window: Window,
) -> tuple[pl.LazyFrame, frozenset[str]]:
    try:
        with interrupts_told(), interrupts_kept():
            return typed(table, columns, mapping, naive_zone, window)
    except (PolarsError, PanicException, OSError) as error:
        raise _unreadable(table, error) from error


def _collected(batch: Sequence[RawTable], frames: Sequence[pl.LazyFrame]) -> pl.DataFrame:
    try:
        with interrupts_told():
            # The in-memory engine keeps the order of rows, which tells quotes of one moment apart.
            return pl.concat(frames).collect(engine="in-memory")
    except (PolarsError, PanicException, OSError) as error:
        for table, frame in zip(batch, frames, strict=True):
            try:
                with interrupts_told():
                    frame.collect(engine="in-memory")
            except (PolarsError, PanicException, OSError) as its_own:
                raise _unreadable(table, its_own) from its_own
        raise UnreachableError(f"{batch[0].where} and its like: {_line(error)}") from error


def _unreadable(table: RawTable, error: BaseException) -> UnreachableError:
    return UnreachableError(f"{table.where} cannot be read: {_line(error)}")


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _refuse_naive(rows: pl.DataFrame, batch: Sequence[RawTable], naive_zone: str | None) -> None:
    if naive_zone is None and rows[NAIVE].any():
        where = batch[0].where if len(batch) == 1 else f"{batch[0].where} or one of its like"
        raise naive_times(where)
