"""A screen of plain text that one reads and leaves: entries, diffs, help, outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult

from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.widgets.line_list import LineList

if TYPE_CHECKING:
    from mechexo_tui.widgets.lines import Row


class TextScreen(ConsoleScreen):
    """Shows rows that are given, or made anew for each width."""

    def __init__(
        self,
        kind: str,
        crumbs: str,
        rows: Sequence[Row] | Callable[[int], Sequence[Row]],
        *,
        alert: int | None = None,
    ) -> None:
        super().__init__()
        self._alert = alert
        self.title_id = kind
        self.crumbs = crumbs
        self._rows = rows
        self._made: tuple[int, Sequence[Row]] = (0, ())
        self.is_waiting = True
        """Whether nothing came in place of the first text yet."""

    @property
    def chosen_alert(self) -> int | None:
        """The open alert that the text is about, if it is about one."""
        known = self.console_app.facts.alert(self._alert)
        return known.id if known else None

    def compose_body(self) -> ComposeResult:
        """One scrolling text."""
        yield LineList(cursor=False, id="rows")

    def show_body(self) -> None:
        """Shows the text in the present width."""
        width = self.size.width
        if self._made[0] != width:
            made = self._rows(width) if callable(self._rows) else self._rows
            self._made = (width, made)
        self.query_one(LineList).show(self._made[1])

    def become(self, rows: Sequence[Row] | Callable[[int], Sequence[Row]]) -> None:
        """Shows another text, once it is there."""
        self._rows, self._made, self.is_waiting = rows, (0, ()), False
        self.show_now()
