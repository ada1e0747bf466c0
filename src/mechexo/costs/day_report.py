"""The report on a period that is computed day by day, in bounded memory.

It says what `costs.operations.report` says of the same fills and quotes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.costs.coverage import merged_coverage
from mechexo.costs.day_sums import Sums
from mechexo.costs.operations import COMBINED
from mechexo.costs.running import (
    LAGGED_US,
    RATES_BACK,
    day_end,
    day_start,
    grouping,
    quote_rule,
)
from mechexo.costs.values import CostReport
from mechexo.desk import Desk
from mechexo.errors import UsageError
from mechexo.times import iso_z
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    import polars as pl

    from mechexo.costs.day_pricing import DayPricing
    from mechexo.costs.engine import Day, Engine
    from mechexo.costs.engine_files import DayFeed
    from mechexo.costs.sources.columns import Columns


@dataclass(frozen=True, slots=True)
class ByDays:
    """A period's costs that were computed day by day."""

    report: CostReport
    days: tuple[Day, ...]
    """The exchange days with fills, in order."""
    pricing: DayPricing
    """Prices the fills of one of them."""


def report_by_days(
    desk: Desk,
    *,
    start: datetime,
    end: datetime,
    by: Sequence[str] = ("day", "symbol", "hour"),
    engine: Engine | None = None,
    sensitivity: bool = True,
) -> CostReport:
    """The costs of the fills with start <= time < end, in all and by each grouping of `by`.

    Args:
        desk: whose fills.
        start: of the period.
        end: of the period.
        by: dimensions, or several with `+` between them: `symbol+hour`.
        engine: where days are computed; None: as `[costs]` says.
        sensitivity: whether fills are priced under the other rules too.

    Raises:
        UsageError: the period is empty or reversed, or a dimension is unknown.
        ConfigError: no source is configured, or it does not fit its mapping.
        UnreachableError: a source cannot be read.
    """
    return computed_by_days(
        desk, start=start, end=end, by=by, engine=engine, sensitivity=sensitivity
    ).report


