"""Plots of values over time, as lines of text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo_tui.plotting import Series, Threshold, compact, time_plot
from mechexo_tui.time_axis import time_axis
from mechexo_tui.widgets.format import ASCII, UNICODE, Glyphs, Look
from mechexo_tui.widgets.lines import Line, text_of, width_of

NEW_YORK = ZoneInfo("America/New_York")
END = datetime(2026, 11, 27, 15, 0, tzinfo=UTC)
START = END - timedelta(hours=1)
LOOK = Look(80, END, NEW_YORK)
IN_ASCII = Look(80, END, NEW_YORK, ASCII)
LIMITS = (Threshold(80, "warning"), Threshold(95, "critical"))


def by_the_minute(
    *values: float | None, start: datetime = START
) -> list[tuple[datetime, float | None]]:
    return [(start + timedelta(minutes=number), value) for number, value in enumerate(values)]


def texts(lines: list[Line]) -> list[str]:
    return [text_of(line) for line in lines]


def plot(*series: Series, look: Look = IN_ASCII, height: int = 5, **more: object) -> list[str]:
    return texts(
        time_plot("Load", series, look, start=START, end=END, height=height, **more)  # type: ignore[arg-type]
    )


def cells(lines: list[str]) -> list[str]:
    """The rows of the plot itself."""
    return [line.split("|", 1)[1] for line in lines if "|" in line][:-1]


def test_a_plot_has_its_unit_its_range_its_hours_and_the_newest_value() -> None:
    values = [10 + number * 40 / 59 for number in range(60)]
    said = "\n".join(plot(Series("cpu", by_the_minute(*values)), unit="%"))
    newest = "cpu  50%, from 10 to 50"
    for words in ("Load  in %", "10 |", "50 |", "09:00", "09:30", "EST", newest):
        assert words in said


def test_a_line_rises_from_the_lower_left_to_the_upper_right() -> None:
    rows = cells(plot(Series("cpu", by_the_minute(*range(60)))))
    firsts = [row.index("*") for row in rows]
    assert firsts == sorted(firsts, reverse=True)
    assert firsts[-1] == 0


def test_a_gap_stays_empty_and_a_late_value_is_not_joined_to_the_early_ones() -> None:
    values = [50.0] * 20 + [None] * 20 + [50.0] * 20
    for points in (by_the_minute(*values), [p for p in by_the_minute(*values) if p[1]]):
        [row] = cells(plot(Series("cpu", points), height=1))
        assert "*" in row[:20]
        assert "*" not in row[len(row) // 3 + 2 : len(row) * 2 // 3 - 2]


def test_how_long_a_line_lasts_without_a_value_can_be_said() -> None:
    points = [(START, 1.0), (START + timedelta(minutes=40), 1.0)]
    assert "***" in cells(plot(Series("x", points), height=1, gap=timedelta(hours=1)))[0]
    assert "***" not in cells(plot(Series("x", points), height=1, gap=timedelta(minutes=5)))[0]


def test_values_that_are_not_joined_stand_alone() -> None:
    points = by_the_minute(1.0, 1.0)
    far = [(START, 1.0), (START + timedelta(minutes=30), 1.0)]
    for each in (points, far):
        row = cells(plot(Series("x", each, joined=False), height=1, gap=timedelta(hours=1)))[0]
        assert row.count("*") == 2


def test_a_single_high_value_among_a_thousand_is_seen() -> None:
    points = [(START + timedelta(seconds=3.6 * n), 100.0 if n == 500 else 1.0) for n in range(1000)]
    assert "*" in cells(plot(Series("cpu", points)))[0]


def test_series_are_told_apart_by_their_signs() -> None:
    low, high = (
        Series("low", by_the_minute(*[1.0] * 60)),
        Series("high", by_the_minute(*[9.0] * 60)),
    )
    lines = plot(low, high)
    rows = cells(lines)
    assert set(rows[0].strip()) == {"+"}
    assert set(rows[-1].strip()) == {"*"}
    assert any("* low" in line for line in lines)
    assert any("+ high" in line for line in lines)


def test_where_several_series_stand_no_one_hides_the_other() -> None:
    same = by_the_minute(*[5.0] * 60)
    assert "&" in "".join(cells(plot(Series("a", same), Series("b", same))))


def test_a_threshold_is_a_line_with_its_sign_and_its_words() -> None:
    lines = plot(
        Series("cpu", by_the_minute(*[70.0] * 30, *[90.0] * 30)), unit="%", thresholds=LIMITS
    )
    assert any(line.lstrip().startswith("! 80 |..") for line in lines)
    assert any("! WARNING  from 80%: cpu now" in line for line in lines)
    assert any("X CRITICAL  from 95%" in line and "now" not in line for line in lines)


def test_a_threshold_from_below_is_met_by_low_values() -> None:
    lines = plot(Series("free", by_the_minute(*[5.0] * 60)), unit="GB",
                 thresholds=[Threshold(10, "critical", below=True)])  # fmt: skip
    assert any("X CRITICAL  down from 10 GB: free now" in line for line in lines)


def test_a_threshold_far_off_does_not_flatten_the_values() -> None:
    lines = plot(Series("cpu", by_the_minute(*[1.0, 2.0] * 30)), unit="%", thresholds=LIMITS)
    assert any(line.strip().startswith("2 |") for line in lines)
    assert any("WARNING  from 80%, outside of what is drawn" in line for line in lines)


def test_without_a_value_it_says_so() -> None:
    assert plot(Series("cpu", [])) == ["Load".rjust(5), "  no value of cpu from 09:00 to 10:00"]


def test_what_is_no_number_is_missing_and_not_drawn() -> None:
    lines = plot(Series("cpu", by_the_minute(1.0, 2.0, float("inf"), float("nan"))))
    assert any("missing now, from 1 to 2" in line for line in lines)


def test_one_of_two_series_without_values_is_named() -> None:
    lines = plot(Series("a", by_the_minute(1.0, 2.0)), Series("b", by_the_minute(None, None)))
    assert any("+ b  no value" in line for line in lines)


def test_values_outside_of_the_times_are_left_out() -> None:
    early = [(START - timedelta(hours=2), 500.0), *by_the_minute(1.0, 2.0)]
    assert any("from 1 to 2" in line for line in plot(Series("cpu", early)))


def test_a_flat_line_stands_in_the_middle() -> None:
    rows = cells(plot(Series("x", by_the_minute(*[7.0] * 60))))
    assert [("*" in row) for row in rows] == [False, False, True, False, False]


def test_one_series_is_drawn_in_dots_where_the_terminal_has_them() -> None:
    said = "".join(plot(Series("x", by_the_minute(*range(60))), look=LOOK))
    assert any("\u2800" < character <= "\u28ff" for character in said)


def test_a_few_values_are_drawn_in_signs_that_can_be_seen() -> None:
    said = "".join(plot(Series("x", by_the_minute(7.0)), look=LOOK))
    assert "•" in said
    assert "x  7" in said
    assert "from" not in said


def test_what_is_beyond_a_threshold_has_its_colour_too() -> None:
    lines = time_plot("x", [Series("x", by_the_minute(*range(60)))], IN_ASCII, start=START, end=END,
                      thresholds=[Threshold(30, "critical")])  # fmt: skip
    top = next(line for line in lines if "59 |" in text_of(line))
    assert ("critical" in {style for text, style in top if "*" in text}) is True


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (0.25, "0.25"), (12.34, "12.3"), (340.4, "340"), (1500, "1.5k"), (2.3e9, "2.3G"),
     (-1500, "-1.5k"), (999_999, "1M"), (5e15, "5.00e+15"), (0.00012, "0.00012")],
)  # fmt: skip
def test_a_number_takes_few_cells(value: float, said: str) -> None:
    assert compact(value) == said


@pytest.mark.parametrize(
    ("span", "first"),
    [(timedelta(minutes=10), "09:50"), (timedelta(hours=6), "04:00"),
     (timedelta(days=3), "11-25"), (timedelta(days=60), "10-12")],
)  # fmt: skip
def test_the_axis_has_times_of_day_or_days_in_the_zone_of_the_desk(
    span: timedelta, first: str
) -> None:
    rule, labels = time_axis(END - span, END, 60, LOOK)
    assert first in labels
    assert labels.endswith("EST")
    assert rule.count("│") == len(labels.split()) - 1  # the zone has no tick


def test_the_axis_follows_the_clock_over_its_change() -> None:
    before = datetime(2026, 11, 1, 4, 0, tzinfo=UTC)  # midnight of the day with 25 hours
    labels = time_axis(before, before + timedelta(hours=5), 60, LOOK)[1].split()
    assert labels[:3] == ["11-01", "01:00", "01:00"]


VALUES = st.one_of(st.none(), st.floats(-1e13, 1e13), st.just(float("nan")), st.just(float("inf")))
POINTS = st.lists(st.tuples(st.integers(-600, 4200), VALUES), max_size=40).map(
    lambda found: [(START + timedelta(seconds=s), v) for s, v in sorted(found, key=lambda p: p[0])]
)


@given(
    st.lists(POINTS, max_size=7),
    st.integers(1, 200),
    st.integers(1, 30),
    st.sampled_from([UNICODE, ASCII]),
    st.lists(
        st.tuples(st.floats(-1e6, 1e6), st.sampled_from(["warning", "critical"]), st.booleans()),
        max_size=3,
    ),
)
def test_a_plot_fits_whatever_it_shows(
    many: list[list[tuple[datetime, float | None]]],
    width: int,
    height: int,
    glyphs: Glyphs,
    limits: list[tuple[float, str, bool]],
) -> None:
    series = [Series(f"s{number}", points) for number, points in enumerate(many)]
    look = Look(width, END, NEW_YORK, glyphs)
    lines = time_plot("t", series, look, start=START, end=END, height=height, unit="%",
                      thresholds=[Threshold(*each) for each in limits])  # fmt: skip
    assert all(width_of(text_of(line)) <= width for line in lines)
    if glyphs is ASCII:
        assert all(text_of(line).isascii() for line in lines)


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 100)), min_size=60, max_size=60), st.integers(1, 12)
)
def test_every_value_is_drawn_where_it_belongs(values: list[float | None], height: int) -> None:
    """The slow way: each value's own cell, looked for by arithmetic."""
    known = [value for value in values if value is not None]
    if not known or min(known) == max(known):
        return
    look = Look(66, END, NEW_YORK, ASCII)
    rows = cells(texts(time_plot("t", [Series("x", by_the_minute(*values))], look, start=START,
                                 end=END, height=height, figure=lambda _: "12")))  # fmt: skip
    low, high = min(known), max(known)
    for minute, value in enumerate(values):
        if value is not None:
            row = round((value - low) / (high - low) * (height - 1))
            assert rows[height - 1 - row][minute] == "*"
