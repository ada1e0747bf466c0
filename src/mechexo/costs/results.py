"""Results that last: per-fill files, saved days, and reading them back.

What was saved is read without Polars, so that a screen or an alert need not load it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mechexo import __version__
from mechexo.actor import Role
from mechexo.costs import records, session_days
from mechexo.costs.findings import DaySummary
from mechexo.costs.running import exchange_zone, grouping
from mechexo.costs.saved import DAY, SavedCost
from mechexo.desk import Desk
from mechexo.errors import UsageError
from mechexo.times import iso_z
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    import polars as pl

    from mechexo.costs.day_files import DayFiles
    from mechexo.costs.dimensions import Grouping
    from mechexo.costs.findings import ExceptionList
    from mechexo.costs.provenance import Provenance
    from mechexo.costs.values import CostReport, CostRow

SAVED_DIMENSIONS = (
    *("symbol", "hour", "session", "side", "strategy", "venue", "broker", "liquidity"),
    *("order_type", "size", "source"),
)
"""What each saved day is grouped by beside its total, and the desk's own tags: always all of it, so
that a day's rows do not depend on what somebody wanted to look at."""

REPORTED = (DAY, "symbol", "hour")
"""What the HTML report always shows."""


@dataclass(frozen=True, slots=True)
class Results:
    """A period's costs, the fills behind them, and where they come from."""

    report: CostReport
    priced: pl.DataFrame
    """As `costs.markouts.add_markouts` gives them."""
    rejected: pl.DataFrame
    """Rows that could not be taken as fills: fill_id, ts, symbol, reason."""
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class SaveResult:
    """What `save` wrote."""

    days: tuple[str, ...]
    """All session days of the period, those without fills too."""
    rows: int
    replaced: int
    """Rows of these days that stood there before."""
    files: tuple[Path, ...]


def compute(
    desk: Desk, *, start: datetime, end: datetime, by: Sequence[str] = ("day", "symbol", "hour")
) -> Results:
    """The costs of the fills with start <= time < end, with all that stands behind them.

    A name of `by` is a dimension or a combination of some, as `symbol+hour`.

    Raises:
        As `costs.operations.report`.
    """
    from mechexo.costs.dimensions import check_dimensions
    from mechexo.costs.operations import COMBINED, report_of
    from mechexo.costs.running import price_period

    for name in by:
        check_dimensions(name.split(COMBINED), desk.settings.costs.tags)
    run = price_period(desk, start, end)
    report = report_of(desk, run, start=start, end=end, by=by)
    source = provenance_of(desk, report, run.priced)
    return Results(report, run.priced, run.fills.rejected, source)


def provenance_of(desk: Desk, report: CostReport, priced: pl.DataFrame) -> Provenance:
    """Where a report's figures come from. It reads every fill once."""
    from mechexo.costs import provenance

    days = {day: provenance.data_digest(fills) for day, fills in by_day(priced, grouping(desk))}
    return of_days(desk, report, days)


def of_days(desk: Desk, report: CostReport, days: Mapping[str, str]) -> Provenance:
    """Where a report's figures come from, given the digest of each session day's data."""
    from mechexo.costs import provenance

    shaping = provenance.parameters(desk.settings.costs, report.zone)
    return provenance.Provenance(
        quote_rule=report.quote_rule,
        parameters=shaping,
        parameters_digest=provenance.digest_of(shaping),
        data_digest=provenance.whole_digest(days),
        days=days,
        currency=report.currency,
        zone=report.zone,
        version=__version__,
        generated_at=desk.clock.now(),
    )


def exceptions_of(desk: Desk, results: Results) -> ExceptionList:
    """The fills and rejected rows of the period that somebody should look at."""
    from mechexo.costs.exceptions import find_exceptions
    from mechexo.costs.findings import ExceptionList

    known = records.acknowledgements(desk.state)
    found = find_exceptions(results.priced, results.rejected, acknowledged=known)
    report = results.report
    return ExceptionList(
        start=report.start,
        end=report.end,
        currency=report.currency,
        quote_rule=report.quote_rule,
        fills=len(results.priced),
        rejected=len(results.rejected),
        exceptions=found.rows,
        by_kind=found.by_kind,
        acknowledged=found.acknowledged,
    )


def by_day(priced: pl.DataFrame, rules: Grouping) -> Iterator[tuple[str, pl.DataFrame]]:
    """The fills of each session day that has any, in the order of the days."""
    from mechexo.costs.dimensions import session_date

    dated = priced.with_columns(session_date(rules).alias("_day"))
    for day in dated["_day"].unique().sort():
        yield day.isoformat(), dated.filter(dated["_day"] == day).drop("_day")