def computed_by_days(
    desk: Desk,
    *,
    start: datetime,
    end: datetime,
    by: Sequence[str],
    engine: Engine | None = None,
    sensitivity: bool = True,
    every_column: bool = False,
) -> ByDays:
    """As `report_by_days`, with what prices the fills of a day once more; with `every_column` all
    of theirs, else those that the report is made of."""
    from mechexo.costs.dimensions import check_dimensions
    from mechexo.costs.engine import LocalEngine
    from mechexo.costs.interrupts import interrupts_told

    settings = desk.settings.costs
    for name in by:
        check_dimensions(name.split(COMBINED), settings.tags)
    if start >= end:
        raise UsageError(
            f"the period from {iso_z(start)} to {iso_z(end)} is empty: it must end after its start"
        )
    with interrupts_told():
        days, pricing = plan(
            desk, start, end, by, sensitivity=sensitivity, every_column=every_column
        )
        if engine is None:
            engine = LocalEngine(settings.workers, settings.memory_mb * 5 // 8)
        while True:
            with Sums(pricing.question, pricing.rule, settings.memory_mb) as sums:
                for part in engine.run(days, pricing):
                    sums.add(part)
                sums.finish()
                known = sums.ids_used_before(pricing, days)
                if known is None:
                    report = _report(desk, start, end, by, pricing, sums)
                    return ByDays(report, days, pricing)
            pricing = replace(pricing, fills=known)


def plan(
    desk: Desk,
    start: datetime,
    end: datetime,
    by: Sequence[str],
    *,
    sensitivity: bool = True,
    every_column: bool = True,
) -> tuple[tuple[Day, ...], DayPricing]:
    """The days of a period that have fills, and what prices the fills of one.

    Without `every_column`, texts that nobody groups by are not read.

    Raises:
        As `report_by_days`.
    """
    from concurrent.futures import ThreadPoolExecutor

    from mechexo.costs.engine_files import by_window
    from mechexo.costs.engine_fills import fills_of_period
    from mechexo.costs.engine_quotes import Ends, QuotesByDay, parts_of
    from mechexo.costs.fills import TAGS
    from mechexo.costs.loading import load_numpy
    from mechexo.costs.markouts import horizon_label
    from mechexo.costs.merging import Question
    from mechexo.costs.sources.columns import (
        BAR_COLUMNS,
        FILL_COLUMNS,
        QUOTE_COLUMNS,
        TRADE_COLUMNS,
    )
    from mechexo.costs.sources.protocol import Window
    from mechexo.costs.sources.reading import countable, feed, read_rates

    settings, root, rule = desk.settings.costs, desk.root, quote_rule(desk)
    other_rules = (
        replace(rule, strictly_before=not rule.strictly_before),
        replace(rule, lag_us=rule.lag_us + LAGGED_US),
    )
    rates = read_rates(settings, root, Window(start - RATES_BACK, end))
    source = feed("fills", FILL_COLUMNS.with_tags(settings.tags), settings, root)
    asked = {part for name in by for part in name.split(COMBINED)}
    if not every_column:
        unasked = {*TAGS, *settings.tags} - asked
        source = replace(source, columns=source.columns.without(unasked))
    with ThreadPoolExecutor(1) as beside:
        found = beside.submit(
            fills_of_period,
            source,
            settings,
            Window(start, end),
            rule.zone,
            rates.frame if rates else None,
        )
        # Takes as long as looking at the files.
        load_numpy()
        from mechexo.costs.day_pricing import DayPricing

        days, fills = found.result()
    longest = max(settings.horizons, default=timedelta(0))
    window = Window(
        day_start(desk, start - rule.reach),
        day_end(desk, end + longest),
    )
    quotes = by_window(feed("quotes", QUOTE_COLUMNS, settings, root), window, settings.workers)

    def lower(setting: str, columns: Columns) -> DayFeed | None:
        if not getattr(settings, setting):
            return None
        return by_window(feed(setting, columns, settings, root), window, settings.workers)

    parts = tuple(parts_of(quotes.feed, window))
    trades, bars = lower("trades", TRADE_COLUMNS), lower("bars", BAR_COLUMNS)
    known = {"quotes": quotes, "trades": trades, "bars": bars}
    looked_at = {
        name: each.feed for name, each in known.items() if each is not None and countable(each.feed)
    }
    # The tick store has nothing to count: then nobody asks for the symbols.
    around = replace(window, symbols=fills.symbols()) if looked_at else window
    unreadable = {name: each.unreadable(around) for name, each in looked_at.items()}
    unreadable["rates"] = rates.unreadable if rates else 0
    pricing = DayPricing(
        fills=fills,
        quotes=QuotesByDay(quotes, window, rule, longest, parts, Ends(parts)),
        trades=trades,
        bars=bars,
        rule=rule,
        horizons=settings.horizons,
        question=Question(
            tuple(tuple(name.split(COMBINED)) for name in by),
            grouping(desk),
            tuple(horizon_label(each) for each in settings.horizons),
        ),
        other_rules=other_rules if sensitivity else (),
        volumes=_volumes(desk, end) if "adv" in asked else None,
        unreadable={name: count for name, count in unreadable.items() if count},
    )
    return tuple(
        replace(day, weight_mb=day.weight_mb + pricing.quotes.weight_mb(day)) for day in days
    ), pricing


def _volumes(desk: Desk, end: datetime) -> pl.DataFrame | None:
    from mechexo.costs.expecting import average_volumes

    return average_volumes(desk, end)


def _report(
    desk: Desk,
    start: datetime,
    end: datetime,
    by: Sequence[str],
    pricing: DayPricing,
    sums: Sums,
) -> CostReport:
    from mechexo.costs.merged_rows import markout_points, rows_after_second_look
    from mechexo.costs.merging import dimensions_by_name

    question = pricing.question
    whole = sums.merged()
    dimensions = dimensions_by_name(question, sums.columns)
    workers = desk.settings.costs.workers
    rows = rows_after_second_look(
        whole, question, dimensions, sums.ledgers, sums.plain_ledgers(), workers
    )
    horizons = sorted(zip(desk.settings.costs.horizons, question.horizons, strict=True))
    return CostReport(
        start=start,
        end=end,
        currency=desk.settings.costs.currency,
        zone=question.rules.zone,
        quote_rule=str(pricing.rule),
        totals=rows[()][0],
        by={name: rows[tuple(name.split(COMBINED))] for name in by},
        coverage=replace(merged_coverage(sums.coverages), unreadable=pricing.unreadable),
        residual_bps=sums.residual_bps,
        newest_fill_at=sums.newest_fill_at,
        newest_quote_at=sums.newest_quote_at,
        markouts=markout_points(
            whole, question, {label: each.total_seconds() for each, label in horizons}
        ),
        sensitivity=sums.sensitivity(),
    )
