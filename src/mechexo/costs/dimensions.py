"""What fills can be grouped by: days, times of day, names, sizes.

Days and times are the exchange's: wall clocks of its zone, so that 09:30 is the opening in summer
and in winter. A session day begins with the first moment at which the clock shows `day_starts`;
one that begins past noon is named after the next date, as its evening belongs to that day's trade.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from datetime import date, time
from typing import TYPE_CHECKING, Any

from mechexo.errors import UsageError
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    import polars as pl

NO_VALUE = "(none)"
"""The key of fills that lack a dimension's value."""

DIMENSIONS: Mapping[str, str] = {
    "day": "session date",
    "week": "ISO week of the session date",
    "month": "month of the session date",
    "weekday": "weekday of the session date",
    "hour": "hour, exchange time",
    "half_hour": "half hour, exchange time",
    "time_of_day": "quarter of an hour, exchange time",
    "hour_utc": "hour, UTC",
    "session": "pre, regular, post or auction",
    "symbol": "symbol",
    "side": "buy or sell",
    "strategy": "strategy",
    "venue": "venue",
    "broker": "broker",
    "liquidity": "maker or taker",
    "order_type": "order type",
    "order_id": "order",
    "size": "bucket of the fill's notional",
    "adv": "bucket of the fill's share of the average daily volume",
    "source": "where the reference price came from",
}
"""Every dimension but the desk's own tags, with what it is."""

SOURCES = ("quote", "stale", "trade", "bar", "arrival", "auction", "suspect", "none")
"""Values of `source`, best first; a suspect fill is `suspect` whatever its reference was."""

ADV_EDGES = (0.0001, 0.001, 0.01, 0.05)
"""Where one bucket of the share of average daily volume ends and the next begins."""

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SESSIONS = ("pre", "regular", "post", "auction")
_NOON = time(12)
_DAY_US = 86_400_000_000
_MINUTE_US = 60_000_000
_DAY_MINUTES = 1440


@dataclass(frozen=True, slots=True)
class Grouping:
    """The rules by which fills fall into groups."""

    zone: str = "UTC"
    """The exchange's IANA zone."""
    day_starts: time = time(0)
    session_opens: time | None = None
    """When continuous trading begins, exchange time; without both times every fill's session is
    unknown, unless it was an auction's."""
    session_closes: time | None = None
    size_buckets: tuple[float, ...] = (10_000.0, 100_000.0, 1_000_000.0)
    """Where one bucket of notional ends and the next begins, base currency."""
    tags: tuple[str, ...] = ()
    """The desk's own text columns."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """One dimension of a frame: its value as something that sorts, and that value as text."""

    name: str
    code: pl.Expr
    text: Callable[[Any], str]


def check_dimensions(by: Sequence[str], tags: Sequence[str] = ()) -> None:
    """Refuses what fills cannot be grouped by.

    Raises:
        UsageError: a name is unknown (the closest is named), or stands there twice.
    """
    known = (*DIMENSIONS, *tags)
    for place, name in enumerate(by):
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "known: " + ", ".join(known)
            raise UsageError(f"costs cannot be grouped by {name!r}; {hint}")
        if name in by[:place]:
            raise UsageError(f"costs are grouped by {name!r} twice")


def dimensions_of(
    by: Sequence[str], grouping: Grouping, columns: Sequence[str]
) -> tuple[Dimension, ...]:
    """The dimensions `by` of a frame of priced fills that has `columns`.

    A text column that the frame lacks counts as one without values.

    Raises:
        UsageError: as `check_dimensions`.
    """
    check_dimensions(by, grouping.tags)
    return tuple(_dimension(name, grouping, columns) for name in by)


def session_date(grouping: Grouping) -> pl.Expr:
    """The session date (Date) of `ts` (Datetime, UTC)."""
    import polars as pl

    local = _local(grouping.zone)
    day = local.dt.date()
    if grouping.day_starts == time(0):
        return day
    # Compared as instants, so that an hour that the clock shows twice does not begin a day twice.
    first = day.dt.combine(grouping.day_starts, "us")
    begins = first.dt.replace_time_zone(grouping.zone, ambiguous="earliest", non_existent="null")
    begun = (
        pl.when(begins.is_null())
        .then(local.dt.replace_time_zone(None) >= first)
        .otherwise(local >= begins)
    )
    if grouping.day_starts > _NOON:
        shift = begun.cast(pl.Int32)
    else:
        shift = begun.cast(pl.Int32) - 1
    return (day.cast(pl.Int32) + shift).cast(pl.Date)


def traded_value() -> pl.Expr:
    """A fill's value at its own price, base currency: known also where there is no mid."""
    import polars as pl

    return pl.col("quantity") * pl.col("price") * pl.col("multiplier") * pl.col("fx")


def source() -> pl.Expr:
    """One of `SOURCES`, as text."""
    import polars as pl

    return pl.when("suspect").then(pl.lit("suspect")).otherwise(pl.col("ref_source"))


