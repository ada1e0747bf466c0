"""Availability from stretches, held against a model that walks over single samples."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.health.availability import Stretch, availability, extends

START = datetime(2026, 3, 2, tzinfo=UTC)
STAND = timedelta(seconds=180)


def at(second: int) -> datetime:
    return START + timedelta(seconds=second)


def stretched(samples: list[tuple[int, bool]]) -> list[Stretch]:
    """What recording the samples one by one leaves behind."""
    stretches: list[Stretch] = []
    for second, ok in samples:
        if stretches and extends(stretches[-1], at(second), ok, STAND):
            stretches[-1] = Stretch(stretches[-1].first_at, at(second), ok)
        else:
            stretches.append(Stretch(at(second), at(second), ok))
    return stretches


def modelled(samples: list[tuple[int, bool]], now: int, window: int) -> tuple[int, int, int]:
    """Second by second: the last sample at or before it, if it is no older than three minutes."""
    well = bad = unknown = 0
    for second in range(now - window, now):
        before = [(when, ok) for when, ok in samples if when <= second]
        if before and second - before[-1][0] < STAND.total_seconds():
            well, bad = well + before[-1][1], bad + (not before[-1][1])
        elif before and well + bad:
            unknown += 1
    return well, bad, unknown


samples_in_order = st.lists(
    st.tuples(st.integers(0, 1500), st.booleans()), max_size=25, unique_by=lambda each: each[0]
).map(sorted)


@given(samples_in_order, st.integers(1, 1200))
def test_stretches_say_what_the_single_samples_say(samples, window):
    found = availability(stretched(samples), at(1800), timedelta(seconds=window), STAND)
    well, bad, unknown = modelled(samples, 1800, window)
    assert (found.well_s, found.not_well_s) == (well, bad)
    assert found.unknown_s == unknown


@given(st.lists(st.tuples(st.integers(0, 1500), st.booleans()), max_size=25))
def test_a_clock_that_jumps_never_makes_more_time_than_there_is(samples):
    found = availability(stretched(samples), at(1800), timedelta(seconds=1200), STAND)
    assert 0 <= found.well_s <= found.known_s <= found.known_s + found.unknown_s <= 1200


def test_without_a_sample_nothing_is_achieved_and_nothing_lost():
    found = availability([], at(1800), timedelta(days=30), STAND)
    assert (found.achieved_pct, found.not_well_s) == (None, 0.0)


def test_time_in_which_nobody_looked_is_in_no_share():
    samples = [(0, True), (60, True), (1000, False)]
    found = availability(stretched(samples), at(1060), timedelta(days=1), STAND)
    assert (found.well_s, found.not_well_s, found.unknown_s) == (240, 60, 760)
    assert found.achieved_pct == pytest.approx(80.0)


def test_where_records_contradict_each_other_not_well_wins():
    overlapping = [Stretch(at(0), at(600), True), Stretch(at(300), at(400), False)]
    found = availability(overlapping, at(400), timedelta(days=1), STAND)
    assert (found.well_s, found.not_well_s) == (300, 100)
