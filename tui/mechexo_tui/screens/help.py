"""What can be done on a screen, from the one table of actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo_tui.actions import NAMES, Situation, actions_of, why_disabled
from mechexo_tui.widgets.lines import wrapped

if TYPE_CHECKING:
    from mechexo_tui.widgets.lines import Line


def help_lines(situation: Situation, width: int) -> list[Line]:
    """Every action of the screen with all its keys, what it is called, and why it is off."""
    lines: list[Line] = [
        ((f" On the screen {situation.screen}", "title"),),
        (),
    ]
    for action in actions_of(situation.screen):
        keys = " ".join(NAMES.get(key, key) for key in action.keys)
        words = f"  :{action.words[0]}" if action.words else ""
        reason = why_disabled(action, situation)
        off = f"  ({reason})" if reason else ""
        style = "off" if reason else ""
        first, *more = wrapped(f"{action.text}{words}{off}", width - 25)
        lines.append(((f"   {keys:<20} ", style or "key"), (first, style)))
        lines += [((" " * 24, ""), (text, style)) for text in more]
    lines += [
        (),
        ((" In a prompt", "title"),),
        (("   enter answers, esc leaves, tab completes, ctrl+u empties", ""),),
        (),
        ((" Signs", "title"),),
        (("   every status is a sign and a word; colours only repeat them", ""),),
    ]
    return lines
