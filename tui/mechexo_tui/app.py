"""The console: opening the desk, the refresh clock, and switching screens."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from textual.app import App
from textual.message import Message
from textual.screen import Screen

from mechexo.alerts.values import Alert
from mechexo.desk import Desk
from mechexo.errors import MechexoError
from mechexo.runbook.values import Entry
from mechexo_tui import deeds
from mechexo_tui.actions import SCREENS, Situation, command_words, completed, why_disabled
from mechexo_tui.screens import screen_called
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.screens.help import help_lines
from mechexo_tui.screens.overview import OverviewScreen
from mechexo_tui.screens.text import TextScreen
from mechexo_tui.sources import FIRST, GROUPS, Overview, Part, read_parts
from mechexo_tui.terminal import end_when_lost, require_terminal, write_crash_report
from mechexo_tui.widgets.format import ASCII, UNICODE, Look
from mechexo_tui.widgets.header import Heading
from mechexo_tui.widgets.lines import Palette, rows_of
from mechexo_tui.widgets.markdown import markdown_lines

FIRST_FRAME_WAIT_S = 0.3
"""How long the first frame waits for the state file before it is painted without facts."""


class MechexoApp(App[int]):
    """The console on one desk."""

    TITLE = "mechexo"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS = []  # noqa: RUF012 - all keys are in the table of actions

    class PartsRead(Message):
        """Parts of the overview were read in a thread."""

        def __init__(self, parts: dict[str, Part[Any]]) -> None:
            super().__init__()
            self.parts = parts

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
            light=console.theme == "ansi-light", blue_yellow=console.colour_axis == "blue-yellow"
        )
        self.overview = Overview()
        self.history: dict[str, deque[float]] = {}
        self.paused = False
        self.crash: BaseException | None = None
        self._next_at: datetime | None = None
        self._pages: dict[str, ConsoleScreen] = {}
        self._stopping = threading.Event()
        # Reading the state file and starting Textual take their time side by side.
        self._first = threading.Thread(target=self._read_first, daemon=True)
        self._first.start()

    # What screens ask for

    @property
    def front(self) -> ConsoleScreen:
        """The screen in front."""
        return cast("ConsoleScreen", self.screen)

    def look(self, width: int) -> Look:
        """How lines are to look at this moment in this width."""
        return Look(width, self.desk.clock.now(), self.desk.zone, self.glyphs)

    def heading(self, crumbs: str) -> Heading:
        """What the header says."""
        part = self.overview.status
        status = part.value
        quiet = ""
        if status and status.oncall.quiet_hours:
            quiet = f"quiet hours until {self.desk.settings.quiet_hours.end:%H:%M}"
        return Heading(
            desk=self.desk.settings.desk.name,
            live=self.desk.is_live,
            crumbs=crumbs,
            ops_ok=status.ops_ok if status else None,
            on_call=status.oncall.level1 if status else "",
            quiet=quiet,
            read_at=part.read_at,
            next_at=self._next_at,
            paused=self.paused,
            note="read-only" if self.read_only else "",
        )

    def situation(self, screen: str, *, alert: bool) -> Situation:
        """What decides which actions work on a screen."""
        desk = self.desk
        return Situation(screen, desk.role, desk.actor.name, self.read_only, alert)

    def alert(self, alert_id: int | None) -> Alert | None:
        """An open alert by its id."""
        return next((a for a in self.overview.alerts.value or () if a.id == alert_id), None)

    # Starting and stopping

    def get_default_screen(self) -> Screen[Any]:
        """The overview lies under all other screens."""
        self._pages["overview"] = OverviewScreen()
        return self._pages["overview"]

    def on_load(self) -> None:
        """Takes the facts for the first frame, if they are there by now."""
        self._first.join(FIRST_FRAME_WAIT_S)

    def on_mount(self) -> None:
        """Starts the clocks; what is slow to read comes after the first frame."""
        every = self.desk.settings.refresh.dashboard
        self._next_at = self.desk.clock.now() + every
        self.set_interval(every.total_seconds(), self._refresh_all_if_running)
        self.set_interval(60.0, self._minute_passed)
        self.set_timer(0.2, lambda: self.refresh_groups(GROUPS))
        threading.Thread(target=self._watch_state, name="state-watch", daemon=True).start()
        if threading.current_thread() is threading.main_thread() and not self.is_headless:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, self.exit, 128 + number)

    def on_unmount(self) -> None:
        """Lets the watching thread end."""
        self._stopping.set()

    def _fatal_error(self) -> None:
        # Textual has no public hook; its own would print a traceback with the values of variables.
        self.crash = self._exception
        self._close_messages_no_wait()

    # Reading

    def _read_first(self) -> None:
        self.overview = self._merged(read_parts(self.desk, FIRST, self.overview))
        self.desk.state.close()

    def refresh_groups(self, groups: Iterable[str]) -> None:
        """Reads groups of parts again, each in a thread; a newer reading replaces an older one."""
        for group in groups:
            names = GROUPS[group]

            def read(names: Sequence[str] = names) -> None:
                self.post_message(self.PartsRead(read_parts(self.desk, names, self.overview)))

            self.run_worker(read, thread=True, exclusive=True, group=group, exit_on_error=False)

    def refresh_state(self) -> None:
        """Reads again what lies in the state file."""
        self.refresh_groups(["state", "messages"])

    def _refresh_all_if_running(self) -> None:
        if not self.paused:
            self._refresh_all()

    def _refresh_all(self) -> None:
        self._next_at = self.desk.clock.now() + self.desk.settings.refresh.dashboard
        self.refresh_groups(GROUPS)

    def _watch_state(self) -> None:
        """Notices within a second that another process (or this one) wrote to the state file."""
        seen: int | None = None
        while not self._stopping.wait(1.0):
            try:
                version = self.desk.state.data_version()
            except MechexoError:
                continue  # the panels say what is wrong with the file
            if seen is not None and version != seen and not self.paused:
                self.call_later(self.refresh_state)
            seen = version
        self.desk.state.close()

    def on_mechexo_app_parts_read(self, message: PartsRead) -> None:
        """Shows what was read."""
        self.overview = self._merged(message.parts)
        self.front.show_now()

    def _merged(self, parts: dict[str, Part[Any]]) -> Overview:
        overview = self.overview
        for name, part in parts.items():
            overview = overview.with_part(name, part)
        if "probes" in parts:
            self._remember(parts["probes"])
        return overview

    def _remember(self, part: Part[Any]) -> None:
        for probe in part.value or ():
            if isinstance(probe.value, float | int) and not part.error:
                values = self.history.setdefault(probe.name, deque(maxlen=64))
                values.append(float(probe.value))

    def _minute_passed(self) -> None:
        self.front.show_now()

    # Doing

    def perform(self, action_id: str) -> None:
        """Does an action that is no business of a single screen."""
        alert = self.alert(self.front.chosen_alert)
        if action_id.startswith("show-"):
            self.show_page(action_id.removeprefix("show-"))
        elif action_id == "runbook" and alert:
            deeds.open_runbook(self, alert)
        elif action_id == "rollback":
            deeds.show_rollback(self, alert)
        elif action_id == "acknowledge" and alert:
            deeds.acknowledge(self, alert)
        elif action_id == "silence" and alert:
            deeds.silence(self, alert)
        else:
            does: dict[str, Callable[[], object]] = {
                "quit": self.exit,
                "leave": self.exit,
                "back": self.pop_screen,
                "help": self._show_help,
                "refresh": self._refresh_all,
                "pause": self._pause,
                "export": lambda: deeds.export_report(self),
                "copy": lambda: deeds.copy(self),
                "command": self._ask_command,
            }
            if action_id in does:
                does[action_id]()

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
            if len(self.screen_stack) > 1:
                self.switch_screen(page)
            else:
                self.push_screen(page)

    def say(self, text: str, *, bad: bool = False) -> None:
        """Says one line at the foot of the screen in front."""
        self.front.say(text, bad=bad)

    def complain(self, text: str) -> None:
        """Says one line about something that went wrong."""
        self.say(text, bad=True)

    def entry_rows(self, entry: Entry) -> Any:
        """A runbook entry rendered for a width."""
        ascii_only = self.glyphs is ASCII
        return lambda width: rows_of(
            markdown_lines(f"# {entry.title}\n\n{entry.body}", min(width - 2, 100),
                           ascii_only=ascii_only)
        )  # fmt: skip

    def open_entry(self, entry: Entry) -> None:
        """Opens a runbook entry."""
        self.push_screen(TextScreen("entry", f"runbook > {entry.id}", self.entry_rows(entry)))

    def write_to_terminal(self, sequence: str) -> None:
        """Writes a control sequence past the screen: Textual's own clipboard knows no tmux."""
        if self._driver is not None and not self.is_headless:
            self._driver.write(sequence)

    def _show_help(self) -> None:
        lines = help_lines(self.front.situation)
        self.push_screen(TextScreen("help", "help", rows_of(lines)))

    def _pause(self) -> None:
        self.paused = not self.paused
        self.front.show_now()
        if not self.paused:
            self._refresh_all()

    def _ask_command(self) -> None:
        screen = self.front
        words = command_words(screen.title_id)

        def answered(text: str | None) -> None:
            if not text or not text.strip():
                return
            sure, fitting = completed(text, words)
            action = words.get(text.strip().lower()) or (words[sure] if len(fitting) == 1 else None)
            if action is None:
                self.complain(f"no command {text.strip()!r}; tab completes, ? lists them")
                return
            reason = why_disabled(action, screen.situation)
            if reason:
                self.complain(f"{action.text}: {reason}")
            else:
                screen.perform(action.id)

        hint = " ".join(name for _, name, _, _ in SCREENS)
        screen.ask(":", answered, hint=hint, complete=lambda text: completed(text, words))


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
        MechexoError: the desk cannot be opened.
    """
    require_terminal(os.environ)
    desk = Desk.open(config_path)
    app = MechexoApp(desk, ascii=ascii, read_only=read_only, mouse=mouse)
    end_when_lost(sys.__stdin__.fileno() if sys.__stdin__ else 0)
    code = app.run(mouse=app.use_mouse)
    if app.crash is None:
        return code or 0
    path = write_crash_report(desk.state.path.parent, app.crash, desk.clock.now())
    sys.stderr.write(f"mechexo: the console failed; the report is in {path}\n")
    return 1
