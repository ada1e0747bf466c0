"""A period's results that are larger than memory: the fills of one session day at a time are
priced once more, written where they are wanted, and let go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from mechexo.costs.day_report import ByDays, computed_by_days
from mechexo.costs.export import failures_told, put_parquet, write_parquet_parts
from mechexo.costs.provenance import Provenance, data_digest, whole_digest
from mechexo.costs.results import (
    REPORTED,
    SaveResult,
    Saving,
    by_day,
    dated,
    metadata,
    of_days,
    saving,
)
from mechexo.costs.running import grouping
from mechexo.costs.scratch import Scratch
from mechexo.costs.spool import Spool
from mechexo.costs.spooled_quantiles import quantiles
from mechexo.costs.values import CostReport
from mechexo.desk import Desk
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.costs.dimensions import Grouping

SPOOL_SHARE = 16
"""The part of the memory in which the distribution's values wait; the others wait on the disk."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be made of the fills beside the report."""

    save: bool = False
    reason: str = ""
    """Why it is saved."""
    html: str | None = None
    """A file for the report to read."""
    parquet: str | None = None
    """A file for all fills."""


@dataclass(frozen=True, slots=True)
class Given:
    """What was made."""

    report: CostReport
    provenance: Provenance
    fills: int
    saved: SaveResult | None
    html: Path | None
    parquet: Path | None


def results_by_days(
    desk: Desk, *, start: datetime, end: datetime, by: Sequence[str], wanted: Wanted
) -> Given:
    """The costs of the fills with start <= time < end, computed day by day, with where they come
    from and what is wanted of each fill: what `costs.results` makes of all fills at once.

    The report to read has no list of exceptions, which are found by looking at all fills at once.

    Raises:
        As `costs.day_report.report_by_days`, `costs.results.save`, `costs.results.write_fills` and
        `costs.report_html.write_report`.
    """
    rules = grouping(desk)
    names = tuple(dict.fromkeys((*by, *REPORTED))) if wanted.html is not None else tuple(by)
    with ExitStack() as opened:
        # First, so that who may not save waits for no figures.
        kept = opened.enter_context(saving(desk, start, end)) if wanted.save else None
        found = computed_by_days(desk, start=start, end=end, by=names, every_column=True)
        report = found.report
        values = Spool(desk.settings.costs.memory_mb // SPOOL_SHARE)
        opened.callback(values.close)
        parts = _Parts(opened) if wanted.parquet is not None else None
        source = of_days(desk, report, {})
        digests: dict[str, str] = {}
        fills = 0
        for day, frame in session_frames(found, rules):
            digests[day] = data_digest(frame)
            fills += len(frame)
            if kept is not None:
                kept.add(day, frame, source, digests[day])
            if parts is not None:
                parts.add(dated(frame, rules))
            if wanted.html is not None:
                values.add(_in_figures(frame))
        source = replace(source, days=digests, data_digest=whole_digest(digests))
        saved = _saved(kept, source, wanted.reason)
        html = _html(wanted.html, desk, report, source, values)
        parquet = None
        if parts is not None and wanted.parquet is not None:
            about = metadata(start, end, source, source.data_digest)
            parquet = write_parquet_parts(wanted.parquet, parts.paths, about)
    return Given(report, source, fills, saved, html, parquet)


def session_frames(found: ByDays, rules: Grouping) -> Iterator[tuple[str, pl.DataFrame]]:
    """The priced fills of each session day that has any, in the order of the days, as
    `costs.results.by_day` gives them. A session day may be parts of two exchange days."""
    waiting: dict[str, list[pl.DataFrame]] = {}
    for day in found.days:
        for name, frame in by_day(found.pricing.priced(day), rules):
            waiting.setdefault(name, []).append(frame)
        # Later fills are of the last session day or of later ones.
        for name in sorted(waiting)[:-1]:
            yield name, pl.concat(waiting.pop(name))
    for name in sorted(waiting):
        yield name, pl.concat(waiting.pop(name))


class _Parts:
    """Files with parts of a larger one, gone when the stack closes."""

    def __init__(self, opened: ExitStack) -> None:
        self._folder = opened.enter_context(Scratch())
        self.paths: list[Path] = []

    def add(self, frame: pl.DataFrame) -> None:
        path = self._folder / f"{len(self.paths):06}.parquet"
        with failures_told(path), path.open("wb") as file:
            put_parquet(file, frame, {})
        self.paths.append(path)


def _in_figures(priced: pl.DataFrame) -> pl.DataFrame:
    known = pl.col("reason").is_null() & pl.col("total_bps").is_not_null()
    return priced.filter(known).select("total_bps", "notional")


def _saved(kept: Saving | None, source: Provenance, reason: str) -> SaveResult | None:
    return None if kept is None else kept.finish(source, reason)


def _html(
    target: str | None, desk: Desk, report: CostReport, source: Provenance, values: Spool
) -> Path | None:
    if target is None:
        return None
    from mechexo.costs.report_html import write_data
    from mechexo.costs.report_html.data import SHOWN, ReportData, bins

    ends = quantiles(values, "total_bps", SHOWN)
    return write_data(
        target,
        ReportData(
            desk=desk.settings.desk.name,
            mode=desk.settings.desk.mode,
            report=report,
            distribution=bins(ends[0], ends[-1], values) if ends else (),
            provenance=source,
        ),
    )
