"""The foot: what can be done now, or what has just happened."""

from __future__ import annotations

from mechexo_tui.actions import Situation, actions_of, why_disabled
from mechexo_tui.widgets.line_block import LineBlock
from mechexo_tui.widgets.lines import Line, Span, text_of, width_of, wrapped


def footer_line(situation: Situation, width: int) -> Line:
    """The keys that work now. What the role does not allow is dim; the rest of what cannot be
    done now is left out. Where the line is short, the words that come first win."""
    spans: list[Span] = [(" ", "")]
    last: list[Span] = []
    for action in actions_of(situation.screen):
        if not action.short:
            continue
        reason = why_disabled(action, situation)
        if reason and action.on_alert and not situation.alert_chosen:
            continue
        key, word = (action.key_text, "off" if reason else "key"), (f" {action.short}  ", "dim")
        # The way to the help and out must never be pushed off.
        (last if action.id in {"help", "quit", "back"} else spans).extend((key, word))
    room = width - width_of(text_of(tuple(last)))
    kept: list[Span] = [spans[0]]
    for position in range(1, len(spans), 2):
        pair = spans[position : position + 2]
        if width_of(text_of((*kept, *pair))) > room:
            break
        kept += pair
    return (*kept, *last)


class Footer(LineBlock):
    """The footer as a widget; a message takes its place for a while."""

    DEFAULT_CSS = """
    Footer { dock: bottom; height: auto; max-height: 4; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._message: tuple[str, str] | None = None
        """A text and its style."""

    @property
    def has_message(self) -> bool:
        """Whether a message stands in place of the keys."""
        return self._message is not None

    def show_keys(self, situation: Situation) -> None:
        """Shows what can be done, unless a message still stands."""
        if self._message is None:
            self.show([footer_line(situation, self._width)])
        else:
            self._show_message()

    def say(self, text: str, *, bad: bool = False) -> None:
        """Shows a text in place of the keys, in as many lines as it takes."""
        self._message = (text, "critical" if bad else "accent")
        self._show_message()

    def fall_silent(self) -> None:
        """Takes the message away."""
        self._message = None

    @property
    def _width(self) -> int:
        return self.screen.size.width or 80

    def _show_message(self) -> None:
        if self._message is not None:
            text, style = self._message
            self.show([((f" {part}", style),) for part in wrapped(text, self._width - 2)])
