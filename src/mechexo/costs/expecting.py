"""What a person can ask of expected costs: the fit on the desk's own orders, and each residual."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.costs.findings import ImpactReport
from mechexo.costs.running import exchange_zone, grouping, price_period
from mechexo.costs.session_days import session_day
from mechexo.desk import Desk
from mechexo.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

DAYS_BACK = 90
"""How far before the period's end the market's days are read: about 60 sessions."""


def impact(desk: Desk, start: datetime, end: datetime) -> ImpactReport:
    """The square-root model fitted on the orders with start <= time < end, and what each cost
    beyond its expectation. A fill without an order is an order by itself; orders of one id are told
    apart by `[costs] orders`, and without it by session days.

    Volatility and volume are of whole session days before `end`.

    Raises:
        UsageError: the period is empty or reversed.
        ConfigError: neither bars nor trades of the market are configured, or a source does not fit.
        UnreachableError: a source cannot be read.
    """
    settings = desk.settings.costs
    if not settings.bars and not settings.trades:
        raise ConfigError(
            "expected costs need the market's days: set [costs] bars (better) or trades"
        )
    from mechexo.costs.impact import DEFAULT_Y, expected_costs, fit_impact, sample_of_fills
    from mechexo.costs.interrupts import interrupts_told
    from mechexo.costs.sources.protocol import Window
    from mechexo.costs.sources.reading import read_orders

    run = price_period(desk, start, end)
    with interrupts_told():
        known = read_orders(settings, desk.root, Window(start, end))
    asked = known.frame if known else None
    sample = sample_of_fills(run.priced, days=grouping(desk), orders=asked)
    symbols = tuple(sample["symbol"].unique().sort())
    facts = average_volumes(desk, end, symbols)
    fit = fit_impact(sample, facts)
    orders = expected_costs(sample, facts, fit)
    return ImpactReport(
        start=start,
        end=end,
        quote_rule=str(run.rule),
        market="bars" if settings.bars else "trades",
        fit=fit,
        y_used=DEFAULT_Y if fit.y is None else fit.y,
        orders=tuple(sorted(orders, key=lambda each: _above(each.residual_bps))),
    )


def average_volumes(
    desk: Desk, end: datetime, symbols: tuple[str, ...] | None = None
) -> pl.DataFrame:
    """The symbols' facts as `market_days.symbol_facts` gives them, of whole session days before
    `end`; of all symbols when None.

    Raises:
        As `market_days_of`.
    """
    from mechexo.costs.market_days import symbol_facts

    last = session_day(end, exchange_zone(desk), desk.settings.costs.day_starts).name
    return symbol_facts(market_days_of(desk, end, symbols), before=last)


def market_days_of(desk: Desk, end: datetime, symbols: tuple[str, ...] | None) -> pl.DataFrame:
    """The market's last days before `end` as `market_days.daily_bars` gives them: of the bars, else
    of the trades; no row where neither is configured. Of all symbols when None.

    Raises:
        ConfigError: the bars have no close.
        UnreachableError: a source cannot be read.
    """
    from mechexo.costs.market_days import daily_bars
    from mechexo.costs.sources.protocol import Window
    from mechexo.costs.sources.reading import read_bars, read_trades

    window = Window(end - timedelta(days=DAYS_BACK), end, symbols)
    bars = read_bars(desk.settings.costs, desk.root, window)
    if bars is not None:
        if "close" not in bars.frame.columns:
            raise ConfigError(
                "[costs] bars have no close, which volatility is made of; map it in "
                "[costs.bar_columns]"
            )
        return daily_bars(grouping(desk), bars=bars.frame)
    trades = read_trades(desk.settings.costs, desk.root, window)
    return daily_bars(grouping(desk), trades=trades.frame if trades else None)


def _above(residual: float | None) -> tuple[bool, float]:
    return residual is None, -(residual or 0.0)
