"""Rows of a list that is too long to be held: pages of it are kept, and missing ones are named."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from mechexo_tui.widgets.lines import Row

KEPT = 12
"""How many pages are kept, those in use longest."""

Item = TypeVar("Item")


class PagedRows(Generic[Item]):
    """Rows by number. One that is not here shows a mark in its place, and its page is missed."""

    def __init__(
        self,
        count: int,
        page: int,
        make: Callable[[Item], Row] | None = None,
        missed: Callable[[], object] | None = None,
    ) -> None:
        self._count = count
        self._page = page
        self._make = make
        self._missed = missed
        self._pages: OrderedDict[int, Sequence[Item]] = OrderedDict()
        self._before: PagedRows[Item] | None = None

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Row:
        item = self.item(index)
        # The key is the place: a row keeps it when its page arrives.
        key = f"row:{index}"
        if self._missed is not None and index // self._page not in self._pages:
            self._missed()
        if item is None or self._make is None:
            return Row(((" …", "dim"),), key)
        return Row(self._make(item).line, key)

    def item(self, index: int) -> Item | None:
        """What stands behind a row; None when its page is not here, nor was before."""
        page = self._pages.get(index // self._page)
        if page is None:
            return self._before.item(index) if self._before is not None else None
        place = index % self._page
        return page[place] if place < len(page) else None

    def take_place_of(self, before: PagedRows[Item]) -> None:
        """Shows the rows that were there before until theirs are here: read anew, they are mostly
        the same. They count as missing."""
        before._before = None
        self._before = before

    def put(self, offset: int, items: Sequence[Item]) -> None:
        """Takes a page; the one that was taken longest ago goes when there are too many."""
        number = offset // self._page
        self._pages[number] = items
        self._pages.move_to_end(number)
        while len(self._pages) > KEPT:
            self._pages.popitem(last=False)

    def missing(self, first: int, last: int) -> int | None:
        """Where the first page begins of which some rows from `first` to `last` are not here."""
        last = min(last, self._count - 1)
        for number in range(max(0, first) // self._page, last // self._page + 1):
            if number not in self._pages:
                return number * self._page
        return None

    def start_of(self, index: int) -> int:
        """Where the page of a row begins."""
        return max(0, index) // self._page * self._page

    def made_by(self, make: Callable[[Item], Row], missed: Callable[[], object]) -> None:
        """Makes rows in this way from now on, and says when one is asked for that is not here."""
        self._make, self._missed = make, missed
