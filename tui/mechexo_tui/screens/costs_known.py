"""What is known of a level of the costs screen: the pages that came, and what is still to ask."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from typing import Any

from mechexo.costs.findings import CostException
from mechexo.costs.values import CostRow, FillCost
from mechexo.costs.views import (
    PAGE,
    Asked,
    ExceptionsPage,
    FillsPage,
    Key,
    Period,
    RunHead,
    TablePage,
)
from mechexo.value_classes import dataclass
from mechexo_tui.costs_apart import Seen
from mechexo_tui.screens.costs_levels import Level
from mechexo_tui.sources import Part
from mechexo_tui.widgets.paged_rows import PagedRows

AHEAD = 40
"""Rows beyond the window that are fetched before one gets there."""

Item = CostRow | FillCost | CostException


@dataclass(frozen=True, slots=True)
class Question:
    """Something to ask of the process apart."""

    level: Level
    period: Period
    stand: object
    """Of the facts for which an answer is wanted."""
    asked: Asked
    anew: bool
    """Whether the fills are to be priced again before."""
    first: bool
    """Whether it opens the level, or opens it anew; else it is one more page."""


@dataclass(slots=True)
class Known:
    """A level of the screen with what is known of it, and the place one left it at."""

    level: Level
    seen: Seen[Any] | None = None
    """The latest answer that opened it."""
    of: Level | None = None
    """The level that `seen` and the rows belong to: the one before while an answer is awaited."""
    rows: PagedRows[Item] = field(default_factory=lambda: PagedRows(0, PAGE))
    stand: object = None
    error: str = ""
    read_at: datetime | None = None
    failed: Question | None = None
    index: int = 0
    top: int = 0

    @property
    def head(self) -> RunHead | None:
        """What stands beside the view."""
        return self.seen.head if self.seen is not None else None

    @property
    def part(self) -> Part[Any]:
        """The view as the other screens know their parts: value, age, what went wrong."""
        seen = self.seen
        if seen is None:
            return Part(error=self.error)
        return Part(seen.view, seen.priced_at, self.error or seen.complaint)

    def needs(
        self, period: Period, stand: object, bins: int, window: tuple[int, int], *, anew: bool
    ) -> Question | None:
        """What is to be asked next for a window of it; nothing when all is there, or when the same
        was asked in vain."""
        if self.of != self.level or self.stand != stand:
            same = self.of == self.level
            offset = self.rows.start_of(window[0]) if same else 0
            find = self._identity(self.index) if same else ()
            asked = self.level.asked(offset, bins=bins, find=find)
            question = Question(self.level, period, stand, asked, anew, first=True)
        else:
            if self.level.is_text:
                return None
            missing = self.rows.missing(window[0], window[1])
            if missing is None:
                missing = self.rows.missing(window[0] - AHEAD, window[1] + AHEAD)
            if missing is None:
                return None
            asked = self.level.asked(missing, bins=bins)
            question = Question(self.level, period, stand, asked, anew=False, first=False)
        return None if question == self.failed else question

    def take(self, question: Question, seen: Seen[Any]) -> int | None:
        """Takes an answer. Where the row under the cursor is now, if it was looked for."""
        if question.level != self.level:
            return None
        self.error, self.failed = "", None
        view = seen.view
        other = question.first or self.seen is None or self.seen.run != seen.run
        if other:
            rows: PagedRows[Item] = PagedRows(getattr(view, "count", 0), PAGE)
            if self.of == self.level:
                rows.take_place_of(self.rows)
            self.seen, self.of, self.stand, self.rows = seen, self.level, question.stand, rows
        items = _items(view)
        if items is not None:
            self.rows.put(view.offset, items)
        return getattr(view, "found_at", None) if question.first else None

    def fail(self, question: Question, reason: str) -> None:
        """Nothing came: the reason is shown, what was shown stays, and the same is not asked again
        until something changes."""
        if question.level == self.level:
            self.error, self.failed = reason, question

    def group_key(self, index: int) -> Key:
        """The values of the group in a row."""
        item = self.rows.item(index)
        return tuple(item.key.items()) if isinstance(item, CostRow) else ()

    def fill_id(self, index: int) -> str:
        """The id of the fill in a row."""
        item = self.rows.item(index)
        return item.fill_id if isinstance(item, FillCost | CostException) else ""

    def _identity(self, index: int) -> Key | str:
        return self.group_key(index) if self.level.kind == "table" else self.fill_id(index)


def _items(view: object) -> tuple[Item, ...] | None:
    match view:
        case TablePage():
            return view.rows
        case FillsPage():
            return view.fills
        case ExceptionsPage():
            return view.rows
    return None
