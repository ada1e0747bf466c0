"""The report on a period that is computed day by day, in bounded memory.

It says what `costs.operations.report` says of the same fills and quotes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mechexo.costs.coverage import LISTED, SOURCES
from mechexo.costs.operations import COMBINED
from mechexo.costs.running import (
    LAGGED_US,
    RATES_BACK,
    day_end,
    day_start,
    grouping,
    quote_rule,
)
from mechexo.costs.values import CostReport, Coverage, Sensitivity, UnpricedFill
from mechexo.desk import Desk
from mechexo.errors import UsageError
from mechexo.times import iso_z

if TYPE_CHECKING:
    import polars as pl

    from mechexo.costs.day_pricing import DayPart, DayPricing
    from mechexo.costs.engine import Day, Engine
    from mechexo.costs.engine_files import DayFeed
    from mechexo.costs.engine_fills import FillsByDay
    from mechexo.costs.merging import Partial, Question
    from mechexo.costs.plain_sums import PlainLedger
    from mechexo.costs.rules import QuoteRule
    from mechexo.costs.sources.columns import Columns

LEDGER_SHARE = 8
"""The part of the memory in which fills wait for the second look; the others wait on the disk."""
_MERGED_AT_ONCE = 32
"""How many parts of days wait until they are merged."""


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
    from mechexo.costs.markouts import horizon_label
    from mechexo.costs.merging import Question
    from mechexo.costs.sources.columns import (
        BAR_COLUMNS,
        FILL_COLUMNS,
        QUOTE_COLUMNS,
        TRADE_COLUMNS,
    )
    from mechexo.costs.sources.protocol import Window
    from mechexo.costs.sources.reading import feed, read_rates

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
        # Loads NumPy, which takes as long as looking at the files.
        from mechexo.costs.day_pricing import DayPricing

        days, fills = found.result()
    longest = max(settings.horizons, default=timedelta(0))
    window = Window(
        day_start(desk, start - rule.usable_age - timedelta(microseconds=rule.lag_us)),
        day_end(desk, end + longest),
    )
    quotes = by_window(feed("quotes", QUOTE_COLUMNS, settings, root), window, settings.workers)

    def lower(setting: str, columns: Columns) -> DayFeed | None:
        if not getattr(settings, setting):
            return None
        return by_window(feed(setting, columns, settings, root), window, settings.workers)

    parts = tuple(parts_of(quotes.feed, window))
    pricing = DayPricing(
        fills=fills,
        quotes=QuotesByDay(quotes, window, rule, longest, parts, Ends(parts)),
        trades=lower("trades", TRADE_COLUMNS),
        bars=lower("bars", BAR_COLUMNS),
        rule=rule,
        horizons=settings.horizons,
        question=Question(
            tuple(tuple(name.split(COMBINED)) for name in by),
            grouping(desk),
            tuple(horizon_label(each) for each in settings.horizons),
        ),
        other_rules=other_rules if sensitivity else (),
        volumes=_volumes(desk, end) if "adv" in asked else None,
    )
    return tuple(
        replace(day, weight_mb=day.weight_mb + pricing.quotes.weight_mb(day)) for day in days
    ), pricing


def _volumes(desk: Desk, end: datetime) -> pl.DataFrame | None:
    from mechexo.costs.expecting import average_volumes

    return average_volumes(desk, end)


_ASIDE_AT_ONCE = 100_000
"""How many fills that were set aside wait until they are looked at."""


class Sums:
    """What the days so far add up to. A context manager."""

    def __init__(self, question: Question, rule: QuoteRule, memory_mb: int) -> None:
        from mechexo.costs.day_ids import DayIds
        from mechexo.costs.spool import Spool

        self.question, self._rule = question, rule
        self._aside: list[pl.DataFrame] = []
        room = memory_mb // LEDGER_SHARE
        self.ledgers, self._ids = Spool(room // 2), DayIds(memory_mb)
        self._plain = Spool(room)
        self._cells: list[pl.DataFrame] = []
        self._waiting: list[Partial] = []
        self.coverages: list[Coverage] = []
        self.residual_bps: float | None = None
        self.newest_fill_at: datetime | None = None
        self.newest_quote_at: datetime | None = None
        self.columns: tuple[str, ...] = ()
        self._others: dict[str, tuple[int, float, float]] = {}

    def __enter__(self) -> Sums:
        from mechexo.costs.scratch import remove_left_behind

        remove_left_behind()
        return self

    def __exit__(self, *_error: object) -> None:
        for spool in (self.ledgers, self._ids, self._plain):
            spool.close()

    def add(self, part: DayPart) -> None:
        """Adds a day."""
        if part.aside is not None:
            self._aside.append(part.aside)
        # What is listed is listed in the order of the days.
        listed = part.coverage.unpriced_count + part.coverage.suspect_count
        if listed or sum(map(len, self._aside)) > _ASIDE_AT_ONCE:
            self.finish()
        self._waiting += part.partials
        if len(self._waiting) >= _MERGED_AT_ONCE:
            self._waiting = [self.merged()]
        if part.ledger is not None:
            self.ledgers.add(part.ledger)
        if part.plain is not None:
            self._plain.add(part.plain.rows)
            self._cells.append(part.plain.cells)
        self._ids.add(part)
        self.coverages = [merged_coverage([*self.coverages, part.coverage])]
        self.columns = part.columns
        self.residual_bps = _larger(self.residual_bps, part.residual_bps)
        self.newest_fill_at = _larger(self.newest_fill_at, part.newest_fill_at)
        self.newest_quote_at = _larger(self.newest_quote_at, part.newest_quote_at)
        for each in part.others:
            priced, slippage, notional = self._others.get(each.rule, (0, 0.0, 0.0))
            self._others[each.rule] = (
                priced + each.priced,
                slippage + each.slippage_ccy,
                notional + each.notional,
            )

    def finish(self) -> None:
        """Adds what waits for other days."""
        import polars as pl

        from mechexo.costs.day_aside import sums_aside

        if self._aside:
            partial, coverage = sums_aside(pl.concat(self._aside), self._rule, self.question)
            self._waiting.append(partial)
            self.coverages = [merged_coverage([*self.coverages, coverage])]
            self._aside = []

    def plain_ledgers(self) -> Iterator[PlainLedger]:
        """What a second look at plain fills needs, day by day."""
        from mechexo.costs.plain_sums import PlainLedger

        return map(PlainLedger, self._cells, self._plain)

    def merged(self) -> Partial:
        """All days together."""
        from mechexo.costs.merging import merge

        return merge(self._waiting, self.question)

    def ids_used_before(self, pricing: DayPricing, days: tuple[Day, ...]) -> FillsByDay | None:
        """See `costs.day_ids.DayIds.used_before`."""
        return self._ids.used_before(pricing.fills, days)

    def sensitivity(self) -> tuple[Sensitivity, ...]:
        """The slippage under the other rules."""
        return tuple(
            Sensitivity(rule, priced, 1e4 * slippage / notional if notional else None)
            for rule, (priced, slippage, notional) in self._others.items()
        )


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
        coverage=merged_coverage(sums.coverages),
        residual_bps=sums.residual_bps,
        newest_fill_at=sums.newest_fill_at,
        newest_quote_at=sums.newest_quote_at,
        markouts=markout_points(
            whole, question, {label: each.total_seconds() for each, label in horizons}
        ),
        sensitivity=sums.sensitivity(),
    )


def merged_coverage(parts: Sequence[Coverage]) -> Coverage:
    """The coverage of all parts together, in their order."""
    reasons: Counter[str] = Counter()
    sources: Counter[str] = Counter()
    unrated: Counter[str] = Counter()
    for part in parts:
        reasons.update(part.reasons or {})
        unrated.update(part.unrated_by_currency)
        sources.update(part.by_benchmark)

    def listed(name: str) -> tuple[UnpricedFill, ...]:
        return tuple(each for part in parts for each in getattr(part, name))[:LISTED]

    def count(name: str) -> int:
        return sum(getattr(part, name) for part in parts)

    return Coverage(
        fills=count("fills"),
        priced=count("priced"),
        by_benchmark={
            name: sources[name] for name in SOURCES if sources[name] or name in ("quote", "none")
        },
        unpriced=listed("unpriced"),
        suspects=listed("suspects"),
        rejected=listed("rejected"),
        unpriced_count=count("unpriced_count"),
        suspect_count=count("suspect_count"),
        rejected_count=count("rejected_count"),
        without_commission=count("without_commission"),
        reasons=_largest_first(reasons),
        unrated=listed("unrated"),
        unrated_count=count("unrated_count"),
        unrated_by_currency=_largest_first(unrated),
    )


def _largest_first(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _larger(one: Any, other: Any) -> Any:
    return max((each for each in (one, other) if each is not None), default=None)
