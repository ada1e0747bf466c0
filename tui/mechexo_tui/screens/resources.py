"""Machines, processes and connections: probes, what this machine has left, plots."""

from __future__ import annotations

from mechexo_tui.panels import probes, resources, resources_plots
from mechexo_tui.panels.probe_story import probe_lines
from mechexo_tui.panels.titles import title, trouble
from mechexo_tui.panels.words import fits
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.screens.resource import WHOLES, ResourceScreen
from mechexo_tui.screens.text import TextScreen
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import BLANK, Row, rows_of

NO_PLOT = "no plot is configured; [resources.plots.NAME] in mechexo.toml adds one"
NO_PROCESS = "no process is watched; [resources.processes.NAME] in mechexo.toml adds one"


class ResourcesScreen(ConsoleScreen):
    """System resources: probes, the machine, its watched processes, plots of a Prometheus."""

    title_id = "resources"

    @property
    def chosen_alert(self) -> int | None:
        """The open alert of the chosen probe."""
        kind, _, name = self.active.key.partition(":")
        keys = {f"probe:{name}", f"probe:{name}:warning"} if kind == "probe" else set()
        alerts = self.overview.alerts.value or ()
        return next((alert.id for alert in alerts if alert.key in keys), None)

    def show_body(self) -> None:
        """Shows what has the filter's words."""
        rows = self._probes()
        rows += [Row(BLANK), *self._machine()]
        rows += [Row(BLANK), *self._processes()]
        rows += [Row(BLANK), *self._plots()]
        self.query_one(LineList).show(rows)

    def open_row(self) -> None:
        """A probe, a metric, a process or a plot in full."""
        kind, _, name = self.active.key.partition(":")
        crumbs = f"{self.title_id} > {name}"
        if kind == "probe":
            self._open_probe(name, crumbs)
        elif kind in WHOLES:
            self.console_app.open_screen(ResourceScreen(crumbs, WHOLES[kind](name)))

    def _probes(self) -> list[Row]:
        look, part = self.look, self.overview.probes
        found = [
            probe
            for probe in probes.machine_probes(part.value or ())
            if fits(
                f"{probe.name} {probe.kind} {probe.card} {probe.status} {probe.detail}", self.words
            )
        ]
        rows = [Row(title("System resources", look, aside=probes.probes_aside(found)))]
        rows += trouble(part, "the probes", look)
        if part.value is not None:
            rows += probes.probe_rows(found, self.overview.history.value or {}, look)
        status = self.overview.status.value
        return rows + (probes.uptime_rows(status.uptime, look) if status else [])

    def _machine(self) -> list[Row]:
        look, part = self.look, self.overview.machine
        found = part.value
        aside = resources.machine_aside(found, look) if found else ""
        rows = [Row(title("This machine", look, aside=aside))]
        rows += trouble(part, "the samples of the machine", look)
        if found is None or not found.summaries:
            return rows
        shown = [
            each
            for each in found.summaries
            if not each.metric.name.startswith(resources.OF_PROCESSES)
            and fits(each.metric.key, self.words)
        ]
        rows += resources.metric_rows(found, shown, look)
        return rows + (resources.problem_rows(found, look) if not self.words else [])

    def _processes(self) -> list[Row]:
        look, found = self.look, self.overview.machine.value
        rows = [Row(title("Watched processes", look))]
        if found is None:
            return rows
        if not found.processes:
            return [*rows, Row(((f"  {NO_PROCESS}", "dim"),))]
        shown = [each for each in found.processes if fits(f"{each.name} {each.detail}", self.words)]
        return rows + resources.process_rows(found, shown, look)

    def _plots(self) -> list[Row]:
        look, part = self.look, self.overview.plots
        plots = [
            each
            for each in part.value or ()
            if fits(f"{each.name} {each.title} {each.why}", self.words)
        ]
        aside = resources_plots.plots_aside(plots) if plots else ""
        rows = [Row(title("Plots", look, aside=aside)), *trouble(part, "the plots", look)]
        if part.value is not None and not part.value:
            return [*rows, Row(((f"  {NO_PLOT}", "dim"),))]
        return rows + resources_plots.plot_rows(plots, look)

    def _open_probe(self, name: str, crumbs: str) -> None:
        probe = next((p for p in self.overview.probes.value or () if p.name == name), None)
        if probe is not None:
            lines = probe_lines(probe, (self.overview.history.value or {}).get(name, ()), self.look)
            self.console_app.open_screen(TextScreen("tail", crumbs, rows_of(lines)))
