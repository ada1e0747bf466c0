"""A picture in place of the console for a while: the terminal's own protocols know no screens."""

from __future__ import annotations

import os
import select
import signal
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
_OTHER_SCREEN, _FIRST_SCREEN = "\x1b[?1049h\x1b[2J\x1b[H", "\x1b[?1049l"
"""What a shell left on the terminal's first screen stays there."""


class _AskedToEndError(Exception):
    """The system asks this process to end. The event loop hears of it too, and sees to it."""


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
        out.write(_OTHER_SCREEN)
        out.flush()
        terminal_pictures.show(png)
        out.write(words)
        out.flush()
        _wait_for_key()
    except MechexoError as error:
        return str(error)
    finally:
        out.write(_FIRST_SCREEN)
        out.flush()
    return ""


def _wait_for_key() -> None:
    def end(*_: object) -> None:
        raise _AskedToEndError

    keys = sys.__stdin__.fileno() if sys.__stdin__ else 0
    mode = termios.tcgetattr(keys)
    handlers = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        tty.setcbreak(keys, termios.TCSANOW)
        if select.select([keys], [], [], SHOWN_S)[0]:
            os.read(keys, 4096)
    except _AskedToEndError:
        pass
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        termios.tcsetattr(keys, termios.TCSANOW, mode)
