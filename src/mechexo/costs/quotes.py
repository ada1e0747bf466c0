"""Quotes as the kernel takes them: ordered, and each resolved to the quote that stood then."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import polars as pl

from mechexo.costs.consolidating import consolidated
from mechexo.costs.fills import require_zone
from mechexo.costs.matching import KeySpace
from mechexo.costs.rules import QuoteRule
from mechexo.errors import ConfigError
from mechexo.value_classes import dataclass

USED = 0
WITHDRAWN = 1
CROSSED = 2
WIDE = 3


@dataclass(frozen=True, slots=True)
class Quotes:
    """Quotes of some symbols, ordered by (symbol, ts, seq).

    `frame`: sid (place in `symbols`), ts (UTC, us), and the quote that stood after that row:
    ref_ts, bid, ask (all null when none did), kind of the row (0 used, 1 withdrawn, 2 crossed,
    3 wide). A crossed or wide row leaves the valid quote before it standing; a zero, one-sided or
    non-finite one withdraws it.
    """

    frame: pl.DataFrame
    symbols: tuple[str, ...]
    later: pl.DataFrame | None = None
    """sid and end: the last moment of symbols that the source has quotes of beyond these rows, when
    they are only a part of what a period needs."""
    of_fills: pl.Series | None = None
    """The number of the symbol of each fill that they were read for, null where there is none; None
    when that was not found out."""
    newest: datetime | None = None
    """The time of the newest quote where the last row is none, but the end of a venue's."""

    @property
    def newest_at(self) -> datetime | None:
        """The time of the newest quote."""
        if self.newest is not None:
            return self.newest
        newest = self.frame["ts"].max()
        return newest if isinstance(newest, datetime) else None

    def seen(self) -> pl.Series:
        """The numbers of the symbols that have quotes."""
        own = self.frame["sid"].set_sorted().unique()
        return own if self.later is None else pl.concat([own, self.later["sid"]])

    def has(self, numbers: pl.Series) -> pl.Series:
        """Whether each of a few symbols, by their numbers, has quotes."""
        numbers = numbers.cast(pl.Int64)
        if self.later is not None:
            known = numbers.is_in(self.later["sid"].implode())
            if known.all():
                return known
        return numbers.is_in(self.seen().implode())

    def ends(self) -> pl.DataFrame:
        """The last moment of every symbol that has quotes: sid, end."""
        own = self.frame.select("sid", end="ts")
        both = own if self.later is None else pl.concat([own, self.later.select("sid", "end")])
        return both.group_by("sid").agg(pl.col("end").max())


def normalise_quotes(
    rows: pl.DataFrame | pl.LazyFrame, symbols: tuple[str, ...], rule: QuoteRule
) -> Quotes:
    """Orders the quotes of `symbols` and resolves each row to the quote that stood after it.

    Needed columns: ts (aware), symbol, bid, ask. Optional: seq; rows of one symbol and moment are
    ordered by it, and where it is missing or equal by their place in the input. With the rule's
    `venue_expiry`, a column venue: its quotes are brought together (`costs/consolidating.py`).

    Raises:
        MechexoError: ts has no zone.
        ConfigError: quotes of several venues are expected, but no venue is named.
    """
    frame = rows.lazy().collect(engine="in-memory")
    require_zone(frame, "quotes")
    if "seq" not in frame.columns:
        frame = frame.with_columns(seq=pl.lit(None, dtype=pl.Int64))
    placed = frame.filter(pl.col("ts").is_not_null() & pl.col("symbol").is_not_null())
    consolidating = rule.venue_expiry is not None
    if consolidating and frame.is_empty():
        # Without any row it is not known which columns there are: the store has none of that day.
        placed = placed.with_columns(venue=pl.lit(None, dtype=pl.String))
    elif consolidating and "venue" not in frame.columns:
        raise ConfigError(
            "[costs] venue_expiry is set, but the quotes have no column venue; "
            "map it in [costs.quote_columns], or take venue_expiry out"
        )
    typed = placed.select(
        *([pl.col("venue").cast(pl.String)] if consolidating else []),
        sid=pl.col("symbol")
        .cast(pl.String)
        .cast(pl.Enum(symbols), strict=False)
        .to_physical()
        .cast(pl.Int64),
        ts=pl.col("ts").dt.convert_time_zone("UTC").dt.cast_time_unit("us"),
        seq=pl.col("seq").cast(pl.Int64, strict=False),
        bid=pl.col("bid").cast(pl.Float64, strict=False),
        ask=pl.col("ask").cast(pl.Float64, strict=False),
    ).filter(pl.col("sid").is_not_null())
    ordered = in_order(typed)
    if rule.venue_expiry is None:
        return ordered_quotes(ordered, symbols, rule)
    together = consolidated(ordered, rule.venue_expiry)
    newest = ordered["ts"].max()
    return replace(
        ordered_quotes(together, symbols, rule),
        newest=newest if isinstance(newest, datetime) else None,
    )


