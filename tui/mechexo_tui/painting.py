"""Painting a new screen once, when it is complete, instead of once per step of its layout."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from textual.app import App

LONGEST_S = 0.3
"""Whatever happens, painting goes on after this."""


class HeldPainting:
    """Holds an app's painting back for a moment."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._held = ExitStack()
        self._holding = False

    def hold(self) -> None:
        """Paints nothing until `release`, or until a moment has passed."""
        if not self._holding:
            self._holding = True
            self._held.enter_context(self._app.batch_update())
            self._app.set_timer(LONGEST_S, self.release)

    def release(self) -> None:
        """Paints the screen in front once."""
        if self._holding:
            self._holding = False
            self._held.close()
            self._app.screen.refresh()
