"""Lines of styled text as plain values, so that what is shown can be compared and tested.

A line is a tuple of spans; a span is a text and the name of a style. Names are resolved by a
`Palette` only when a line is painted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from mechexo.value_classes import dataclass

Span = tuple[str, str]
Line = tuple[Span, ...]

BLANK: Line = ()

CUT = "…"
"""Stands where something was cut off."""

_LINK = "\n"
"""Between the name of a style and the address that the text opens."""


def line(*spans: Span | str) -> Line:
    """A line from spans; a bare text has the default style."""
    return tuple((span, "") if isinstance(span, str) else span for span in spans)


def harmless(text: str) -> str:
    """The text without anything that could steer the terminal: one mark for each such character."""
    if text.isprintable():
        return text
    text = text.expandtabs(4)
    return "".join(
        character if character.isprintable() else " " if character.isspace() else "·"
        for character in text
    )


def linked(text: str, address: str, style: str = "") -> Span:
    """A text that opens an address in the person's own browser, where the terminal can (OSC 8);
    plain where the address is none of the web, or has a sign that could steer the terminal."""
    web = address.startswith(("http://", "https://"))
    if not web or not address.isascii() or not address.isprintable() or " " in address:
        return text, style
    return text, f"{style}{_LINK}{address}"


def opens_address(style: str) -> bool:
    """Whether text of this style is a link."""
    return _LINK in style


def text_of(shown: Line) -> str:
    """The line's text without its styles."""
    return "".join(text for text, _ in shown)


def width_of(text: str) -> int:
    """How many terminal cells a text takes."""
    return len(text) if text.isascii() else cell_len(text)


def cut(text: str, width: int, *, mark: str = CUT) -> str:
    """The text in at most `width` cells; what was cut off leaves a mark."""
    text = harmless(text)
    if width_of(text) <= width:
        return text
    if width <= len(mark):
        return set_cell_size(text, max(width, 0))
    return set_cell_size(text, width - len(mark)).rstrip() + mark


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` cells, broken between words where that is possible."""
    import textwrap

    return textwrap.wrap(text, max(8, width), break_on_hyphens=False) or [""]


def fitted(text: str, width: int, *, right: bool = False, mark: str = CUT) -> str:
    """The text in exactly `width` cells."""
    text = cut(text, width, mark=mark)
    space = " " * (width - width_of(text))
    return space + text if right else text + space


def cropped(shown: Line, width: int) -> Line:
    """The first `width` cells of a line."""
    spans: list[Span] = []
    left = width
    for raw, style in shown:
        text = harmless(raw)
        size = width_of(text)
        if size > left:
            text, size = set_cell_size(text, left), left
        if text:
            spans.append((text, style))
        left -= size
        if left <= 0:
            break
    return tuple(spans)


def padded(shown: Line, width: int) -> Line:
    """The line in exactly `width` cells."""
    shown = cropped(shown, width)
    missing = width - width_of(text_of(shown))
    return (*shown, (" " * missing, "")) if missing > 0 else shown


def beside(left: Sequence[Line], right: Sequence[Line], left_width: int, gap: int) -> list[Line]:
    """Two blocks of lines next to each other."""
    rows = []
    for index in range(max(len(left), len(right))):
        first = left[index] if index < len(left) else BLANK
        second = right[index] if index < len(right) else BLANK
        rows.append((*padded(first, left_width), (" " * gap, ""), *second) if second else first)
    return rows


def changed_cells(before: Line, after: Line, width: int) -> tuple[int, int] | None:
    """The first cell that differs between two lines and one past the last; None when equal."""
    if before == after:
        return None
    old, new = _cells(before, width), _cells(after, width)
    if len(old) != width or len(new) != width:  # wide characters: repaint the whole line
        return 0, width
    differing = [index for index in range(width) if old[index] != new[index]]
    return (differing[0], differing[-1] + 1) if differing else None


def _cells(shown: Line, width: int) -> list[tuple[str, str]]:
    return [(character, style) for text, style in padded(shown, width) for character in text]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a list. Rows with a key can be chosen; the key says what the row stands for."""

    line: Line
    key: str = ""


def rows_of(lines: Iterable[Line]) -> list[Row]:
    """Rows that cannot be chosen."""
    return [Row(shown) for shown in lines]


_DARK = {
    "": "",
    "dim": "dim",
    "bold": "bold",
    "title": "bold",
    "accent": "cyan",
    "key": "bold cyan",
    "ok": "green",
    "warning": "yellow",
    "critical": "bold red",
    "unknown": "magenta",
    "live": "bold white on red",
    "paper": "bold cyan",
    "added": "green",
    "removed": "red",
    "hunk": "cyan",
    "off": "dim",
}
_LIGHT = {"warning": "bright_red", "accent": "blue", "key": "bold blue", "paper": "bold blue"}
_BLUE_YELLOW = {
    "ok": "bright_blue",
    "critical": "bold reverse yellow",
    "added": "bright_blue",
    "removed": "yellow",
}


class Palette:
    """Names of styles to colours of the terminal's own sixteen."""

    def __init__(
        self, *, light: bool = False, blue_yellow: bool = False, ascii_only: bool = False
    ) -> None:
        self._ascii_only = ascii_only
        names = dict(_DARK)
        names |= _LIGHT if light else {}
        names |= _BLUE_YELLOW if blue_yellow else {}
        self._styles = {name: Style.parse(text) for name, text in names.items()}
        self._cursor = Style(reverse=True)

    def style(self, name: str) -> Style:
        """A style by its name, or by Rich's own notation; with the address that its text opens."""
        name, _, address = name.partition(_LINK)
        found = self._styles.get(name)
        style = _parsed(name) if found is None else found
        return _opening(style, address) if address else style

    def strip(self, shown: Line, width: int, *, chosen: bool = False) -> Strip:
        """The line as the terminal gets it, `width` cells wide."""
        segments = []
        for text, name in padded(shown, width):
            style = self.style(name)
            if chosen:
                # Colours would fight with the reversed bar; the words and glyphs stay.
                style = self._cursor + Style(bold=style.bold, link=style.link)
            segments.append(Segment(_in_ascii(text) if self._ascii_only else text, style))
        return Strip(segments, width)


_IN_ASCII = str.maketrans("…–—·•─│━┃▌❱⟨⟩‘’“”→←▴▾", "~---*-|-||><>''\"\"><^v")


def _in_ascii(text: str) -> str:
    """The text for a terminal that has only ASCII, as wide as before."""
    if text.isascii():
        return text
    return "".join(
        character if character.isascii() else "?" * width_of(character)
        for character in text.translate(_IN_ASCII)
    )


@lru_cache(256)
def _parsed(text: str) -> Style:
    return Style.parse(text)


@lru_cache(1024)
def _opening(style: Style, address: str) -> Style:
    # Made once: a link that is painted again keeps its id, by which a terminal knows it.
    return (style + Style(underline=True)).update_link(address)
