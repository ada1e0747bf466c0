"""What the terminal shows, so that only what is to be otherwise is written to it.

Textual writes all of a line up to the last letter that changed in it, and the whole screen after
each change of its layout. Here every update is laid beside what was written before, cell by cell,
as curses does; what is alike is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import COLOR_SYSTEMS
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

if TYPE_CHECKING:
    from rich.console import Console
    from rich.style import Style

Cell = tuple[str, str]
"""A character, and the codes of its style."""

_BLANK: Cell = (" ", "")
_CLEAR = "\x1b[0m\x1b[2J"
_TO_THE_END = "\x1b[K"
_GAP = 8
"""So few cells that are alike are written once more: to move past them takes as many bytes."""


class Written(CompositorUpdate):
    """An update that is a sequence for the terminal already."""

    def __init__(self, sequence: str) -> None:
        self._sequence = sequence

    def render_segments(self, console: Console) -> str:
        """See `CompositorUpdate`."""
        return self._sequence


class Shown:
    """The cells that a terminal shows, as far as they are known."""

    def __init__(self) -> None:
        self._rows: list[list[Cell] | None] = []
        """None of a row that is not known: it is written as Textual would, until it is again."""
        self._width = 0

    def forget(self) -> None:
        """Somebody else may have written there: the next whole screen clears it before."""
        self._rows = []

    def sequence(self, update: CompositorUpdate, console: Console) -> str:
        """What to write so that the terminal shows an update; empty where it does already."""
        system = COLOR_SYSTEMS.get(console.color_system or "", ColorSystem.TRUECOLOR)
        if isinstance(update, LayoutUpdate):
            return self._whole(update, console, system)
        if isinstance(update, ChopsUpdate):
            return self._parts(update, console, system)
        self.forget()
        return update.render_segments(console)

    def _whole(self, update: LayoutUpdate, console: Console, system: ColorSystem) -> str:
        width, height = update.region.size
        written = []
        if (len(self._rows), self._width) != (height, width):
            # What a terminal makes of its cells when it gets another size is its own affair.
            written.append(_CLEAR)
            self._rows, self._width = [[_BLANK] * width for _ in range(height)], width
        for row, line in enumerate(update.strips):
            strip = Strip.join(line)
            cells = _cells(strip, system)
            if cells is None or len(cells) != width:
                self._rows[row] = None
                written.append(_moved_to(0, row) + strip.render(console))
            else:
                written.append(self._becomes(row, cells))
        return "".join(written)

    def _parts(self, update: ChopsUpdate, console: Console, system: ColorSystem) -> str:
        pieces: dict[int, list[tuple[int, Strip]]] = {}
        for row, first, last in update.spans:
            pieces.setdefault(row, []).extend(_pieces(update, row, first, last))
        written: list[str] = []
        for row, parts in pieces.items():
            cells = self._with(row, parts, system)
            if cells is None:
                if row < len(self._rows):
                    self._rows[row] = None
                written += (_moved_to(x, row) + strip.render(console) for x, strip in parts)
            else:
                written.append(self._becomes(row, cells))
        return "".join(written)

    def _with(
        self, row: int, parts: list[tuple[int, Strip]], system: ColorSystem
    ) -> list[Cell] | None:
        """A row with some parts in their places; None where one of these is not known."""
        before = self._rows[row] if row < len(self._rows) else None
        if before is None:
            return None
        found = before.copy()
        for x, strip in parts:
            cells = _cells(strip, system)
            if cells is None or x + len(cells) > self._width:
                return None
            found[x : x + len(cells)] = cells
        return found

    def _becomes(self, row: int, cells: list[Cell]) -> str:
        """What to write so that a row has these cells."""
        before, self._rows[row] = self._rows[row], cells
        if before == cells:
            return ""
        stretches = [(0, self._width)] if before is None else _stretches(before, cells)
        blank_from = len(cells)
        while blank_from and cells[blank_from - 1] == _BLANK:
            blank_from -= 1
        written = []
        for start, end in stretches:
            erased = end - max(start, blank_from) > len(_TO_THE_END)
            own = _styled(cells[start : blank_from if erased else end])
            written.append(_moved_to(start, row) + own + (_TO_THE_END if erased else ""))
        return "".join(written)


def _pieces(update: ChopsUpdate, row: int, first: int, last: int) -> Iterator[tuple[int, Strip]]:
    """What an update has for a span of a row: from where on, and what. Textual's own way of it
    says the same."""
    for end, (x, strip) in zip(update.chop_ends[row], update.chops[row].items(), strict=False):
        if strip is not None and x <= last and end > first:
            yield x, strip if end <= last else strip.crop(0, last - x)


def _stretches(before: list[Cell], after: list[Cell]) -> Iterator[tuple[int, int]]:
    """From where until where two rows differ; such places close to each other are one."""
    start = end = -1
    for place, (old, new) in enumerate(zip(before, after, strict=True)):
        if old == new:
            continue
        if start >= 0 and place - end > _GAP:
            yield start, end
            start = place
        elif start < 0:
            start = place
        end = place + 1
    yield start, end


def _cells(strip: Strip, system: ColorSystem) -> list[Cell] | None:
    """A strip cell by cell; None where a letter takes none or two of them, or where it is more than
    letters: nobody knows then what each cell shows."""
    cells: list[Cell] = []
    for text, style, control in strip:
        if control or not _is_plain(text) or (style is not None and style.link):
            return None
        codes = "" if style is None else _codes(style, system)
        if " " in text and _leaves_blanks(codes):
            cells += [_BLANK if letter == " " else (letter, codes) for letter in text]
        else:
            cells += [(letter, codes) for letter in text]
    return cells


@lru_cache(maxsize=4096)
def _is_plain(text: str) -> bool:
    """Whether each letter takes one cell."""
    return text.isprintable() and (
        text.isascii() or all(letter.isascii() or cell_len(letter) == 1 for letter in text)
    )


def _codes(style: Style, system: ColorSystem) -> str:
    return Strip.render_ansi(style, system)


@lru_cache(maxsize=1024)
def _leaves_blanks(codes: str) -> bool:
    """Whether a blank in this style looks like any other: only its letters have a colour or a
    weight."""
    left = codes.split(";")
    while left:
        code = left.pop(0)
        if code == "38":
            del left[: 2 if left[0] == "5" else 4]
        elif not (code in _OF_LETTERS or (len(code) == 2 and code[0] in "39" and code[1] < "8")):
            return False
    return True


_OF_LETTERS = frozenset({"", "1", "2", "3", "22", "23", "39", "49"})
"""Weight, slant, and the usual colours of letters and ground."""


def _styled(cells: list[Cell]) -> str:
    """Cells as a terminal is told them."""
    written, now = [], ""
    for cell in cells:
        letter, codes = cell
        # A blank of no style keeps that of the letter before it, where that leaves it as it is.
        if codes != now and not (cell == _BLANK and _leaves_blanks(now)):
            written.append(f"\x1b[0;{codes}m" if now and codes else f"\x1b[{codes}m")
            now = codes
        written.append(letter)
    if now:
        written.append("\x1b[m")
    return "".join(written)


def _moved_to(x: int, row: int) -> str:
    return f"\x1b[{row + 1};{x + 1}H"
