"""Only what differs is written; the terminal shows what it would show of everything.

The terminal is pyte's: one is told what `Shown` makes of each update, one all of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import ControlType, Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from mechexo_tui.shown import Shown

CONSOLE = Console(color_system="256", force_terminal=True)
STYLES = (
    *(None, Style(), Style(bold=True), Style(dim=True), Style(reverse=True), Style(italic=True)),
    *(Style(color="red"), Style(color="bright_green", bold=True), Style(color="color(44)")),
    *(Style(color="#102738"), Style(bgcolor="blue"), Style(bgcolor="default")),
    *(Style(underline=True), Style(strike=True), Style(color="color(44)", bgcolor="color(99)")),
)
LETTERS = "ab  ●✖"
ODD_LETTERS = (*LETTERS, "漢", "é", "\u200b", "\x07")


class Terminal:
    """What one sees after what was written."""

    def __init__(self, width: int, height: int) -> None:
        self._screen = pyte.Screen(width, height)
        self._screen.reset_mode(pyte.modes.DECAWM)
        self._stream = pyte.Stream(self._screen)

    def feed(self, sequence: str) -> None:
        self._stream.feed(sequence)

    def seen(self) -> list[list[tuple[object, ...]]]:
        def look(cell: pyte.screens.Char) -> tuple[object, ...]:
            ground = (cell.bg, cell.reverse, cell.underscore, cell.strikethrough)
            if cell.data == " ":  # has no colour or weight
                return (" ", *ground, cell.fg if cell.reverse else None)
            return (cell.data, *ground, cell.fg, cell.bold, cell.italics)

        rows, columns = range(self._screen.lines), range(self._screen.columns)
        return [[look(self._screen.buffer[row][column]) for column in columns] for row in rows]


def strip_of(parts: Sequence[tuple[str, Style | None]], width: int) -> Strip:
    return Strip(Segment(text, style) for text, style in parts).adjust_cell_length(width)


def strips(width: int, letters: Sequence[str]) -> st.SearchStrategy[Strip]:
    text = st.text(st.sampled_from(letters), max_size=2 * width)
    parts = st.lists(st.tuples(text, st.sampled_from(STYLES)), min_size=1, max_size=5)
    return parts.map(lambda found: strip_of(found, width))


class Painter:
    """Paints as Textual's compositor does: all, or spans of rows cut where widgets meet."""

    def __init__(self, width: int, height: int, cuts: Sequence[int]) -> None:
        self.width, self.height = width, height
        self.cuts = sorted({0, width, *(cut for cut in cuts if cut < width)})

    def chops(self, strip: Strip) -> dict[int, Strip | None]:
        return dict(zip(self.cuts, strip.divide(self.cuts[1:]), strict=False))

    def whole(self, rows: Sequence[Strip]) -> CompositorUpdate:
        lines = [list(self.chops(row).values()) for row in rows]
        return LayoutUpdate(lines, Region(0, 0, self.width, self.height))  # type: ignore[arg-type]

    def part(self, rows: Sequence[Strip], spans: list[tuple[int, int, int]]) -> CompositorUpdate:
        ends = [self.cuts[1:]] * self.height
        return ChopsUpdate([self.chops(row) for row in rows], spans, ends)


@st.composite
def scenes(draw: st.DrawFn, letters: Sequence[str]) -> tuple[Painter, list[CompositorUpdate]]:
    width, height = draw(st.integers(1, 60)), draw(st.integers(1, 4))
    painter = Painter(width, height, draw(st.lists(st.integers(1, 59), max_size=3)))
    rows = [draw(strips(width, letters)) for _ in range(height)]
    updates = [painter.whole(rows)]
    for _ in range(draw(st.integers(0, 5))):
        row, ends = draw(st.integers(0, height - 1)), st.integers(0, width)
        first, last = sorted((draw(ends), draw(ends)))
        new = draw(strips(width, letters) | st.just(strip_of([], width)))
        parts = [rows[row].crop(0, first), new.crop(first, last), rows[row].crop(last, width)]
        rows = [*rows[:row], Strip.join(parts), *rows[row + 1 :]]
        whole = first == last or draw(st.booleans())
        updates.append(painter.whole(rows) if whole else painter.part(rows, [(row, first, last)]))
    return painter, updates


