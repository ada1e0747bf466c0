"""Where things stand in the text of an entry."""

from __future__ import annotations

import re

PLACEHOLDER = re.compile(r"<[A-Za-z][A-Za-z0-9 _.-]*>")
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


def inline_code(line: str) -> list[str]:
    """What a line has between single backticks."""
    return _INLINE.findall(line)


def line_of(source: str, text: str) -> int:
    """The first line that begins with or holds `text`; 1 when none does."""
    lines = source.split("\n")
    for number, line in enumerate(lines, 1):
        if line.strip().startswith(text):
            return number
    return next((number for number, line in enumerate(lines, 1) if text in line), 1)
