"""How a table fits a terminal: which columns stand side by side, and how wide each is. Pure.

Numbers and times are never cut or folded: their columns keep their width. Text folds onto several
lines. What does not fit side by side goes into parts, one below the other, and each part begins
with the columns that name the row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mechexo.value_classes import dataclass

GAP = 2
"""Blanks between two columns."""
COMFORTABLE, NARROW = 16, 10
"""How narrow a column of text may get, and what it may come down to where that spares parts."""

GROWTH = 3
"""So many cells go to a column that grows for each that another gets."""

_LONGEST_WORD = 20
_NAMES_SHARE = 0.45
_TIME = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?( ?[A-Z]\w*)?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the layout sees it; widths are in cells of a terminal."""

    natural: int
    """What it takes to stand on one line everywhere."""
    least: int
    words: int
    """What keeps every word whole, but for long ones."""
    narrow: int
    right: bool = False
    optional: bool = False
    """Left out where the rest then fits and with it would not."""
    grows: bool = False
    """Takes most of the room that is left."""


Part = tuple[tuple[int, int], ...]
"""The columns that stand side by side: number and width."""


def column(
    heading: str,
    cells: Sequence[tuple[str, int]],
    *,
    right: bool = False,
    optional: bool = False,
    grows: bool = False,
) -> Column:
    """A column from its heading and its cells, each with its width."""
    longest = max((width for _, width in cells), default=0)
    longest_title = max(map(len, heading.split()), default=0)
    natural = max(len(heading), longest)
    values = [text for text, _ in cells if any(map(str.isalnum, text))]
    one_word = longest <= _LONGEST_WORD and not any(" " in text for text in values)
    if right or one_word or all(map(_TIME.fullmatch, values)):
        whole = max(longest_title, longest)
        return Column(natural, whole, whole, whole, right, optional, grows)
    words = [word for text in values for word in text.split()]
    word = min(max(map(len, words)), _LONGEST_WORD)
    figure = min(max((len(w) for w in words if w[0].isdigit()), default=0), _LONGEST_WORD)
    steps = (max(word, COMFORTABLE), max(word, NARROW), max(figure, NARROW))
    least, whole, narrow = (min(natural, max(longest_title, step)) for step in steps)
    return Column(natural, least, whole, narrow, right, optional, grows)


def layout(columns: Sequence[Column], width: int, named_by: int | None = None) -> list[Part]:
    """The parts in which a table stands on a terminal `width` cells wide.

    `named_by` is how many of the first columns name the row; else those before the first figure
    do, as far as they leave room for others.
    """
    every = range(len(columns))
    needed = [at for at in every if not columns[at].optional]
    for chosen in (every, needed):
        if (part := _side_by_side(columns, chosen, width)) is not None:
            return [part]
    names = range(_names(columns, width) if named_by is None else named_by)
    parts, room = [], width - sum(columns[at].least + GAP for at in names)
    under_way: list[int] = []
    for at in needed[len(names) :]:
        if under_way and sum(columns[each].least + GAP for each in (*under_way, at)) - GAP > room:
            parts.append([*names, *under_way])
            under_way = []
        under_way.append(at)
    parts.append([*names, *under_way])
    return [_grown(columns, part, [columns[at].least for at in part], width) for part in parts]


def _side_by_side(columns: Sequence[Column], chosen: Sequence[int], width: int) -> Part | None:
    found = [columns[at] for at in chosen]
    for widths in (
        [each.least for each in found],
        [each.words for each in found],
        [each.narrow for each in found],
    ):
        if sum(widths) + GAP * (len(chosen) - 1) <= width:
            return _grown(columns, chosen, widths, width)
    return None


def _names(columns: Sequence[Column], width: int) -> int:
    count, taken = 1, columns[0].least + GAP
    while not columns[0].right and count < len(columns) - 1 and not columns[count].right:
        taken += columns[count].least + GAP
        if taken > _NAMES_SHARE * width:
            break
        count += 1
    return count


def _grown(columns: Sequence[Column], chosen: Sequence[int], widths: list[int], width: int) -> Part:
    """The columns with the room that is left shared out, a cell at a time; to one that grows
    several."""
    left = width - sum(widths) - GAP * (len(widths) - 1)
    while left > 0:
        small = [at for at, each in enumerate(chosen) if widths[at] < columns[each].natural]
        if not small:
            break
        for at in small:
            wanted = GROWTH if columns[chosen[at]].grows else 1
            taken = min(wanted, columns[chosen[at]].natural - widths[at], left)
            widths[at] += taken
            left -= taken
    if left < 0:
        # Not even one column beside the names: it has to fold after all.
        widths[-1] = max(widths[-1] + left, 1)
    return tuple(zip(chosen, widths, strict=True))
