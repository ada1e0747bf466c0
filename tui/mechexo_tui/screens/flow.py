"""One flow: how it is and why, its week, its runs; enter shows the end of a run's output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult

from mechexo_tui.panels import flow as panel
from mechexo_tui.panels import flows
from mechexo_tui.panels.titles import title, trouble
from mechexo_tui.panels.words import fits
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.screens.text import TextScreen
from mechexo_tui.sources import Part, read_part
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import BLANK, Row, rows_of

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.flows.values import FlowRun

MOST_RUNS = 400
"""So many of the newest runs are listed and plotted: a week of two an hour."""


class FlowScreen(ConsoleScreen):
    """A flow of our own jobs. It is read again whenever its runs changed."""

    title_id = "flow"

    def __init__(self, flow: str) -> None:
        super().__init__()
        self.flow = flow
        self.crumbs = f"flows > {flow}"
        self._runs: Part[tuple[FlowRun, ...]] = Part()
        self._read_for: object = None

    def compose_body(self) -> ComposeResult:
        """One list: what is known of the flow, then its runs."""
        yield LineList(id="rows")

    def read(self) -> None:
        """Reads the flow's runs in a thread."""
        desk, name = self.console_app.desk, self.flow

        def look(desk: Desk) -> tuple[FlowRun, ...]:
            from mechexo.flows import operations

            return operations.runs(desk, flow=name, limit=MOST_RUNS)

        def read() -> None:
            self.app.call_from_thread(self._take, read_part(desk, "runs", {"runs": look}))

        self.run_worker(read, thread=True, exclusive=True, group="flow", exit_on_error=False)

    def _take(self, found: Part[tuple[FlowRun, ...]]) -> None:
        before = self._runs
        self._runs = Part(before.value, before.read_at, found.error) if found.error else found
        self.show_now()

    def show_body(self) -> None:
        """Shows the flow; reads its runs again when something has changed."""
        newest = self.overview.runs.value
        if self._read_for is None or newest is not self._read_for:
            self._read_for = newest or ()
            self.read()
        look, part = self.look, self.overview.flows
        summary = next((each for each in part.value or () if each.flow == self.flow), None)
        rows = trouble(part, "the flows", look)
        runs = self._runs.value or ()
        if summary is not None:
            first, *others = panel.head_lines(summary, look)
            # It can be chosen, so that the page opens at its top and not at the first run.
            rows += [Row(first, "about:"), *rows_of(others)]
            is_cut = len(runs) >= MOST_RUNS
            week = panel.week_lines(summary, runs, look, is_cut=is_cut)
            rows += [Row(BLANK), *rows_of(week)]
        shown = [run for run in runs if fits(f"{run.state} {run.tail}", self.words)]
        aside = f"{shown_as.count(len(shown), 'run')}, newest first; enter shows the output's end"
        rows += [Row(BLANK), Row(title("Runs", look, aside=aside))]
        rows += trouble(self._runs, "the runs", look)
        if self._runs.value is not None:
            rows += flows.run_rows(shown, look)
        self.query_one(LineList).show(rows)

    def open_row(self) -> None:
        """A run with the end of its output."""
        _, _, name = self.active.key.partition(":")
        run = next((each for each in self._runs.value or () if str(each.id) == name), None)
        if run is not None:
            app = self.console_app
            app.open_screen(
                TextScreen(
                    "tail",
                    f"{self.crumbs} > run",
                    lambda width: rows_of(flows.run_lines(run, app.look(width))),
                )
            )

    def perform(self, action_id: str) -> None:
        """The rollback's dry run; the rest is as everywhere."""
        if action_id == "rollback-flow":
            from mechexo_tui.flow_deeds import show_rollback

            show_rollback(self, self.flow)
        else:
            super().perform(action_id)
