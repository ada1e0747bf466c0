"""Checking a tick store: whether each file holds what its facts say, in order."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
from polars.exceptions import PanicException, PolarsError

from mechexo.costs.interrupts import interrupts_told
from mechexo.costs.sources.telling import told
from mechexo.costs.store import COLUMNS, ORDER, DayFacts, TickStore, day_bounds
from mechexo.errors import UnreachableError


def faults_of(store: TickStore) -> tuple[str, ...]:
    """What is wrong with a store, a line each; nothing when it is whole. Reads every row."""
    try:
        days = store.days()
        table = store.symbols(days.values())
    except UnreachableError as error:
        return (str(error),)
    if not days:
        return (f"{store.folder} holds no day",)
    return tuple(fault for facts in days.values() for fault in _of_day(store, facts, len(table)))


def _of_day(store: TickStore, facts: DayFacts, symbols: int) -> Iterator[str]:
    path = store.path(facts.day)
    try:
        with interrupts_told():
            rows = pl.read_parquet(path)
    except (PolarsError, PanicException, OSError) as error:
        yield f"{path} cannot be read: {told(error)}"
        return
    if store.facts(path) != facts:
        yield f"{path}: the manifest says something else of it"
    if dict(rows.schema) != {name: COLUMNS[name] for name in facts.columns}:
        yield f"{path}: its columns are {rows.schema}"
        return
    if len(rows) != facts.rows:
        yield f"{path} has {len(rows)} rows, not {facts.rows}"
    if rows.is_empty():
        return
    start, end = day_bounds(facts.day, facts.zone)
    first, last, highest = rows["ts"].min(), rows["ts"].max(), rows["sid"].max()
    if (first, last) != (facts.first, facts.last) or not (start <= facts.first < end > facts.last):
        yield f"{path}: its times are {first!r} to {last!r}"
    if not isinstance(highest, int) or highest >= symbols:
        yield f"{path}: the symbol {highest!r} is not in the table"
    by = [name for name in ORDER if name in rows.columns]
    ordered = rows.select(by).equals(rows.select(by).sort(by, nulls_last=False))
    if not ordered or any(rows[name].null_count() for name in ("sid", "ts")):
        yield f"{path}: its rows are not in order"
    if rows.is_duplicated().any():
        yield f"{path}: it has rows twice"
