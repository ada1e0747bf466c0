"""Costs in a few rows, for the overview: a missing figure is a dash, never a zero."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mechexo.costs.own_values import component_of, own_values
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Row, Span
from mechexo_tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from mechexo.costs.values import CostReport, CostRow
    from mechexo_tui.widgets.format import Look

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
    outside = ", ".join(f"{count:,} {name}" for name, count in _outside(report).items() if count)
    return f"{outside}; {text}" if outside else text


def cost_rows(report: CostReport, dimension: str, look: Look) -> list[Row]:
    """A table by one dimension with its totals, and what stands behind it."""
    of = component_of([report.totals])
    columns = (Column(dimension, 10), *_COLUMNS[1:-3], *_percentiles(of))
    table = Table.fitting(columns, look.width - 1)
    rows = [Row(table.head())]
    found = report.by.get(dimension, ())
    rows += [Row(table.row(_cells(row, of, row.key.get(dimension, ""), look))) for row in found]
    if not found:
        return [Row((("  no fills in this period", "dim"),))]
    rows.append(Row(table.row(_cells(report.totals, of, "all", look, bold=True))))
    return rows


def _percentiles(of: str) -> tuple[Column, ...]:
    """The last columns: where no fill has a total they are of slippages, and say so."""
    if of == "total":
        return _COLUMNS[-3:]
    return tuple(replace(each, title=f"slip {each.title}", width=8) for each in _COLUMNS[-3:])


def _outside(report: CostReport) -> dict[str, int]:
    """What is not in the figures, or not in all of them: its name, and how many."""
    coverage = report.coverage
    return {
        "unpriced": coverage.unpriced_count,
        "suspect": coverage.suspect_count,
        "rejected": coverage.rejected_count,
        # In the slippage, not in the total: without a word the parts are more than their sum.
        "without a commission": coverage.without_commission,
    }


def _cells(
    row: CostRow, of: str, name: str, look: Look, *, bold: bool = False
) -> tuple[Span | str, ...]:
    glyphs, own = look.glyphs, own_values(row, of).figures
    style = "bold" if bold else ""
    return (
        (name, "bold" if bold else "dim"),
        (shown_as.bps(row.total_bps, glyphs), "bold"),
        (shown_as.bps(row.commission_bps, glyphs), style),
        (shown_as.bps(row.slippage_bps, glyphs), style),
        (shown_as.bps(row.spread_bps, glyphs), style),
        (shown_as.number(row.fills, glyphs), style),
        (shown_as.number(row.notional if row.priced else None, glyphs), style),
        *((shown_as.bps(own[f"{name}_bps"], glyphs), style) for name in ("p50", "p95", "p99")),
    )
