"""All incidents, those that go on first; enter opens one with its timeline."""

from __future__ import annotations

from mechexo_tui.panels import incidents
from mechexo_tui.panels.titles import title, trouble
from mechexo_tui.panels.words import fits
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import Row


class IncidentsScreen(ConsoleScreen):
    """The list of incidents."""

    title_id = "incidents"

    def show_body(self) -> None:
        """Shows the incidents with the filter's words."""
        look, part = self.look, self.overview.incidents
        every = part.value or ()
        found = [
            each
            for each in every
            if fits(f"{each.title} {each.severity} {each.status} {each.commander} "
                    f"{each.runbook} {' '.join(each.flows)}", self.words)
        ]  # fmt: skip
        open_now = sum(not each.is_closed for each in every)
        aside = f"{open_now} open, {shown_as.count(len(every), 'incident')} in all"
        rows = [Row(title("Incidents", look, aside=aside)), *trouble(part, "the incidents", look)]
        if found:
            rows += incidents.list_rows(found, look)
        elif part.value is not None:
            none = "none has these words; esc shows all" if every else "none; n opens one"
            rows.append(Row(((f"  {none}", "dim"),)))
        self.query_one(LineList).show(rows)

    def open_row(self) -> None:
        """Opens the chosen incident."""
        from mechexo_tui.screens.incident import IncidentScreen

        kind, _, number = self.active.key.partition(":")
        if kind == "incident":
            self.console_app.open_screen(IncidentScreen(int(number)))

    def perform(self, action_id: str) -> None:
        """Opens one by hand; the rest is as everywhere."""
        if action_id == "open-incident":
            from mechexo_tui.incident_deeds import open_incident

            open_incident(self)
        else:
            super().perform(action_id)
