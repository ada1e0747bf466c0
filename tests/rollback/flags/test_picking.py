"""Which change was the last at a moment: against a clock that is simulated, also set back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.errors import UsageError
from mechexo.rollback.flags.picking import Row, picked

START = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)


def rows_at(*seconds: float, hows: dict[int, str] | None = None) -> list[Row]:
    """Rows at these seconds, the first of which begins the tracking."""
    hows = {1: "begin", **(hows or {})}
    return [
        Row(number, START + timedelta(seconds=at), hows.get(number, "update"))
        for number, at in enumerate(seconds, 1)
    ]


def at(rows: list[Row], seconds: float) -> int:
    return picked(rows, START + timedelta(seconds=seconds)).seq


def test_a_change_at_just_that_moment_counts() -> None:
    rows = rows_at(0, 10, 20)
    assert (at(rows, 10), at(rows, 9.999), at(rows, 19), at(rows, 500)) == (2, 1, 2, 3)


def test_of_changes_at_one_moment_the_last_counts() -> None:
    assert at(rows_at(0, 10, 10, 10, 20), 10) == 4


@pytest.mark.parametrize("rows", [[], rows_at(0, 10)])
def test_a_moment_before_the_history_is_refused(rows: list[Row]) -> None:
    with pytest.raises(UsageError, match="before the flags' history"):
        at(rows, -1)


@pytest.mark.parametrize("seconds", [25, 35, 45, 55])
def test_a_moment_that_the_clock_may_have_shown_twice_is_refused(seconds: float) -> None:
    with pytest.raises(UsageError, match="set back"):
        at(rows_at(0, 20, 60, 40), seconds)


def test_a_clock_that_was_set_back_long_before_is_no_matter_once_it_has_caught_up() -> None:
    rows = rows_at(0, 60, 30, 70, 90)
    assert (at(rows, 75), at(rows, 95)) == (4, 5)
    for seconds in (10, 35, 65):
        with pytest.raises(UsageError, match="set back"):
            at(rows, seconds)


def test_a_step_back_of_less_than_a_second_matters_only_inside_it() -> None:
    rows = rows_at(0, 20, 19.5, 40)
    assert (at(rows, 10), at(rows, 30)) == (1, 3)
    with pytest.raises(UsageError, match="set back"):
        at(rows, 19.7)


def test_after_the_end_of_tracking_nothing_is_known() -> None:
    rows = rows_at(0, 10, 20, 30, hows={3: "end", 4: "begin"})
    assert at(rows, 15) == 2
    with pytest.raises(UsageError, match="not tracked from"):
        at(rows, 25)
    assert picked(rows, START + timedelta(seconds=31)).begin == 4


def test_of_an_interruption_that_nobody_noted_the_whole_gap_is_unknown() -> None:
    rows = rows_at(0, 10, 30, hows={3: "begin"})
    assert at(rows, 5) == 1
    with pytest.raises(UsageError, match="interrupted"):
        at(rows, 11)


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(-150, 40) | st.just(0)), max_size=8),
    st.integers(-10, 400),
)
def test_an_answer_is_what_was_in_force_when_the_clock_last_showed_the_moment(
    steps: list[tuple[int, int]], asked: int
) -> None:
    """A clock is followed second by second, with jumps; each jump is followed by a change. A jump
    back makes what the clock had shown beyond its aim the future again."""
    clock, changes = 0, [0]
    in_force = {0: 1}
    for lasting, jump in steps:
        for _ in range(lasting):
            clock += 1
            in_force[clock] = len(changes)
        clock += jump
        in_force = {second: seq for second, seq in in_force.items() if second <= clock}
        changes.append(clock)
        in_force[clock] = len(changes)
    try:
        found = at(rows_at(*changes), asked)
    except UsageError:
        return
    assert asked not in in_force or in_force[asked] == found
