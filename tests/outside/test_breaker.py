"""The circuit breaker against an independent, slow model."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from conftest import START
from mechexo.outside.breaker import (
    LONGEST_HOLD,
    Breaker,
    Patience,
    Standing,
    after_failure,
    after_hold,
    after_success,
    may_ask,
    standing,
    wait_after,
)

patiences = st.builds(
    Patience,
    st.integers(1, 5),
    st.integers(1, 600).map(lambda s: timedelta(seconds=s)),
    st.integers(600, 7200).map(lambda s: timedelta(seconds=s)),
)
steps = st.lists(
    st.tuples(st.sampled_from(["good", "bad", "hold"]), st.integers(0, 4000)), max_size=25
)


@given(patiences, steps)
def test_it_opens_after_failures_in_a_row_and_one_good_answer_closes_it(
    patience: Patience, course: list[tuple[str, int]]
) -> None:
    now, breaker = START, Breaker()
    said: list[str] = []
    opened: datetime | None = None
    held: datetime | None = None
    for what, later_s in course:
        now += timedelta(seconds=later_s)
        open_now = opened is not None and now < opened
        held_now = held is not None and now < held
        assert may_ask(breaker, now, patience) is not (open_now or held_now)
        if not may_ask(breaker, now, patience):
            continue
        # The model: from the list of all answers, counted back anew each time.
        if what == "hold":
            held = now + timedelta(seconds=500)
            breaker = after_hold(breaker, now, held)
            continue
        said.append(what)
        if what == "good":
            breaker, opened, held = after_success(now), None, None
            continue
        breaker, held = after_failure(breaker, now, patience), None
        row = 0
        while row < len(said) and said[-1 - row] == "bad":
            row += 1
        assert breaker.failures == row
        if row >= patience.open_after:
            wait = patience.first_wait
            for _ in range(row - patience.open_after):
                wait = min(wait * 2, patience.longest_wait)
            opened = now + min(wait, patience.longest_wait)


@given(patiences, st.integers(0, 10**6))
def test_no_wait_is_longer_than_the_longest(patience: Patience, failures: int) -> None:
    assert timedelta(0) < wait_after(failures, patience) <= patience.longest_wait
    assert wait_after(failures, patience) <= wait_after(failures + 1, patience)


def test_when_the_wait_is_over_one_question_decides() -> None:
    patience = Patience(open_after=1, first_wait=timedelta(minutes=1))
    breaker = after_failure(Breaker(), START, patience)
    assert standing(breaker, START, patience) is Standing.OPEN
    later = START + timedelta(minutes=1)
    assert standing(breaker, later, patience) is Standing.HALF_OPEN
    again = after_failure(breaker, later, patience)
    assert standing(again, later + timedelta(minutes=1), patience) is Standing.OPEN
    assert standing(after_success(later), later, patience) is Standing.CLOSED


@given(st.integers(0, 10**9))
def test_a_source_cannot_silence_itself_for_ever(seconds: int) -> None:
    far = START + timedelta(seconds=seconds)
    breaker = after_hold(Breaker(), START, far)
    assert may_ask(breaker, START + LONGEST_HOLD, Patience())


def test_a_clock_that_was_set_back_leaves_nobody_alone_for_years() -> None:
    patience = Patience(open_after=1)
    breaker = after_failure(Breaker(), START + timedelta(days=3650), patience)
    assert standing(breaker, START, patience) is Standing.HALF_OPEN
