"""The console: opening the desk, and going from screen to screen."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import events
from textual._compositor import CompositorUpdate
from textual.app import App
from textual.screen import Screen

from mechexo.desk import Desk
from mechexo.errors import BusyError, StateError
from mechexo.plain_text import only_ascii
from mechexo_tui.actions import Situation, all_keys
from mechexo_tui.facts import Facts, PartsRead
from mechexo_tui.painting import HeldPainting
from mechexo_tui.screens import screen_called
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.screens.overview import OverviewScreen
from mechexo_tui.shown import Shown, Written
from mechexo_tui.terminal import (
    end_after,
    end_when_lost,
    leave_on_signals,
    require_terminal,
    write_crash_report,
)
from mechexo_tui.timers import once_after
from mechexo_tui.widgets.format import ASCII, UNICODE, Look
from mechexo_tui.widgets.lines import Palette

if TYPE_CHECKING:
    from rich.console import RenderableType

KEYS = frozenset(all_keys())
MINUTE_S = 60.0
RESIZED_S = 0.1
"""Longer than Textual waits for the last of many sizes."""
LONGEST_GOODBYE_S = 2.0


class MechexoApp(App[int]):
    """The console on one desk."""

    TITLE = "mechexo"
    # Read once: a style that a screen brings costs a pass over all styles when it first opens.
    CSS_PATH: ClassVar = [
        f"screens/{name}.tcss"
        for name in (
            "base",
            "overview",
            "alerts",
            "changes",
            "costs",
            "rollback",
            "entry",
            "incident",
        )
    ]
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar = []  # all keys are in the table of actions

    def __init__(
        self, desk: Desk, *, ascii: bool = False, read_only: bool = False, mouse: bool = False
    ) -> None:
        # The terminal's own sixteen colours from the start: a later change repaints everything.
        super().__init__(ansi_color=True)
        console = desk.settings.console
        self.set_reactive(App.theme, console.theme)
        self.animation_level = "none"
        self.desk = desk
        self.read_only = read_only
        self.use_mouse = mouse or console.mouse
        self.glyphs = ASCII if ascii or console.ascii else UNICODE
        self.palette = Palette(
            light=console.theme == "ansi-light",
            blue_yellow=console.colour_axis == "blue-yellow",
            ascii_only=self.glyphs is ASCII,
        )
        self.facts = Facts(desk)
        self.painting = HeldPainting(self)
        self._shown = Shown()
        self._pages: dict[str, ConsoleScreen] = {}
        self.came_from = ""
        """The page that led to the one in front, where that was not a person's choice of page."""
        self.under_way: set[threading.Thread] = set()
        self.running_steps: set[threading.Event] = set()
        """One for each step that runs: set to end it."""
        self.crash: BaseException | None = None

    # What screens ask for

    @property
    def front(self) -> ConsoleScreen:
        """The screen in front."""
        return cast("ConsoleScreen", self.screen)

    def look(self, width: int) -> Look:
        """How lines are to look at this moment in this width."""
        return Look(width, self.desk.clock.now(), self.desk.zone, self.glyphs)

    def situation(self, screen: str, *, alert: bool) -> Situation:
        """What decides which actions work on a screen."""
        desk = self.desk
        return Situation(screen, desk.role, desk.actor.name, self.read_only, alert)

    # Starting and stopping

    def get_default_screen(self) -> Screen[Any]:
        """The overview lies under all other screens."""
        self._pages["overview"] = OverviewScreen()
        return self._pages["overview"]

    def on_load(self) -> None:
        """Takes the facts for the first frame, if they are there by now."""
        self.facts.wait_for_first()

    def on_mount(self) -> None:
        """Starts the clocks, and sees to a proper end when the system asks for one."""
        self.painting.hold()
        self.app_suspend_signal.subscribe(self, lambda _app: self._shown.forget())
        self.facts.start(self)
        self.set_interval(MINUTE_S, self.show_now)
        if not self.is_headless:
            leave_on_signals(self.exit)

    def on_key(self, event: events.Key) -> None:
        """Letters without a meaning of their own may belong to a prompt that has just opened."""
        if event.key not in KEYS:
            self.front.type_ahead(event.key)

    def on_resize(self) -> None:
        """Paints all anew, also in a size that is the same: the console may have been put aside, or
        the terminal made smaller and larger again. Textual paints for itself only what differs."""
        self._shown.forget()
        once_after(self, RESIZED_S, self._repaint)

    def redraw(self) -> None:
        """Paints all anew, whatever the terminal shows."""
        self._shown.forget()
        self._repaint()

    def _repaint(self) -> None:
        if self.screen_stack:
            self.screen.refresh()

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        # Textual has no public hook for what it writes.
        written = self._running and not (self._closed or self._batch_count or self.is_headless)
        if written and isinstance(renderable, CompositorUpdate):
            sequence = self._shown.sequence(renderable, self.console)
            if not sequence:
                self.post_display_hook()
                return
            renderable = Written(sequence)
        super()._display(screen, renderable)

    def on_unmount(self) -> None:
        """Ends what was begun. What only reads and hangs must not keep a person from leaving."""
        if self.under_way:
            from mechexo_tui import deeds

            deeds.finish(self)
        self.facts.stop()
        if not self.is_headless:
            end_after(LONGEST_GOODBYE_S, self.return_code or 0)

    def on_parts_read(self, message: PartsRead) -> None:
        """Shows what was read."""
        if self.facts.take(message):
            self.show_now()

    def show_now(self) -> None:
        """Shows what is known by now on the screen in front; facts may outlive the last one."""
        if self.screen_stack:
            self.front.show_now()

    def _fatal_error(self) -> None:
        # Textual has no public hook; its own would print a traceback with the values of variables.
        self.crash = self._exception
        self._close_messages_no_wait()

    # Doing

    def perform(self, action_id: str) -> None:
        """Does an action that is no business of a single screen."""
        # What a person does is imported when it is done: the first frame needs none of it.
        from mechexo_tui import alert_deeds, deeds

        alert = self.facts.alert(self.front.chosen_alert)
        if action_id.startswith("show-"):
            self.came_from = ""
            self.show_page(action_id.removeprefix("show-"))
        elif action_id == "runbook" and alert:
            deeds.open_runbook(self, alert)
        elif action_id in deeds.ABOUT:
            deeds.ABOUT[action_id](self, alert)
        elif action_id in alert_deeds.TO_ALERTS and alert:
            alert_deeds.TO_ALERTS[action_id](self, alert)
        else:
            does: dict[str, Callable[[], object]] = {
                "quit": lambda: deeds.leave(self),
                "leave": self.exit,
                "back": self.go_back,
                "help": lambda: deeds.show_help(self),
                "refresh": lambda: self.facts.refresh_all(self),
                "pause": self._pause,
                "raise": lambda: alert_deeds.raise_alert(self),
                "report": lambda: deeds.show_report(self),
                "copy": lambda: deeds.copy(self),
                "reasons": lambda: deeds.show_reasons(self),
                "suspend": self.action_suspend_process,
                "redraw": self.redraw,
                "command": self._ask_command,
            }
            if action_id in does:
                does[action_id]()

    def open_screen(self, screen: ConsoleScreen) -> None:
        """Puts a screen in front, painted once it is complete instead of once per step."""
        self.painting.hold()
        self.push_screen(screen)

    def go_back(self) -> None:
        """Back to the screen behind this one; from a page that was opened on the way, to the page
        that it was opened from."""
        came_from = self.came_from
        if came_from and len(self.screen_stack) == 2 and self.screen in self._pages.values():
            self.came_from = ""
            self.show_page(came_from)
            return
        self.painting.hold()
        self.painting.until_gone(self.pop_screen())

    def show_page(self, name: str) -> None:
        """Goes to one of the screens with a number."""
        with self.batch_update():
            while len(self.screen_stack) > 2:
                self.pop_screen()
            if name == "overview":
                if len(self.screen_stack) > 1:
                    self.pop_screen()
                return
            page = self._pages.get(name)
            if page is None:
                page = self._pages[name] = screen_called(name)
                self.install_screen(page, name)
            if self.screen is page:
                return
            if not page.is_mounted:
                self.painting.hold()
            if len(self.screen_stack) > 1:
                self.switch_screen(page)
            else:
                self.push_screen(page)

    def write_to_terminal(self, sequence: str) -> None:
        """Writes a control sequence past the screen: Textual's own clipboard knows no tmux."""
        if self._driver is not None and not self.is_headless:
            self._driver.write(sequence)

    def _ask_command(self) -> None:
        from mechexo_tui.command_line import ask_command

        ask_command(self.front)

    def _pause(self) -> None:
        self.facts.paused = not self.facts.paused
        self.show_now()
        if not self.facts.paused:
            self.facts.refresh_all(self)


