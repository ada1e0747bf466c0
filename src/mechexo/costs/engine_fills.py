"""A period's fills by exchange day, as one pass over all of them would take them.

Few enough are read at once. More are read day by day: what only shows over all days (an id used on
two of them, a fill taken back on a later one) is found out beside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from mechexo.config.costs import CostSettings
from mechexo.costs.engine import Day
from mechexo.costs.engine_files import DayFeed, KnownFiles, by_window, scanned
from mechexo.costs.fills import USED_BEFORE, Fills, normalise_fills
from mechexo.costs.sources.corrections import Corrections
from mechexo.costs.sources.protocol import Window
from mechexo.costs.sources.reading import Feed, corrections_of, standing_fills
from mechexo.costs.store import day_bounds, market_day
from mechexo.value_classes import dataclass

BYTES_A_FILL = 240
"""What a fill takes in memory while its day is priced, at most, which goes some fills at a time."""
BYTES_A_HORIZON = 25
"""And for each horizon of markouts beside."""
_BYTES_READ = 300
"""What a fill takes that waits for its day."""
_BYTES_A_HASH = 40
"""What the hash of an id takes while they are counted."""
_DAY = "exchange day"


@dataclass(frozen=True, slots=True)
class AllFills:
    """All fills of the period, checked together."""

    by_day: Mapping[date, pl.DataFrame]
    rejected: Mapping[date, pl.DataFrame]
    """By the day that tells of them; the first one also of those without a time."""
    none: Fills
    """None, with all columns."""

    def of(self, day: Day) -> Fills:
        """The fills of a day."""
        return Fills(
            self.by_day.get(day.name, self.none.accepted),
            self.rejected.get(day.name, self.none.rejected),
        )

    def symbols(self) -> tuple[str, ...]:
        """Those of all fills, sorted."""
        each = (day["symbol"].unique().cast(pl.String) for day in self.by_day.values())
        return tuple(sorted({name for names in each for name in names}))


@dataclass(frozen=True, slots=True)
class FillsByDay:
    """Fills that are read when their day's turn comes."""

    feed: DayFeed
    window: Window
    """The period."""
    currency: str
    rates: pl.DataFrame | None
    tags: tuple[str, ...]
    first: date
    """The day that tells of the rows without a readable time."""
    corrections: Corrections | None
    """None in a source without any."""
    used: Mapping[date, frozenset[str]]
    """Ids on a day that an earlier one used already."""

    def of(self, day: Day) -> Fills:
        """The fills of a day.

        Raises:
            ConfigError: the source does not fit its mapping.
            UnreachableError: it cannot be read.
        """
        fills = normalise_fills(self.rows(day), self.currency, rates=self.rates, tags=self.tags)
        again = self.used.get(day.name)
        if not again:
            return fills
        used = pl.col("fill_id").is_in(list(again))
        late = fills.accepted.filter(used).select(
            "fill_id", "ts", "symbol", reason=pl.lit(USED_BEFORE)
        )
        rejected = pl.concat([fills.rejected, late]).sort("ts", "fill_id", maintain_order=True)
        return Fills(fills.accepted.filter(~used), rejected)

    def symbols(self) -> tuple[str, ...]:
        """Those of all rows, sorted; of rows that are no fills too.

        Raises:
            UnreachableError: the source cannot be read.
        """
        found = scanned(self.feed.feed, self.window, lambda rows: rows.select("symbol").unique())
        return tuple(found["symbol"].drop_nulls().unique().sort()) if len(found) else ()

    def rows(self, day: Day) -> pl.DataFrame:
        """The rows of a day as they are to be checked."""
        rows = self.feed.read(Window(day.start, day.end))
        if day.name != self.first:
            rows = rows.filter(pl.col("ts").is_not_null())
        if self.corrections is None:
            return rows
        timeless = day.name == self.first
        return self.corrections.standing(rows, day.start, day.end, timeless=timeless)


