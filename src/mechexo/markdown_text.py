"""Writing markdown from foreign text, so that text stays text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

_MARKS = "\\`*_[]<>|#~&"

SHOWN_ROWS = 200
"""The most rows of a table."""


def cell(text: str) -> str:
    """Foreign text as markdown that stays text: one line, no markup, no control codes."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    for mark in _MARKS:
        line = line.replace(mark, f"\\{mark}")
    # A line that begins so would become a list or a rule.
    return f"\\{line}" if line[:1] in ("-", "+", "=") else line


def table(columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> Iterator[str]:
    """The lines of a table; one line that says `None.` instead of an empty one. A missing value is
    a dash, and rows past `SHOWN_ROWS` are counted."""
    every = list(rows)
    if not every:
        yield "None."
        return
    yield "| " + " | ".join(columns) + " |"
    yield "| " + " | ".join("---" for _ in columns) + " |"
    for row in every[:SHOWN_ROWS]:
        yield "| " + " | ".join("–" if value is None else cell(value) for value in row) + " |"
    if len(every) > SHOWN_ROWS:
        yield ""
        yield f"{len(every) - SHOWN_ROWS} more are not listed here."
