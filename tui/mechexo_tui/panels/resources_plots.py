"""Plots of a Prometheus, and of one metric of the machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mechexo.resources.words import figure, plot_remarks, plot_verdict
from mechexo_tui.plotting import Figure, Series, Threshold, time_plot
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import BLANK, Line, Row, Span, beside, harmless, wrapped
from mechexo_tui.widgets.table import Column, Table, natural

if TYPE_CHECKING:
    from mechexo.resources.plot_values import PlotStanding
    from mechexo.resources.values import HostStanding, Summary
    from mechexo_tui.widgets.format import Look

WIDE = 140
"""From this width on there are two plots in a row."""
SMALL, LARGE = 6, 16
"""Lines of a plot among others, and of one alone."""
_GAP = 3
_COLUMNS = (
    Column("status", 10),
    Column("plot", 24),
    Column("now", 20, grows=True),
)
_WORDED = frozenset({"B", "B/s", "s"})
"""Units that stand with each figure, because they change with its size."""


def plots_aside(plots: Sequence[PlotStanding]) -> str:
    """Plots in one line: how many, and which could not be asked for."""
    bad = [each.name for each in plots if each.why]
    said = shown_as.count(len(plots), "plot")
    return f"{said}; not answered: {', '.join(bad[:3])}" if bad else said


def plot_rows(plots: Sequence[PlotStanding], look: Look) -> list[Row]:
    """A row for each plot that can be opened; below them all plots, beside each other where that
    fits."""
    if not plots:
        return []
    verdicts = [plot_verdict(each) for each in plots]
    cells: list[list[Span | str]] = [
        [
            shown_as.status(status, look.glyphs) if status else (look.glyphs.missing, "dim"),
            (each.name, "bold"),
            harmless(said),
        ]
        for each, (status, said) in zip(plots, verdicts, strict=True)
    ]
    columns = natural(_COLUMNS, cells)
    columns[-1] = _COLUMNS[-1]
    table = Table.fitting(columns, look.width - 1)
    rows = [Row(table.head())]
    rows += [
        Row(table.row(row), f"plot:{each.name}") for row, each in zip(cells, plots, strict=True)
    ]
    two = look.width >= WIDE
    part = look.wide((look.width - 1 - _GAP) // 2 if two else look.width - 1)
    step = 2 if two else 1
    for place in range(0, len(plots), step):
        first, *others = [plot_lines(p, part, height=SMALL) for p in plots[place : place + step]]
        lines = beside(first, others[0], part.width, _GAP) if others else first
        # A row to move to: a list goes from one that can be chosen to the next.
        key = f"drawn:{plots[place].name}"
        rows += [Row(BLANK), Row(lines[0], key), *map(Row, lines[1:])]
    return rows


def plot_lines(plot: PlotStanding, look: Look, *, height: int = LARGE) -> list[Line]:
    """One plot: values, axes, thresholds, legend; and what is to be known beside them."""
    lines: list[Line] = []
    answered = plot.look is not None and bool(plot.look.series)
    if plot.look is not None and answered:
        moments = plot.look.grid
        unit, write = _written(plot.unit)
        lines = time_plot(
            plot.title,
            [Series(name, points) for name, points in zip(plot.names, plot.points, strict=True)],
            look,
            start=moments.start,
            end=moments.end,
            height=height,
            unit=unit,
            thresholds=[Threshold(each.value, each.severity, each.below) for each in plot.lines],
            figure=write,
        )
    else:
        lines = [((f" {plot.title}", "title"),)]
    sign, style = shown_as.status("unknown", look.glyphs)
    for said in plot_remarks(plot, look.now):
        first, *others = wrapped(harmless(said), look.width - 14)
        lines.append((("  ", ""), (sign, style), (f"  {first}", "")))
        lines += [((f"             {text}", ""),) for text in others]
    return lines


def whole_plot(plot: PlotStanding, look: Look, *, height: int = LARGE) -> list[Line]:
    """One plot alone, with its query and when it was answered."""
    lines = plot_lines(plot, look, height=height)
    lines.append(BLANK)
    lines += [((f"  {text}", "dim"),) for text in wrapped(harmless(plot.query), look.width - 3)]
    if plot.look is not None:
        step = figure(plot.look.grid.step.total_seconds(), "s")
        said = f"  answered {shown_as.exact(plot.good_at, look)}, a point each {step}"
        lines.append(((said, "dim"),))
    return lines


def metric_lines(
    summary: Summary, found: HostStanding, look: Look, *, height: int = LARGE
) -> list[Line]:
    """One metric of the machine over the kept time."""
    points = [(each.at, each.value) for each in summary.points]
    unit, write = _written(summary.unit)
    lines = time_plot(
        summary.metric.key,
        [Series("", points)],
        look,
        start=found.since,
        end=found.at or look.now,
        height=height,
        unit=unit,
        from_zero=summary.unit == "%",
        figure=write,
    )
    if summary.average is not None:
        average = figure(summary.average, summary.unit)
        lines.append(((f"  average {average}", "dim"),))
    why = f"now: {harmless(summary.why)}" if summary.why else ""
    if found.outdated:
        why = f"no tick has looked since {shown_as.moment(found.at, look)}"
    if why:
        sign, style = shown_as.status("unknown", look.glyphs)
        lines.append((("  ", ""), (sign, style), (f"  {why}", "")))
    return lines


def _written(unit: str) -> tuple[str, Figure | None]:
    """The unit that a plot has as a whole, and how its values are written."""
    if unit in _WORDED:
        return "", lambda value: figure(value, unit)
    return unit, None
