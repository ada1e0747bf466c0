"""Making one day's file of the store: typed, in order, duplicates dropped, what was found told."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import field
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path

import polars as pl

from mechexo import __version__
from mechexo.costs.quotes import two_sided
from mechexo.costs.sources.columns import NAIVE, naive_times
from mechexo.costs.store import ALWAYS, NAMES, ORDER, DayFacts, TickStore, table_mark
from mechexo.files import whole_file
from mechexo.value_classes import dataclass

ROW_GROUP = 65_536
"""Rows that are read together. Small, as a run often wants a few symbols of the day only."""
_BYTES_A_ROW = 260
"""What a row takes while a day is put in order, at most."""
_MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a day that is put in order at once: some symbols, or one of them for a while."""

    symbols: tuple[str, ...] | None
    """None: all of them."""
    minutes: tuple[int, int] | None = None
    """From one minute since 1970 until another."""


@dataclass(slots=True)
class _Found:
    """What the pieces of a day add up to."""

    rows: int = 0
    disordered: int = 0
    duplicates: int = 0
    ties: int = 0
    moments: list[datetime] = field(default_factory=list)
    columns: set[str] = field(default_factory=set)
    unsound: int = 0
    spreads: list[pl.DataFrame] = field(default_factory=list)
    """Of each piece: sid, and the smallest and the largest spread of its sound rows."""
    newest: tuple[int, int] = (-1, -1)
    """The symbol and the place in the input of the last row."""


def build_day(
    store: TickStore,
    day: date,
    runs: Sequence[Path],
    work: Path,
    *,
    zone: str,
    source: str | None,
    at: datetime,
    memory_mb: int,
    naive_zone: str | None = None,
    as_before: DayFacts | None = None,
) -> DayFacts | None:
    """Writes a day's file from its runs, whole or not at all, and says what is in it.

    A day that does not fit into memory at once is put in order piece by piece.

    Args:
        store: where.
        day: which.
        runs: files of the day's rows, in their order (`ingest_reading.spilled`).
        work: an empty folder.
        zone: the exchange's.
        source: digest of what the day is made of; None: that of its content.
        at: now.
        memory_mb: about how much memory may be used.
        naive_zone: without one, times that carry no zone are refused.
        as_before: what stands there; when the content's digest is the same nothing is written.

    Returns:
        The facts of the day; None when the runs have no rows.

    Raises:
        ConfigError: times lack a zone.
        OSError, PolarsError: the file cannot be written; what stood there stands there still.
    """
    rows = pl.scan_parquet(list(runs), row_index_name="place")
    counts = rows.group_by("symbol").agg(rows=pl.len(), naive=pl.col(NAIVE).any())
    by_symbol = counts.collect(engine="streaming").sort("symbol")
    if by_symbol.is_empty():
        return None
    if naive_zone is None and by_symbol["naive"].any():
        raise naive_times(f"the source's day {day}")
    table = store.add_symbols(by_symbol["symbol"].to_list())
    found = _Found()
    digest = sha256()
    parts = []
    for number, piece in enumerate(_pieces(rows, by_symbol, table, _rows_at_once(memory_mb))):
        ordered = _ordered(_piece_rows(rows, piece), table, found)
        parts.append(work / f"{day}.{number:05}.parquet")
        ordered.write_parquet(parts[-1], compression="lz4", row_group_size=ROW_GROUP)
        if source is None:
            digest.update(parts[-1].read_bytes())
    source = source or f"content {digest.hexdigest()[:32]}"
    if as_before is not None and as_before.source == source:
        return as_before
    facts = DayFacts(
        day=day,
        zone=zone,
        rows=found.rows,
        symbols=len(by_symbol),
        first=min(found.moments),
        last=max(found.moments),
        disordered=found.disordered,
        duplicates=found.duplicates,
        ties=found.ties,
        unsound=found.unsound,
        widest=_widest(found.spreads),
        columns=tuple(name for name in NAMES if name in found.columns),
        table=table_mark(table),
        source=source,
        ingested_at=at.astimezone(UTC),
        version=__version__,
    )
    with whole_file(store.path(day)) as file:
        # Pieces follow each other in the order of the whole.
        pl.scan_parquet(parts).select(facts.columns).sink_parquet(
            file,
            compression="lz4",
            row_group_size=ROW_GROUP,
            maintain_order=True,
            metadata=facts.as_metadata(),
            engine="streaming",
        )
    for part in parts:
        part.unlink()
    return facts


