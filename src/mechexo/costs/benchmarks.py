"""Prices that an order's average is held against: VWAP, TWAP, the close.

Intervals are [start, end], both ends included. All of them come from running sums per symbol, read
at the two ends, so that many orders over many rows cost one pass.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from mechexo.costs.matching import KeySpace, known_before, numbered
from mechexo.costs.quotes import Quotes
from mechexo.costs.session_days import day_begins, session_day


def vwap(intervals: pl.DataFrame, trades: pl.DataFrame) -> pl.DataFrame:
    """The volume-weighted average price of the market's trades in each interval.

    Args:
        intervals: symbol, start, end (UTC, us; start <= end).
        trades: ts, symbol, price, size.

    Returns:
        For each interval in order: vwap (null without a trade in it) and volume.
    """
    valid = trades.filter(_positive("price") & _positive("size")).sort("ts", maintain_order=True)
    sums = valid.with_columns(
        amount=(pl.col("price") * pl.col("size")).cum_sum().over("symbol"),
        volume=pl.col("size").cum_sum().over("symbol"),
    )
    before = _at(intervals, "start", sums, ("amount", "volume"), strictly=True)
    until = _at(intervals, "end", sums, ("amount", "volume"), strictly=False)
    amount = until["amount"].fill_null(0.0) - before["amount"].fill_null(0.0)
    volume = until["volume"].fill_null(0.0) - before["volume"].fill_null(0.0)
    frame = pl.DataFrame({"amount": amount, "volume": volume})
    return frame.select(
        vwap=pl.when(pl.col("volume") > 0).then(pl.col("amount") / pl.col("volume")),
        volume="volume",
    )


def twap(intervals: pl.DataFrame, quotes: Quotes) -> pl.DataFrame:
    """The time-weighted average mid of each interval, the mid standing from quote to quote.

    Args:
        intervals: symbol, start, end (UTC, us; start <= end).
        quotes: of their symbols.

    Returns:
        For each interval in order: twap (null where no valid quote stood; the mid at that moment
        for an interval without length) and covered, the share of the interval with a valid quote.
    """
    symbols = pl.DataFrame(
        {"sid": range(len(quotes.symbols)), "symbol": quotes.symbols},
        schema={"sid": pl.Int64, "symbol": pl.String},
    )
    mid = (pl.col("bid") + pl.col("ask")) / 2
    stood = (pl.col("ts").shift(-1) - pl.col("ts")).dt.total_microseconds().over("sid").fill_null(0)
    known = pl.when(mid.is_not_null()).then(stood).otherwise(0)
    # The sums up to each row, without what it adds itself.
    sums = quotes.frame.join(symbols, on="sid", how="left", maintain_order="left").with_columns(
        mid=mid,
        since="ts",
        amount=((known * mid.fill_null(0.0)).cum_sum().over("sid") - known * mid.fill_null(0.0)),
        known=(known.cum_sum().over("sid") - known),
    )
    columns = ("amount", "known", "mid", "since")
    ends = [_at(intervals, name, sums, columns, strictly=False) for name in ("start", "end")]

    def so_far(found: pl.DataFrame, moment: pl.Series, name: str) -> pl.Series:
        extra = (moment - found["since"]).dt.total_microseconds()
        standing = found["mid"].is_not_null()
        share = extra * (found["mid"] if name == "amount" else pl.Series([1.0] * len(extra)))
        return found[name].fill_null(0.0) + share.zip_with(standing, share * 0.0).fill_null(0.0)

    amount, lasted = (
        so_far(ends[1], intervals["end"], name) - so_far(ends[0], intervals["start"], name)
        for name in ("amount", "known")
    )
    whole = (intervals["end"] - intervals["start"]).dt.total_microseconds()
    frame = pl.DataFrame(
        {"amount": amount, "lasted": lasted, "whole": whole, "at_start": ends[0]["mid"]}
    )
    return frame.select(
        twap=pl.when(pl.col("lasted") > 0)
        .then(pl.col("amount") / pl.col("lasted"))
        .when(pl.col("whole") == 0)
        .then(pl.col("at_start")),
        covered=pl.when(pl.col("whole") > 0).then(pl.col("lasted") / pl.col("whole")),
    )


def closing_moment(
    moment: datetime, zone: ZoneInfo, closes: time | None, day_starts: time = time(0)
) -> datetime:
    """When the session day of a moment closes, in UTC: at `closes`, or with its end where none is
    set."""
    following = session_day(moment, zone, day_starts).name + timedelta(days=1)
    end = day_begins(following, zone, day_starts)
    if closes is None or closes == day_starts:
        return end
    # The last time before the end at which the clock shows it.
    on = end.astimezone(zone).date()
    on = on if closes < day_starts else on - timedelta(days=1)
    return datetime.combine(on, closes, zone).astimezone(UTC)


def closing_mids(points: pl.DataFrame, quotes: Quotes) -> pl.Series:
    """The last valid mid of the day before each closing moment, however old it is.

    Args:
        points: symbol, closes_at, day_start (UTC, us).
        quotes: of their symbols.
    """
    symbols = pl.DataFrame(
        {"sid": range(len(quotes.symbols)), "symbol": quotes.symbols},
        schema={"sid": pl.Int64, "symbol": pl.String},
    )
    valid = quotes.frame.filter(pl.col("ref_ts").is_not_null()).select(
        "sid", "ts", mid=(pl.col("bid") + pl.col("ask")) / 2, at="ts"
    )
    named = valid.join(symbols, on="sid", how="left", maintain_order="left")
    found = _at(points, "closes_at", named, ("mid", "at"), strictly=False)
    own_day = (found["at"] >= points["day_start"]).fill_null(False)
    missing = pl.Series([None] * len(points), dtype=pl.Float64)
    return found["mid"].zip_with(own_day, missing) if len(points) else missing


def _at(
    points: pl.DataFrame,
    moment: str,
    rows: pl.DataFrame,
    columns: tuple[str, ...],
    *,
    strictly: bool,
) -> pl.DataFrame:
    """The last row of each point's symbol at (or strictly before) a moment."""
    names = tuple(points["symbol"].unique().sort().to_list())
    left = numbered(points.select("symbol", ts=moment).with_row_index("row"), names)
    right = numbered(rows.select("symbol", "ts", *columns), names).filter(pl.col("sid") >= 0)
    space = KeySpace.over(left["ts"], right["ts"], symbols=len(names), reach_us=1)
    ordered = right.with_columns(space.key()).sort("key", maintain_order=True)
    matched = known_before(
        left.with_columns(space.key()).sort("key", maintain_order=True),
        ordered.select("key", *columns, matched_sid="sid"),
        strictly=strictly,
        reach_us=space.span_us,
    )
    own = pl.col("matched_sid") == pl.col("sid")
    return matched.sort("row").select(
        *(pl.when(own).then(pl.col(name)).alias(name) for name in columns)
    )


def _positive(name: str) -> pl.Expr:
    return (pl.col(name).is_finite() & (pl.col(name) > 0)).fill_null(False)