def whole_days(desk: Desk, start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The period widened to the desk's whole session days: what is saved of a day is all of it."""
    return session_days.whole_days(start, end, exchange_zone(desk), desk.settings.costs.day_starts)


def write_fills(desk: Desk, results: Results, target: str) -> Path:
    """Writes the per-fill results as one Parquet file: the columns of the priced fills after their
    session `day` (Date), and where they come from in the key-value metadata (`mechexo.*`).

    Raises:
        UnreachableError: the file cannot be written; what was there before still is.
    """
    from mechexo.costs.export import write_parquet

    source, frame, report = (
        results.provenance,
        dated(results.priced, grouping(desk)),
        results.report,
    )
    about = metadata(report.start, report.end, source, source.data_digest)
    return write_parquet(target, frame, about)


def save(desk: Desk, results: Results, *, reason: str = "") -> SaveResult:
    """Saves the results of whole days: their rows of `trade_costs`, and a file for each day.

    The rows of all days are replaced in one transaction with its audit entry; the files, written
    before, take their places within it. A day that has no fills any more loses what it had.

    Raises:
        NotAllowedError: only an operator may.
        UsageError: a live desk was given no reason, or the period is not one of whole days.
        UnreachableError: the files or the state file cannot be written.
    """
    report, source = results.report, results.provenance
    with saving(desk, report.start, report.end) as kept:
        for day, fills in by_day(results.priced, grouping(desk)):
            kept.add(day, fills, source, source.days[day])
        return kept.finish(source, reason)


@contextmanager
def saving(desk: Desk, start: datetime, end: datetime) -> Iterator[Saving]:
    """What is to be saved of a period of whole days, taken day by day; nothing is saved without
    its `finish`.

    Raises:
        NotAllowedError: only an operator may.
        UsageError: the period is not one of whole days.
    """
    from mechexo.costs.day_files import day_files

    if whole_days(desk, start, end) != (start, end):
        raise UsageError("only whole days can be saved; name dates: --from 2026-03-02")
    days = session_days.names_of_days(
        start, end, exchange_zone(desk), desk.settings.costs.day_starts
    )
    desk.require("costs.save", f"{days[0]}..{days[-1]}", Role.OPERATOR)
    with day_files(desk.path(desk.settings.costs.folder) / "results") as files:
        yield Saving(desk, start, end, days, files)


class Saving:
    """Days on their way into the state file and their own files."""

    def __init__(
        self, desk: Desk, start: datetime, end: datetime, days: tuple[str, ...], files: DayFiles
    ) -> None:
        self._desk, self._start, self._end = desk, start, end
        self._days, self._files = days, files
        self._rows: list[SavedCost] = []

    def add(self, day: str, fills: pl.DataFrame, source: Provenance, digest: str) -> None:
        """Takes the priced fills of one session day.

        Args:
            day: its name.
            fills: all of it.
            source: where the figures come from.
            digest: of the day's data.

        Raises:
            UnreachableError: its file cannot be written.
        """
        rules = grouping(self._desk)
        about = metadata(self._start, self._end, source, digest)
        self._files.put(day, dated(fills, rules), about)
        dimensions = (*SAVED_DIMENSIONS, *rules.tags)
        self._rows += _rows_of(day, fills, rules, dimensions, source, digest)

    def finish(self, source: Provenance, reason: str) -> SaveResult:
        """Puts all days in their places.

        Raises:
            UsageError: a live desk was given no reason.
            UnreachableError: the files or the state file cannot be written.
        """
        target = f"{self._days[0]}..{self._days[-1]}"
        with self._desk.operation(
            "costs.save", target, needs=Role.OPERATOR, reason=reason
        ) as operation:
            replaced = records.replace_days(operation.transaction, self._days, self._rows)
            placed = self._files.take_places(self._days)
            operation.before = {"rows": replaced}
            operation.after = {
                "rows": len(self._rows),
                "parameters": source.parameters_digest,
                "data": source.data_digest,
            }
        return SaveResult(self._days, len(self._rows), replaced, placed)


def saved_days(
    desk: Desk, *, dimension: str = DAY, first: str, last: str, key: str | None = None
) -> tuple[SavedCost, ...]:
    """What was saved of the session days `first` to `last`, both included: the total of each day,
    or its groups by one dimension (only `key`, when it is given), by day and key."""
    return records.saved(desk.state, dimension=dimension, first=first, last=last, key=key)


def trailing_days(desk: Desk, *, before: str | None, limit: int) -> tuple[DaySummary, ...]:
    """The newest `limit` saved days before the session day `before`, oldest first: what a day is
    judged against. With None the newest of all."""
    found = records.newest_days(desk.state, before=before, limit=limit)
    return tuple(
        DaySummary(
            day=each.day,
            fills=each.row.fills,
            unpriced=each.row.sources["none"].fills if "none" in each.row.sources else 0,
            total_bps=each.row.total_bps,
            slippage_bps=each.row.slippage_bps,
            computed_at=each.computed_at,
        )
        for each in found
    )


def dated(fills: pl.DataFrame, rules: Grouping) -> pl.DataFrame:
    """The fills after their session `day` (Date)."""
    from mechexo.costs.dimensions import session_date

    return fills.select(session_date(rules).alias("day"), *fills.columns)


def _rows_of(
    day: str,
    fills: pl.DataFrame,
    rules: Grouping,
    dimensions: Iterable[str],
    provenance: Provenance,
    digest: str,
) -> Iterator[SavedCost]:
    from mechexo.costs.aggregate import grouped

    def saved(dimension: str, row: CostRow) -> SavedCost:
        return SavedCost(
            day=day,
            dimension=dimension,
            row=row,
            currency=provenance.currency,
            zone=provenance.zone,
            quote_rule=provenance.quote_rule,
            parameters=provenance.parameters_digest,
            data=digest,
            version=provenance.version,
            computed_at=provenance.generated_at,
        )

    for dimension in (DAY, *dimensions):
        yield from (saved(dimension, row) for row in grouped(fills, [dimension], rules))


def metadata(start: datetime, end: datetime, source: Provenance, digest: str) -> dict[str, str]:
    """What a file of results says of the period, of its data's digest and where they come from."""
    said = {
        "from": iso_z(start),
        "to": iso_z(end),
        "quote_rule": source.quote_rule,
        "parameters": json.dumps(dict(source.parameters)),
        "parameters_digest": source.parameters_digest,
        "data_digest": digest,
        "currency": source.currency,
        "zone": source.zone,
        "version": source.version,
        "generated_at": iso_z(source.generated_at),
    }
    return {f"mechexo.{name}": value for name, value in said.items()}
