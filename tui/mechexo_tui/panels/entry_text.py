"""A runbook entry as lines, with the place of each of its steps in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mechexo.value_classes import dataclass
from mechexo_tui.widgets.lines import Row, rows_of, text_of
from mechexo_tui.widgets.markdown import markdown_lines

if TYPE_CHECKING:
    from mechexo.runbook.values import Entry, Step
    from mechexo_tui.widgets.lines import Line

WIDEST = 100
"""Lines of text longer than this are hard to read."""
_FENCE = re.compile(r"\s*(?:```|~~~)")
_FIRST_WORDS = 24
"""So many characters of a step's text tell where it stands."""


@dataclass(frozen=True, slots=True)
class EntryText:
    """The lines of an entry in one width, and in which line each step begins, by its key."""

    rows: Sequence[Row]
    places: Mapping[str, int]


def entry_text(entry: Entry, width: int, *, ascii_only: bool = False) -> EntryText:
    """Renders an entry section by section, so that it is known where each begins."""
    body = entry.body.lstrip()
    text = body if body.startswith("# ") else f"# {entry.title}\n\n{body}"
    lines: list[Line] = []
    begins: dict[str, tuple[int, int]] = {}
    for name, part in _sections(text):
        if lines:
            lines.append(())
        start = len(lines)
        lines += markdown_lines(part, min(width - 2, WIDEST), ascii_only=ascii_only)
        begins.setdefault(name, (start, len(lines)))
    return EntryText(rows_of(lines), _places(entry.steps, lines, begins))


def _sections(text: str) -> list[tuple[str, str]]:
    """The text in pieces that begin at a heading of the second level; headings inside of code are
    none."""
    pieces: list[tuple[str, list[str]]] = [("", [])]
    fenced = False
    for line in text.split("\n"):
        if _FENCE.match(line):
            fenced = not fenced
        if not fenced and line.startswith("## "):
            pieces.append((line[3:].strip().rstrip("#").strip(), []))
        pieces[-1][1].append(line)
    return [(name, "\n".join(lines)) for name, lines in pieces if "".join(lines).strip()]


def _places(
    steps: Sequence[Step], lines: Sequence[Line], begins: Mapping[str, tuple[int, int]]
) -> dict[str, int]:
    """Where each step stands: at its text, else where its section begins. Steps come in order, so
    that the next one is looked for behind the last."""
    places: dict[str, int] = {}
    at, section = 0, ""
    for step in steps:
        start, end = begins.get(step.section, (0, len(lines)))
        if step.section != section:
            at, section = start, step.section
        wanted = " ".join(re.sub(r"[*_`\[\]]", "", step.text).split())[:_FIRST_WORDS]
        found = next((i for i in range(max(at, start), end) if _has(lines[i], wanted)), None)
        if found is not None:
            at = found
        places[step.key] = found if found is not None else max(at, start)
    return places


def _has(line: Line, wanted: str) -> bool:
    return bool(wanted) and wanted[: max(8, len(wanted) // 2)] in " ".join(text_of(line).split())