def desk_to_show(config_path: Path | None) -> Desk:
    """The desk, also where its state file cannot be used: every part then says why it knows
    nothing, and the runbook can be read."""
    try:
        return Desk.open(config_path)
    except (StateError, BusyError):
        return Desk.unopened(config_path)


def run(
    config_path: Path | None,
    *,
    ascii: bool = False,
    read_only: bool = False,
    mouse: bool = False,
) -> int:
    """Opens the console and gives its exit code. The terminal is put back on every way out.

    Raises:
        UsageError: there is no terminal that could show it.
        ConfigError: the configuration is missing or wrong.
        NewerStateError: the state file was written by a newer version.
    """
    require_terminal(os.environ)
    desk = desk_to_show(config_path)
    encoding = sys.__stderr__.encoding if sys.__stderr__ else None
    ascii = ascii or only_ascii(encoding, os.environ)
    app = MechexoApp(desk, ascii=ascii, read_only=read_only, mouse=mouse)
    end_when_lost(sys.__stdin__.fileno() if sys.__stdin__ else 0)
    code = app.run(mouse=app.use_mouse)
    if app.crash is None:
        return code or 0
    path = write_crash_report(desk.state.path.parent, app.crash, desk.clock.now())
    sys.stderr.write(f"mechexo: the console failed; the report is in {path}\n")
    return 1