def fills_of_period(
    feed: Feed,
    settings: CostSettings,
    window: Window,
    zone: str,
    rates: pl.DataFrame | None,
) -> tuple[tuple[Day, ...], AllFills | FillsByDay]:
    """The days of a period that have fills, and their fills.

    Args:
        feed: the source of fills.
        settings: the desk's.
        window: the period.
        zone: the exchange's.
        rates: rates to the base currency, of the whole period.

    Raises:
        ConfigError: the source does not fit its mapping.
        UnreachableError: it cannot be read.
    """
    known = by_window(feed, window, settings.workers)
    if isinstance(known.feed.source, KnownFiles):
        rows = sum(each.rows for each in known.feed.source.extents)
        if rows * _BYTES_READ > settings.memory_mb * 1_000_000 // 4:
            corrections = None
            if known.present is None or "correction" in known.present:
                # The files whose extents are known are those of the period; these may come later.
                corrections = corrections_of(feed, window)
            return _day_by_day(known, settings, window, zone, rates, corrections)
    checked = normalise_fills(
        standing_fills(feed, known.read(window), window),
        settings.currency,
        rates=rates,
        tags=settings.tags,
    )
    timeless = checked.rejected.filter(pl.col("ts").is_null())
    accepted = _parted(checked.accepted, zone)
    rejected = _parted(checked.rejected.filter(pl.col("ts").is_not_null()), zone)
    # One day also of a period without fills, so that there is something to say that of.
    names = sorted({*accepted, *rejected}) or [window.start.astimezone(ZoneInfo(zone)).date()]
    if not timeless.is_empty():
        own = [rejected[names[0]]] if names[0] in rejected else []
        rejected[names[0]] = pl.concat([timeless, *own])
    size = _bytes_a_fill(settings)
    days = tuple(_day(name, window, zone, len(accepted.get(name, ())) * size) for name in names)
    none = Fills(checked.accepted.head(0), checked.rejected.head(0))
    return days, AllFills(accepted, rejected, none)


def _parted(rows: pl.DataFrame, zone: str) -> dict[date, pl.DataFrame]:
    parts = rows.with_columns(market_day(zone).alias(_DAY)).partition_by(
        _DAY, maintain_order=True, as_dict=True, include_key=False
    )
    return {name: part for (name,), part in parts.items()}


def _day(name: date, window: Window, zone: str, size: float) -> Day:
    start, end = day_bounds(name, zone)
    return Day(name, max(start, window.start), min(end, window.end), int(size) // 1_000_000)


def _bytes_a_fill(settings: CostSettings) -> int:
    return BYTES_A_FILL + BYTES_A_HORIZON * len(settings.horizons)


def _day_by_day(
    feed: DayFeed,
    settings: CostSettings,
    window: Window,
    zone: str,
    rates: pl.DataFrame | None,
    corrections: Corrections | None,
) -> tuple[tuple[Day, ...], FillsByDay]:
    assert isinstance(feed.feed.source, KnownFiles)
    place = ZoneInfo(zone)
    fills: dict[date, float] = {}
    for each in feed.feed.source.extents:
        if each.first is None or each.last is None:
            continue
        covered = _dates(each.first.astimezone(place).date(), each.last.astimezone(place).date())
        for name in covered:
            fills[name] = fills.get(name, 0.0) + each.rows / len(covered)
    names = sorted(fills) or [window.start.astimezone(place).date()]
    size = _bytes_a_fill(settings)
    days = tuple(_day(name, window, zone, fills.get(name, 0.0) * size) for name in names)
    return days, FillsByDay(
        feed, window, settings.currency, rates, settings.tags, names[0], corrections, {}
    )


def _dates(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def id_range(ids: pl.Series) -> tuple[str, str] | None:
    """The first and the last of some ids in the order of texts; None of none."""
    if not len(ids):
        return None
    ends = (ids[0], ids[-1]) if ids.is_sorted() else (ids.min(), ids.max())
    return str(ends[0]), str(ends[1])


def used_before(
    fills: FillsByDay,
    days: tuple[Day, ...],
    ids: Iterable[pl.DataFrame],
    memory_mb: int,
) -> FillsByDay | None:
    """The same fills knowing which ids of which days an earlier day used; None when none is.

    Args:
        fills: the fills that were read.
        days: their days.
        ids: for each of these days, in their order, `hash`: of every id that was accepted.
        memory_mb: about how much may be used.
    """
    count = sum(map(len, ids))
    slices = 1 + count * _BYTES_A_HASH // (memory_mb * 1_000_000 // 4)
    own = pl.col("hash") % slices
    twice = []
    for number in range(slices):
        part = pl.concat([each.filter(own == number) for each in ids])["hash"]
        if part.n_unique() < len(part):
            counted = part.value_counts()
            twice.append(counted.filter(pl.col("count") > 1)["hash"])
    if not twice:
        return None
    suspected = pl.concat(twice).implode()
    seen: set[str] = set()
    used: dict[date, frozenset[str]] = {}
    for day, each in zip(days, ids, strict=True):
        if not each["hash"].is_in(suspected).any():
            continue
        # Two ids may have one hash: what counts are the ids.
        accepted = fills.of(day).accepted["fill_id"]
        named = set(accepted.filter(accepted.hash().is_in(suspected)))
        if named & seen:
            used[day.name] = frozenset(named & seen)
        seen |= named
    return replace(fills, used=used) if used else None
