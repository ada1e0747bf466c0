"""One day's costs, and what they add up to: a pure function of its fills and quotes around the
reading of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta

import polars as pl

from mechexo.costs.coverage import covered, unrated_among
from mechexo.costs.day_aside import (
    MANY,
    NEEDED,
    NONE_UNRATED,
    TEXTS,
    counted,
    never_count,
    set_aside,
)
from mechexo.costs.engine import Day
from mechexo.costs.engine_files import DayFeed
from mechexo.costs.engine_fills import AllFills, FillsByDay, id_range
from mechexo.costs.engine_quotes import QuotesByDay
from mechexo.costs.fills import Fills
from mechexo.costs.interrupts import interrupts_told
from mechexo.costs.kernel import price_fills
from mechexo.costs.market_days import add_adv
from mechexo.costs.markouts import add_markouts
from mechexo.costs.matching import numbered, sorted_by
from mechexo.costs.merging import Partial, Question, partial_of_pieces, piece_of
from mechexo.costs.plain_fills import NotPlainError, PlainFills, plain_fills
from mechexo.costs.plain_ledger import PlainLedger
from mechexo.costs.plain_sums import OTHER_WAYS, PlainSums, plain_sums
from mechexo.costs.quotes import Quotes, of_symbols
from mechexo.costs.rules import QuoteRule
from mechexo.costs.sources.protocol import Window
from mechexo.costs.values import Coverage
from mechexo.errors import MechexoError
from mechexo.value_classes import dataclass

ROWS_AT_ONCE = 100_000
"""So many fills at a time are priced in the general way."""
_ROW = "place among the day's fills"
_NONE_OUTSIDE = pl.DataFrame(
    schema={
        "fill_id": pl.String(),
        "ts": pl.Datetime("us", "UTC"),
        "symbol": pl.String(),
        "reason": pl.String(),
        "suspect": pl.Boolean(),
    }
)


@dataclass(frozen=True, slots=True)
class OtherRule:
    """The same fills under another rule for the reference."""

    rule: str
    priced: int
    slippage_ccy: float
    notional: float


@dataclass(frozen=True, slots=True)
class DayPart:
    """What one day's fills add up to, and what is needed to look at them again."""

    day: Day
    partials: tuple[Partial, ...]
    """Those of the plain fills and of the others."""
    ledger: pl.DataFrame | None
    """Of the others: see `costs.merging.partial_of`."""
    plain: PlainLedger | None
    aside: pl.DataFrame | None
    """Fills outside the figures that are not in all this (`costs.day_aside`)."""
    ids: pl.Series
    """A hash of each accepted fill's id."""
    id_range: tuple[str, str] | None
    """The first and the last of them in the order of texts."""
    columns: tuple[str, ...]
    """Those of the fills that dimensions may be made of."""
    coverage: Coverage
    residual_bps: float | None
    newest_fill_at: datetime | None
    newest_quote_at: datetime | None
    """Of these fills' symbols, in all of the period."""
    others: tuple[OtherRule, ...] = ()


@dataclass(frozen=True, slots=True)
class _Others:
    """What the fills that are not plain add up to."""

    partial: Partial
    ledger: pl.DataFrame
    residual_bps: float | None
    outside: pl.DataFrame
    unrated: pl.DataFrame