def _rows_at_once(memory_mb: int) -> int:
    return max(1000, memory_mb * 1_000_000 // _BYTES_A_ROW)


def _pieces(
    rows: pl.LazyFrame, by_symbol: pl.DataFrame, table: tuple[str, ...], most: int
) -> Iterator[Piece]:
    """Parts of the day of at most `most` rows each, in the order of the day's file."""
    if by_symbol["rows"].sum() <= most:
        yield Piece(None)
        return
    places = {name: place for place, name in enumerate(table)}
    together: list[str] = []
    size = 0
    counted = sorted(by_symbol.select("symbol", "rows").iter_rows(), key=lambda c: places[c[0]])
    for symbol, count in counted:
        if together and size + count > most:
            yield Piece(tuple(together))
            together, size = [], 0
        if count > most:
            yield from _slices(rows, symbol, most)
            continue
        together.append(symbol)
        size += count
    if together:
        yield Piece(tuple(together))


def _slices(rows: pl.LazyFrame, symbol: str, most: int) -> Iterator[Piece]:
    """One symbol that is too much at once, by whole minutes."""
    minutes = (
        rows.filter(pl.col("symbol") == symbol)
        .group_by(minute=_minute())
        .len()
        .collect(engine="streaming")
        .sort("minute")
    )
    start, size = None, 0
    minute = 0
    for minute, count in minutes.iter_rows():
        if start is not None and size + count > most:
            yield Piece((symbol,), (start, minute))
            start, size = None, 0
        start = minute if start is None else start
        size += count
    if start is not None:
        yield Piece((symbol,), (start, minute + 1))


def _minute() -> pl.Expr:
    return pl.col("ts").dt.epoch("us") // _MINUTE_US


def _piece_rows(rows: pl.LazyFrame, piece: Piece) -> pl.DataFrame:
    if piece.symbols is not None:
        rows = rows.filter(pl.col("symbol").is_in(piece.symbols))
    if piece.minutes is not None:
        start, end = piece.minutes
        rows = rows.filter((_minute() >= start) & (_minute() < end))
    # The in-memory engine keeps the order of rows, which tells quotes of one moment apart.
    return rows.drop(NAIVE).collect(engine="in-memory")


def _ordered(rows: pl.DataFrame, table: tuple[str, ...], found: _Found) -> pl.DataFrame:
    """The rows in the order of the store, under its columns; counts what it finds."""
    typed = rows.with_columns(
        sid=pl.col("symbol").cast(pl.Enum(table)).to_physical().cast(pl.UInt32)
    ).select("place", *NAMES)
    del rows
    by = ORDER if typed["seq"].null_count() < len(typed) else ORDER[:2]
    ordered = typed.sort(by, maintain_order=True, nulls_last=False)
    del typed
    sid, place = found.newest
    before = (pl.col("sid").shift(1, fill_value=sid), pl.col("place").shift(1, fill_value=place))
    behind = (pl.col("sid") == before[0]) & (pl.col("place") < before[1])
    found.disordered += int(ordered.select(behind.sum()).item())
    found.newest = ordered.select("sid", "place").row(-1)
    ordered = _without_duplicates(ordered.drop("place"), found)
    found.rows += len(ordered)
    found.moments += [ordered["ts"].min(), ordered["ts"].max()]  # type: ignore[list-item]
    sound = ordered.filter(two_sided() & (pl.col("ask") >= pl.col("bid")))
    found.unsound += len(ordered) - len(sound)
    spread = pl.col("ask") - pl.col("bid")
    found.spreads.append(sound.group_by("sid").agg(low=spread.min(), high=spread.max()))
    found.columns |= {
        name for name in NAMES if name in ALWAYS or ordered[name].null_count() < len(ordered)
    }
    return ordered


def _widest(spreads: Sequence[pl.DataFrame]) -> float | None:
    """The largest of the symbols' largest spreads as multiples of their smallest."""
    each = pl.concat(spreads).group_by("sid").agg(pl.col("low").min(), pl.col("high").max())
    ratio = each.select((pl.col("high") / pl.col("low")).max()).item()
    return ratio if isinstance(ratio, float) and math.isfinite(ratio) else None


def _without_duplicates(ordered: pl.DataFrame, found: _Found) -> pl.DataFrame:
    """Drops all but the last of the rows that are equal in everything.

    The last, as what stands after a moment is what came last in it: of A, B, A it is A.
    """
    like_before = pl.all_horizontal(
        pl.col(name).eq_missing(pl.col(name).shift(1)) for name in ORDER
    )
    tied = ordered.select(like_before.fill_null(False))["sid"]
    if not tied.any():
        return ordered
    in_tie = tied | tied.shift(-1, fill_value=False)
    groups = ordered.with_row_index("row").filter(in_tie)
    keep = groups.select(pl.struct(NAMES).is_last_distinct()).to_series()
    dropped = groups.filter(~keep)["row"]
    found.duplicates += len(dropped)
    kept = ordered.with_row_index("row").filter(~pl.col("row").is_in(dropped.implode())).drop("row")
    found.ties += int(kept.select(like_before.fill_null(False).sum()).item())
    return kept
