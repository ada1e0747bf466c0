"""Plots of costs in the terminal."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.costs_values import FIGURE, LOOK, NOTHING, NOW, ROW, WIDTHS, texts
from mechexo.costs.values import (
    MarkoutPoint,
)
from mechexo.costs.views import (
    Histogram,
    Plots,
)
from mechexo_tui.panels.costs_plots import bins_for, plot_lines
from mechexo_tui.widgets.charts import columns, signed_bar
from mechexo_tui.widgets.format import ASCII, UNICODE, Look
from mechexo_tui.widgets.lines import text_of, width_of


def point(label: str, markout: float) -> MarkoutPoint:
    return MarkoutPoint(label, 1.0, 40, 1e6, 1.5, -markout, 1.5 + markout, markout, 0.2)


PLOTS = Plots(
    totals=replace(ROW, p5_bps=0.5, p25_bps=1.5, p75_bps=3.0, mean_bps=2.2, few=True),
    days=tuple(
        replace(ROW, key={"day": f"2026-03-{n + 1:02}"}, total_bps=value)
        for n, value in enumerate((1.0, 3.0, None, -1.0))
    ),
    times=(replace(ROW, key={"half_hour": "09:30"}),),
    histogram=Histogram(0.0, 0.5, (1, 2, 4, 8, 4, 2, 1), 1, 2),
    markouts=(point("1s", -1.0), point("5m", 0.5)),
)


@pytest.mark.parametrize("width", WIDTHS)
def test_plots_fit_their_terminal_and_say_what_they_show(width: int) -> None:
    lines = plot_lines(PLOTS, LOOK.wide(width), what="all fills")
    assert all(width_of(text_of(line)) <= width for line in lines)
    said = texts(lines)
    for words in ("Total by day", "Total by time of day", "Distribution", "Markout", "p95 +4.00*"):
        assert words in said
    assert ("Total by time of day" in said.splitlines()[2]) is (width >= 140)


def test_plots_work_in_ascii() -> None:
    look = Look(120, NOW, ZoneInfo("UTC"), ASCII)
    assert texts(plot_lines(PLOTS, look, what="all fills")).isascii()


def test_columns_stand_on_a_zero_line_and_hang_from_it() -> None:
    lines = [text_of(line) for line in columns((2.0, 1.0, None, -1.0), 3, 8, UNICODE,
                                               top="+2", bottom="-1")]  # fmt: skip
    assert lines == [
        "  +2 ██",
        "     ████",
        "   0 ────··──",
        "  -1       ██",
    ]


def test_columns_that_do_not_fit_are_left_out_on_the_left() -> None:
    lines = [text_of(line) for line in columns(range(100), 4, 20, UNICODE, top="99")]
    assert max(len(line) for line in lines) == 5 + 20


@given(st.lists(FIGURE, max_size=40), st.integers(2, 12), st.integers(10, 60))
def test_columns_never_leave_their_room(values: list[float | None], height: int, room: int) -> None:
    lines = columns(values, height, room, UNICODE, top="x", bottom="y")
    assert len(lines) <= height + 1
    assert all(width_of(text_of(line)) <= room + 4 for line in lines)


def test_a_bar_with_a_sign_goes_to_its_side() -> None:
    assert signed_bar(1.0, 2.0, 9, UNICODE) == "    │██  "
    assert signed_bar(-2.0, 2.0, 9, UNICODE) == "████│    "
    assert signed_bar(None, 2.0, 9, UNICODE).strip() == "│"


def test_a_good_markout_goes_to_the_right() -> None:
    said = texts(plot_lines(PLOTS, LOOK, what="all fills")).splitlines()
    at_once, after_a_second, later = (
        next(line for line in said if line.strip().startswith(label))
        for label in ("0s", "1s", "5m")
    )
    assert at_once.split()[1] == "-1.50"
    assert after_a_second.split()[1:3] == ["-1.00", "0.20"]
    assert "█│" in after_a_second
    assert "│█" in later


def test_nothing_to_draw_is_said() -> None:
    empty = Plots(NOTHING, (), (), None, ())
    said = texts(plot_lines(empty, LOOK, what="all fills"))
    assert said.count("no fills") == 2
    assert "no fill has a total" in said
    assert "the market after the fills is not known" in said


@pytest.mark.parametrize("width", WIDTHS)
def test_a_distribution_has_as_many_bars_as_there_is_room_for(width: int) -> None:
    assert 8 <= bins_for(width) <= 80
