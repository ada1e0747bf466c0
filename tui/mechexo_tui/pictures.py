"""A picture in place of the console for a while: the terminal's own protocols know no screens."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from mechexo import terminal_pictures
from mechexo.errors import MechexoError

if TYPE_CHECKING:
    from mechexo_tui.app import MechexoApp

SHOWN_S = 120.0
"""So long a picture is shown at most: the console behind it stands still."""
_OTHER_SCREEN, _FIRST_SCREEN = "\x1b[?1049h\x1b[2J\x1b[H", "\x1b[?1049l"
"""What a shell left on the terminal's first screen stays there."""


def show_picture(app: MechexoApp, png: bytes, words: str) -> str:
    """Shows the picture with a line of words below, until a key is pressed or `SHOWN_S` is over.
    Returns why it could not be shown; "" when it was."""
    from textual.app import SuspendNotSupported

    try:
        with _asked_to_end() as asked, app.suspend():
            return _shown(png, words, asked)
    except SuspendNotSupported:
        return "no terminal to show a picture in"


def _shown(png: bytes, words: str, asked: int) -> str:
    out = sys.__stdout__
    assert out is not None  # a terminal, as `obstacle` saw
    try:
        out.write(_OTHER_SCREEN)
        out.flush()
        terminal_pictures.show(png)
        out.write(words)
        out.flush()
        _wait_for_key(asked)
    except MechexoError as error:
        return str(error)
    finally:
        out.write(_FIRST_SCREEN)
        out.flush()
    return ""


@contextmanager
def _asked_to_end() -> Iterator[int]:
    """Gives a descriptor that can be read once the system asks this process to end. The event loop
    hears of it too, as soon as the picture no longer holds it up, and sees to it."""
    read, write = os.pipe()
    os.set_blocking(write, False)

    def told(*_: object) -> None:
        with suppress(BlockingIOError):
            os.write(write, b"!")

    handlers = {number: signal.signal(number, told) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield read
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.close(read)
        os.close(write)


def _wait_for_key(asked: int) -> None:
    keys = sys.__stdin__.fileno() if sys.__stdin__ else 0
    mode = termios.tcgetattr(keys)
    try:
        tty.setcbreak(keys, termios.TCSANOW)
        if keys in select.select([keys, asked], [], [], SHOWN_S)[0]:
            os.read(keys, 4096)
    finally:
        termios.tcsetattr(keys, termios.TCSANOW, mode)