@dataclass(frozen=True, slots=True)
class DayPricing:
    """Prices the fills of a day. Called by an engine."""

    fills: AllFills | FillsByDay
    quotes: QuotesByDay
    trades: DayFeed | None
    bars: DayFeed | None
    rule: QuoteRule
    horizons: tuple[timedelta, ...]
    question: Question
    other_rules: tuple[QuoteRule, ...] = ()
    volumes: pl.DataFrame | None = None
    """symbol and adv: the average daily volume, when somebody groups by it."""
    unreadable: Mapping[str, int] = field(default_factory=dict)
    """Rows of the market's data that could not be read in all of the period, as in
    `costs.values.Coverage`: those without a time are of every day."""

    def __call__(self, day: Day) -> DayPart:
        """Prices a day.

        Raises:
            ConfigError: a source does not fit its mapping.
            UnreachableError: a source cannot be read.
            MechexoError: a fill's parts do not add up.
        """
        with interrupts_told():
            fills, quotes, known = self._read(day)
            accepted = self._with_volumes(fills.accepted)
            plain, rest, aside = self._plain(accepted, quotes)
            # A day without fills adds up to something too: to frames without rows.
            needed = plain is None or not rest.is_empty()
            others = self._others(rest, quotes, known) if needed else None
            partials = tuple(each.partial for each in (plain, others) if each is not None)
            residuals = [each.residual_bps for each in (plain, others) if each is not None]
            return DayPart(
                day=day,
                partials=partials,
                ledger=None if others is None else others.ledger,
                plain=None if plain is None else plain.ledger,
                aside=aside,
                ids=accepted["fill_id"].hash(),
                id_range=id_range(accepted["fill_id"]),
                columns=(*accepted.columns, "notional"),
                coverage=covered(
                    *counted(partials, self.question),
                    _NONE_OUTSIDE if others is None else others.outside,
                    fills.rejected,
                    NONE_UNRATED if others is None else others.unrated,
                ),
                residual_bps=max((each for each in residuals if each is not None), default=None),
                newest_fill_at=_newest(accepted["ts"]),
                newest_quote_at=None if quotes.later is None else _newest(quotes.later["end"]),
                others=tuple(
                    self._under(rule, accepted, quotes, known) for rule in self.other_rules
                ),
            )

    def priced(self, day: Day) -> pl.DataFrame:
        """The fills of a day with their costs, as `costs.markouts.add_markouts` gives them."""
        with interrupts_told():
            fills, quotes, known = self._read(day)
            return self._price(fills.accepted, quotes, known)

    def _read(self, day: Day) -> tuple[Fills, Quotes, Mapping[str, pl.DataFrame | None]]:
        fills = self.fills.of(day)
        quotes = self.quotes.of(day, fills.accepted)
        known = {"trades": self._lower(self.trades, fills), "bars": self._lower(self.bars, fills)}
        return fills, quotes, known

    def _price(
        self, fills: pl.DataFrame, quotes: Quotes, known: Mapping[str, pl.DataFrame | None]
    ) -> pl.DataFrame:
        priced = price_fills(_only(fills), quotes, self.rule, **known)
        return add_markouts(priced, quotes, self.rule, self.horizons)

    def _plain(
        self, fills: pl.DataFrame, quotes: Quotes
    ) -> tuple[PlainSums | None, pl.DataFrame, pl.DataFrame | None]:
        """What the plain fills add up to, the other fills, and those of them that are set aside."""
        if OTHER_WAYS.intersection(self.question.dimensions):
            return None, fills, None
        plain, rest = _parted(fills, quotes, self.rule, self.horizons)
        if plain is None:
            return None, fills, None
        try:
            sums = plain_sums(fills, plain, quotes.symbols, self.question)
        except NotPlainError:
            return None, fills, None
        if rest.is_empty() or len(rest) > MANY or not self._never_count(rest):
            return sums, rest, None
        return sums, rest.clear(), set_aside(fills, plain, quotes, self.question)

    def _never_count(self, fills: pl.DataFrame) -> bool:
        return self.trades is None and self.bars is None and never_count(fills)

    def _others(
        self,
        fills: pl.DataFrame,
        quotes: Quotes,
        known: Mapping[str, pl.DataFrame | None],
    ) -> _Others:
        """What fills add up to in the general way, some at a time: it takes room for all that is
        said of a fill."""
        rows = self._narrow(fills, quotes.symbols)
        pieces, insides, outsides, residuals = [], [], [], []
        for start in range(0, max(len(rows), 1), ROWS_AT_ONCE):
            some = rows.slice(start, ROWS_AT_ONCE)
            try:
                priced = self._price(some, of_symbols(quotes, some["sid"]), known)
            except MechexoError:
                self._price(fills, quotes, known)  # says which fill it is
                raise
            pieces.append(piece_of(priced, self.question))
            insides.append(priced.select(pl.col(_ROW).filter(pl.col("reason").is_null()))[_ROW])
            outsides.append(_outside(priced))
            residuals.append(priced["residual_bps"].max())
        partial, ledger = partial_of_pieces(pieces, self.question)
        return _Others(
            partial,
            ledger,
            max((each for each in residuals if isinstance(each, float)), default=None),
            _with_ids(pl.concat(outsides), fills),
            _unrated(pl.concat(insides), fills),
        )

    def _under(
        self,
        rule: QuoteRule,
        fills: pl.DataFrame,
        quotes: Quotes,
        known: Mapping[str, pl.DataFrame | None],
    ) -> OtherRule:
        """The same fills under another rule."""
        plain, rest = _parted(fills, quotes, rule, ())
        try:
            count, slippage, notional = (0, 0.0, 0.0) if plain is None else plain.slippage()
        except NotPlainError:
            count, slippage, notional, plain, rest = 0, 0.0, 0.0, None, fills
        if not rest.is_empty() and (plain is None or not self._never_count(rest)):
            priced = price_fills(_only(self._narrow(rest, quotes.symbols)), quotes, rule, **known)
            inside = priced.filter(pl.col("reason").is_null())
            sums = inside.select(pl.col("slippage_ccy", "notional").sum()).row(0)
            count, slippage, notional = count + len(inside), slippage + sums[0], notional + sums[1]
        return OtherRule(str(rule), count, slippage, notional)

    def _narrow(self, fills: pl.DataFrame, symbols: tuple[str, ...]) -> pl.DataFrame:
        """What the figures need of the fills, in the order of the quotes: those of a symbol
        together, by time, so that their quotes and sums lie together too. Texts are a number each;
        `_ROW` says which fill it is."""
        asked = {*NEEDED, *self.question.dimensions}
        texts = [name for name in fills.columns if name in asked and name in TEXTS]
        rows = fills.select(name for name in fills.columns if name in asked).with_columns(
            pl.col(texts).cast(pl.Categorical)
        )
        order, sid = sorted_by(numbered(rows.select("symbol"), symbols)["sid"])
        # What is the same for all fills need not be moved.
        alike = [each.name for each in rows.iter_columns() if _is_one_value(each)]
        first = (pl.lit(rows[name][0], dtype=rows.schema[name]).alias(name) for name in alike)
        moved = rows.select(pl.exclude(alike).gather(order)) if alike else rows[order]
        return moved.with_columns(order.alias(_ROW), sid.alias("sid"), *first)

    def _with_volumes(self, fills: pl.DataFrame) -> pl.DataFrame:
        return fills if self.volumes is None else add_adv(fills, self.volumes)

    def _lower(self, feed: DayFeed | None, fills: Fills) -> pl.DataFrame | None:
        """The rows of a lower rung that may be a reference of these fills."""
        if feed is None:
            return None
        first, last = fills.accepted["ts"].min(), fills.accepted["ts"].max()
        if not isinstance(first, datetime) or not isinstance(last, datetime):
            return feed.read(Window(self.quotes.window.start, self.quotes.window.start))
        lags = [self.rule.lag_us, *(rule.lag_us for rule in self.other_rules)]
        reach = self.rule.usable_age + timedelta(microseconds=max(lags))
        symbols = tuple(fills.accepted["symbol"].cast(pl.String).unique().sort().to_list())
        window = Window(first - reach, last + timedelta(microseconds=1), symbols)
        return feed.read(window)


