"""Trading costs by day, symbol and hour."""

from __future__ import annotations

from textual.app import ComposeResult

from mechexo_tui.panels import costs
from mechexo_tui.panels.titles import title, trouble
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import BLANK, Row, rows_of


class CostsScreen(ConsoleScreen):
    """One table at a time; tab switches what it is by."""

    title_id = "costs"

    def __init__(self) -> None:
        super().__init__()
        self._by = 0

    def compose_body(self) -> ComposeResult:
        """One scrolling text."""
        yield LineList(cursor=False, id="rows")

    def show_body(self) -> None:
        """Shows the table, and what stands behind it."""
        look, part = self.look, self.overview.costs
        by = costs.DIMENSIONS[self._by]
        others = ", ".join(name for name in costs.DIMENSIONS if name != by)
        rows = [Row(title(f"Costs by {by}", look, aside=f"in basis points; tab: by {others}"))]
        rows += trouble(part, "the costs", look)
        report = part.value
        if report is not None:
            first, last = shown_as.moment(report.start, look), shown_as.moment(report.end, look)
            rows.append(Row(((f"  {first} to {last}", "dim"),)))
            rows += costs.cost_rows(report, by, look)
            rows += [Row(BLANK), *rows_of(costs.coverage_lines(report, look))]
        self.query_one(LineList).show(rows)

    def next_panel(self) -> None:
        """By the next dimension."""
        self._by = (self._by + 1) % len(costs.DIMENSIONS)
        self.show_now()

    def open_row(self) -> None:
        """As tab."""
        self.next_panel()
