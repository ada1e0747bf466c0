"""One line to type into: filters, commands, durations, reasons. No blinking, few bytes."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.message import Message
from textual.strip import Strip

from mechexo_tui.widgets.lines import Line, width_of
from mechexo_tui.widgets.painted import Painted

Complete = Callable[[str], tuple[str, tuple[str, ...]]]


class Prompt(Painted, can_focus=True):
    """Asks for a line of text. Enter answers, esc leaves; tab completes where words are known."""

    DEFAULT_CSS = """
    Prompt { dock: bottom; height: 1; width: 1fr; display: none; }
    """

    class Typed(Message):
        """The text changed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

        def can_replace(self, message: Message) -> bool:
            """Only the latest text counts."""
            return isinstance(message, Prompt.Typed)

    def __init__(self) -> None:
        super().__init__()
        self._question = ""
        self._text = ""
        self._at = 0
        self._hint = ""
        self._complete: Complete | None = None
        self._completing = ""
        self._answered: Callable[[str | None], None] | None = None

    @property
    def shown_text(self) -> str:
        """The whole line as it is shown."""
        return f"{self._question}{self._text}{self._completing or self._hint}"

    def ask(
        self,
        question: str,
        answered: Callable[[str | None], None],
        *,
        text: str = "",
        hint: str = "",
        complete: Complete | None = None,
    ) -> None:
        """Opens with a question; `answered` gets the text, or None when it was left."""
        self._answered = answered
        self._question, self._text, self._hint = question, text, hint
        self._at, self._complete, self._completing = len(text), complete, ""
        self.display = True
        self.focus()
        self.refresh()

    def close(self) -> None:
        """Goes out of the way."""
        self.display = False
        self.screen.set_focus(None)

    def render_line(self, y: int) -> Strip:
        """Paints the question, the text with its cursor, and a hint."""
        room = max(4, self.size.width - width_of(self._question) - 2)
        start = max(0, self._at - room + 1)
        before, after = self._text[start : self._at], self._text[self._at : start + room]
        under, rest = (after[0], after[1:]) if after else (" ", "")
        hint = self._completing or ("" if self._text else self._hint)
        shown: Line = (
            (" " + self._question, "key"),
            (before, ""),
            (under, "reverse"),
            (rest, ""),
            (f" {hint}" if hint else "", "dim"),
        )
        return self.palette.strip(shown, self.size.width)

    def on_key(self, event: events.Key) -> None:
        """Takes every key while it is open; what was typed after the answer goes on its way."""
        if self.display:
            event.stop()
            event.prevent_default()
            self.take(event.key, event.character if event.is_printable else None)

    def take(self, key: str, character: str | None) -> None:
        """Edits the line with one key."""
        if key == "enter":
            self._answer(self._text)
            return
        if key in {"escape", "ctrl+c"} or (key == "backspace" and not self._text):
            self._answer(None)
            return
        if key == "tab":
            self._do_complete()
            return
        if key in {"left", "right", "home", "end"}:
            steps = {"left": self._at - 1, "right": self._at + 1, "home": 0}
            self._at = max(0, min(len(self._text), steps.get(key, len(self._text))))
            self.refresh()
        elif key in {"backspace", "ctrl+h"}:
            self._replace(max(0, self._at - 1), self._at, "")
        elif key == "delete":
            self._replace(self._at, self._at + 1, "")
        elif key == "ctrl+u":
            self._replace(0, self._at, "")
        elif key == "ctrl+w":
            kept = self._text[: self._at].rstrip()
            self._replace(len(kept[: kept.rfind(" ") + 1]), self._at, "")
        elif character:
            self._replace(self._at, self._at, character)

    def on_paste(self, event: events.Paste) -> None:
        """Takes pasted text as one line."""
        event.stop()
        self._replace(self._at, self._at, " ".join(event.text.split()))

    def _answer(self, text: str | None) -> None:
        # At once, not by a message: the next key may already be the one that leaves the console.
        answered, self._answered = self._answered, None
        self.close()
        if answered is not None:
            answered(text)

    def _replace(self, start: int, end: int, text: str) -> None:
        self._text = self._text[:start] + text + self._text[end:]
        self._at, self._completing = start + len(text), ""
        self.refresh()
        self.post_message(self.Typed(self._text))

    def _do_complete(self) -> None:
        if self._complete is None:
            return
        sure, words = self._complete(self._text)
        self._text, self._at = sure, len(sure)
        self._completing = "  ".join(words) if len(words) > 1 else "" if words else "no such word"
        self.refresh()
        self.post_message(self.Typed(self._text))
