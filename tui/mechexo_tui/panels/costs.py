"""Costs as rows, in basis points: a missing figure is a dash, never a zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Line, Row, Span
from mechexo_tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from mechexo.costs.values import CostReport, CostRow, UnpricedFill
    from mechexo_tui.widgets.format import Look

DIMENSIONS = ("day", "symbol", "hour")

LISTED = 50
"""How many fills outside the figures are named, of each sort."""

_COLUMNS = (
    Column("day", 10),
    Column("total", 7, right=True),
    Column("commission", 10, right=True, drop=1),
    Column("slippage", 8, right=True, drop=2),
    Column("of it spread", 12, right=True, drop=3),
    Column("fills", 7, right=True, drop=4),
    Column("notional", 14, right=True, drop=5),
    Column("p50", 7, right=True, drop=7),
    Column("p95", 7, right=True, drop=6),
    Column("p99", 7, right=True, drop=8),
)


def cost_aside(report: CostReport, look: Look) -> str:
    """The costs in one line. What is outside the figures comes first: it is never cut off."""
    glyphs = look.glyphs
    days = report.by.get("day", ())
    today = days[-1] if days else None
    text = f"all {shown_as.bps(report.totals.total_bps, glyphs)} bps"
    if today is not None:
        text = f"{today.key.get('day', '')} {shown_as.bps(today.total_bps, glyphs)} bps, " + text
    outside = ", ".join(f"{count:,} {name}" for name, count, _ in _outside(report) if count)
    return f"{outside}; {text}" if outside else text


def cost_rows(report: CostReport, dimension: str, look: Look) -> list[Row]:
    """A table by one dimension with its totals, and what stands behind it."""
    columns = (Column(dimension, 10), *_COLUMNS[1:])
    table = Table.fitting(columns, look.width - 1)
    rows = [Row(table.head())]
    found = report.by.get(dimension, ())
    rows += [Row(table.row(_cells(row, row.key.get(dimension, ""), look))) for row in found]
    if not found:
        return [Row((("  no fills in this period", "dim"),))]
    rows.append(Row(table.row(_cells(report.totals, "all", look, bold=True))))
    return rows


def coverage_lines(report: CostReport, look: Look) -> list[Line]:
    """How much of the input stands behind the figures, and which fills do not."""
    coverage = report.coverage
    used = ", ".join(
        f"{amount:,} {name}" for name, amount in sorted(coverage.by_benchmark.items()) if amount
    )
    lines: list[Line] = [
        (
            (f"  {'basis points of the reference notional; positive costs us':<60}", "dim"),
            (f"amounts in {report.currency}, days in {report.zone}", "dim"),
        ),
        (
            ("  priced        ", "dim"),
            (f"{coverage.priced:,} of {shown_as.count(coverage.fills, 'fill')}", ""),
            (f"  ({used})" if used else "", "dim"),
        ),
    ]
    for name, count, fills in _outside(report):
        if not count:
            continue
        first = f"  (the first {LISTED})" if count > LISTED else ""
        lines.append(((f"  {name:<14}", "warning"), (f"{count:,}", ""), (first, "dim")))
        for fill in fills[:LISTED]:
            lines.append(
                (
                    (f"    {shown_as.exact(fill.at, look)}  ", "dim"),
                    (f"{fill.symbol:<8} {fill.fill_id:<16} ", ""),
                    (fill.reason, "dim"),
                )
            )
    return lines


def _outside(report: CostReport) -> tuple[tuple[str, int, Sequence[UnpricedFill]], ...]:
    """What is not in the figures: its name, how many, and the first of them."""
    coverage = report.coverage
    return (
        ("unpriced", coverage.unpriced_count, coverage.unpriced),
        ("suspect", coverage.suspect_count, coverage.suspects),
        ("rejected", coverage.rejected_count, coverage.rejected),
    )


def _cells(row: CostRow, name: str, look: Look, *, bold: bool = False) -> tuple[Span | str, ...]:
    glyphs = look.glyphs
    style = "bold" if bold else ""
    return (
        (name, "bold" if bold else "dim"),
        (shown_as.bps(row.total_bps, glyphs), "bold"),
        (shown_as.bps(row.commission_bps, glyphs), style),
        (shown_as.bps(row.slippage_bps, glyphs), style),
        (shown_as.bps(row.spread_bps, glyphs), style),
        (shown_as.number(row.fills, glyphs), style),
        (shown_as.number(row.notional, glyphs), style),
        (shown_as.bps(row.p50_bps, glyphs), style),
        (shown_as.bps(row.p95_bps, glyphs), style),
        (shown_as.bps(row.p99_bps, glyphs), style),
    )
