"""Foreign text in markdown that stays text, tables, and blocks of output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mechexo.incidents.rules import clean_line, clean_text
from mechexo.markdown_text import cell as escaped


def cell(text: str) -> str:
    """Text as one line without markup: what looks like markdown or HTML is shown as
    it is."""
    return escaped(clean_line(text))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table; cells are escaped already, an empty one is a dash."""
    lines = ["| " + " | ".join(columns) + " |", "| " + " | ".join("---" for _ in columns) + " |"]
    return lines + ["| " + " | ".join(each or "–" for each in row) + " |" for row in rows]


def block(text: str, most_lines: int) -> list[str]:
    """The last lines of an output as a fenced block that nothing within it can end."""
    lines = clean_text(text).splitlines()
    shown = lines[-most_lines:]
    longest = max((len(line) - len(line.lstrip("`")) for line in map(str.strip, shown)), default=0)
    fence = "`" * max(3, longest + 1)
    cut = [f"({len(lines) - len(shown)} lines before are not shown)", ""]
    return [*(cut if len(lines) > len(shown) else []), f"{fence}text", *shown, fence]
