"""CI: the repositories with their badges, then the newest runs; enter shows one in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo_tui.panels import ci
from mechexo_tui.panels.titles import title, trouble
from mechexo_tui.panels.words import fits
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.screens.text import TextScreen
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import BLANK, Row, rows_of

if TYPE_CHECKING:
    from mechexo.flows.ci.values import CiRun, CiStanding


class CiScreen(ConsoleScreen):
    """What the tick learnt last: nobody is asked from here."""

    title_id = "ci"

    def show_body(self) -> None:
        """Shows the repositories and the runs with the filter's words."""
        look, part, settings = self.look, self.overview.ci, self.console_app.desk.settings
        found, tick = part.value or (), settings.refresh.tick
        aside = ci.ci_aside(found, settings.ci, tick, look).removeprefix("CI ")
        rows = [Row(title("CI", look, aside=aside)), *trouble(part, "CI", look)]
        for each in found:
            if fits(f"{each.name} {each.repository}", self.words) or self._runs([each]):
                rows += ci.repository_row(each, settings.ci[each.name], tick, look)
                rows += ci.badge_rows(each, look)
        if part.value is not None and not found:
            rows.append(Row(((f"  {ci.NONE}", "dim"),)))
        if found:
            runs = self._runs(list(found))
            aside = f"{shown_as.count(len(runs), 'run')}, newest first; enter shows one in full"
            rows += [Row(BLANK), Row(title("Runs", look, aside=aside))]
            rows += ci.run_rows(runs, look)
        self.query_one(LineList).show(rows)

    def _runs(self, found: list[CiStanding]) -> list[tuple[CiStanding, CiRun]]:
        """The runs with the filter's words, newest first."""
        every = [(each, run) for each in found for run in each.runs]
        every.sort(key=lambda pair: pair[1].started_at, reverse=True)
        return [
            (each, run)
            for each, run in every
            if fits(
                f"{each.name} {run.branch} {run.workflow} {run.state.value} {run.title} "
                f"{run.commit}",
                self.words,
            )
        ]

    def open_row(self) -> None:
        """One run in full."""
        kind, _, place = self.active.key.partition(":")
        name, _, run_id = place.partition(":")
        each = next((one for one in self.overview.ci.value or () if one.name == name), None)
        if kind not in ("ci", "badge") or each is None:
            return
        known = (*each.runs, *(badge.run for badge in each.badges))
        run = next((one for one in known if one.id == run_id), None)
        if run is not None:
            app = self.console_app
            app.open_screen(
                TextScreen(
                    "tail",
                    f"ci > {run.workflow}",
                    lambda width: rows_of(ci.run_lines(each, run, app.look(width))),
                )
            )