@dataclass(frozen=True, slots=True)
class Soundness:
    """What was found out about quotes when they were stored."""

    all_sound: bool
    """Whether each is two-sided, finite, above zero and not crossed."""
    widest: float | None
    """No spread is more than this multiple of another of its symbol on a day; None: not known."""


def ordered_quotes(
    ordered: pl.DataFrame,
    symbols: tuple[str, ...],
    rule: QuoteRule,
    *,
    known: Soundness | None = None,
) -> Quotes:
    """Resolves quotes that are in order to the quote that stood after each.

    Args:
        ordered: sid (Int64, place in `symbols`), ts (UTC, us), bid, ask, ordered by (sid, ts, seq).
        symbols: of which the quotes are.
        rule: what a usable quote is.
        known: what need not be found out again.
    """
    if known is not None and known.all_sound and _none_is_wide(known, rule):
        # After each it is that quote itself that stands.
        kind, stood = pl.lit(USED, pl.Int8).alias("kind"), pl.col("ts").alias("ref_ts")
        return Quotes(ordered.select("sid", "ts", kind, stood, "bid", "ask"), symbols)
    return Quotes(_resolved(_classified(ordered, rule, known)), symbols)


def _none_is_wide(known: Soundness | None, rule: QuoteRule) -> bool:
    """Whether that is certain: a median spread lies between the smallest and the largest."""
    return known is not None and known.widest is not None and known.widest <= rule.wide_factor


def of_symbols(quotes: Quotes, numbers: pl.Series) -> Quotes:
    """The quotes from the lowest of these symbols, by their numbers, to the highest: to fills of
    theirs the same as all quotes."""
    first, last = numbers.min(), numbers.max()
    if not isinstance(first, int) or not isinstance(last, int):
        return quotes
    known = quotes.frame["sid"].set_sorted()
    start, end = known.search_sorted(first, "left"), known.search_sorted(last, "right")
    return replace(quotes, frame=quotes.frame.slice(start, end - start))


