"""Figures with their units, small plots, and plots of the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.cli.resources_drawing import draw, mark_of
from mechexo.resources.plot_values import PlotLine
from mechexo.resources.words import figure, is_beyond, sparkline

START = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0, "B", "0 B"),
        (999, "B", "999 B"),
        (999.9, "B", "1 kB"),
        (1536, "B/s", "1.54 kB/s"),
        (1e9, "B", "1 GB"),
        (-2.5e12, "B", "-2.5 TB"),
        (42.04, "%", "42.0%"),
        (0.534, "", "0.534"),
        (1500, "", "1.5k"),
        (0.25, "s", "0.25 s"),
        (59, "s", "59 s"),
        (7200, "s", "2h"),
        (3, "orders", "3 orders"),
    ],
)
def test_a_figure_is_short_and_has_its_unit(value: float, unit: str, said: str) -> None:
    assert figure(value, unit) == said


def test_a_small_plot_of_a_share_stands_against_the_whole() -> None:
    assert sparkline([0.0, 50.0, 100.0], "%") == "▁▅█"


def test_a_missing_value_is_a_blank_and_no_bar() -> None:
    assert sparkline([1.0, None, 2.0], "") == "▅ █"


def test_nothing_but_zeros_is_the_lowest_bar() -> None:
    assert sparkline([0.0, 0.0], "") == "▁▁"


@pytest.mark.parametrize(
    ("value", "below", "beyond"),
    [(0.5, False, True), (0.4, False, False), (0.5, True, True), (0.6, True, False),
     (None, False, False), (None, True, False)],
)  # fmt: skip
def test_a_threshold_is_reached_at_its_value_and_never_by_nothing(
    value: float | None, below: bool, beyond: bool
) -> None:
    assert is_beyond(value, PlotLine(0.5, "warning", below)) is beyond


Points = list[tuple[datetime, float | None]]


def drawn(*series: Points, lines: tuple[PlotLine, ...] = (), width: int = 60) -> list[str]:
    return draw(
        series, lines, since=START, until=START + HOUR, width=width, height=8,
        say=lambda value: f"{value:g}", zone=NEW_YORK,
    )  # fmt: skip


def inside(line: str) -> str:
    """What stands right of the axis."""
    return line.partition("│")[2]


def test_nothing_known_draws_nothing() -> None:
    assert drawn([(START, None)]) == []


def test_a_time_without_values_stays_empty() -> None:
    points: Points = [(START + place * MINUTE, 5.0) for place in range(61)]
    points[20:40] = [(at, None) for at, _ in points[20:40]]
    plot = drawn(points)[:8]
    (row,) = [inside(line) for line in plot if "•" in line]
    third = len(row) // 3
    assert row[third + 1 : 2 * third - 1].strip() == ""
    assert row[0] == row[-1] == "•"


def test_a_single_spike_among_many_values_is_drawn_to_its_top() -> None:
    points: Points = [(START + place * timedelta(seconds=1), 0.0) for place in range(3601)]
    points[1234] = (points[1234][0], 100.0)
    assert "•" in drawn(points)[0]


def test_a_threshold_near_the_values_is_drawn_and_one_far_away_flattens_nothing() -> None:
    points: Points = [(START, 1.0), (START + HOUR, 2.0)]
    near = drawn(points, lines=(PlotLine(2.5, "critical", False),))
    assert near[0].startswith("✖ 2.5")
    far = drawn(points, lines=(PlotLine(1e6, "critical", False),))
    assert far == drawn(points)


def test_the_times_below_are_those_of_the_desk() -> None:
    assert drawn([(START, 1.0)])[-1].split() == ["09:30", "10:30"]


def test_several_series_have_letters() -> None:
    assert [mark_of(place, 3) for place in range(3)] == ["a", "b", "c"]
    both = "\n".join(drawn([(START, 1.0)], [(START + HOUR, 2.0)])[:8])
    assert "a" in both
    assert "b" in both


@given(
    st.lists(
        st.tuples(st.integers(-10, 70), st.one_of(st.none(), st.floats(-1e9, 1e9))), max_size=30
    ),
    st.integers(20, 200),
)
def test_no_line_is_wider_than_asked_and_each_known_minute_has_ink(
    found: list[tuple[int, float | None]], width: int
) -> None:
    points: Points = [(START + minute * MINUTE, value) for minute, value in sorted(
        found, key=lambda each: each[0])]  # fmt: skip
    plot = drawn(points, width=width)
    known = {at for at, value in points if value is not None}
    assert bool(plot) == bool(known)
    columns = max((len(inside(line)) for line in plot[:8]), default=0)
    assert all(len(line) <= max(width, 40) for line in plot)
    ink = {place for line in plot[:8] for place, sign in enumerate(inside(line)) if sign != " "}
    shown = {at for at in known if START <= at <= START + HOUR}
    assert (len(ink) > 0) == bool(shown)
    assert len(ink) <= max(len(shown), 0)
    assert columns <= width
