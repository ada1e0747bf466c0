"""Pictures in a terminal, by the extra `pictures` (textual-image): Kitty's protocol, Sixel, else
half-blocks. Imported only when a picture is shown."""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec

from mechexo.errors import UnreachableError, UsageError

KEPT_LINES = 2
"""Lines of the terminal that a picture leaves to words."""
ANSWERS_LATE_S = 0.2
"""So long a terminal is listened to after it was asked what it can."""


def obstacle(environ: Mapping[str, str] = os.environ) -> str:
    """Why no picture can be shown here; "" when one can."""
    if find_spec("textual_image") is None:
        return "pictures in the terminal need an extra: pip install 'mechexo[pictures]'"
    if sys.__stdout__ is None or not sys.__stdout__.isatty():
        return "stdout is no terminal"
    if environ.get("TERM") in (None, "", "dumb"):
        return "this terminal shows no pictures (TERM=dumb)"
    if "NO_COLOR" in environ:
        return "pictures are made of colours, and NO_COLOR is set"
    return ""


def show(png: bytes) -> None:
    """Writes the picture to the terminal, as large as fits.

    It asks the terminal what it can, so nobody else may be reading from it.

    Raises:
        UsageError: no picture can be shown here.
        UnreachableError: the picture is damaged.
    """
    out = sys.__stdout__
    why = obstacle()
    if why or out is None:
        raise UsageError(f"{why}; the picture can be kept in a file instead")
    from rich.console import Console

    size = os.get_terminal_size(out.fileno())
    console = Console(file=out, force_terminal=True, width=size.columns)
    with _late_answers_dropped():
        # Importing it asks the terminal.
        from textual_image.renderable import Image

        try:
            drawn = Image(io.BytesIO(png), width="auto", height="auto")
            console.print(drawn, height=max(size.lines - KEPT_LINES, 1))
        except (OSError, ValueError, SyntaxError) as error:
            # Pillow's own kinds of errors are among these.
            raise UnreachableError(f"the picture is damaged: {error}") from error
        out.flush()


@contextmanager
def _late_answers_dropped() -> Iterator[None]:
    """What the terminal answers after nobody waits for it any more must not pass for keys."""
    import termios
    import tty

    keys = sys.__stdin__
    if keys is None or not keys.isatty():
        yield
        return
    before = termios.tcgetattr(keys)
    try:
        tty.setcbreak(keys, termios.TCSANOW)
        yield
        while select.select([keys], [], [], ANSWERS_LATE_S)[0] and os.read(keys.fileno(), 4096):
            pass
    finally:
        termios.tcsetattr(keys, termios.TCSANOW, before)
