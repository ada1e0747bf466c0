"""The console's own command line, behind `:`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo_tui.actions import SCREENS, Action, command_words, completed, why_disabled

if TYPE_CHECKING:
    from mechexo_tui.screens.base import ConsoleScreen


def ask_command(screen: ConsoleScreen) -> None:
    """Asks for a command and does it; what is unknown or not allowed is said."""
    words = command_words(screen.title_id)

    def meant(text: str) -> Action | None:
        sure, fitting = completed(text, words)
        return words.get(text.strip().lower()) or (words[sure] if len(fitting) == 1 else None)

    def judge(text: str) -> str:
        if not text.strip():
            return ""
        action = meant(text)
        if action is None:
            return f"no command {text.strip()!r}; tab completes, esc leaves"
        reason = why_disabled(action, screen.situation)
        return f"{action.text}: {reason}" if reason else ""

    def answered(text: str | None) -> None:
        action = meant(text) if text and text.strip() else None
        if action is not None:
            screen.perform(action.id)

    hint = " ".join(name for _, name, _, _ in SCREENS)
    screen.ask(":", answered, hint=hint, complete=lambda text: completed(text, words), judge=judge)
