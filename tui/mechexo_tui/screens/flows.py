"""Flows: how each performs, its runs, and the end of a run's output."""

from __future__ import annotations

from mechexo_tui.panels import flows
from mechexo_tui.panels.titles import title, trouble
from mechexo_tui.panels.words import fits
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.screens.text import TextScreen
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import BLANK, Row, rows_of


class FlowsScreen(ConsoleScreen):
    """Summaries first, then the runs, newest first."""

    title_id = "flows"

    def show_body(self) -> None:
        """Shows the summaries and the runs with the filter's words."""
        look, seen = self.look, self.overview
        summaries = seen.flows.value or ()
        runs = [run for run in seen.runs.value or () if fits(f"{run.flow} {run.state}", self.words)]
        rows = [Row(title("Flows", look, aside=flows.summary_aside(summaries)))]
        rows += trouble(seen.flows, "the flows", look)
        if seen.flows.value is not None:
            rows += flows.summary_rows(summaries, look)
        rows += [Row(BLANK), Row(title("Runs", look, aside="enter shows the end of the output"))]
        rows += trouble(seen.runs, "the runs", look)
        if seen.runs.value is not None:
            rows += flows.run_rows(runs, look)
        self.query_one(LineList).show(rows)

    def open_row(self) -> None:
        """A flow keeps only its runs; a run shows the end of its output."""
        kind, _, name = self.active.key.partition(":")
        if kind == "flow":
            self.filter("" if self.words == name else name)
        elif kind == "run":
            run = next((r for r in self.overview.runs.value or () if str(r.id) == name), None)
            if run is not None:
                lines = flows.run_lines(run, self.look)
                self.console_app.open_screen(
                    TextScreen("tail", f"flows > {run.flow}", rows_of(lines))
                )
