"""What all screens share: header, foot, prompt, keys from the one table, a list to move in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from textual.app import ComposeResult
from textual.binding import Binding
from textual.keys import key_to_character
from textual.screen import Screen

from mechexo_tui.actions import Situation, action_for, all_keys, why_disabled
from mechexo_tui.panels.alerts import in_words
from mechexo_tui.timers import once_after
from mechexo_tui.widgets.footer import Footer
from mechexo_tui.widgets.header import Header
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import text_of
from mechexo_tui.widgets.prompt import Complete, Judge, Prompt

if TYPE_CHECKING:
    from mechexo_tui.app import MechexoApp
    from mechexo_tui.sources import Overview
    from mechexo_tui.widgets.format import Look

SMALL = (60, 16)
"""Below this many columns or rows a screen is a plain list."""


class ConsoleScreen(Screen[None]):
    """A screen of the console. It shows an `Overview` and holds no other facts."""

    BINDINGS = [Binding(key, f"press({key!r})", show=False) for key in all_keys()]  # noqa: RUF012
    AUTO_FOCUS = ""

    title_id: str = ""
    """Its name in the table of actions."""

    filter_hint: str = "words to keep, !words to leave out"
    """What the filter does here."""

    crumbs: str = ""
    """What the header says about where one is."""

    def __init__(self) -> None:
        super().__init__()
        self.words = ""
        self._composed = False
        self._to_say: tuple[str, bool] | None = None
        self._to_choose = ""
        self._on_typed: Callable[[str], None] | None = None

    @property
    def console_app(self) -> MechexoApp:
        """The console this screen belongs to."""
        return cast("MechexoApp", self.app)

    @property
    def overview(self) -> Overview:
        """What is known now."""
        return self.console_app.facts.overview

    @property
    def look(self) -> Look:
        """How lines are to look at this moment on this screen."""
        return self.console_app.look(self.size.width or 80)

    @property
    def small(self) -> bool:
        """Whether there is only room for a plain list."""
        return self.size.width < SMALL[0] or self.size.height < SMALL[1]

    @property
    def active(self) -> LineList:
        """The list that keys move in."""
        return self.query_one(LineList)

    @property
    def chosen_alert(self) -> int | None:
        """The id of the alert under the cursor."""
        if not self._composed:
            return None
        kind, _, number = self.active.key.partition(":")
        return int(number) if kind == "alert" else None

    @property
    def situation(self) -> Situation:
        """What decides which actions work here now."""
        return self.console_app.situation(self.title_id, alert=self.chosen_alert is not None)

    @property
    def copied(self) -> str:
        """What `y` copies: the row under the cursor, or the lines in view."""
        active = self.active
        alert = self.console_app.facts.alert(self.chosen_alert)
        if alert is not None and active.key == f"alert:{alert.id}":
            return in_words(alert)
        if active.key:
            return text_of(active.rows[active.index].line).strip()
        return active.text

    def compose(self) -> ComposeResult:
        """Header, body, foot."""
        yield Header(id="header")
        yield from self.compose_body()
        yield Footer()
        yield Prompt()

    def compose_body(self) -> ComposeResult:
        """The screen's own widgets."""
        yield LineList(id="rows")

    def on_mount(self) -> None:
        """Shows what is known."""
        self._composed = True
        self.set_class(self.small, "-small")
        self.show_now()
        if self._to_say is not None:
            self.say(self._to_say[0], bad=self._to_say[1])

    def on_resize(self) -> None:
        """Fits what is shown to the new size."""
        self.set_class(self.small, "-small")
        self.show_now()

    def on_screen_resume(self) -> None:
        """Shows what is known by now, when one comes back."""
        self.show_now()

    def on_screen_suspend(self) -> None:
        """A list that was shifted sideways begins at its left edge when one comes back."""
        for each in self.query(LineList):
            each.shift(-each.left)

    def _compositor_refresh(self) -> None:
        # Textual would make every line here and then, while painting is held, throw it away.
        if not self.console_app.painting.holding:
            super()._compositor_refresh()

    def show_now(self) -> None:
        """Shows all that is known; what is unchanged paints nothing. Facts may arrive while the
        screen is still being made (it shows them as soon as its widgets are there), and after one
        has left it."""
        header = next(iter(self.query(Header)), None)
        if not self._composed or not self.is_attached or header is None:
            return
        crumbs = self.crumbs or ("" if self.title_id == "overview" else self.title_id)
        if self.words:
            crumbs = f"{crumbs} /{self.words}".strip()
        app = self.console_app
        header.show_heading(app.facts.heading(crumbs, read_only=app.read_only), self.look)
        self.show_body()
        if self._to_choose and self.active.choose(self._to_choose):
            self._to_choose = ""
        self.show_foot()

    def choose_row(self, key: str) -> None:
        """Puts the cursor on the row with this key, as soon as it is there."""
        self._to_choose = key
        self.show_now()

    def show_body(self) -> None:
        """Shows the screen's own rows."""

    def show_foot(self) -> None:
        """Shows what can be done now."""
        self.query_one(Footer).show_keys(self.situation)

    def say(self, text: str, *, bad: bool = False) -> None:
        """Says something at the foot for a few seconds; a screen not yet there says it then."""
        if not self.query(Footer):
            self._to_say = (text, bad)
            return
        footer = self.query_one(Footer)
        footer.say(text, bad=bad)
        once_after(self, 8.0, self._fall_silent)

    def _fall_silent(self) -> None:
        self.query_one(Footer).fall_silent()
        self.show_foot()

    def action_press(self, key: str) -> None:
        """Does what the table says about a key, or says why not."""
        if self.type_ahead(key):
            return
        action = action_for(key, self.title_id)
        if action is None:
            return
        reason = why_disabled(action, self.situation)
        if reason:
            self.say(f"{action.text}: {reason}", bad=True)
            return
        if self.query_one(Footer).has_message:
            self._fall_silent()
        self.perform(action.id)

    def type_ahead(self, key: str) -> bool:
        """Gives a key to an open prompt. On a slow line the answer comes in one piece with the key
        that opened the prompt, and arrives here before the prompt has the focus."""
        prompt = self.query_one(Prompt)
        if not prompt.display:
            return False
        character = key_to_character(key)
        prompt.take(key, character if character and character.isprintable() else None)
        return True

    def perform(self, action_id: str) -> None:
        """Does an action: moving about and filtering here, everything else in the app."""
        active = self.active
        moves: dict[str, Callable[[], None]] = {
            "down": lambda: active.move(1),
            "up": lambda: active.move(-1),
            "left": lambda: active.shift(-8),
            "right": lambda: active.shift(8),
            "page-down": lambda: active.move_pages(1),
            "page-up": lambda: active.move_pages(-1),
            "first": active.go_first,
            "last": active.go_last,
            "filter": self._ask_filter,
            "clear": lambda: self.filter(""),
            "open": self.open_row,
            "next-panel": self.next_panel,
        }
        if action_id == "back" and self.words:
            self.filter("")
        elif action_id in moves:
            moves[action_id]()
            # In the same frame as the cursor, not after the list's own message.
            self.show_foot()
        else:
            self.console_app.perform(action_id)

    def open_row(self) -> None:
        """Opens what is under the cursor."""

    def next_panel(self) -> None:
        """Makes another part of the screen the one that keys move in."""

    def filter(self, words: str) -> None:
        """Keeps the rows with these words."""
        if words != self.words:
            self.words = words
            self.show_now()

    def ask(
        self,
        question: str,
        answered: Callable[[str | None], None],
        *,
        text: str = "",
        hint: str = "",
        complete: Complete | None = None,
        judge: Judge | None = None,
        typed: Callable[[str], None] | None = None,
    ) -> None:
        """Asks for a line at the foot; None means that it was left without an answer. What `judge`
        finds wrong is said, and the question stays."""
        footer = self.query_one(Footer)

        def done(answer: str | None) -> None:
            self._on_typed = None
            footer.display = True
            answered(answer)

        self._on_typed = typed
        footer.display = False
        prompt = self.query_one(Prompt)
        prompt.ask(question, done, text=text, hint=hint, complete=complete, judge=judge)

    def on_prompt_typed(self, message: Prompt.Typed) -> None:
        """Follows the typing."""
        if self._on_typed is not None:
            self._on_typed(message.text)

    def on_line_list_moved(self) -> None:
        """Other actions may work on the new row."""
        self.show_foot()

    def on_line_list_chosen(self) -> None:
        """A click on the chosen row opens it."""
        self.open_row()

    def _ask_filter(self) -> None:
        before = self.words

        def answered(text: str | None) -> None:
            self.filter(before if text is None else text.strip())

        self.ask("/", answered, text=self.words, hint=self.filter_hint, typed=self.filter)
