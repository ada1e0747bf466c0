"""What a person, a job or a screen can ask of the costs wing. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mechexo.costs.running import (
    Run,
    exchange_zone,
    grouping,
    markout_curve,
    price_period,
    sensitivity,
)
from mechexo.costs.values import CostReport, FillCost, FillList, OrderCost
from mechexo.desk import Desk
from mechexo.errors import ConfigError
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "default_period",
    "exchange_zone",
    "last_days",
    "orders",
    "report",
    "report_of",
    "trades",
]

COMBINED = "+"
"""Between the dimensions of one combined grouping: `symbol+hour`."""

SESSION_DAYS_BACK = 5
_SATURDAY = 5


def default_period(desk: Desk) -> tuple[datetime, datetime]:
    """Today until now and the five session days before it, as `last_days` counts them."""
    return last_days(desk, SESSION_DAYS_BACK)


def last_days(desk: Desk, days: int) -> tuple[datetime, datetime]:
    """The session day that is now, until now, and so many before it, in the exchange's zone.

    Session days are Monday to Friday; holidays are counted as well, as no calendar is kept.
    """
    from mechexo.costs.session_days import day_begins, session_day

    now, zone = desk.clock.now(), exchange_zone(desk)
    starts = desk.settings.costs.day_starts
    first = session_day(now, zone, starts).name
    for _ in range(days):
        first -= timedelta(days=1)
        while first.weekday() >= _SATURDAY:
            first -= timedelta(days=1)
    return day_begins(first, zone, starts), now


def report(
    desk: Desk,
    *,
    start: datetime,
    end: datetime,
    by: Sequence[str] = ("day", "symbol", "hour"),
) -> CostReport:
    """The costs of the fills with start <= time < end, in all and by each grouping of `by`.

    A grouping is a dimension, or several with `+` between them: `symbol+hour`.

    Raises:
        UsageError: the period is empty or reversed, or a dimension is unknown.
        ConfigError: no source is configured, or it does not fit its mapping.
        UnreachableError: a source cannot be read.
    """
    from mechexo.costs.dimensions import check_dimensions

    for name in by:
        check_dimensions(name.split(COMBINED), desk.settings.costs.tags)
    return report_of(desk, price_period(desk, start, end), start=start, end=end, by=by)


def report_of(
    desk: Desk, run: Run, *, start: datetime, end: datetime, by: Sequence[str]
) -> CostReport:
    """The report on a period that was priced."""
    from mechexo.costs.aggregate import grouped, totals
    from mechexo.costs.coverage import coverage
    from mechexo.costs.expecting import average_volumes
    from mechexo.costs.market_days import add_adv

    residual = run.priced["residual_bps"].max()
    newest_fill = run.priced["ts"].max()
    rules = grouping(desk)
    priced = run.priced
    if any("adv" in name.split(COMBINED) for name in by):
        symbols = tuple(priced["symbol"].unique().sort())
        priced = add_adv(priced, average_volumes(desk, end, symbols))
    return CostReport(
        start=start,
        end=end,
        currency=desk.settings.costs.currency,
        zone=rules.zone,
        quote_rule=str(run.rule),
        totals=totals(run.priced),
        by={name: grouped(priced, name.split(COMBINED), rules) for name in by},
        coverage=coverage(run.fills, run.priced, run.unreadable),
        residual_bps=residual if isinstance(residual, float) else None,
        newest_fill_at=newest_fill if isinstance(newest_fill, datetime) else None,
        newest_quote_at=run.newest_quote_at,
        markouts=markout_curve(run, desk.settings.costs.horizons),
        sensitivity=sensitivity(run),
    )


def trades(desk: Desk, *, start: datetime, end: datetime, limit: int | None = None) -> FillList:
    """The period's fills, each with its reference quote and costs; the newest `limit` of them.

    Raises:
        As `report`.
    """
    run = price_period(desk, start, end)
    rows = run.priced if limit is None else run.priced.tail(limit)
    return FillList(
        start=start,
        end=end,
        currency=desk.settings.costs.currency,
        quote_rule=str(run.rule),
        fills=fill_costs(rows, desk.settings.costs.tags),
        count=len(run.priced),
    )


def orders(desk: Desk, *, start: datetime, end: datetime) -> tuple[OrderCost, ...]:
    """The implementation shortfall and benchmarks of the orders that lived in the period.

    Raises:
        ConfigError: no source of orders is configured.
        As `report`.
    """
    from mechexo.costs.interrupts import interrupts_told
    from mechexo.costs.orders import Session, order_costs

    settings = desk.settings.costs
    if not settings.orders:
        raise ConfigError(
            "[costs] orders is not set: name where the desk's orders are, with at least "
            "order_id, symbol, side, quantity and arrival_at"
        )
    with interrupts_told():
        known = known_orders(desk, start, end)
        if known is None:
            return ()
        first, last = known.first, known.last
        symbols = tuple(known.asked["symbol"].drop_nulls().unique().sort().to_list())
        run = price_period(
            desk, first, last, also=symbols, quotes_of=whole_sessions(desk, first, last)
        )
        return order_costs(
            known.asked,
            run.priced,
            run.quotes,
            run.rule,
            session=Session(exchange_zone(desk), settings.session_closes, settings.day_starts),
            as_of=desk.clock.now(),
            trades=run.trades,
            others=known.others,
        )


@dataclass(frozen=True, slots=True)
class KnownOrders:
    """The orders that lived in a period, and those whose fills must not be taken for theirs."""

    asked: pl.DataFrame
    first: datetime
    """From when fills may be theirs: the start of the period, or earlier."""
    last: datetime
    """Until when; the end of the period, or later."""
    others: pl.DataFrame | None
    """Orders of the same ids that lived between these, but not in the period."""


def known_orders(
    desk: Desk, start: datetime, end: datetime, order_id: str | None = None
) -> KnownOrders | None:
    """The orders that lived in the period, all or those of one id; None without any.

    Raises:
        ConfigError: the source does not fit its mapping.
        UnreachableError: it cannot be read.
    """
    import polars as pl

    from mechexo.costs.sources.protocol import Window
    from mechexo.costs.sources.reading import read_orders

    def read(first: datetime, last: datetime) -> pl.DataFrame:
        known = read_orders(desk.settings.costs, desk.root, Window(first, last))
        rows = pl.DataFrame() if known is None else known.frame
        return rows if order_id is None else rows.filter(pl.col("order_id") == order_id)

    asked = read(start, end)
    if asked.is_empty():
        return None
    first, last = lifetimes(asked, start, end)
    others = None
    if (first, last) != (start, end):
        wider = read(first, last)
        times = [name for name in _TIMES if name in wider.columns]
        begins, ends = pl.min_horizontal(times), pl.max_horizontal(times)
        others = wider.filter(
            (ends < start) | (begins >= end), pl.col("order_id").is_in(asked["order_id"].implode())
        )
    return KnownOrders(asked, first, last, others)


def whole_sessions(desk: Desk, first: datetime, last: datetime) -> tuple[datetime, datetime]:
    """The period widened to whole session days, but not past now: where their closes lie."""
    from mechexo.costs.session_days import whole_days

    start, end = whole_days(first, last, exchange_zone(desk), desk.settings.costs.day_starts)
    return start, max(last, min(end, desk.clock.now()))


_TIMES = ("decision_at", "arrival_at", "end_at")


def lifetimes(orders: pl.DataFrame, start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """From before the first moment of any order to after the last, at least the period."""
    moments = [
        moment
        for name in _TIMES
        if name in orders.columns
        for moment in (orders[name].min(), orders[name].max())
        if isinstance(moment, datetime)
    ]
    return min([start, *moments]), max([end, *(m + timedelta(microseconds=1) for m in moments)])


def fill_costs(rows: pl.DataFrame, tags: Sequence[str] = ()) -> tuple[FillCost, ...]:
    """Priced fills as values, in their order."""
    from mechexo.costs.aggregate import horizons_of

    labels = horizons_of(rows)
    flags = ("suspect", "locked", "after_crossed", "after_wide")

    def by_horizon(row: dict[str, Any], name: str) -> dict[str, float | None] | None:
        return {label: row[f"{name}_{label}_bps"] for label in labels} if labels else None

    return tuple(
        FillCost(
            at=row["ts"],
            side="buy" if row["side"] > 0 else "sell",
            quote_age_s=None if row["quote_age_us"] is None else row["quote_age_us"] / 1e6,
            flags=" ".join(flag for flag in flags if row[flag]),
            reason=row["reason"] or "",
            realised_bps=by_horizon(row, "realised"),
            impact_bps=by_horizon(row, "impact"),
            tags={name: row[name] for name in tags},
            **{name: row[name] for name in _AS_THEY_ARE},
        )
        for row in rows.iter_rows(named=True)
    )


_AS_THEY_ARE = (
    "fill_id",
    "symbol",
    "quantity",
    "price",
    "bid",
    "ask",
    "ref_source",
    "notional",
    "commission_bps",
    "spread_bps",
    "beyond_bps",
    "slippage_bps",
    "total_bps",
    "commission_ccy",
    "slippage_ccy",
    "total_ccy",
    "strategy",
    "venue",
    "order_id",
    "liquidity",
    "broker",
    "order_type",
    "mid",
    "spread_ccy",
    "beyond_ccy",
    "residual_bps",
)
