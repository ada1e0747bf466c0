"""A picture in place of the console for a while: the terminal's own protocols know no screens."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from typing import TYPE_CHECKING

from mechexo import terminal_pictures
from mechexo.errors import MechexoError

if TYPE_CHECKING:
    from mechexo_tui.app import MechexoApp

SHOWN_S = 120.0
"""So long a picture is shown at most: the console behind it stands still."""
_CLEARED = "\x1b[2J\x1b[H"


def show_picture(app: MechexoApp, png: bytes, words: str) -> str:
    """Shows the picture with a line of words below, until a key is pressed or `SHOWN_S` is over.
    Returns why it could not be shown; "" when it was."""
    from textual.app import SuspendNotSupported

    try:
        with app.suspend():
            return _shown(png, words)
    except SuspendNotSupported:
        return "no terminal to show a picture in"


def _shown(png: bytes, words: str) -> str:
    out = sys.__stdout__
    assert out is not None  # a terminal, as `obstacle` saw
    try:
        out.write(_CLEARED)
        out.flush()
        terminal_pictures.show(png)
        out.write(f"{words}")
        out.flush()
        _wait_for_key()
    except MechexoError as error:
        return str(error)
    finally:
        out.write(_CLEARED)
        out.flush()
    return ""


def _wait_for_key() -> None:
    keys = sys.__stdin__.fileno() if sys.__stdin__ else 0
    before = termios.tcgetattr(keys)
    try:
        tty.setcbreak(keys, termios.TCSANOW)
        if select.select([keys], [], [], SHOWN_S)[0]:
            os.read(keys, 4096)
    finally:
        termios.tcsetattr(keys, termios.TCSANOW, before)