def check(painter: Painter, updates: Sequence[CompositorUpdate]) -> None:
    shown = Shown()
    ours, theirs = (Terminal(painter.width, painter.height) for _ in range(2))
    # Whatever was there before, a console's first screen does away with it.
    ours.feed("\x1b[2;1Hrubbish of the shell")
    for update in updates:
        ours.feed(shown.sequence(update, CONSOLE))
        theirs.feed(update.render_segments(CONSOLE))
        assert ours.seen() == theirs.seen()


@given(scenes(LETTERS))
def test_a_terminal_shows_what_it_would_show_of_all_of_it(
    scene: tuple[Painter, list[CompositorUpdate]],
) -> None:
    check(*scene)


@given(scenes(ODD_LETTERS))
def test_so_it_does_with_letters_of_no_or_two_cells_and_control_characters(
    scene: tuple[Painter, list[CompositorUpdate]],
) -> None:
    check(*scene)


def painted(*texts: str, style: Style | None = None) -> CompositorUpdate:
    rows = [strip_of([(text, style)], 40) for text in texts]
    return Painter(40, len(texts), ()).whole(rows)


def test_what_is_alike_is_not_written() -> None:
    shown = Shown()
    shown.sequence(painted("tick 4m ago", "one"), CONSOLE)
    assert shown.sequence(painted("tick 4m ago", "one"), CONSOLE) == ""
    assert shown.sequence(painted("tick 5m ago", "one"), CONSOLE) == "\x1b[1;6H5"


def test_a_line_that_ends_earlier_is_erased_to_its_end() -> None:
    shown = Shown()
    shown.sequence(painted("a long line that goes"), CONSOLE)
    assert shown.sequence(painted("a long"), CONSOLE) == "\x1b[1;8H\x1b[K"


def test_changes_far_apart_are_two_and_those_near_each_other_one() -> None:
    shown = Shown()
    shown.sequence(painted("1 near 2 and so very far away 3"), CONSOLE)
    found = shown.sequence(painted("4 near 5 and so very far away 6"), CONSOLE)
    assert found == "\x1b[1;1H4 near 5\x1b[1;31H6"


def test_words_of_one_style_are_written_in_one() -> None:
    found = Shown().sequence(painted("so be it", style=Style(dim=True)), CONSOLE)
    assert found == "\x1b[0m\x1b[2J\x1b[1;1H\x1b[2mso be it\x1b[m"


def test_what_was_forgotten_is_written_once_more() -> None:
    shown = Shown()
    first = shown.sequence(painted("one"), CONSOLE)
    assert shown.sequence(painted("one"), CONSOLE) == ""
    shown.forget()
    assert shown.sequence(painted("one"), CONSOLE) == first


def test_another_size_is_another_screen() -> None:
    shown = Shown()
    shown.sequence(painted("one", "two"), CONSOLE)
    assert shown.sequence(painted("one"), CONSOLE) == "\x1b[0m\x1b[2J\x1b[1;1Hone"


@pytest.mark.parametrize(
    "odd",
    [
        Segment("two", Style(link="https://example.org")),
        Segment("\x1b[5n", None, [(ControlType.BELL,)]),
        Segment("漢字", None),
    ],
)
def test_a_row_that_is_more_than_letters_is_written_as_textual_does(odd: Segment) -> None:
    shown, painter = Shown(), Painter(40, 1, ())
    row = Strip([Segment("one "), odd, Segment(" three")], 40)
    update = painter.whole([row])
    assert update.render_segments(CONSOLE) in shown.sequence(update, CONSOLE)
    # It may not be as it seems, so nothing of it is passed over.
    assert update.render_segments(CONSOLE) in shown.sequence(update, CONSOLE)
    assert "\x1b[1;1Hone" in shown.sequence(painted("one"), CONSOLE)


def test_a_part_that_reaches_beyond_what_is_known_is_written_as_it_is() -> None:
    shown, wider = Shown(), Painter(50, 2, ())
    shown.sequence(painted("one"), CONSOLE)
    rows = [strip_of([("two", None)], 50), strip_of([("three", None)], 50)]
    update = wider.part(rows, [(0, 0, 50), (1, 0, 50)])
    assert shown.sequence(update, CONSOLE) == update.render_segments(CONSOLE).replace("\n", "")
    assert "\x1b[1;1Hone" in shown.sequence(painted("one"), CONSOLE)


def test_an_update_of_another_kind_is_passed_on() -> None:
    class Other(CompositorUpdate):
        def render_segments(self, console: Console) -> str:
            return "other"

    shown = Shown()
    shown.sequence(painted("one"), CONSOLE)
    assert shown.sequence(Other(), CONSOLE) == "other"
    assert "one" in shown.sequence(painted("one"), CONSOLE)
