"""How numbers, ages and states look."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from rich.cells import cell_len

from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.format import ASCII, UNICODE, Glyphs, Look

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
LOOK = Look(80, NOW, ZoneInfo("America/New_York"))


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_every_glyph_is_one_cell_per_character(glyphs: Glyphs) -> None:
    for field in fields(Glyphs):
        text = getattr(glyphs, field.name)
        assert all(cell_len(character) == 1 for character in text), field.name


def test_ascii_glyphs_are_ascii() -> None:
    assert all(getattr(ASCII, field.name).isascii() for field in fields(Glyphs))


@pytest.mark.parametrize(
    ("value", "unicode", "ascii_"),
    [
        ("ok", "● OK", "o OK"),
        ("warning", "▲ WARNING", "! WARNING"),
        ("critical", "✖ CRITICAL", "X CRITICAL"),
        ("unknown", "? UNKNOWN", "? UNKNOWN"),
    ],
)
def test_a_status_is_a_glyph_and_a_word(value: str, unicode: str, ascii_: str) -> None:
    assert shown_as.status(value, UNICODE)[0] == unicode
    assert shown_as.status(value, ASCII)[0] == ascii_


@pytest.mark.parametrize(
    ("value", "text"), [(1.26, "+1.3"), (-0.44, "-0.4"), (0.0, "0.0"), (-0.04, "0.0"), (None, "–")]
)
def test_basis_points_carry_their_sign_and_one_decimal(value: float | None, text: str) -> None:
    assert shown_as.bps(value, UNICODE) == text


def test_a_missing_number_is_a_dash_and_never_a_zero() -> None:
    assert shown_as.number(None, UNICODE) == "–"
    assert shown_as.percent(None, UNICODE) == "–"
    assert shown_as.duration(None, UNICODE) == "–"
    assert shown_as.measure(None, "ms", UNICODE) == "–"
    assert shown_as.moment(None, LOOK) == "–"


def test_an_age_changes_once_a_minute() -> None:
    assert shown_as.age(NOW - timedelta(seconds=59), LOOK) == "0m"
    assert shown_as.age(NOW - timedelta(seconds=60), LOOK) == "1m"
    assert shown_as.age(NOW - timedelta(hours=3, minutes=20), LOOK) == "3h20m"


def test_a_moment_is_in_the_desks_zone_with_its_day_when_that_is_another() -> None:
    assert shown_as.moment(NOW, LOOK) == "09:30"
    assert shown_as.moment(NOW - timedelta(days=1), LOOK) == "03-01 09:30"


def test_a_plot_reaches_from_zero_to_the_largest_value() -> None:
    assert shown_as.plot([0, 4, 8], 10, UNICODE) == "▁▅█"
    assert shown_as.plot([0, 0], 10, UNICODE) == "▁▁"
    assert shown_as.plot([], 10, UNICODE) == ""
