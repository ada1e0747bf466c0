"""Groups of fills as rows: what they cost, of what, and a bar of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mechexo.costs.own_values import own_values
from mechexo.value_classes import dataclass
from mechexo_tui.panels.costs_bar import Scale, bar
from mechexo_tui.panels.costs_head import FEW, PARTLY
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Line, Span, text_of, width_of
from mechexo_tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from mechexo.costs.values import CostRow, FillCost
    from mechexo_tui.widgets.format import Glyphs, Look

NARROWEST_BAR, WIDEST_BAR = 10, 48

SORTED = {
    "total": "total",
    "commission": "commission",
    "slippage": "slippage",
    "spread": "half-spread",
    "beyond": "beyond",
    "fills": "fills",
    "amount": "amount",
    "value": "notional",
    "p95": "p95",
}
"""Sorts to the titles of their columns."""

_WIDTHS = {
    "day": 10,
    "week": 8,
    "month": 7,
    "weekday": 7,
    "hour": 6,
    "half_hour": 9,
    "time_of_day": 11,
    "hour_utc": 8,
    "side": 5,
    "symbol": 10,
    "order_id": 14,
    "size": 14,
    "adv": 13,
}

_OF_SLIPPAGE = "slip "
"""Before the name of a percentile where no fill has a total."""

_FIGURES = (
    Column("total", 8, right=True),
    Column("slippage", 8, right=True, drop=2),
    Column("commission", 10, right=True, drop=3),
    Column("half-spread", 11, right=True, drop=4),
    Column("beyond", 8, right=True, drop=5),
    Column("fills", 9, right=True, drop=1),
    Column("amount", 13, right=True, drop=6),
    Column("notional", 16, right=True, drop=7),
    Column("p50", 8, right=True, drop=9),
    Column("p95", 9, right=True, drop=8),
    Column("p99", 9, right=True, drop=10),
)
_PERCENTILES = ("p50", "p95", "p99")


@dataclass(frozen=True, slots=True)
class BarTable:
    """A table whose last column is a bar: it takes the room that the others leave."""

    table: Table
    scale: Scale
    of: str = "total"
    """What percentiles are of: `total`, or `slippage` where no fill has a total."""

    @classmethod
    def fitting(
        cls, columns: Sequence[Column], look: Look, most_bps: float, least_bps: float
    ) -> BarTable:
        """The columns that fit beside a bar."""
        room = look.width - 2
        table = Table.fitting(columns, room - NARROWEST_BAR - 2)
        taken = width_of(text_of(table.row([""] * len(columns)))) + 2
        width = max(3, min(WIDEST_BAR, room - taken))
        return cls(table, Scale(most_bps, least_bps, width))

    def row(
        self,
        cells: Sequence[Span | str],
        cost: CostRow | FillCost | None,
        glyphs: Glyphs,
        text: Line = (),
    ) -> Line:
        """A row with the bar of its cost, or with a text in its place."""
        ends = bar(cost, self.scale, glyphs) if cost is not None else text
        return (*self.table.row(cells), ("  ", ""), *ends)


def group_table(
    by: Sequence[str], look: Look, most_bps: float, least_bps: float, of: str = "total"
) -> BarTable:
    """The table of groups by these dimensions; its percentiles are `of` totals or slippages."""
    names = [Column(name, max(_WIDTHS.get(name, 12), len(name))) for name in by]
    figures = [
        replace(each, title=_OF_SLIPPAGE + each.title)
        if of == "slippage" and each.title in _PERCENTILES
        else each
        for each in _FIGURES
    ]
    fitting = BarTable.fitting((*names, *figures), look, most_bps, least_bps)
    return replace(fitting, of=of)


def title_of_sort(sort: str, by: Sequence[str], of: str) -> str:
    """The title of the column that rows are sorted by."""
    title = SORTED.get(sort, by[0])
    return _OF_SLIPPAGE + title if of == "slippage" and title in _PERCENTILES else title


def group_row(row: CostRow, table: BarTable, look: Look, *, name: str = "", width: int = 1) -> Line:
    """A group's row; `name` stands in place of its keys where it has none (`width` columns)."""
    style = "bold" if name else ""
    keys: list[Span | str] = [(text, "") for text in row.key.values()]
    if name:
        keys = [(name, "bold"), *[""] * (width - 1)]
    return table.row((*keys, *figures(row, table.of, look.glyphs, style)), row, look.glyphs)


def figures(row: CostRow, of: str, glyphs: Glyphs, style: str = "") -> list[Span | str]:
    """The figures of a group in the order of the columns."""
    partly = PARTLY if row.with_total < row.priced and row.total_bps is not None else ""
    own = own_values(row, of)
    few = FEW if own.few else ""

    def marked(value: float | None, mark: str) -> str:
        return shown_as.fine_bps(value, glyphs) + (mark if value is not None else "")

    return [
        (marked(row.total_bps, partly), "bold"),
        (shown_as.fine_bps(row.slippage_bps, glyphs), style),
        (shown_as.fine_bps(row.commission_bps, glyphs), style),
        (shown_as.fine_bps(row.spread_bps, glyphs), style),
        (shown_as.fine_bps(row.beyond_bps, glyphs), style),
        (shown_as.number(row.fills, glyphs), style),
        (shown_as.number(row.total_ccy, glyphs, decimals=2) + partly, style),
        (shown_as.number(row.notional if row.priced else None, glyphs), style),
        (shown_as.fine_bps(own.figures["p50_bps"], glyphs), style),
        (marked(own.figures["p95_bps"], few), style),
        (marked(own.figures["p99_bps"], few), style),
    ]
