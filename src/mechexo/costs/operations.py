"""What a person, a job or a screen can ask of the costs wing. Reads only."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mechexo.costs.rules import QuoteRule
from mechexo.costs.values import CostReport, FillCost, FillList
from mechexo.desk import Desk
from mechexo.errors import UsageError
from mechexo.times import iso_z

if TYPE_CHECKING:
    import polars as pl

    from mechexo.costs.fills import Fills

DIMENSIONS = ("day", "symbol", "hour", "strategy", "venue", "side", "liquidity")
"""What a report can be grouped by."""

SESSION_DAYS_BACK = 5
_SATURDAY = 5


def exchange_zone(desk: Desk) -> ZoneInfo:
    """The zone of days and hours: the exchange's when it is set, else the desk's."""
    return ZoneInfo(desk.settings.costs.zone or desk.settings.desk.zone)


def day_start(desk: Desk, day: datetime) -> datetime:
    """The start, in UTC, of the exchange's day in which a moment lies."""
    zone = exchange_zone(desk)
    return datetime.combine(day.astimezone(zone).date(), time(), zone).astimezone(UTC)


def default_period(desk: Desk) -> tuple[datetime, datetime]:
    """Today until now and the five session days before it, in the exchange's zone.

    Session days are Monday to Friday; holidays are counted as well, as no calendar is kept.
    """
    now, zone = desk.clock.now(), exchange_zone(desk)
    first = now.astimezone(zone).date()
    for _ in range(SESSION_DAYS_BACK):
        first -= timedelta(days=1)
        while first.weekday() >= _SATURDAY:
            first -= timedelta(days=1)
    return datetime.combine(first, time(), zone).astimezone(UTC), now


def report(
    desk: Desk,
    *,
    start: datetime,
    end: datetime,
    by: Sequence[str] = ("day", "symbol", "hour"),
) -> CostReport:
    """The costs of the fills with start <= time < end, in all and by each dimension of `by`.

    Raises:
        UsageError: the period is empty or reversed, or a dimension is unknown.
        ConfigError: no source is configured, or it does not fit its mapping.
        UnreachableError: a source cannot be read.
    """
    _check_dimensions(by)
    run = _price(desk, start, end)
    from mechexo.costs.aggregate import grouped, totals
    from mechexo.costs.coverage import coverage

    residual = run.priced["residual_bps"].max()
    newest_fill = run.priced["ts"].max()
    zone = exchange_zone(desk).key
    return CostReport(
        start=start,
        end=end,
        currency=desk.settings.costs.currency,
        zone=zone,
        quote_rule=str(run.rule),
        totals=totals(run.priced),
        by={name: grouped(run.priced, [name], zone) for name in by},
        coverage=coverage(run.fills, run.priced),
        residual_bps=residual if isinstance(residual, float) else None,
        newest_fill_at=newest_fill if isinstance(newest_fill, datetime) else None,
        newest_quote_at=run.newest_quote_at,
    )


def trades(desk: Desk, *, start: datetime, end: datetime, limit: int | None = None) -> FillList:
    """The period's fills, each with its reference quote and costs; the newest `limit` of them.

    Raises:
        As `report`.
    """
    run = _price(desk, start, end)
    rows = run.priced if limit is None else run.priced.tail(limit)
    return FillList(
        start=start,
        end=end,
        currency=desk.settings.costs.currency,
        quote_rule=str(run.rule),
        fills=_fill_costs(rows),
        count=len(run.priced),
    )


@dataclass(frozen=True, slots=True)
class _Run:
    fills: Fills
    priced: pl.DataFrame
    rule: QuoteRule
    newest_quote_at: datetime | None


def _price(desk: Desk, start: datetime, end: datetime) -> _Run:
    from mechexo.costs.interrupts import interrupts_told

    with interrupts_told():
        return _priced(desk, start, end)


def _priced(desk: Desk, start: datetime, end: datetime) -> _Run:
    if start >= end:
        raise UsageError(
            f"the period from {iso_z(start)} to {iso_z(end)} is empty: it must end after its start"
        )
    from mechexo.costs.fills import normalise_fills
    from mechexo.costs.kernel import price_fills
    from mechexo.costs.quotes import normalise_quotes
    from mechexo.costs.sources.protocol import Window
    from mechexo.costs.sources.reading import read_fills, read_quotes

    settings = desk.settings.costs
    rule = QuoteRule(
        settings.max_age,
        settings.quote_rule == "strictly_before",
        settings.suspect_pct,
        exchange_zone(desk).key,
    )
    fills = normalise_fills(
        read_fills(settings, desk.root, Window(start, end)).frame, settings.currency
    )
    symbols = tuple(fills.accepted["symbol"].unique().sort().to_list())
    # Whole days, so that a day's median spread does not depend on where the period was cut.
    window = Window(
        day_start(desk, start - rule.usable_age), day_start(desk, end) + timedelta(days=1), symbols
    )
    rows = read_quotes(settings, desk.root, window).frame
    quotes = normalise_quotes(rows, symbols, rule)
    return _Run(fills, price_fills(fills, quotes, rule), rule, quotes.newest_at)


def _check_dimensions(by: Sequence[str]) -> None:
    for name in by:
        if name not in DIMENSIONS:
            near = difflib.get_close_matches(name, DIMENSIONS, n=1)
            hint = f"did you mean {near[0]}?" if near else "known: " + ", ".join(DIMENSIONS)
            raise UsageError(f"costs cannot be grouped by {name!r}; {hint}")


def _fill_costs(rows: pl.DataFrame) -> tuple[FillCost, ...]:
    listed = []
    for row in rows.iter_rows(named=True):
        flags = ("suspect", "locked", "after_crossed", "after_wide")
        age_us = row["quote_age_us"]
        listed.append(
            FillCost(
                at=row["ts"],
                side="buy" if row["side"] > 0 else "sell",
                quote_age_s=None if age_us is None else age_us / 1e6,
                flags=" ".join(flag for flag in flags if row[flag]),
                reason=row["reason"] or "",
                **{name: row[name] for name in _AS_THEY_ARE},
            )
        )
    return tuple(listed)


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
)
