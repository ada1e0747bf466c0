"""Painting a new screen once, when it is complete, instead of once per step of its layout."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from mechexo_tui.timers import once_after

if TYPE_CHECKING:
    from textual.app import App
    from textual.await_complete import AwaitComplete
    from textual.screen import Screen

LOOK_S = 0.004
"""How often a screen in the making is asked whether it is complete."""

LONGEST_S = 3.0
"""Whatever happens, painting goes on after this. Only for a screen that never comes to rest: how
long one takes depends on the machine."""


class HeldPainting:
    """Holds an app's painting back until the screen in front is complete."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._held = ExitStack()
        self.holding = False
        """Whether painting is held back now."""
        self._until = 0.0
        self._leaving: AwaitComplete | None = None

    def hold(self) -> None:
        """Paints nothing until the screen in front has come to rest."""
        self._until = time.monotonic() + LONGEST_S
        if not self.holding:
            self.holding = True
            self._held.enter_context(self._app.batch_update())
            once_after(self._app, LOOK_S, self._look)

    def until_gone(self, leaving: AwaitComplete) -> None:
        """Paints nothing either while a screen that was left is taken away: Textual has all painted
        once more afterwards."""
        self._leaving = leaving

    def _look(self) -> None:
        screen, leaving = self._app.screen, self._leaving
        if leaving is not None and leaving.is_done:
            self._leaving = None  # what its end asks for comes before the next look
        if time.monotonic() < self._until and (leaving is not None or not _at_rest(screen)):
            once_after(self._app, LOOK_S, self._look)
            return
        self.holding = False
        self._leaving = None
        self._held.close()
        screen.refresh()


def _at_rest(screen: Screen[Any]) -> bool:
    """Whether all parts of a screen are there and have their final place."""
    if not all(
        part.is_mounted and not part.message_queue_size for part in (screen, *screen.query())
    ):
        return False
    if not screen._layout_required:
        return True
    # Textual lays nothing out while painting is held, and would paint twice afterwards.
    screen._layout_required = False
    screen._refresh_layout()
    return False
