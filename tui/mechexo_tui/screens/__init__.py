"""The screens: one file each, with its style beside it. Each is imported when it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mechexo_tui.screens.base import ConsoleScreen


def screen_called(name: str) -> ConsoleScreen:
    """A new screen by its name in the table of actions."""
    from importlib import import_module

    module = import_module(f"mechexo_tui.screens.{name}")
    made: ConsoleScreen = getattr(module, f"{name.capitalize()}Screen")()
    return made
