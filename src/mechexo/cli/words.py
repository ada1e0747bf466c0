"""How a status, an age and foreign text are written on a terminal."""

from __future__ import annotations

import os
import sys
from datetime import datetime

from mechexo.health.values import Status
from mechexo.times import format_duration

WORDS = {
    Status.OK: "● OK",
    Status.WARNING: "▲ WARNING",
    Status.UNKNOWN: "? UNKNOWN",
    Status.CRITICAL: "✖ CRITICAL",
}
_COLOURS = {Status.OK: 32, Status.WARNING: 33, Status.UNKNOWN: 35, Status.CRITICAL: 31}


def status_word(status: Status, width: int = 0) -> str:
    """Glyph and word, padded to `width`; coloured on a terminal unless NO_COLOR is set."""
    word = WORDS[status].ljust(width)
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return word
    return f"\x1b[{_COLOURS[status]}m{word}\x1b[0m"


def age(moment: datetime | None, now: datetime) -> str:
    """How long ago, such as `12m ago`; `never` when there is no moment."""
    if moment is None:
        return "never"
    seconds = (now - moment).total_seconds()
    if seconds < -1:
        return f"in {format_duration(-seconds)}"
    return f"{format_duration(max(seconds, 0.0))} ago"


def counted(number: int, thing: str, things: str = "") -> str:
    """`1 alert`, `2 alerts`; `things` is the plural that an s does not make."""
    return f"{number} {thing}" if number == 1 else f"{number} {things or f'{thing}s'}"


def harmless(text: str) -> str:
    """Foreign text on one line, without the control codes that could drive the terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
