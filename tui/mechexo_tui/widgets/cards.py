"""The row of health cards; it wraps where the terminal is narrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import BLANK, Line, fitted

if TYPE_CHECKING:
    from mechexo.health.values import Card
    from mechexo_tui.widgets.format import Look

_NARROWEST = 19
_NARROWEST_TALL = 24
_LONGEST_NAME = 12


def card_lines(cards: Sequence[Card], look: Look, *, tall: bool) -> list[Line]:
    """The cards side by side: name and status; `tall` ones also say what they are about."""
    if not cards:
        return []
    room = look.width - 1
    per_row = max(1, min(len(cards), room // (_NARROWEST_TALL if tall else _NARROWEST)))
    rows = -(-len(cards) // per_row)
    per_row = -(-len(cards) // rows)
    width = room // per_row
    name_width = min(_LONGEST_NAME, max(len(card.name) for card in cards) + 1)
    lines: list[Line] = []
    for start in range(0, len(cards), per_row):
        chunk = cards[start : start + per_row]
        heads: Line = ((" ", ""),)
        details: Line = ((" ", ""),)
        for card in chunk:
            sign, style = shown_as.status(card.status.value, look.glyphs)
            if tall:
                heads += ((fitted(card.name.upper(), width), "title"),)
                details += ((fitted(sign, width), style),)
            else:
                heads += ((fitted(card.name, name_width), ""),)
                heads += ((fitted(sign, width - name_width), style),)
        lines.append(heads)
        if tall:
            lines.append(details)
            words: Line = ((" ", ""),)
            for card in chunk:
                words += ((fitted(card.summary, width - 2) + "  ", "dim"),)
            lines += [words, BLANK]
    return lines[:-1] if tall else lines
