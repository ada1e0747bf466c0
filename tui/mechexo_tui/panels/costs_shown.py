"""What is seen of each level of the costs screen: the lines above its list, its rows, its text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mechexo.costs.own_values import component_of
from mechexo.costs.views import ExceptionsPage, FillDetail, FillsPage, Plots, TablePage
from mechexo_tui.panels import costs_exceptions, costs_fills, costs_plots, costs_table
from mechexo_tui.panels.costs_bar import WIDE, legend
from mechexo_tui.panels.costs_head import (
    FEW,
    coverage_lines,
    in_zone,
    period_words,
    reference_lines,
    remarks,
    sensitivity_lines,
)
from mechexo_tui.panels.costs_order import order_lines
from mechexo_tui.panels.titles import title, trouble
from mechexo_tui.widgets.lines import BLANK, Line, Row, Span

if TYPE_CHECKING:
    from mechexo.costs.values import CostRow
    from mechexo.costs.views import Period
    from mechexo_tui.costs_apart import Seen
    from mechexo_tui.screens.costs_levels import Level
    from mechexo_tui.sources import Part
    from mechexo_tui.widgets.format import Look

TALL = 30
"""From this height on there is room for the rule and for how fresh the data is."""

TITLES = {
    "table": "Costs by {by}",
    "fills": "Fills",
    "fill": "One fill",
    "plots": "Plots",
    "exceptions": "To be looked at",
}


def among_words(level: Level) -> str:
    """Which fills a level is about."""
    return " ".join(value for _, value in level.among) or "all fills"


def head_lines(
    level: Level, part: Part[Any], seen: Seen[Any] | None, period: Period, look: Look, height: int
) -> list[Line]:
    """Title, what is wrong, what is behind the figures, what the signs mean, the columns."""
    name = TITLES[level.kind].format(by=" and ".join(level.by))
    if seen is None:
        lines = [title(name, look, aside=f"{period.text}; in bps, positive costs us")]
        return lines + [row.line for row in trouble(part, "the costs", look)]
    view, head = seen.view, seen.head
    aside = period_words(period, head, look)
    if isinstance(view, ExceptionsPage):
        aside = f"{costs_exceptions.exceptions_aside(view, head.fills)}; {aside}"
    elif look.width >= 100:
        aside += "; in bps of the notional, positive costs us"
    lines = [title(name, look, aside=aside)]
    lines += [row.line for row in trouble(part, "the costs", look)]
    if level.is_text:
        return lines
    if height >= TALL:
        lines += reference_lines(head, look)
    lines += _coverage(level, seen, look)
    if isinstance(view, FillsPage):
        order = (view.order, view.order_reason, head.currency)
        lines += order_lines(*order, look, tall=height >= TALL)
    return lines + _columns(level, view, look)


def _coverage(level: Level, seen: Seen[Any], look: Look) -> list[Line]:
    totals: CostRow | None = getattr(seen.view, "totals", None)
    if totals is None:
        return []
    whole = not level.among and not level.words
    above = coverage_lines(totals, seen.head, look, whole=whole)
    return above + remarks(totals, seen.head, look, whole=whole)


def _columns(level: Level, view: Any, look: Look) -> list[Line]:
    """The legend and the titles of the columns; of groups also the row of all of them."""
    mark = "^" if level.turned else "v"
    match view:
        case TablePage():
            table = _group_table(level, view, look)
            by = costs_table.title_of_sort(level.sort, level.by, table.of)
            whole = costs_table.group_row(view.totals, table, look, name="all", width=len(level.by))
            return [_legend(look), _sorted_head(table.table.head(), by, mark), whole]
        case FillsPage():
            fills = costs_fills.fills_table(
                look, view.most_bps, view.least_bps, dated=_dated(level)
            )
            by = costs_fills.SORTED[level.sort]
            return [_legend(look), _sorted_head(fills.table.head(), by, mark)]
        case ExceptionsPage():
            return [costs_exceptions.exceptions_table(look).head()]
    return []


def _group_table(level: Level, view: TablePage, look: Look) -> costs_table.BarTable:
    of = component_of([view.totals])
    return costs_table.group_table(level.by, look, view.most_bps, view.least_bps, of)


def _dated(level: Level) -> bool:
    """Whether fills may be of several days."""
    return all(name != "day" for name, _ in level.among)


def _legend(look: Look) -> Line:
    few: Span = (f"  {FEW} under 20 fills" if look.width >= WIDE else "", "dim")
    return (*legend(look), few)


def _sorted_head(head: Line, by: str, mark: str) -> Line:
    """Titles with a mark behind the one that rows are sorted by: in the gap, as narrow columns have
    no room for it."""
    spans = list(head)
    places = [place for place, (text, _) in enumerate(spans) if text.strip() == by]
    if not places:
        return head
    at = places[0]
    text = spans[at][0]
    if text.endswith("  "):
        spans[at] = (f"{text.rstrip()} {mark}".ljust(len(text)), "bold")
        return tuple(spans)
    gap = spans[at + 1][0] if at + 1 < len(spans) else " "
    spans[at : at + 2] = [(text, "bold"), (mark + gap[1:], "bold")]
    return tuple(spans)


def row_maker(level: Level, seen: Seen[Any], look: Look) -> Callable[[Any], Row]:
    """How the items of a level become rows in this width."""
    view, local = seen.view, in_zone(look, seen.head)
    match view:
        case TablePage():
            groups = _group_table(level, view, look)
            return lambda row: Row(costs_table.group_row(row, groups, look))
        case FillsPage():
            dated = _dated(level)
            fills = costs_fills.fills_table(look, view.most_bps, view.least_bps, dated=dated)
            return lambda fill: Row(costs_fills.fill_row(fill, fills, local, dated=dated))
        case _:
            table = costs_exceptions.exceptions_table(look)
            return lambda found: Row(costs_exceptions.exception_row(found, table, local))


def text_rows(level: Level, seen: Seen[Any], look: Look) -> list[Line]:
    """The text of a level that is read: one fill, or plots."""
    match seen.view:
        case FillDetail():
            lines = costs_fills.fill_lines(seen.view, seen.head, look)
            return [*lines, BLANK, *reference_lines(seen.head, look)]
        case Plots():
            plots = costs_plots.plot_lines(seen.view, look, what=among_words(level))
            below = [*_coverage(level, seen, look), *reference_lines(seen.head, look)]
            below += sensitivity_lines(seen.view.sensitivity, seen.view.totals, look)
            return [*plots, *below]
    return []


def empty_line(level: Level) -> Line:
    """What stands where there is nothing to list."""
    if level.words:
        return (("  none has these words; esc shows all", "dim"),)
    if level.kind == "exceptions":
        return (("  nothing is out of the ordinary", "dim"),)
    return (("  no fills in this period", "dim"),)
