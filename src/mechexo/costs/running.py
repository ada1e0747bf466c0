"""Pricing a period's fills: reading what is needed, and calling the kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mechexo.costs.rules import QuoteRule
from mechexo.desk import Desk
from mechexo.errors import UsageError
from mechexo.times import in_zone
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    import polars as pl

    from mechexo.costs.dimensions import Grouping
    from mechexo.costs.fills import Fills
    from mechexo.costs.quotes import Quotes
    from mechexo.costs.values import MarkoutPoint, Sensitivity

LAGGED_US = 100_000
"""How much later the sensitivity line lets quotes be known."""

RATES_BACK = timedelta(days=8)
"""How long before the first fill rates are read: longer than the oldest one that is used."""


@dataclass(frozen=True, slots=True)
class Run:
    """A period's fills with their costs, and what they were priced against."""

    fills: Fills
    priced: pl.DataFrame
    """As `costs.markouts.add_markouts` gives them."""
    quotes: Quotes
    rule: QuoteRule
    trades: pl.DataFrame | None
    bars: pl.DataFrame | None
    unreadable: Mapping[str, int] = field(default_factory=dict)
    """Rows of the market's data that could not be read, as in `costs.values.Coverage`."""

    @property
    def newest_quote_at(self) -> datetime | None:
        """The time of the newest quote read."""
        return self.quotes.newest_at


def exchange_zone(desk: Desk) -> ZoneInfo:
    """The zone of days and hours: the exchange's when it is set, else the desk's."""
    return ZoneInfo(desk.settings.costs.zone or desk.settings.desk.zone)


def quote_rule(desk: Desk) -> QuoteRule:
    """The rule that the desk's configuration names."""
    settings = desk.settings.costs
    return QuoteRule(
        max_age=settings.max_age,
        strictly_before=settings.quote_rule == "strictly_before",
        suspect_pct=settings.suspect_pct,
        zone=exchange_zone(desk).key,
        lag_us=settings.lag_us,
        wide_factor=settings.wide_factor,
        venue_expiry=settings.venue_expiry,
    )


def day_start(desk: Desk, moment: datetime) -> datetime:
    """The start, in UTC, of the exchange's calendar day in which a moment lies.

    Market data are read, stored and judged (`wide`) by calendar days, whatever `[costs] day_starts`
    says of the session days that fills are counted by.
    """
    zone = exchange_zone(desk)
    return datetime.combine(moment.astimezone(zone).date(), time(), zone).astimezone(UTC)


def day_end(desk: Desk, moment: datetime) -> datetime:
    """The end, in UTC, of that day: 23, 24 or 25 hours after its start."""
    zone = exchange_zone(desk)
    following = moment.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(following, time(), zone).astimezone(UTC)


def grouping(desk: Desk) -> Grouping:
    """The desk's rules of days, sessions and buckets."""
    from mechexo.costs.dimensions import Grouping

    settings = desk.settings.costs
    return Grouping(
        zone=exchange_zone(desk).key,
        day_starts=settings.day_starts,
        session_opens=settings.session_opens,
        session_closes=settings.session_closes,
        size_buckets=settings.size_buckets,
        tags=settings.tags,
    )


def price_period(
    desk: Desk,
    start: datetime,
    end: datetime,
    *,
    also: tuple[str, ...] = (),
    quotes_of: tuple[datetime, datetime] | None = None,
) -> Run:
    """The fills with start <= time < end, each with its costs and the market after it. Quotes are
    those of the fills' symbols and of those in `also`, of `quotes_of` too where that is longer.

    Raises:
        UsageError: the period is empty or reversed.
        ConfigError: no source is configured, or it does not fit its mapping.
        UnreachableError: a source cannot be read.
    """
    from mechexo.costs.interrupts import interrupts_told

    if start >= end:
        first, last = (in_zone(moment, desk.zone) for moment in (start, end))
        raise UsageError(f"the period from {first} to {last} is empty: it must end after its start")
    with interrupts_told():
        return _priced(desk, start, end, also, quotes_of or (start, end))


