"""Checking a tick store: whether each file is the one that `ingest` left, and holds what its facts
say, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
from polars.exceptions import PanicException, PolarsError

from mechexo.costs.interrupts import interrupts_told
from mechexo.costs.sources.telling import told
from mechexo.costs.store import COLUMNS, ORDER, DayFacts, TickStore, day_bounds, stamp
from mechexo.costs.store_cures import rebuild_of
from mechexo.costs.store_ledger import Entry, digest_of, entry_of, ledger_of
from mechexo.errors import UnreachableError
from mechexo.times import from_iso_z
from mechexo.value_classes import dataclass

_CHANGED = "is no longer the file that ingest wrote"


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in a store."""

    entries: Mapping[date, Entry]
    """Days whose files are as `ingest` left them."""
    damaged: Mapping[date, str]
    """Days whose files are gone or changed, each with what is wrong."""


def faults_of(store: TickStore) -> tuple[str, ...]:
    """What is wrong with a store, a line each with its cure; nothing when it is whole. Reads every
    row."""
    try:
        # Before the ledger: a run that ends in between has written that already.
        began = store.sources().get("began")
        found = look_over(store, ledger_of(store), began)
        table = store.symbols(entry.facts for entry in found.entries.values())
    except UnreachableError as error:
        return (str(error),)
    if not found.entries and not found.damaged:
        return (f"{store.folder} holds no day; fill it with: mechexo costs ingest",)
    faults = []
    for day in sorted({*found.entries, *found.damaged}):
        entry = found.entries.get(day)
        said = _of_day(store, entry, len(table)) if entry is not None else [found.damaged[day]]
        faults += [f"{fault}; make the day anew with: {rebuild_of(day)}" for fault in said]
    return tuple(faults)


def look_over(store: TickStore, listed: Mapping[date, Entry], began: str | None) -> Standing:
    """Which days' files are as the ledger `listed` has them.

    Only a file whose size or time is another is read. One with the same content was merely
    touched. One that is on no ledger (it was lost, or a run was cut off before it wrote it) has
    nothing to be compared with: it stands when its rows are sound.

    Args:
        store: which.
        listed: its ledger.
        began: when a run began that has not come to its end, as `sources.json` has it.

    Raises:
        UnreachableError: another file of the store is damaged.
    """
    files = store.day_files()
    entries: dict[date, Entry] = {}
    damaged = {day: f"{store.path(day)} is gone" for day in sorted(listed.keys() - files.keys())}
    for day, path in files.items():
        entry = listed.get(day)
        try:
            now = stamp(path)
            if entry is not None and entry.stamp == now:
                entries[day] = entry
            elif entry is not None and entry.digest == digest_of(path):
                entries[day] = replace(entry, stamp=now)
            elif entry is not None and began is None:
                damaged[day] = f"{path} {_CHANGED}"
            else:
                facts = store.facts(path)
                unlisted = entry is None or _of_a_run_under_way(facts, began)
                faults = _unsound(store, path, facts) if unlisted else [f"{path} {_CHANGED}"]
                if faults:
                    damaged[day] = "; ".join(faults)
                else:
                    entries[day] = entry_of(path, facts)
        except OSError as error:
            damaged[day] = f"{path} cannot be read: {error.strerror}"
        except UnreachableError as error:
            damaged[day] = f"{path} cannot be read: {told(error.__cause__ or error)}"
    return Standing(entries, damaged)


def _of_a_run_under_way(facts: DayFacts, began: str | None) -> bool:
    """Whether a run that has not come to its end yet wrote it: the ledger may lag a day behind."""
    return began is not None and facts.ingested_at >= from_iso_z(began)


def _unsound(store: TickStore, path: Path, facts: DayFacts) -> list[str]:
    return list(faults_in_rows(path, facts, len(store.symbols())))


def _of_day(store: TickStore, entry: Entry, symbols: int) -> Iterator[str]:
    """What is wrong with a day's file whose size and time are those of the ledger."""
    path = store.path(entry.facts.day)
    try:
        if entry.digest is not None and digest_of(path) != entry.digest:
            # Not read any further: Polars may come to harm from what is in it.
            yield f"{path} {_CHANGED}, whatever its time says"
            return
        if store.facts(path) != entry.facts:
            yield f"{path}: the ledger says something else of it"
    except OSError as error:
        yield f"{path} cannot be read: {error.strerror}"
        return
    except UnreachableError as error:
        yield f"{path} cannot be read: {told(error.__cause__ or error)}"
        return
    yield from faults_in_rows(path, entry.facts, symbols)


def faults_in_rows(path: Path, facts: DayFacts, symbols: int) -> Iterator[str]:
    """Where the rows of a day's file are not what its facts say, or not in order.

    Args:
        path: the file.
        facts: its own.
        symbols: how many the symbol table has.
    """
    try:
        with interrupts_told():
            rows = pl.read_parquet(path)
    except (PolarsError, PanicException, OSError) as error:
        yield f"{path} cannot be read: {told(error)}"
        return
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
