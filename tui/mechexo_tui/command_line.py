"""The console's own command line, behind `:`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo_tui.actions import SCREENS, command_words, completed, why_disabled

if TYPE_CHECKING:
    from mechexo_tui.screens.base import ConsoleScreen


def ask_command(screen: ConsoleScreen) -> None:
    """Asks for a command and does it; what is unknown or not allowed is said."""
    words = command_words(screen.title_id)

    def answered(text: str | None) -> None:
        typed = (text or "").strip().lower()
        if not typed:
            return
        sure, fitting = completed(typed, words)
        action = words.get(typed) or (words[sure] if len(fitting) == 1 else None)
        if action is None:
            screen.say(f"no command {typed!r}; tab completes, ? lists them", bad=True)
            return
        reason = why_disabled(action, screen.situation)
        if reason:
            screen.say(f"{action.text}: {reason}", bad=True)
        else:
            screen.perform(action.id)

    hint = " ".join(name for _, name, _, _ in SCREENS)
    screen.ask(":", answered, hint=hint, complete=lambda text: completed(text, words))
