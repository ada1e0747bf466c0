"""A list of lines of any length: only the lines in view are made, cached and painted.

It scrolls by itself instead of being a `ScrollView`: no scrollbars, no layout pass when its
length changes, and a moved cursor repaints two lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from mechexo_tui.widgets.lines import BLANK, CUT, Line, Row, text_of, width_of
from mechexo_tui.widgets.painted import Painted

KEPT_LINES = 4096
ABOVE, BELOW = "▴", "▾"


class Rows(Protocol):
    """Rows by number, made when they are asked for."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def __getitem__(self, index: int, /) -> Row:
        """One of them."""
        ...


Item = TypeVar("Item")


class LazyRows(Generic[Item]):
    """Rows made from items only when they come into view."""

    def __init__(
        self,
        items: Sequence[Item],
        make: Callable[[Item], Row],
        *,
        key: Callable[[Item], str] | None = None,
    ) -> None:
        self._items = items
        self._make = make
        self._key = key

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> Row:
        return self._make(self._items[index])

    def key_at(self, index: int) -> str:
        """The key of a row, made without its line where it is known how: the cursor is looked for
        among many."""
        return self[index].key if self._key is None else self._key(self._items[index])


class LineList(Painted):
    """Shows rows, with a cursor on those that can be chosen, or as plain scrolling text."""

    DEFAULT_CSS = """
    LineList { height: 1fr; width: 1fr; }
    """

    class Moved(Message):
        """The cursor stands on another row."""

        def can_replace(self, message: Message) -> bool:
            """Only the latest place counts."""
            return isinstance(message, LineList.Moved)

    class Chosen(Message):
        """A row was clicked a second time: as if enter were pressed on it."""

    def __init__(self, *, cursor: bool = True, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: Rows = []
        self._shown: dict[int, Line] = {}
        """The lines as they were last painted, by their place in the list."""
        self._cursor = cursor
        self.index = 0
        """The row the cursor stands on."""
        self.top = 0
        """The first row in view."""
        self.left = 0
        """How many cells the lines are shifted to the left."""

    @property
    def rows(self) -> Rows:
        """What is listed."""
        return self._rows

    @property
    def key(self) -> str:
        """The key of the row under the cursor; empty when there is none."""
        if not self._cursor or not 0 <= self.index < len(self._rows):
            return ""
        return self._key_at(self.index)

    @property
    def text(self) -> str:
        """The lines in view, without styles."""
        last = min(len(self._rows), self.top + self.size.height)
        return "\n".join(text_of(self._rows[index].line) for index in range(self.top, last))

    def show(self, rows: Rows, *, keep: bool = True) -> None:
        """Lists `rows`; only changed cells are painted. With `keep` the cursor stays on its key."""
        key, was_at, count = self.key, self.index, len(self._rows)
        shown, top, more = self._shown, self.top, self._more
        self._rows = rows
        self._shown = {}
        if not keep:
            self.index = self.top = self.left = 0
        self._settle(key if keep else "")
        if not self.is_mounted or not self.size:
            return
        if self.styles.is_auto_height and count != len(rows):
            self.refresh(layout=True)
        if self.top != top or was_at != self.index:
            self.refresh()
        else:
            for y in range(self.size.height):
                self.repaint_changes(y, shown.get(self.top + y, BLANK), self._line(self.top + y))
            if more != self._more:
                for y in (0, self.size.height - 1):
                    self.refresh(Region(self.size.width - 1, y, 1, 1))
        if self.key != key:
            self.post_message(self.Moved())

    def move(self, by: int) -> None:
        """Moves the cursor (or the text) by so many rows; past the ends it stays at the end."""
        if not self._cursor:
            self.scroll_rows(by)
            return
        target = self._nearest(
            max(0, min(len(self._rows) - 1, self.index + by)), 1 if by > 0 else -1
        )
        if target is None or target == self.index:
            # Nothing further to choose: bring what lies there into view.
            self.scroll_rows(1 if by > 0 else -1, hold=True)
            return
        self._go_to(target)

    def move_pages(self, by: int) -> None:
        """Moves by so many windows."""
        self.move(by * max(1, self.size.height - 1))

    def go_first(self) -> None:
        """To the first row, and to the beginning of its line."""
        self.shift(-self.left)
        self.move(-len(self._rows))
        self._bring_to(0)

    def go_to(self, index: int, top: int | None = None) -> None:
        """Puts the cursor on a row by its number, with the row `top` as the first in view."""
        if top is not None:
            self._bring_to(top)
        self._go_to(max(0, min(index, len(self._rows) - 1)))

    def go_last(self) -> None:
        """To the last row."""
        self.move(len(self._rows))

    def shift(self, by: int) -> None:
        """Shifts the lines sideways, for text wider than the window, as far as there is any."""
        in_view = range(self.top, self.top + self.size.height)
        widest = max((width_of(text_of(self._line(index))) for index in in_view), default=0)
        furthest = max(0, widest + 1 - self.size.width)
        left = max(0, min(self.left + by, furthest if by > 0 else self.left))
        if left != self.left:
            self.left = left
            self.refresh()

    def scroll_rows(self, by: int, *, hold: bool = False) -> None:
        """Scrolls without the cursor; `hold` keeps the cursor in view."""
        target = self.top + by
        if hold:
            lowest = self.index - self.size.height + 1
            target = max(lowest, min(target, self.index))
        self._bring_to(target)

    def choose(self, key: str) -> bool:
        """Puts the cursor on the row with this key; False when no row has it."""
        for index in range(len(self._rows)):
            if self._key_at(index) == key:
                self._go_to(index)
                return True
        return False

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as there are rows, where the style leaves the height to the list."""
        return len(self._rows)

    def render_line(self, y: int) -> Strip:
        """Paints one row; an arrow at the edge says that there is more above or below."""
        strip = self._strip(y)
        above, below = self._more
        more = ABOVE if above and y == 0 else BELOW if below and y == self.size.height - 1 else ""
        if not more:
            return strip
        mark = self.palette.strip(((more, "accent"),), 1)
        return Strip.join([strip.crop(0, self.size.width - 1), mark])

    @property
    def _more(self) -> tuple[bool, bool]:
        """Whether rows are out of sight above and below; a single line has no room to say so."""
        if self.size.height < 2:
            return False, False
        return self.top > 0, self.top + self.size.height < len(self._rows)

    def _strip(self, y: int) -> Strip:
        index = self.top + y
        chosen = self._cursor and index == self.index and bool(self.key)
        width = self.size.width
        if not self.left:
            return self.palette.strip(self._line(index), width, chosen=chosen)
        strip = self.palette.strip(self._line(index), width + self.left, chosen=chosen)
        # The mark says that something stands to the left of what is seen.
        mark = self.palette.strip(((CUT, "dim"),), 1, chosen=chosen)
        return Strip.join([mark, strip.crop(self.left + 1, self.left + width)])

    def on_resize(self) -> None:
        """Keeps the cursor in view when the window changes."""
        top = self.top
        self._settle(self.key)
        if self.top != top:
            self.refresh()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scrolls down."""
        event.stop()
        self.scroll_rows(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scrolls up."""
        event.stop()
        self.scroll_rows(-3)

    def on_click(self, event: events.Click) -> None:
        """Puts the cursor there; a second click chooses."""
        index = self.top + event.y
        if not self._cursor or index >= len(self._rows) or not self._key_at(index):
            return
        if index == self.index:
            self.post_message(self.Chosen())
        else:
            self._go_to(index)

    def _line(self, index: int) -> Line:
        found = self._shown.get(index)
        if found is None:
            if len(self._shown) > KEPT_LINES:
                # What is in view stays: it is needed to see what a change leaves behind.
                in_view = range(self.top, self.top + self.size.height)
                self._shown = {at: made for at, made in self._shown.items() if at in in_view}
            found = self._rows[index].line if 0 <= index < len(self._rows) else BLANK
            self._shown[index] = found
        return found

    def _go_to(self, index: int) -> None:
        before, self.index = self.index, index
        height = max(1, self.size.height)
        top = self.top
        if index < top:
            top = index
        elif index >= top + height:
            top = index - height + 1
        if not self._bring_to(top):
            for row in (before, index):
                self.refresh(Region(0, row - self.top, self.size.width, 1))
        self.post_message(self.Moved())

    def _bring_to(self, top: int) -> bool:
        top = max(0, min(top, len(self._rows) - self.size.height))
        if top == self.top:
            return False
        self.top = top
        self.refresh()
        return True

    def _settle(self, key: str) -> None:
        """Finds a place for the cursor after the rows changed."""
        count = len(self._rows)
        if self._cursor:
            at = min(self.index, max(0, count - 1))
            if key and not (at < count and self._key_at(at) == key):
                near = range(max(0, at - 200), min(count, at + 200))
                at = next((index for index in near if self._key_at(index) == key), at)
            found = self._nearest(at, 1)
            self.index = at if found is None else found
        height = max(1, self.size.height)
        top = max(0, min(self.top, count - height))
        if self._cursor and self.size:
            top = max(min(top, self.index), self.index - height + 1)
        self.top = max(0, top)

    def _key_at(self, index: int) -> str:
        rows = self._rows
        return rows.key_at(index) if isinstance(rows, LazyRows) else rows[index].key

    def _nearest(self, start: int, direction: int) -> int | None:
        """The first row with a key from `start` on, else the first one behind it."""
        for step in (direction, -direction):
            index = start
            while 0 <= index < len(self._rows):
                if self._key_at(index):
                    return index
                index += step
        return None