def _priced(
    desk: Desk,
    start: datetime,
    end: datetime,
    also: tuple[str, ...],
    quotes_of: tuple[datetime, datetime],
) -> Run:
    from mechexo.costs.fills import normalise_fills
    from mechexo.costs.kernel import price_fills
    from mechexo.costs.markouts import add_markouts
    from mechexo.costs.quotes import normalise_quotes
    from mechexo.costs.sources.protocol import Window
    from mechexo.costs.sources.reading import (
        read_bars,
        read_fills,
        read_quotes,
        read_rates,
        read_trades,
    )

    settings, root, rule = desk.settings.costs, desk.root, quote_rule(desk)
    rates = read_rates(settings, root, Window(start - RATES_BACK, end))
    fills = normalise_fills(
        read_fills(settings, root, Window(start, end)).frame,
        settings.currency,
        rates=rates.frame if rates else None,
        tags=settings.tags,
    )
    symbols = tuple(sorted({*fills.accepted["symbol"].unique(), *also}))
    longest = max(settings.horizons, default=timedelta(0))
    # Whole days, so that a day's median spread does not depend on where the period was cut.
    window = Window(
        day_start(desk, min(start - rule.reach, quotes_of[0])),
        day_end(desk, max(end + longest, quotes_of[1])),
        symbols,
    )
    rows = read_quotes(settings, root, window)
    quotes = normalise_quotes(rows.frame, symbols, rule)
    trades, bars = read_trades(settings, root, window), read_bars(settings, root, window)
    read = {"quotes": rows, "trades": trades, "bars": bars, "rates": rates}
    known = {
        "trades": trades.frame if trades else None,
        "bars": bars.frame if bars else None,
    }
    priced = price_fills(fills, quotes, rule, **known)
    priced = add_markouts(priced, quotes, rule, settings.horizons)
    unreadable = {name: each.unreadable for name, each in read.items() if each and each.unreadable}
    return Run(fills, priced, quotes, rule, **known, unreadable=unreadable)


def sensitivity(run: Run) -> tuple[Sensitivity, ...]:
    """What the slippage would be under the other rule for a quote of the fill's own moment, and
    with quotes known later."""
    from mechexo.costs.aggregate import totals
    from mechexo.costs.kernel import price_fills
    from mechexo.costs.values import Sensitivity

    others = (
        replace(run.rule, strictly_before=not run.rule.strictly_before),
        replace(run.rule, lag_us=run.rule.lag_us + LAGGED_US),
    )
    found = []
    for rule in others:
        row = totals(price_fills(run.fills, run.quotes, rule, trades=run.trades, bars=run.bars))
        found.append(Sensitivity(str(rule), row.priced, row.slippage_bps))
    return tuple(found)


def markout_curve(run: Run, horizons: tuple[timedelta, ...]) -> tuple[MarkoutPoint, ...]:
    """The notional-weighted realised spread and impact of the priced fills, by horizon."""
    import polars as pl

    from mechexo.costs.markouts import horizon_label
    from mechexo.costs.values import MarkoutPoint

    points = []
    for horizon in sorted(horizons):
        label = horizon_label(horizon)
        realised = pl.col(f"realised_{label}_ccy")
        known = run.priced.filter(pl.col("reason").is_null() & realised.is_not_null())
        sums = known.select(
            notional=pl.col("notional").sum(),
            slippage=pl.col("slippage_ccy").sum(),
            realised=realised.sum(),
            impact=pl.col(f"impact_{label}_ccy").sum(),
            se=pl.col(f"realised_{label}_bps").std() / pl.len().cast(pl.Float64).sqrt(),
        ).row(0, named=True)
        weight = 1e4 / sums["notional"] if len(known) else None
        points.append(
            MarkoutPoint(
                label=label,
                horizon_s=horizon.total_seconds(),
                fills=len(known),
                notional=sums["notional"],
                slippage_bps=weight and weight * sums["slippage"],
                realised_bps=weight and weight * sums["realised"],
                impact_bps=weight and weight * sums["impact"],
                markout_bps=weight and -weight * sums["realised"],
                se_bps=sums["se"],
            )
        )
    return tuple(points)
