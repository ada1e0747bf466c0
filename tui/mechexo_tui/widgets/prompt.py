"""A line to type into: filters, commands, durations, reasons. No blinking, few bytes.

What does not fit beside the text (what is wrong with an answer, the words it may become) stands in
lines above it.
"""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from mechexo_tui.widgets.lines import BLANK, Line, cut, width_of, wrapped
from mechexo_tui.widgets.painted import Painted

Complete = Callable[[str], tuple[str, tuple[str, ...]]]
"""Typed text to the text as far as it is sure, and the words it may become."""

Judge = Callable[[str], str]
"""An answer to what is wrong with it; empty when it will do."""

MOST_LINES_ABOVE = 4


class Prompt(Painted, can_focus=True):
    """Asks for a line of text. Enter answers, esc leaves; tab completes where words are known.
    An answer that will not do stays, to be mended."""

    DEFAULT_CSS = """
    Prompt { dock: bottom; height: auto; width: 1fr; display: none; }
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
        self._judge: Judge | None = None
        self._above: tuple[str, str] = ("", "")
        """What stands above the line, and its style."""
        self._answered: Callable[[str | None], None] | None = None

    @property
    def shown_text(self) -> str:
        """The whole line as it is shown."""
        return f"{self._above[0]}\n{self._question}{self._text}{self._hint}".strip()

    def ask(
        self,
        question: str,
        answered: Callable[[str | None], None],
        *,
        text: str = "",
        hint: str = "",
        complete: Complete | None = None,
        judge: Judge | None = None,
    ) -> None:
        """Opens with a question; `answered` gets the text, or None when it was left."""
        self._answered = answered
        self._question, self._text, self._hint = question, text, hint
        self._at, self._complete, self._judge = len(text), complete, judge
        self._above = ("", "")
        self.display = True
        self.focus()
        self.refresh(layout=True)

    def close(self) -> None:
        """Goes out of the way."""
        self.display = False
        self.screen.set_focus(None)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The line itself and what stands above it."""
        return 1 + len(self._lines_above(width))

    def render_line(self, y: int) -> Strip:
        """Paints what stands above, then the question, the text with its cursor, and a hint."""
        width = self.size.width
        above = self._lines_above(width)
        if y < len(above):
            return self.palette.strip(((f" {above[y]}", self._above[1]),), width)
        return self.palette.strip(self._line(width) if y == len(above) else BLANK, width)

    def _lines_above(self, width: int) -> list[str]:
        text = self._above[0]
        return wrapped(text, width - 2)[:MOST_LINES_ABOVE] if text else []

    def _line(self, width: int) -> Line:
        # However long the question is, half of the line is for the answer.
        question = cut(self._question, max(1, width // 2), mark="… ")
        room = max(4, width - width_of(question) - 2)
        start = max(0, self._at - room + 1)
        before, after = self._text[start : self._at], self._text[self._at : start + room]
        under, rest = (after[0], after[1:]) if after else (" ", "")
        hint = "" if self._text else self._hint
        return (
            (" " + question, "key"),
            (before, ""),
            (under, "reverse"),
            (rest, ""),
            (f" {hint}" if hint else "", "dim"),
        )

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
        if key == "ctrl+l":
            self.console_app.redraw()
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
        wrong = self._judge(text) if text is not None and self._judge is not None else ""
        if wrong:
            self._say_above(wrong, "critical")
            return
        # At once, not by a message: the next key may already be the one that leaves the console.
        answered, self._answered = self._answered, None
        self.close()
        if answered is not None:
            answered(text)

    def _replace(self, start: int, end: int, text: str) -> None:
        self._text = self._text[:start] + text + self._text[end:]
        self._at = start + len(text)
        self._say_above("")
        self.post_message(self.Typed(self._text))

    def _do_complete(self) -> None:
        if self._complete is None:
            return
        sure, words = self._complete(self._text)
        self._text, self._at = sure, len(sure)
        if not words:
            self._say_above("no such word", "critical")
        else:
            self._say_above("  ".join(words) if len(words) > 1 else "", "dim")
        self.post_message(self.Typed(self._text))

    def _say_above(self, text: str, style: str = "") -> None:
        """Changes what stands above the line; the line itself is painted anew in any case."""
        before, self._above = self._lines_above(self.size.width), (text, style)
        self.refresh(layout=len(before) != len(self._lines_above(self.size.width)))
