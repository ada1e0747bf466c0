"""Whether a change of a flag adds risk, against an independent reading of the rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.config.rollback import Safer
from mechexo.on_off import is_on, spelled_like
from mechexo.rollback.flags.direction import direction, fitted
from mechexo.rollback.flags.values import Direction, from_written, same, written

UP, DOWN = Direction.UP, Direction.DOWN
NEUTRAL, UNKNOWN = Direction.NEUTRAL, Direction.UNKNOWN

ON = ["1", "true", "TRUE", " on ", "yes", "Enabled", 1, 1.0, True]
OFF = ["0", "false", "False", "off\n", "no", "disabled", 0, 0.0, False]
NEITHER = ["", "maybe", "2", 2, -1, 0.5, None, b"1", b"\x00"]
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=6),
    st.binary(max_size=4),
    st.sampled_from([*ON, *OFF, *NEITHER, "10", "1e3", "-0.5"]),
)
saferes = st.sampled_from(["off", "on", "lower", "higher", "neutral", None])


@pytest.mark.parametrize("on", ON)
@pytest.mark.parametrize("off", OFF)
def test_a_switch_goes_down_towards_its_safe_end(on: object, off: object) -> None:
    assert direction(on, off, "off") is DOWN
    assert direction(off, on, "off") is UP
    assert direction(on, off, "on") is UP
    assert direction(off, on, "on") is DOWN


@pytest.mark.parametrize("odd", NEITHER)
def test_of_a_value_that_cannot_be_read_only_the_safe_end_is_known_to_be_lower(odd) -> None:
    assert direction(odd, "false", "off") is DOWN
    assert direction(odd, "true", "off") is UNKNOWN
    assert direction("true", odd, "off") is UNKNOWN


@given(scalars, scalars, st.sampled_from(["lower", "higher"]))
def test_numbers_go_down_towards_the_side_that_is_safer(old, new, safer) -> None:
    found = direction(old, new, safer)
    try:
        was, becomes = (float(str(each).strip()) for each in (old, new))
    except ValueError:
        if not same(old, new):
            assert found is UNKNOWN
        return
    if found is DOWN:
        assert (becomes <= was) if safer == "lower" else (becomes >= was)
    if found is UP:
        assert (becomes >= was) if safer == "lower" else (becomes <= was)


@pytest.mark.parametrize(
    ("old", "new"),
    [("9007199254740993", "9007199254740992"), ("0.30000000000000004", "0.3"), ("inf", 5)],
)
def test_the_smallest_difference_of_numbers_counts(old: object, new: object) -> None:
    assert direction(old, new, "lower") is DOWN
    assert direction(new, old, "lower") is UP


@pytest.mark.parametrize("word", ["1_000", "0x10", "nan", "1,5", "٣", "on", ""])
def test_what_only_looks_like_a_number_is_none(word: str) -> None:
    assert direction(5, word, "lower") is UNKNOWN


@given(scalars, scalars)
def test_a_flag_that_is_not_listed_is_unknown_and_a_neutral_one_neutral(old, new) -> None:
    assert direction(old, new, None) is UNKNOWN
    assert direction(old, new, "neutral") is NEUTRAL


@given(scalars, scalars, saferes)
def test_there_and_back_are_never_both_safe(old, new, safer) -> None:
    there, back = direction(old, new, safer), direction(new, old, safer)
    assert (there, back) != (DOWN, DOWN)
    if there is UP:
        assert back is DOWN


@given(scalars)
def test_a_written_value_comes_back_with_its_type(value) -> None:
    assert same(from_written(written(value)), value)


@pytest.mark.parametrize(
    ("current", "word", "becomes"),
    [
        (1, "false", 0),
        (1, "off", 0),
        (0.0, "true", 1.0),
        (True, "off", False),
        ("true", "off", "false"),
        ("ON", "false", "OFF"),
        ("Yes", "0", "No"),
        ("enabled", "disable", "disable"),
        ("1000", "500", "500"),
        (1000, "500", 500),
        (1000, "0.5", 0.5),
        (0.5, "1", 1.0),
        (5, "inf", float("inf")),
        (None, "false", "false"),
        ("maybe", "false", "false"),
    ],
)
def test_a_typed_word_becomes_a_value_of_the_kind_that_the_flag_holds(
    current: object, word: str, becomes: object
) -> None:
    found = fitted(word, current, None if is_on(word) is None else "off")
    assert (type(found), found) == (type(becomes), becomes)


@pytest.mark.parametrize("safer", ["off", "on"])
@pytest.mark.parametrize(
    ("current", "word"),
    [("true", "flase"), ("maybe", "perhaps"), (1, "2"), (True, "maybe"), (None, ""), ("ON", " ")],
)
def test_a_switch_takes_nothing_but_on_and_off(current: object, word: str, safer: Safer) -> None:
    with pytest.raises(ValueError, match="neither on nor off"):
        fitted(word, current, safer)


def test_a_switch_takes_a_number_that_it_would_hold_as_on_or_off() -> None:
    assert fitted("0.0", 1.0, "off") == 0.0


def test_a_switch_that_holds_an_odd_number_can_still_be_thrown() -> None:
    assert fitted("false", 2, "off") == 0


def test_a_word_is_no_number() -> None:
    with pytest.raises(ValueError, match="none"):
        fitted("half", 1000, "lower")
    with pytest.raises(ValueError, match="none"):
        fitted("false", 1000, "lower")


@given(scalars, st.booleans())
def test_a_spelling_says_what_it_was_asked_to_say(example, on) -> None:
    alike = spelled_like(on, example)
    if is_on(example) is None:
        assert alike is None
    else:
        assert is_on(alike) is on
        assert type(alike) is type(example)
