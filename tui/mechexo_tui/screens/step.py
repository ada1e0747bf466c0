"""One step of an entry: what it would run and where, what it says while it runs, how it ended."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from textual.app import ComposeResult

from mechexo.errors import MechexoError
from mechexo_tui.panels import incidents, steps
from mechexo_tui.panels.titles import title
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.widgets.line_block import LineBlock
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import rows_of

if TYPE_CHECKING:
    from mechexo.runbook.following_values import Preview, StepRun, StepState
    from mechexo_tui.screens.entry import EntryScreen

MOST_LINES = 2_000
"""So many of the last lines of a run are kept to be scrolled through while it runs."""
PAINT_EVERY_S = 0.25
"""How often what a run says is painted: a flood of output must not keep the keys waiting."""


class Live:
    """What a run under way says: written by its thread, read by the screen."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: list[str] = [""]
        self._left_out = 0
        self.marks = 0
        """Counts what was said, so that the screen sees whether there is more."""

    def add(self, text: str) -> None:
        """Adds a piece of output, harmless already."""
        with self._lock:
            first, *more = text.split("\n")
            self._lines[-1] += first
            self._lines += more
            self.marks += 1
            if len(self._lines) > MOST_LINES:
                self._left_out += len(self._lines) - MOST_LINES
                self._lines = self._lines[-MOST_LINES:]

    def lines(self) -> list[str]:
        """The last lines, and how many went before them."""
        with self._lock:
            shown = list(self._lines[:-1])
            if self._lines[-1]:
                shown.append(self._lines[-1])
            left_out = self._left_out
        return [f"({left_out:,} lines before)", *shown] if left_out else shown


class StepScreen(ConsoleScreen):
    """A step in full. Enter runs it, after it was asked for; opening this screen runs nothing."""

    def __init__(self, entry: EntryScreen, key: str) -> None:
        super().__init__()
        self.entry_screen = entry
        self.key = key
        self.crumbs = f"{entry.crumbs} > {key}"
        self.preview: Preview | None = None
        self.cancel: threading.Event | None = None
        """Set to end the run under way; None while none is."""
        self.live = Live()
        self._trouble = ""
        self._marks = -1

    @property
    def title_id(self) -> str:  # type: ignore[override]
        """Its name in the table of actions, by what can be done now."""
        if self.cancel is not None:
            return "step-running"
        return "step" if self.state.step.id else "step-by-hand"

    @property
    def state(self) -> StepState:
        """The step as it stands."""
        every = self.entry_screen.states
        return next(each for each in every if each.step.key == self.key)

    @property
    def chosen_alert(self) -> int | None:
        """The alert that the entry was opened from."""
        return self.entry_screen.chosen_alert

    def compose_body(self) -> ComposeResult:
        """What stays in sight, and the text."""
        yield LineBlock(id="head")
        yield LineList(cursor=False, id="rows")

    def on_mount(self) -> None:
        """Asks what a run would do."""
        super().on_mount()
        self.set_interval(PAINT_EVERY_S, self._paint_more)
        self.look_ahead()

    def look_ahead(self) -> None:
        """Asks in a thread what a run would do."""
        step = self.state.step
        if not step.id or self.entry_screen.entry is None:
            return
        entry_id, incident = self.entry_screen.entry.id, self.entry_screen.incident
        desk = self.console_app.desk

        def read() -> None:
            from mechexo import following

            try:
                found = following.preview(
                    desk, entry_id, step.id, incident_id=incident.id if incident else None
                )
            except MechexoError as error:
                self.app.call_from_thread(self._previewed, None, str(error))
            else:
                self.app.call_from_thread(self._previewed, found, "")

        self.run_worker(read, thread=True, exclusive=True, group="preview", exit_on_error=False)

    def _previewed(self, found: Preview | None, trouble: str) -> None:
        self.preview, self._trouble = found, trouble
        self.show_now()

    def show_body(self) -> None:
        """Shows the step."""
        screen, look = self.entry_screen, self.look
        aside = incidents.in_brief(screen.incident, look)
        name = screen.entry.id if screen.entry else ""
        head = [title(f"{name} {self.key}", look, aside=aside)]
        if self.state.step.id:
            head.append(steps.run_line(self.state.run, self.cancel is not None, look))
        self.query_one("#head", LineBlock).show(head)
        live = self.live.lines() if self.cancel is not None else None
        shown = steps.story(self.state, self.preview, self._trouble, live, look)
        rows = self.query_one("#rows", LineList)
        at_end = rows.top + rows.size.height >= len(rows.rows)
        rows.show(rows_of(shown))
        if live and at_end:
            rows.go_last()

    def _paint_more(self) -> None:
        if self.cancel is not None and self.live.marks != self._marks:
            self._marks = self.live.marks
            self.show_now()

    def begin(self) -> threading.Event:
        """A run begins; what is given back ends it when it is set."""
        self.cancel, self.live, self._marks, self._trouble = threading.Event(), Live(), -1, ""
        self.console_app.running_steps.add(self.cancel)
        self.show_now()
        return self.cancel

    def ended(self, run: StepRun | None, trouble: str = "") -> None:
        """A run has ended, or was refused."""
        self.cancel = None
        self._trouble = trouble
        if run is not None:
            self.entry_screen.with_run(run)
        self.show_now()
        if self.is_attached:
            self.query_one("#rows", LineList).go_last()

    def perform(self, action_id: str) -> None:
        """Runs, ticks, ends; the rest is as everywhere."""
        from mechexo_tui import step_deeds

        if action_id in step_deeds.TO_STEPS:
            step_deeds.TO_STEPS[action_id](self)
        else:
            super().perform(action_id)
