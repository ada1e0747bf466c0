"""Plots in the terminal: columns with a zero line, bars to both sides of one. Plain lines, that can
be read without colour and in ASCII."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mechexo_tui.widgets.lines import Line, fitted

if TYPE_CHECKING:
    from mechexo_tui.widgets.format import Glyphs

WIDEST = 6
"""Cells of one column at most."""


def column_width(count: int, room: int) -> tuple[int, int]:
    """How wide a column and the gap after it are, for so many of them in `room` cells."""
    each = max(1, min(WIDEST, room // max(1, count)))
    return (each, 0) if each < 3 else (each - 1, 1)


def columns(
    values: Sequence[float | None],
    height: int,
    room: int,
    glyphs: Glyphs,
    *,
    top: str = "",
    bottom: str = "",
    style: str = "accent",
) -> list[Line]:
    """Columns over (or under) a zero line, in `height` lines. What does not fit on the left is left
    out; a missing value is a dot on the zero line.

    Args:
        values: one for each column.
        height: how many lines there are, the zero line apart.
        room: how many cells the columns have.
        glyphs: the signs.
        top: the label of the highest value.
        bottom: the label of the lowest value, where that is below zero.
        style: of the columns.
    """
    width, gap = column_width(len(values), room)
    shown = list(values)[-(room // (width + gap)) :]
    known = [value for value in shown if value is not None]
    high, low = max([0.0, *known]), min([0.0, *known])
    span = high - low
    above = round(height * high / span) if span else height
    above = min(max(above, 1 if high else 0), height - (1 if low else 0))
    below = height - above if low else 0
    label = max(len(top), len(bottom), 1)

    def row(name: str, cells: Sequence[str]) -> Line:
        text = "".join(cell * width + " " * gap for cell in cells)
        return (f"  {fitted(name, label, right=True)} ", "dim"), (text.rstrip(), style)

    lines = []
    for level in range(above, 0, -1):
        cells = [_filled(value, high, above, level, glyphs) for value in shown]
        lines.append(row(top if level == above else "", cells))
    zero = "".join(
        (glyphs.dot if value is None else glyphs.rule) * width + glyphs.rule * gap
        for value in shown
    )
    lines.append(((f"  {fitted('0', label, right=True)} ", "dim"), (zero, "dim")))
    for level in range(1, below + 1):
        cells = [
            glyphs.bars[-1]
            if value is not None and value < 0 and -value / -low * below >= level - 0.5
            else " "
            for value in shown
        ]
        lines.append(row(bottom if level == below else "", cells))
    return lines


def _filled(value: float | None, high: float, above: int, level: int, glyphs: Glyphs) -> str:
    """The cell of a column at a level, counted from the zero line."""
    if value is None or value <= 0 or not high:
        return " "
    steps = len(glyphs.bars)
    inside = value / high * above - (level - 1)
    if inside >= 1:
        return glyphs.bars[-1]
    # The smallest amount above zero is still to be seen.
    part = round(inside * steps)
    return glyphs.bars[part - 1] if part > 0 else (glyphs.bars[0] if level == 1 else " ")


def signed_bar(value: float | None, reach: float, width: int, glyphs: Glyphs) -> str:
    """A bar to the right of a zero line, or to its left when the value is negative, in `width`
    cells."""
    half = (width - 1) // 2
    if value is None or not reach:
        filled = 0
    else:
        filled = min(half, round(abs(value) / reach * half))
    ink = glyphs.bars[-1] * filled
    left = ink.rjust(half) if (value or 0) < 0 else " " * half
    right = ink.ljust(half) if (value or 0) > 0 else " " * half
    return left + glyphs.axis + right
