"""One metric, watched process or plot in full, drawn anew as it becomes known."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mechexo_tui.panels import resources, resources_plots
from mechexo_tui.screens.text import TextScreen
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import BLANK, Line, rows_of

if TYPE_CHECKING:
    from mechexo_tui.sources import Overview
    from mechexo_tui.widgets.format import Look

OF_A_PROCESS = ("cpu_pct", "rss_bytes", "descriptors", "threads")
_HIGHEST = 30
_WORDS = 14
"""Lines that head, foot, axes and the words below a plot take."""

Draw = Callable[["Overview", "Look", int], "list[Line]"]
"""The lines of what is known, in a look, with plots so many lines high."""


class ResourceScreen(TextScreen):
    """What is known of one resource; what is no longer known stays as it was shown last."""

    def __init__(self, crumbs: str, draw: Draw) -> None:
        super().__init__("tail", crumbs, ())
        self._draw = draw

    def show_body(self) -> None:
        """Draws what is known now; what did not change paints nothing."""
        height = max(resources_plots.SMALL, min(_HIGHEST, self.size.height - _WORDS))
        if lines := self._draw(self.overview, self.look, height):
            self.query_one(LineList).show(rows_of(lines))


def metric(key: str) -> Draw:
    """A metric of the machine over the kept time."""

    def draw(overview: Overview, look: Look, height: int) -> list[Line]:
        found = overview.machine.value
        for each in found.summaries if found else ():
            if found and each.metric.key == key:
                return resources_plots.metric_lines(each, found, look, height=height)
        return []

    return draw


def process(name: str) -> Draw:
    """What a watched process takes, a plot for each."""
    keys = [f"{resources.OF_PROCESSES}{each}:{name}" for each in OF_A_PROCESS]

    def draw(overview: Overview, look: Look, height: int) -> list[Line]:
        found, small = overview.machine.value, min(height, resources_plots.SMALL)
        lines: list[Line] = []
        by_key = {each.metric.key: each for each in found.summaries} if found else {}
        for key in keys:
            if found and key in by_key:
                lines += resources_plots.metric_lines(by_key[key], found, look, height=small)
                lines.append(BLANK)
        return lines

    return draw


def plot(name: str) -> Draw:
    """A plot of a Prometheus with its query."""

    def draw(overview: Overview, look: Look, height: int) -> list[Line]:
        found = next((each for each in overview.plots.value or () if each.name == name), None)
        return resources_plots.whole_plot(found, look, height=height) if found else []

    return draw


WHOLES: dict[str, Callable[[str], Draw]] = {
    "metric": metric,
    "process": process,
    "plot": plot,
    "drawn": plot,
}
"""What the key of a row stands for, to what is drawn of it."""