def _dimension(name: str, grouping: Grouping, columns: Sequence[str]) -> Dimension:
    import polars as pl

    match name:
        case "day":
            return Dimension(name, session_date(grouping), date.isoformat)
        case "week":
            return Dimension(name, session_date(grouping).dt.truncate("1w"), _week)
        case "month":
            first = session_date(grouping).dt.month_start()
            return Dimension(name, first, lambda day: f"{day:%Y-%m}")
        case "weekday":
            number = session_date(grouping).dt.weekday()
            return Dimension(name, number, lambda place: _WEEKDAYS[place - 1])
        case "hour":
            return _clock(name, grouping.zone, 60)
        case "half_hour":
            return _clock(name, grouping.zone, 30)
        case "time_of_day":
            return _clock(name, grouping.zone, 15)
        case "hour_utc":
            return _clock(name, "UTC", 60)
        case "session":
            return Dimension(name, _session(grouping, columns), lambda place: _SESSIONS[place])
        case "side":
            # Buys first.
            return Dimension(name, pl.col("side") < 0, lambda sold: "sell" if sold else "buy")
        case "size":
            edges = tuple(sorted(set(grouping.size_buckets)))
            value = traded_value()
            if "notional" in columns:
                value = pl.coalesce("notional", value)
            return _bucket(name, value, edges, _amount)
        case "adv":
            if "adv" not in columns:
                return _text(name, pl.lit(None, pl.String))
            share = pl.when(pl.col("adv") > 0).then(pl.col("quantity") / pl.col("adv"))
            return _bucket(name, share, ADV_EDGES, lambda edge: f"{edge * 100:.12g}%")
        case "source":
            code = source().replace_strict(SOURCES, range(len(SOURCES)), return_dtype=pl.UInt8)
            return Dimension(name, code, lambda place: SOURCES[place])
        case _:
            known = pl.col(name) if name in columns else pl.lit(None, pl.String)
            return _text(name, known)


def _text(name: str, value: pl.Expr) -> Dimension:
    import polars as pl

    return Dimension(name, value.cast(pl.String).fill_null(NO_VALUE), str)


def _local(zone: str) -> pl.Expr:
    import polars as pl

    return pl.col("ts").dt.convert_time_zone(zone)


def _week(monday: date) -> str:
    year, week, _ = monday.isocalendar()
    return f"{year}-W{week:02}"


def _clock(name: str, zone: str, minutes: int) -> Dimension:
    import polars as pl

    if zone == "UTC":
        # A calendar need not be asked, which takes five times as long.
        minute = (pl.col("ts").dt.epoch("us") // _MINUTE_US % _DAY_MINUTES).cast(pl.Int16)
    else:
        local = _local(zone)
        minute = local.dt.hour().cast(pl.Int16) * 60 + local.dt.minute()
    return Dimension(
        name,
        minute // minutes,
        lambda place: f"{place * minutes // 60:02}:{place * minutes % 60:02}",
    )


def _session(grouping: Grouping, columns: Sequence[str]) -> pl.Expr:
    """The place in `_SESSIONS`; null when the hours are unknown.

    Times count from the start of the session day, so that one through midnight has its order.
    """
    import polars as pl

    start = _us(grouping.day_starts)
    at = (_local(grouping.zone).dt.time().cast(pl.Int64) // 1000 - start) % _DAY_US
    opens, closes = (
        None if clock is None else (_us(clock) - start) % _DAY_US
        for clock in (grouping.session_opens, grouping.session_closes)
    )
    if opens is None and closes is None:
        hours: pl.Expr = pl.lit(None, pl.UInt8)
    else:
        before = pl.lit(False) if opens is None else at < opens
        after = pl.lit(False) if closes is None else at >= closes
        if opens is not None and closes is not None and closes <= opens:
            before, after = pl.lit(False), after & before
        hours = pl.when(before).then(0).when(after).then(2).otherwise(1).cast(pl.UInt8)
    if "auction" not in columns:
        return hours
    return pl.when(pl.col("auction").is_not_null()).then(pl.lit(3, pl.UInt8)).otherwise(hours)


def _us(clock: time) -> int:
    return ((clock.hour * 60 + clock.minute) * 60 + clock.second) * 1_000_000 + clock.microsecond


def _bucket(
    name: str, value: pl.Expr, edges: tuple[float, ...], shown: Callable[[float], str]
) -> Dimension:
    """How many edges a value has reached; an edge itself lies in the bucket that it begins."""
    import polars as pl

    reached = pl.sum_horizontal(
        pl.lit(0, pl.UInt32), *((value >= edge).cast(pl.UInt32) for edge in edges)
    )

    def text(place: int) -> str:
        if not edges:
            return "all"
        if place == 0:
            return f"under {shown(edges[0])}"
        if place == len(edges):
            return f"{shown(edges[-1])} and over"
        return f"{shown(edges[place - 1])} to {shown(edges[place])}"

    return Dimension(name, pl.when(value.is_not_null()).then(reached), text)


def _amount(value: float) -> str:
    for size, letter in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.12g}{letter}"
    return f"{value:.12g}"
