"""Availability from recorded samples, held against a walk over each second."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mechexo.health import uptime_records
from mechexo.health.availability import (
    Availability,
    Known,
    Sample,
    Span,
    Windows,
    stood,
    summed,
    taken_in,
)
from mechexo.state import State, store

STAND = 180
NOW = 1800

Told = tuple[int, bool]
"""The second of a sample, and what it says."""


def sampled(told: Told) -> Sample:
    second, ok = told
    return Sample(second * 1000, (second + STAND) * 1000, ok)


def spans_of(samples: list[Told]) -> tuple[Span, ...]:
    """What of all samples but the newest is settled."""
    spans: tuple[Span, ...] = ()
    for told, following in pairwise(samples):
        span = stood(sampled(told), following[0] * 1000)
        spans = taken_in(spans, span) if span else spans
    return spans


def pure(samples: list[Told], now: int, window: int) -> Availability:
    """The rules alone, with the sums taken the long way."""
    rows = list(summed(spans_of(samples), Known()))
    moments = [each.span.begins_ms for each in rows] + [told[0] * 1000 for told in samples[-1:]]
    length = timedelta(seconds=window)
    newest = sampled(samples[-1]) if samples else None
    windows = Windows(now * 1000, (length,), newest, min(moments, default=None))
    known = {}
    for moment in windows.moments_ms:
        before = [each for each in rows if each.span.begins_ms <= moment]
        known[moment] = before[-1].until(moment) if before else Known()
    return windows.availability(length, known)


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State.open(tmp_path / "state.sqlite")


def record(state: State, samples: Iterable[Told]) -> None:
    with state.write() as transaction:
        for told in samples:
            uptime_records.record(transaction, sampled(told))


def recorded(state: State, now: int, *windows: int) -> list[Availability]:
    """What the state file says of windows."""
    lengths = tuple(timedelta(seconds=window) for window in windows)
    asked = Windows(
        now * 1000, lengths, uptime_records.newest(state), uptime_records.first_ms(state)
    )
    known = uptime_records.known_before(state, asked.moments_ms)
    return [asked.availability(length, known) for length in lengths]


def walked(samples: list[Told], now: int, window: int) -> Availability:
    """Second by second: what does any sample that stands say? "Not well" wins."""
    says: dict[int, set[bool]] = {}
    for index, (begins, ok) in enumerate(samples):
        ends = begins + STAND
        if index + 1 < len(samples) and samples[index + 1][0] >= begins:
            ends = min(ends, samples[index + 1][0])
        for second in range(begins, ends):
            says.setdefault(second, set()).add(ok)
    seconds = range(now - window, now)
    bad = sum(False in says.get(second, ()) for second in seconds)
    well = sum(says.get(second) == {True} for second in seconds)
    # A sample that lasted no time is seen no more, unless it is the newest.
    first = min([*says, *(told[0] for told in samples[-1:])], default=now)
    since_first = sum(second >= first for second in seconds)
    return Availability(well, bad, since_first - well - bad)


seconds = st.integers(0, NOW)
samples_in_order = st.lists(st.tuples(seconds, st.booleans()), max_size=25).map(
    lambda told: sorted(told, key=lambda each: each[0])
)
samples_of_a_clock_that_jumps = st.lists(st.tuples(seconds, st.booleans()), max_size=25)
windows_in_it = st.integers(1, NOW + 100)


@given(samples_in_order | samples_of_a_clock_that_jumps, st.integers(0, NOW + 300), windows_in_it)
def test_the_rules_say_what_a_walk_over_each_second_says(
    samples: list[Told], now: int, window: int
) -> None:
    assert pure(samples, now, window) == walked(samples, now, window)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(samples_in_order | samples_of_a_clock_that_jumps, windows_in_it, windows_in_it)
def test_the_state_file_says_what_a_walk_over_each_second_says(
    state: State, samples: list[Told], window: int, other: int
) -> None:
    with state.write() as transaction:
        transaction.execute("DELETE FROM ops_span")
        transaction.execute("DELETE FROM ops_newest")
    record(state, samples)
    found = recorded(state, NOW, window, other)
    assert found == [walked(samples, NOW, window), walked(samples, NOW, other)]


@given(st.lists(st.tuples(seconds, st.booleans()), max_size=25))
def test_spans_never_overlap_and_agreeing_ones_never_touch(samples: list[Told]) -> None:
    spans = spans_of(samples)
    for one, following in pairwise(spans):
        assert one.begins_ms < one.ends_ms <= following.begins_ms
        assert one.ends_ms < following.begins_ms or one.ok is not following.ok


def test_without_a_sample_nothing_is_achieved_and_nothing_lost() -> None:
    found = pure([], NOW, 600)
    assert (found.achieved_pct, found.not_well_s, found.unknown_s) == (None, 0, 0)


@given(st.integers(1, 10**10))
def test_a_desk_that_was_never_found_not_well_achieved_exactly_all(well_ms: int) -> None:
    assert Availability(well_ms / 1000, 0, 0).achieved_pct == 100.0


def test_time_in_which_nobody_looked_is_in_no_share() -> None:
    found = pure([(0, True), (60, True), (1000, False)], 1060, 86_400)
    assert (found.well_s, found.not_well_s, found.unknown_s) == (240, 60, 760)
    assert found.achieved_pct == pytest.approx(80.0)


def test_time_before_the_window_tells_that_its_beginning_was_not_watched() -> None:
    found = pure([(0, True), (1700, True)], 1800, 600)
    assert (found.known_s, found.unknown_s) == (100, 500)


def test_where_samples_contradict_each_other_not_well_wins() -> None:
    set_back = [(0, True), (100, True), (200, True), (50, False), (80, False), (120, False)]
    found = pure(set_back, 200, 600)
    assert (found.well_s, found.not_well_s) == (50, 150)


def test_a_sample_each_second_that_says_the_same_is_one_row(state: State) -> None:
    record(state, ((second, True) for second in range(500)))
    assert len(state.rows("SELECT * FROM ops_span")) == 1
    assert recorded(state, 500, 400) == [Availability(400, 0, 0)]


def test_what_is_dropped_because_there_is_too_much_is_not_known_any_more(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uptime_records, "SPANS_KEPT", 3)
    flips = [(second, second // 60 % 2 == 0) for second in range(0, 601, 60)]
    record(state, flips)
    assert len(state.rows("SELECT * FROM ops_span")) == 3
    assert recorded(state, 600, 900) == [Availability(60, 120, 0)]


def earlier_state(path: Path, stretches: list[tuple[str, str, int]]) -> None:
    """A state file as it was before spans."""
    migrations = sorted((Path(store.__file__).parent / "migrations").glob("*.sql"))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("CREATE TABLE migration (name TEXT PRIMARY KEY) STRICT")
        for file in migrations:
            if file.stem < "0013":
                connection.executescript(file.read_text())
                connection.execute("INSERT INTO migration VALUES (?)", (file.stem,))
        connection.executemany(
            "INSERT INTO ops_stretch (first_at, last_at, ok) VALUES (?,?,?)",
            [(f"1970-01-01T{a}.000000Z", f"1970-01-01T{b}.000000Z", ok) for a, b, ok in stretches],
        )
        connection.commit()


def test_what_an_earlier_mechexo_recorded_is_taken_along(tmp_path: Path) -> None:
    stretches = [
        ("00:00:00", "00:05:00", 1),
        ("00:06:00", "00:08:00", 0),
        ("00:20:00", "00:25:00", 1),
    ]
    earlier_state(tmp_path / "state.sqlite", stretches)
    state = State.open(tmp_path / "state.sqlite")
    assert recorded(state, 1500, 1500) == [Availability(660, 120, 720)]
    record(state, [(1500, True), (1560, True)])
    assert recorded(state, 1560, 1560) == [Availability(720, 120, 720)]


def test_what_was_recorded_before_a_clock_was_set_back_is_not_taken_along(tmp_path: Path) -> None:
    stretches = [("00:00:00", "00:25:00", 1), ("00:10:00", "00:12:00", 0)]
    earlier_state(tmp_path / "state.sqlite", stretches)
    state = State.open(tmp_path / "state.sqlite")
    assert recorded(state, 1500, 1500) == [Availability(0, 120, 780)]
