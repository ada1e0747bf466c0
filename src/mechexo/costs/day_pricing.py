"""One day's costs, and what they add up to: a pure function of its fills and quotes around the
reading of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from mechexo.costs.coverage import coverage
from mechexo.costs.engine import Day
from mechexo.costs.engine_files import DayFeed
from mechexo.costs.engine_fills import AllFills, FillsByDay, id_range
from mechexo.costs.engine_quotes import QuotesByDay
from mechexo.costs.fills import Fills
from mechexo.costs.interrupts import interrupts_told
from mechexo.costs.kernel import price_fills
from mechexo.costs.markouts import add_markouts
from mechexo.costs.merging import Partial, Question, partial_of
from mechexo.costs.quotes import Quotes
from mechexo.costs.rules import QuoteRule
from mechexo.costs.sources.protocol import Window
from mechexo.costs.values import Coverage


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
    partial: Partial
    ledger: pl.DataFrame
    """See `costs.merging.partial_of`."""
    ids: pl.Series
    """A hash of each accepted fill's id."""
    id_range: tuple[str, str] | None
    """The first and the last of them in the order of texts."""
    columns: tuple[str, ...]
    """Of the priced fills."""
    coverage: Coverage
    residual_bps: float | None
    newest_fill_at: datetime | None
    newest_quote_at: datetime | None
    """Of these fills' symbols, in all of the period."""
    others: tuple[OtherRule, ...] = ()


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

    def __call__(self, day: Day) -> DayPart:
        """Prices a day.

        Raises:
            ConfigError: a source does not fit its mapping.
            UnreachableError: a source cannot be read.
            MechexoError: a fill's parts do not add up.
        """
        with interrupts_told():
            priced, fills, quotes, known = self._priced(day)
            partial, ledger = partial_of(priced, self.question)
            residual = priced["residual_bps"].max()
            return DayPart(
                day=day,
                partial=partial,
                ledger=ledger,
                ids=fills.accepted["fill_id"].hash(),
                id_range=id_range(fills.accepted["fill_id"]),
                columns=tuple(priced.columns),
                coverage=coverage(fills, priced),
                residual_bps=residual if isinstance(residual, float) else None,
                newest_fill_at=_newest(priced["ts"]),
                newest_quote_at=None if quotes.later is None else _newest(quotes.later["end"]),
                others=tuple(
                    _under(price_fills(fills, quotes, rule, **known), rule)
                    for rule in self.other_rules
                ),
            )

    def priced(self, day: Day) -> pl.DataFrame:
        """The fills of a day with their costs, as `costs.markouts.add_markouts` gives them."""
        with interrupts_told():
            return self._priced(day)[0].with_columns(pl.col("symbol").cast(pl.String))

    def _priced(
        self, day: Day
    ) -> tuple[pl.DataFrame, Fills, Quotes, Mapping[str, pl.DataFrame | None]]:
        read = self.fills.of(day)
        # The few symbols of many fills, as a number each from here on.
        accepted = read.accepted.with_columns(pl.col("symbol").cast(pl.Categorical))
        fills = Fills(accepted, read.rejected)
        quotes = self.quotes.of(day, accepted)
        known = {"trades": self._lower(self.trades, fills), "bars": self._lower(self.bars, fills)}
        priced = price_fills(fills, quotes, self.rule, **known)
        return add_markouts(priced, quotes, self.rule, self.horizons), fills, quotes, known

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


def _newest(moments: pl.Series) -> datetime | None:
    newest = moments.max()
    return newest if isinstance(newest, datetime) else None


def _under(priced: pl.DataFrame, rule: QuoteRule) -> OtherRule:
    count, slippage, notional = (
        priced.filter(pl.col("reason").is_null())
        .select(pl.len(), pl.col("slippage_ccy").sum(), pl.col("notional").sum())
        .row(0)
    )
    return OtherRule(str(rule), count, slippage, notional)
