"""A unified diff as lines: the sign always stands there, the colour only helps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mechexo.value_classes import dataclass
from mechexo_tui.widgets.lines import fitted

if TYPE_CHECKING:
    from mechexo_tui.widgets.lines import Line, Span

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_STYLES = {"+": "added", "-": "removed", "@": "hunk", "=": "bold"}
NARROWEST_SIDE = 38
"""Side by side needs so many cells for each side."""


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of a diff and what it is: `+`, `-`, `@` for the head of a hunk, `=` for the head of a
    file, a blank for one that stays. What it is cannot be told by its text alone: a removed line
    that begins with two dashes looks like the head of a file."""

    kind: str
    text: str
    """As it stands in the diff, sign included."""


def diff_lines(text: str) -> list[Line]:
    """One line per line of a unified diff."""
    return [shown(each) for part in parts(text) for each in part]


def shown(each: DiffLine) -> Line:
    """A line of a diff as it is painted."""
    return ((f"  {each.text}", _STYLES.get(each.kind, "")),)


def parts(text: str) -> tuple[tuple[DiffLine, ...], ...]:
    """The diff in parts, one for each file."""
    found: list[list[DiffLine]] = []
    old = new = 0
    for line in text.removesuffix("\n").split("\n") if text else ():
        if old > 0 or new > 0:
            kind = line[:1] if line[:1] in ("+", "-") else " "
            if not line.startswith("\\"):
                old -= kind != "+"
                new -= kind != "-"
        elif hunk := _HUNK.match(line):
            old, new = (1 if size is None else int(size) for size in hunk.groups())
            kind = "@"
        elif line.startswith("\\"):
            kind = " "
        else:
            kind = "="
            if line.startswith("diff ") or not found:
                found.append([])
        found[-1].append(DiffLine(kind, line))
    return tuple(map(tuple, found))


Pair = tuple[DiffLine | None, DiffLine | None]
"""A line of before and the line of after that stands beside it."""


def paired(part: Sequence[DiffLine]) -> list[Pair]:
    """The lines of a file's diff beside each other: what goes on the left, what comes on the right.
    A head belongs to both sides and stands on the left alone."""
    found: list[Pair] = []
    gone: list[DiffLine] = []
    come: list[DiffLine] = []
    for each in part:
        if each.kind == "-" or (each.text.startswith("\\") and gone and not come):
            if come:
                found += _level(gone, come)
                gone, come = [], []
            gone.append(each)
        elif each.kind == "+" or (each.text.startswith("\\") and come):
            come.append(each)
        else:
            found += _level(gone, come)
            gone, come = [], []
            found.append((each, each if each.kind == " " else None))
    return found + list(_level(gone, come))


def _level(gone: Sequence[DiffLine], come: Sequence[DiffLine]) -> Iterator[Pair]:
    for at in range(max(len(gone), len(come))):
        yield gone[at] if at < len(gone) else None, come[at] if at < len(come) else None


def side_by_side(pair: Pair, width: int, rule: str) -> Line:
    """A pair in `width` cells; heads take the whole line."""
    left, right = pair
    if left is not None and left.kind in ("@", "="):
        return shown(left)
    side = (width - 5) // 2
    return (
        ("  ", ""),
        _half(left, side),
        (f" {rule} ", "dim"),
        _half(right, side),
    )


def _half(each: DiffLine | None, width: int) -> Span:
    if each is None:
        return " " * width, ""
    return fitted(each.text, width), _STYLES.get(each.kind, "")
