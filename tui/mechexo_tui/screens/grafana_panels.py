"""The panels of a dashboard; enter has Grafana's renderer draw one, and shows it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mechexo import terminal_pictures
from mechexo_tui.panels import grafana as panels
from mechexo_tui.panels.titles import title, trouble
from mechexo_tui.panels.words import fits
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.sources import Part
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import Row

if TYPE_CHECKING:
    from datetime import datetime

    from mechexo.grafana.values import Dashboard, DashboardPanels, Panel, Picture

BACK = timedelta(hours=6)
"""How far back a picture reaches."""
CELL = (10, 20)
"""About so many pixels a cell of the terminal is wide and high."""
LARGEST = (2000, 1200)


class GrafanaPanelsScreen(ConsoleScreen):
    """One dashboard's panels, asked for when the screen opens."""

    title_id = "grafana-panels"
    filter_hint = "title, kind or number; !words leaves them out"

    def __init__(self, board: Dashboard) -> None:
        super().__init__()
        self.crumbs = f"grafana > {board.title}"
        self._board = board
        self._found: Part[DashboardPanels] = Part()
        self._drawing = ""

    @property
    def panel(self) -> Panel | None:
        """The panel under the cursor."""
        number = self.active.key.partition(":")[2]
        every = self._found.value.panels if self._found.value else ()
        return next((each for each in every if str(each.id) == number), None)

    @property
    def copied(self) -> str:
        """The address of the panel under the cursor."""
        panel = self.panel
        address = panels.panel_link(self._board.link, panel.id) if panel else ""
        return address or super().copied

    def on_mount(self) -> None:
        """Asks Grafana for the panels."""
        super().on_mount()
        self.read()

    def read(self) -> None:
        """Asks Grafana in a thread."""
        from mechexo_tui import deeds

        app = self.console_app

        def ask() -> None:
            from mechexo.grafana import operations

            found = operations.panels(app.desk, self._board.uid)
            app.call_later(self._take, Part(found, app.desk.clock.now()))

        def failed(text: str) -> None:
            self._take(Part(self._found.value, self._found.read_at, text))

        deeds.in_background(app, ask, failed=failed, name="grafana")

    def _take(self, found: Part[DashboardPanels]) -> None:
        self._found = found
        self.show_now()

    def show_body(self) -> None:
        """Shows the panels with the filter's words."""
        look, found = self.look, self._found.value
        aside = f"drawing {self._drawing}" if self._drawing else "enter draws the last 6 hours"
        rows = [Row(title(self._board.title, look, aside=aside))]
        rows += trouble(self._found, "the panels", look)
        if found is not None:
            kept = [
                each
                for each in found.panels
                if fits(f"{each.title} {each.kind} {each.id}", self.words)
            ]
            none = "none has these words; esc shows all" if found.panels else "it has none"
            rows += (
                panels.panel_rows(kept, self._board.link, look)
                if kept
                else [Row(((f"  {none}", "dim"),))]
            )
        self.query_one(LineList).show(rows)

    def open_row(self) -> None:
        """Has the chosen panel drawn, where the terminal can show it."""
        from mechexo_tui import deeds

        panel, app = self.panel, self.console_app
        if panel is None or self._drawing:
            return
        if app.is_headless or (why := terminal_pictures.obstacle()):
            self.say("no terminal to show a picture in" if app.is_headless else why, bad=True)
            return
        self._drawing = panel.title
        self.show_now()
        end = app.desk.clock.now()
        lines = self.size.height - terminal_pictures.KEPT_LINES
        width = max(400, min(self.size.width * CELL[0], LARGEST[0]))
        height = max(200, min(lines * CELL[1], LARGEST[1]))

        def draw() -> None:
            from mechexo.grafana import operations

            found = operations.picture(
                app.desk,
                self._board.uid,
                panel.id,
                start=end - BACK,
                end=end,
                width=width,
                height=height,
            )
            app.call_later(self._show, panel, found, end)

        deeds.in_background(app, draw, failed=self._failed, name="grafana")

    def _failed(self, text: str) -> None:
        self._drawing = ""
        if self.is_attached:
            self.show_now()
            self.say(text, bad=True)

    def _show(self, panel: Panel, picture: Picture, end: datetime) -> None:
        """Shows the picture in place of the console, if somebody still waits for it here."""
        self._drawing = ""
        app = self.console_app
        if not self.is_attached or app.front is not self:
            return
        from mechexo_tui.pictures import show_picture

        words = panels.picture_words(panel.title, end - BACK, end, self.look)
        wrong = show_picture(app, picture.png, words)
        self.show_now()
        if wrong:
            self.say(wrong, bad=True)

    def perform(self, action_id: str) -> None:
        """Reading again asks Grafana; the rest is as everywhere."""
        if action_id == "refresh":
            self.read()
        super().perform(action_id)
