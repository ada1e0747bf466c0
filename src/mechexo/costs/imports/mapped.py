"""Any CSV or Parquet file whose columns `[costs.fill_columns]` names, or that has our names."""

from __future__ import annotations

import io

import polars as pl
from polars.exceptions import PanicException, PolarsError

from mechexo.costs.imports.content import Content
from mechexo.costs.imports.rows import REPLACES
from mechexo.costs.imports.values import Options, Parsed, Rejected, ZoneNeededError
from mechexo.costs.interrupts import interrupts_kept, interrupts_told
from mechexo.costs.sources.columns import FILL_COLUMNS, NAIVE, Columns, check_mapping, typed
from mechexo.costs.sources.corrections import BUST, CORRECT, kinds_of_correction
from mechexo.costs.sources.protocol import ALWAYS, RawTable
from mechexo.costs.sources.telling import told
from mechexo.errors import ConfigError, UsageError

NAME = "mapped"
TITLE = "CSV or Parquet by [costs.fill_columns]"


def recognises(content: Content, options: Options) -> bool:
    """Whether it has the columns that a fill needs, under our names or the mapped ones."""
    names = columns_of(content)
    wanted = (options.mapping.get(ours, ours) for ours in FILL_COLUMNS.needed)
    return bool(names) and all(name in names for name in wanted)


def columns_of(content: Content) -> tuple[str, ...]:
    """The columns of a CSV or Parquet file; none of anything else.

    Raises:
        UsageError: it begins like Parquet and is none.
    """
    if not content.is_parquet:
        return content.header
    return tuple(_scanned(content).collect_schema().names())


def read(content: Content, options: Options) -> Parsed:
    """The rows of the file, in its order.

    Raises:
        ConfigError: a needed column is missing (the text names the closest), or the mapping maps a
            column that we do not have.
        UsageError: the file is torn.
        ZoneNeededError: its times are local and nothing says where.
    """
    columns = FILL_COLUMNS.with_tags(options.tags)
    check_mapping(columns, options.mapping)
    frame, lost = _collected(content, columns, options)
    if options.zone is None and frame[NAIVE].any():
        raise ZoneNeededError(f"{content.path}: its times")
    kinds = kinds_of_correction(frame["correction"])
    busts = frame.filter(kinds == BUST)["fill_id"]
    rejected = [Rejected("a bust", "no fill id") for fill_id in busts if fill_id is None]
    rejected += [Rejected("?", "its time is in no calendar")] * lost
    corrected = kinds == CORRECT
    fills = frame.drop(NAIVE).with_columns(
        correction=pl.when(corrected.fill_null(False)).then(pl.lit(CORRECT)),
        replaces=pl.when(corrected.fill_null(False)).then("fill_id"),
    )
    kept = fills.filter((kinds != BUST) | kinds.is_null())
    assert REPLACES in kept.columns
    return Parsed(len(frame) + lost, kept, tuple(busts.drop_nulls()), tuple(rejected))


def _collected(content: Content, columns: Columns, options: Options) -> tuple[pl.DataFrame, int]:
    """The rows, and how many more there are whose time lies outside of every period."""
    table = RawTable(str(content.path), _scanned(content))
    zone = None if options.zone is None else options.zone.key
    try:
        with interrupts_told():
            with interrupts_kept():
                rows, present = typed(table, columns, options.mapping, zone, ALWAYS)
            # As when such a file is read directly: a column that is not there says this.
            if "multiplier" not in present:
                rows = rows.with_columns(multiplier=1.0)
            if "currency" not in present:
                rows = rows.with_columns(currency=pl.lit(options.currency))
            frame = rows.collect(engine="in-memory")
            every = table.frame.select(pl.len()).collect(engine="in-memory").item()
            return frame, every - len(frame)
    except ConfigError as error:
        if "naive_zone" in str(error):
            raise ZoneNeededError(f"{content.path}: its times") from None
        raise
    except (PolarsError, PanicException) as error:
        raise UsageError(f"{content.path} cannot be read: {told(error)}") from error


def _scanned(content: Content) -> pl.LazyFrame:
    try:
        with interrupts_told():
            if content.is_parquet:
                frame = pl.scan_parquet(io.BytesIO(content.data))
            else:
                text = content.text.encode()
                frame = pl.scan_csv(text, infer_schema=False, separator=content.separator)
            frame.collect_schema()
            return frame
    except (PolarsError, PanicException, OSError) as error:
        raise UsageError(f"{content.path} cannot be read: {told(error)}") from error