def in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with sid, ts and perhaps seq ordered by those, nulls first, otherwise as they came."""
    given = rows["seq"] if "seq" in rows.columns else pl.Series([None]).head(0)
    if given.null_count() == len(given) or (given.null_count() == 0 and given.is_sorted()):
        # What came later has the greater seq: a stable sort by one number says it all.
        highest = rows["sid"].max()
        symbols = highest + 1 if isinstance(highest, int) else 0
        space = KeySpace.over(rows["ts"], symbols=symbols, reach_us=0)
        keyed = rows.with_columns(space.key())
        if not keyed["key"].is_sorted():
            keyed = keyed.sort("key", maintain_order=True)
        return keyed.drop("key")
    return rows.sort("sid", "ts", "seq", maintain_order=True, nulls_last=False)


def two_sided() -> pl.Expr:
    """Whether bid and ask are prices."""
    bid, ask = pl.col("bid"), pl.col("ask")
    prices = (bid > 0) & (ask > 0) & (bid + ask).is_finite()
    return (bid.is_finite() & ask.is_finite() & prices).fill_null(False)


def _classified(ordered: pl.DataFrame, rule: QuoteRule, known: Soundness | None) -> pl.DataFrame:
    """Adds the kind of each row; sid, ts, bid, ask, kind."""
    bid, ask = pl.col("bid"), pl.col("ask")
    rows = ordered.select("sid", "ts", "bid", "ask")
    frame = rows.with_columns(kind=pl.lit(USED, pl.Int8))
    all_sound = known is not None and known.all_sound
    if not all_sound and not rows.select((two_sided() & (ask >= bid)).all()).item():
        kind = (
            pl.when(~two_sided())
            .then(pl.lit(WITHDRAWN, pl.Int8))
            .when(ask < bid)
            .then(pl.lit(CROSSED, pl.Int8))
            .otherwise(pl.lit(USED, pl.Int8))
        )
        frame = rows.with_columns(kind=kind)
    if _none_is_wide(known, rule):
        return frame
    usual = _usual_spreads(frame, rule)
    if usual.is_empty():
        return frame
    wide = (pl.col("kind") == USED) & (ask - bid > rule.wide_factor * pl.col("usual"))
    return (
        frame.with_columns(day=_day(rule))
        .join(usual, on=["sid", "day"], how="left", maintain_order="left")
        .with_columns(
            kind=pl.when(wide.fill_null(False))
            .then(pl.lit(WIDE, pl.Int8))
            .otherwise(pl.col("kind"))
        )
        .drop("day", "usual")
    )


def _day(rule: QuoteRule) -> pl.Expr:
    return pl.col("ts").dt.convert_time_zone(rule.zone).dt.date()


def _usual_spreads(frame: pl.DataFrame, rule: QuoteRule) -> pl.DataFrame:
    """The median spread of the symbol-days on which a quote is wide: sid, day, usual.

    A median takes a while, and lies between the narrowest and the widest: a symbol whose widest is
    no such multiple of its narrowest has no wide quote on any day.
    """
    spread = pl.col("ask") - pl.col("bid")
    used = frame.lazy().filter(pl.col("kind") == USED)
    widest = rule.wide_factor * spread.filter(spread > 0).min()
    suspected = (
        used.group_by("sid")
        .agg(low=widest, high=spread.max(), locked=(spread == 0).any())
        .filter((pl.col("high") > pl.col("low")) | pl.col("locked"))
        .collect(engine="streaming")["sid"]
    )
    if suspected.is_empty():
        return pl.DataFrame(schema={"sid": pl.Int64, "day": pl.Date, "usual": pl.Float64})
    return (
        used.filter(pl.col("sid").is_in(suspected.implode()))
        .group_by("sid", _day(rule).alias("day"))
        .agg(usual=spread.median(), widest=spread.max())
        .filter((pl.col("usual") > 0) & (pl.col("widest") > rule.wide_factor * pl.col("usual")))
        .select("sid", "day", "usual")
        .collect(engine="in-memory")
    )


def _resolved(frame: pl.DataFrame) -> pl.DataFrame:
    """Gives each row the quote that stood after it."""
    stands = pl.col("kind") == USED
    if frame.select(stands.all()).item():
        return frame.select("sid", "ts", "kind", ref_ts="ts", bid="bid", ask="ask")
    if frame.select((pl.col("kind") >= CROSSED).any()).item():
        # A symbol's first row stops the look back, so that it never reaches another symbol.
        own = (pl.col("kind") <= WITHDRAWN) | (pl.col("sid") != pl.col("sid").shift(1)).fill_null(
            True
        )
        place = pl.when(own).then(pl.int_range(pl.len())).forward_fill()
        frame = frame.with_columns(place=place).with_columns(
            ref_ts=pl.col("ts").gather(pl.col("place")),
            bid=pl.col("bid").gather(pl.col("place")),
            ask=pl.col("ask").gather(pl.col("place")),
            stands=stands.gather(pl.col("place")),
        )
    else:
        frame = frame.with_columns(ref_ts=pl.col("ts"), stands=stands)
    return frame.select(
        "sid",
        "ts",
        "kind",
        *(pl.when("stands").then(pl.col(name)).alias(name) for name in ("ref_ts", "bid", "ask")),
    )
