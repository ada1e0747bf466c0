"""What a shift report says, before it is markdown or a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from mechexo.desk import Desk
from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence or two; `strong` is put before it."""

    text: str
    strong: str = ""


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text; None is a value that is missing."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]


Block = Line | Items | Table


@dataclass(frozen=True, slots=True)
class Part:
    """One part under its title."""

    title: str
    blocks: tuple[Block, ...] = ()
    unreadable: str = ""
    """Why it could not be read; then it has no blocks."""
    parts: tuple[Part, ...] = ()
    """Parts of its own."""


@dataclass(frozen=True, slots=True)
class ShiftReport:
    """What the next person on call should know. Moments in its texts are in the desk's zone."""

    desk: str
    mode: str
    start: datetime
    end: datetime
    zone: str
    author: str
    since: str
    """What the start is: `12 hours ago`, or whose hand-over it was."""
    parts: tuple[Part, ...]

    @property
    def unreadable(self) -> tuple[str, ...]:
        """The titles of the parts that could not be read."""
        every = [each for part in self.parts for each in (part, *part.parts)]
        return tuple(each.title for each in every if each.unreadable)


@dataclass(frozen=True, slots=True)
class Shift:
    """Whose time a part tells about."""

    desk: Desk
    start: datetime
    end: datetime

    @property
    def zone(self) -> ZoneInfo:
        """The desk's."""
        return self.desk.zone

    def shown(self, moment: datetime) -> str:
        """A moment to the minute, in the desk's zone."""
        return moment.astimezone(self.zone).strftime("%Y-%m-%d %H:%M")

    @property
    def next_end(self) -> datetime:
        """When the next shift ends, if it is as long."""
        return self.end + (self.end - self.start)


Collector = Callable[[Shift], Iterable[Block]]
"""What makes the blocks of a part."""


def table(columns: Iterable[str], rows: Iterable[Iterable[str | None]]) -> Table:
    """A table of these rows."""
    return Table(tuple(columns), tuple(tuple(row) for row in rows))
