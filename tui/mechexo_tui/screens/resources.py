"""Machines, processes and connections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from mechexo_tui.panels import probes
from mechexo_tui.panels.probe_story import probe_lines
from mechexo_tui.panels.titles import title, trouble
from mechexo_tui.panels.words import fits
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.screens.text import TextScreen
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import BLANK, Row, rows_of

if TYPE_CHECKING:
    from mechexo.health.values import ProbeState


class ProbesScreen(ConsoleScreen):
    """Probes of one kind, with their values and how these went lately."""

    heading: ClassVar[str] = ""

    def chosen(self, found: Sequence[ProbeState]) -> list[ProbeState]:
        """The probes that belong here."""
        return list(found)

    @property
    def chosen_alert(self) -> int | None:
        """The open alert of the chosen probe."""
        name = self.active.key.partition(":")[2]
        keys = {f"probe:{name}", f"probe:{name}:warning"}
        alerts = self.overview.alerts.value or ()
        return next((alert.id for alert in alerts if name and alert.key in keys), None)

    def show_body(self) -> None:
        """Shows the probes with the filter's words, the uptime below."""
        look, part = self.look, self.overview.probes
        found = [probe for probe in self.chosen(part.value or ()) if self._fits(probe)]
        rows = [Row(title(self.heading, look, aside=probes.probes_aside(found)))]
        rows += trouble(part, "the probes", look)
        if part.value is not None:
            rows += probes.probe_rows(found, self.overview.history.value or {}, look)
        rows += [Row(BLANK), *self.more_rows()]
        self.query_one(LineList).show(rows)

    def more_rows(self) -> list[Row]:
        """What stands below the probes."""
        return []

    def open_row(self) -> None:
        """One probe in full."""
        name = self.active.key.partition(":")[2]
        probe = next((p for p in self.overview.probes.value or () if p.name == name), None)
        if probe is not None:
            lines = probe_lines(probe, (self.overview.history.value or {}).get(name, ()), self.look)
            crumbs = f"{self.title_id} > {name}"
            self.console_app.open_screen(TextScreen("tail", crumbs, rows_of(lines)))

    def _fits(self, probe: ProbeState) -> bool:
        text = f"{probe.name} {probe.kind} {probe.card} {probe.status} {probe.detail}"
        return fits(text, self.words)


class ResourcesScreen(ProbesScreen):
    """System resources."""

    title_id = "resources"
    heading = "System resources"

    def chosen(self, found: Sequence[ProbeState]) -> list[ProbeState]:
        """Machines, processes, connections."""
        return probes.machine_probes(found)

    def more_rows(self) -> list[Row]:
        """The uptime against its objective."""
        status = self.overview.status.value
        return probes.uptime_rows(status.uptime, self.look) if status else []
