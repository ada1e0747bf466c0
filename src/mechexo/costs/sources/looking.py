"""What `[costs]` names, whether it opens, what it holds; and what can be read at all."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path

import polars as pl
from polars.exceptions import PanicException, PolarsError

from mechexo.config.costs import CostSettings
from mechexo.config.secrets import redact
from mechexo.costs.interrupts import interrupts_told
from mechexo.costs.sources.columns import (
    BAR_COLUMNS,
    FILL_COLUMNS,
    NAIVE,
    ORDER_COLUMNS,
    QUOTE_COLUMNS,
    RATE_COLUMNS,
    TRADE_COLUMNS,
    Columns,
    naive_times,
)
from mechexo.costs.sources.kinds import BUILT_IN, added_kinds
from mechexo.costs.sources.protocol import ALWAYS, Measured, RawTable, Window
from mechexo.costs.sources.reading import Feed, countable, feed, typed_rows
from mechexo.costs.sources.telling import unreadable
from mechexo.errors import MechexoError
from mechexo.value_classes import dataclass

SETTINGS = {
    "fills": FILL_COLUMNS,
    "quotes": QUOTE_COLUMNS,
    "trades": TRADE_COLUMNS,
    "bars": BAR_COLUMNS,
    "orders": ORDER_COLUMNS,
    "rates": RATE_COLUMNS,
}
"""The keys of `[costs]` that name a source, and what is wanted of it."""

_NEVER = Window(ALWAYS.end - timedelta(days=1), ALWAYS.end)
"""When nothing happens: so that a source opens and has nothing to read."""


@dataclass(frozen=True, slots=True)
class SourceLook:
    """What one key of `[costs]` names and what is found there."""

    setting: str
    address: str
    """As configured, references unresolved; empty when nothing is."""
    opens: bool
    fault: str = ""
    """Why it does not open."""
    rows: int | None = None
    columns: tuple[str, ...] = ()
    """Those of our columns that it has."""
    lacking: tuple[str, ...] = ()
    """Our optional columns that it lacks."""
    first_at: datetime | None = None
    newest_at: datetime | None = None
    """The first and the newest time in it, whatever the period of a report."""
    unreadable: int | None = None
    """Of its rows, those without a time, a symbol or a number; None where they are not counted:
    in fills and orders, in the tick store, and in a database that is asked for its extent."""


@dataclass(frozen=True, slots=True)
class KindLook:
    """One kind of source that can be read."""

    scheme: str
    what: str
    package: str
    """`mechexo`, or the package that adds it."""
    fault: str = ""
    """Why it cannot be loaded."""


def look_at_sources(settings: CostSettings, root: Path) -> tuple[SourceLook, ...]:
    """Opens each configured source and reads its times; what fails is told with its source."""
    return tuple(_look(setting, columns, settings, root) for setting, columns in SETTINGS.items())


def fault_of(setting: str, settings: CostSettings, root: Path) -> str:
    """Why the source of a setting does not open, or does not fit its mapping; "" when it does.

    Opens it and looks at its columns; reads no rows of a file, and asks a database for none.
    """
    columns = SETTINGS[setting]
    wanted = columns.with_tags(settings.tags) if setting == "fills" else columns
    try:
        its = feed(setting, wanted, settings, root)
        time_column = its.mapping.get("ts", "ts") if wanted.times == ("ts",) else None
        with closing(its.source.batches(_NEVER, time_column)) as batches:
            for table in next(batches, ()):
                typed_rows(table, its, ALWAYS, also_unreadable=True)
                break
    except MechexoError as error:
        return str(error)
    return ""


def look_at_kinds() -> tuple[KindLook, ...]:
    """What can be read: files, our own schemes, and those that other packages add."""
    ours = [KindLook("", "Parquet and CSV files, by a path or glob.", "mechexo")]
    for scheme, (module, _) in sorted(BUILT_IN.items()):
        text = import_module(f"mechexo.costs.sources.{module}").__doc__ or ""
        first, _, _ = text.partition("\n\n")
        ours.append(KindLook(scheme, " ".join(first.split()), "mechexo"))
    added = []
    for scheme, entry in sorted(added_kinds().items()):
        package = entry.dist.name if entry.dist else entry.value
        fault = "mechexo's own kind comes first" if scheme in BUILT_IN else ""
        try:
            entry.load()
        except Exception as error:  # noqa: BLE001 - a package's failure is what is told
            fault = f"{type(error).__name__}: {error}"
        added.append(KindLook(scheme, entry.value, package, fault))
    return (*ours, *added)


def _look(setting: str, columns: Columns, settings: CostSettings, root: Path) -> SourceLook:
    address = redact(getattr(settings, setting))
    if not address:
        return SourceLook(setting, "", False)
    wanted = columns.with_tags(settings.tags) if setting == "fills" else columns
    try:
        found = _measured(feed(setting, wanted, settings, root))
    except MechexoError as error:
        return SourceLook(setting, address, False, str(error))
    return SourceLook(
        setting,
        address,
        True,
        rows=found.rows,
        columns=tuple(name for name in wanted.kinds if name in found.present),
        lacking=tuple(name for name in wanted.optional if name not in found.present),
        first_at=found.first,
        newest_at=found.newest,
        unreadable=found.unreadable,
    )


@dataclass(slots=True)
class _Found:
    rows: int = 0
    present: frozenset[str] = frozenset()
    first: datetime | None = None
    newest: datetime | None = None
    unreadable: int | None = None


def _measured(its: Feed) -> _Found:
    found = _Found()
    time_column = its.mapping.get("ts", "ts") if its.columns.times == ("ts",) else None
    if isinstance(its.source, Measured) and time_column is not None:
        extent = its.source.extent(time_column)
        _add(found, extent.edges, its)
        found.rows = extent.rows
        return found
    with closing(its.source.batches(ALWAYS, time_column)) as batches:
        for batch in batches:
            for table in batch:
                _add(found, table, its)
            if countable(its):
                found.unreadable = (found.unreadable or 0) + its.unreadable_of(batch, ALWAYS)
    return found


def _add(found: _Found, table: RawTable, its: Feed) -> None:
    rows, present = typed_rows(table, its, ALWAYS, also_unreadable=True)
    try:
        with interrupts_told():
            times = [name for name in its.columns.times if name in present]
            nothing = pl.lit(None, dtype=pl.Datetime("us", "UTC"))
            counted = rows.select(
                rows=pl.len(),
                naive=pl.col(NAIVE).any(),
                first=pl.min_horizontal(*(pl.col(name).min() for name in times), nothing),
                newest=pl.max_horizontal(*(pl.col(name).max() for name in times), nothing),
            ).collect(engine="streaming")
    except (PolarsError, PanicException, OSError) as error:
        raise unreadable(table.where, error, table.cure) from error
    row = counted.row(0, named=True)
    if row["naive"] and its.naive_zone is None:
        raise naive_times(table.where)
    found.rows += row["rows"]
    found.present |= present
    found.first = min(filter(None, (found.first, row["first"])), default=None)
    found.newest = max(filter(None, (found.newest, row["newest"])), default=None)
