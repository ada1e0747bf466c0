"""Grafana: its dashboards as links for the browser, and how our annotations stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo_tui.panels import grafana as panels
from mechexo_tui.panels.titles import title, trouble
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.sources import Part, read_part
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import BLANK, Row

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.grafana.values import Annotating, Dashboard, Dashboards

ASK_S = 8.0
"""How long somebody who asks waits at most."""
MOST_NOTES = 500


class GrafanaScreen(ConsoleScreen):
    """The dashboards as last told, by folder and title."""

    title_id = "grafana"
    filter_hint = "title, folder, tag or uid; !words leaves them out"

    def __init__(self) -> None:
        super().__init__()
        self._boards: Part[Dashboards] = Part()
        self._notes: Part[Annotating] = Part()
        self._asking = False

    @property
    def board(self) -> Dashboard | None:
        """The dashboard under the cursor."""
        kind, _, uid = self.active.key.partition(":")
        every = self._boards.value.listed if self._boards.value else ()
        return next((each for each in every if kind == "board" and each.uid == uid), None)

    @property
    def copied(self) -> str:
        """The address of the dashboard under the cursor."""
        board = self.board
        return (board.link or board.uid) if board else super().copied

    def on_mount(self) -> None:
        """Reads what is known, and again as often as everything else."""
        super().on_mount()
        self.read()
        every = self.console_app.desk.settings.refresh.dashboard
        self.set_interval(every.total_seconds(), self._read_in_time)

    def on_screen_resume(self) -> None:
        """Shows what was told meanwhile."""
        super().on_screen_resume()
        self.read()

    def read(self) -> None:
        """Reads the state file in a thread; asks nobody."""
        desk = self.console_app.desk
        if not desk.settings.grafana.url:
            return

        def boards(desk: Desk) -> Dashboards:
            from mechexo.grafana import operations

            return operations.standing(desk)

        def notes(desk: Desk) -> Annotating:
            from mechexo.grafana import annotating

            return annotating.standing(desk, MOST_NOTES)

        def read() -> None:
            found = read_part(desk, "boards", {"boards": boards})
            told = read_part(desk, "notes", {"notes": notes})
            self.app.call_from_thread(self._take, found, told)

        self.run_worker(read, thread=True, exclusive=True, group="grafana", exit_on_error=False)

    def _read_in_time(self) -> None:
        if self.console_app.front is self and not self.console_app.facts.paused:
            self.read()

    def _take(self, boards: Part[Dashboards], notes: Part[Annotating]) -> None:
        if boards.error:
            boards = Part(self._boards.value, self._boards.read_at, boards.error)
        if notes.error:
            notes = Part(self._notes.value, self._notes.read_at, notes.error)
        self._boards, self._notes = boards, notes
        self.show_now()

    def show_body(self) -> None:
        """Shows how the asking and the annotating stand, and the dashboards."""
        look, settings = self.look, self.console_app.desk.settings.grafana
        if not settings.url:
            none = "this desk has no Grafana: write a table [grafana] with its url"
            rows = [Row(title("Grafana", look)), Row(((f"  {none}", "dim"),))]
            self.query_one(LineList).show(rows)
            return
        aside = "asking" if self._asking else "click a title to open it in your browser"
        rows = [Row(title("Grafana", look, aside=aside))]
        rows += trouble(self._boards, "the dashboards", look)
        boards = self._boards.value
        if boards is not None:
            every = max(settings.every, self.console_app.desk.settings.refresh.tick)
            rows += panels.standing_rows(boards, every, look)
        if settings.annotate:
            rows += [Row(BLANK), Row(title("Annotations", look))]
            rows += trouble(self._notes, "the annotations", look)
            if self._notes.value is not None:
                rows += panels.annotation_rows(self._notes.value, look)
        if boards is not None:
            found = panels.kept(boards.listed, self.words)
            count = shown_as.count(len(found), "dashboard")
            rows += [Row(BLANK), Row(title("Dashboards", look, aside=f"{count}; enter: panels"))]
            rows += panels.board_rows(found, look) if found else [self._none(boards)]
        self.query_one(LineList).show(rows)

    def _none(self, boards: Dashboards) -> Row:
        if boards.listed:
            said = "none has these words; esc shows all"
        else:
            said = "none" if boards.good_at else "not known yet; a asks now"
        return Row(((f"  {said}", "dim"),))

    def open_row(self) -> None:
        """The panels of the chosen dashboard."""
        board = self.board
        if board is not None:
            from mechexo_tui.screens.grafana_panels import GrafanaPanelsScreen

            self.console_app.open_screen(GrafanaPanelsScreen(board))

    def perform(self, action_id: str) -> None:
        """Asks Grafana; the rest is as everywhere."""
        if action_id == "ask-grafana":
            self._ask_grafana()
            return
        if action_id == "refresh":
            self.read()
        super().perform(action_id)

    def _ask_grafana(self) -> None:
        from mechexo_tui import deeds

        app = self.console_app
        if not app.desk.settings.grafana.url or self._asking:
            return
        self._asking = True
        self.show_now()

        def ask() -> None:
            from mechexo.grafana import operations

            try:
                operations.look(app.desk, deadline_s=ASK_S, force=True)
            finally:
                app.call_later(self._asked)

        deeds.in_background(app, ask, name="grafana")

    def _asked(self) -> None:
        self._asking = False
        if self.is_attached:
            self.show_now()
            self.read()