def _only(fills: pl.DataFrame) -> Fills:
    return Fills(fills, pl.DataFrame())


def _parted(
    fills: pl.DataFrame, quotes: Quotes, rule: QuoteRule, horizons: tuple[timedelta, ...]
) -> tuple[PlainFills | None, pl.DataFrame]:
    """The plain fills, None when there are none; and the others."""
    if fills.is_empty() or quotes.frame.is_empty():
        return None, fills
    plain = plain_fills(fills, quotes, rule, horizons)
    return (plain, fills[plain.others]) if len(plain) else (None, fills)


def _outside(priced: pl.DataFrame) -> pl.DataFrame:
    """The fills outside the figures."""
    rows = priced.select(_ROW, "ts", "symbol", "reason", "suspect")
    return rows.filter(pl.col("reason").is_not_null())


def _with_ids(outside: pl.DataFrame, fills: pl.DataFrame) -> pl.DataFrame:
    """Fills outside the figures in the order of time, each with its id."""
    ordered = outside.sort(_ROW)
    ids = fills["fill_id"].gather(ordered[_ROW])
    return ordered.with_columns(ids, pl.col("symbol").cast(pl.String))


def _unrated(inside: pl.Series, fills: pl.DataFrame) -> pl.DataFrame:
    """The fills whose commission is in a currency without a rate, in the order of time, of those at
    these places, which are in the figures."""
    rows = fills.select("fill_id", "ts", "symbol", "unrated_currency").with_row_index(_ROW)
    return unrated_among(rows, pl.col(_ROW).is_in(inside.implode()))


def _is_one_value(column: pl.Series) -> bool:
    if not len(column):
        return False
    if column.null_count():
        return column.null_count() == len(column)
    return bool(column.dtype.is_numeric() and column.min() == column.max())


def _newest(moments: pl.Series) -> datetime | None:
    newest = moments.max()
    return newest if isinstance(newest, datetime) else None
