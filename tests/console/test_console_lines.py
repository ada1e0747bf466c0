"""Lines as values: cutting, padding, comparing, and keeping the terminal safe."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from mechexo_tui.widgets.lines import (
    Line,
    Palette,
    beside,
    changed_cells,
    cut,
    fitted,
    harmless,
    padded,
    text_of,
)

TEXTS = st.text(max_size=40)
LINES = st.lists(st.tuples(TEXTS, st.sampled_from(["", "dim", "ok"])), max_size=5).map(tuple)


@given(TEXTS, st.integers(1, 30))
def test_a_fitted_text_takes_exactly_its_width(text: str, width: int) -> None:
    assert cell_len(fitted(text, width)) == width


@given(LINES, st.integers(1, 60))
def test_a_padded_line_takes_exactly_its_width(shown: Line, width: int) -> None:
    assert cell_len(text_of(padded(shown, width))) == width


@given(TEXTS)
def test_nothing_that_could_steer_the_terminal_survives(text: str) -> None:
    assert harmless(text).isprintable()


def test_an_escape_sequence_in_a_name_is_shown_and_not_obeyed() -> None:
    strip = Palette().strip((("\x1b]0;owned\x07", ""),), 20)
    assert "\x1b" not in strip.text
    assert "owned" in strip.text


def test_what_was_cut_off_leaves_a_mark() -> None:
    assert cut("gross exposure", 8) == "gross e…"


@given(LINES, LINES, st.integers(1, 40))
def test_cells_outside_the_changed_span_are_equal(before: Line, after: Line, width: int) -> None:
    span = changed_cells(before, after, width)
    old, new = text_of(padded(before, width)), text_of(padded(after, width))
    if span is None:
        assert old == new
    elif len(old) == len(new) == width:
        assert old[: span[0]] == new[: span[0]]
        assert old[span[1] :] == new[span[1] :]


def test_only_the_differing_cells_are_named() -> None:
    before: Line = (("age 3m old", ""),)
    after: Line = (("age 4m old", ""),)
    assert changed_cells(before, after, 20) == (4, 5)


def test_blocks_stand_beside_each_other_at_a_fixed_column() -> None:
    left: list[Line] = [(("a", ""),)]
    right: list[Line] = [(("x", ""),), (("y", ""),)]
    assert [text_of(shown) for shown in beside(left, right, 4, 2)] == ["a     x", "      y"]
