"""The error budget and how fast it burns, held against a walk over each second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.health.availability import Availability
from mechexo.health.error_budget import FAST, SLOW, burn_words, lengths, measured, window_states
from mechexo.health.values import Burn, Status, Uptime

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
DAY_S = 86_400

Pieces = list[tuple[int, bool | None]]
"""How long the desk was how, the newest first; None when nobody looked."""


def seen(pieces: Pieces, window: timedelta) -> tuple[int, int, int]:
    """Well, not well and unknown seconds of a window, second by second."""
    each_second = (how for length, how in pieces for _ in range(length))
    counted = {True: 0, False: 0, None: 0}
    for _, how in zip(range(int(window.total_seconds())), each_second, strict=False):
        counted[how] += 1
    return counted[True], counted[False], counted[None]


def uptime_of(pieces: Pieces, *, objective: float = 99.5, days: int = 30) -> Uptime:
    found = {window: Availability(*seen(pieces, window)) for window in lengths(days)}
    return measured(
        found, objective_pct=objective, window_days=days, fast_limit=14.4, slow_limit=6.0
    )


def burns_too_fast(
    pieces: Pieces, pair: tuple[timedelta, timedelta], objective: float, limit: float
) -> bool | None:
    """The rule once more, in whole seconds and exact fractions."""
    verdicts = []
    for window in pair:
        well, bad, _ = seen(pieces, window)
        if 2 * (well + bad) < window.total_seconds():
            return None
        allowed = (100 - Fraction(objective)) / 100
        verdicts.append(Fraction(bad, well + bad) > Fraction(limit) * allowed)
    return all(verdicts)


pieces_of_hours = st.lists(
    st.tuples(st.integers(1, 3_000), st.sampled_from([True, True, False, None])), max_size=20
)


@given(pieces_of_hours, st.sampled_from([90.0, 99.0, 99.5, 99.9]))
def test_a_burn_is_over_when_both_its_windows_lose_more_than_the_limit(
    pieces: Pieces, objective: float
) -> None:
    uptime = uptime_of(pieces, objective=objective)
    assert uptime.fast.is_over is burns_too_fast(pieces, FAST, objective, 14.4)
    assert uptime.slow.is_over is burns_too_fast(pieces, SLOW, objective, 6.0)


@given(pieces_of_hours, st.sampled_from([1, 7, 30, 90]))
def test_what_is_spent_and_what_is_left_is_the_whole_budget(pieces: Pieces, days: int) -> None:
    uptime = uptime_of(pieces, days=days)
    assert [each.hours for each in uptime.windows] == sorted({24, 168, 720, 24 * days})
    for each in uptime.windows:
        well, bad, unknown = seen(pieces, timedelta(hours=each.hours))
        assert each.budget_s == pytest.approx(each.hours * 3600 * 0.005)
        assert (each.known_s, each.spent_s, each.unknown_s) == (well + bad, bad, unknown)
        if well + bad:
            assert each.budget_left_s == pytest.approx(each.budget_s - bad)
            assert each.achieved_pct == pytest.approx(100 * well / (well + bad))
        else:
            assert (each.budget_left_s, each.achieved_pct) == (None, None)


def test_a_whole_outage_burns_two_hundred_times_too_fast_at_the_default_objective() -> None:
    assert uptime_of([(7 * 3600, False)]).fast.rate == pytest.approx(200)


def test_a_burn_ends_soon_after_the_trouble_although_the_hour_is_lost() -> None:
    assert uptime_of([(60, True), (1_200, False), (9_000, True)]).fast.is_over is True
    assert uptime_of([(301, True), (1_200, False), (9_000, True)]).fast.is_over is False


def test_too_little_known_time_judges_nothing_and_says_so() -> None:
    burn = uptime_of([(1_700, False)]).fast
    assert (burn.rate, burn.is_over) == (None, None)
    assert "only 28m of 1h is known" in burn_words(burn)
    assert uptime_of([(1_800, False)]).fast.is_over is True
    assert uptime_of([(200, None), (9_000, False)]).fast.is_over is None


def test_an_overspent_budget_is_below_zero() -> None:
    uptime = uptime_of([(10_000, True), (20_000, False)])
    assert uptime.budget_left_s == pytest.approx(30 * DAY_S * 0.005 - 20_000)


def shown(uptime: Uptime) -> dict[str, tuple[Status, str]]:
    return {each.name: (each.status, each.detail) for each in window_states(uptime, NOW)}


def test_a_young_desk_that_was_watched_all_its_life_looks_well() -> None:
    states = window_states(uptime_of([(2 * 3600, True)]), NOW)
    assert [(each.name, each.status, each.value, each.unit) for each in states] == [
        (name, Status.OK, 100.0, "%") for name in ("24h", "7d", "30d")
    ]
    assert states[2].detail == "0s of 3h36m spent, 3h36m left; 2h of 30d known"


def test_a_desk_that_was_never_looked_at_is_unknown() -> None:
    assert set(shown(uptime_of([])).values()) == {(Status.UNKNOWN, "not measured yet")}


def test_a_window_in_which_nobody_looked_for_the_most_time_is_unknown_and_says_so() -> None:
    states = shown(uptime_of([(3 * 3600, True), (4 * DAY_S, None), (4 * DAY_S, True)]))
    assert states["24h"][0] is Status.UNKNOWN
    assert states["24h"][1].startswith("nobody looked for 21h; 0s of 7m12s spent")
    assert states["7d"][0] is Status.UNKNOWN
    assert states["30d"][0] is Status.OK


def test_an_overspent_budget_is_a_warning_however_little_is_known() -> None:
    states = shown(uptime_of([(300, False), (600, None), (300, False)]))
    assert states["24h"] == (
        Status.WARNING,
        "10m of 7m12s spent, overspent by 2m48s; 10m of 24h known",
    )
    assert states["7d"][0] is Status.OK


def test_a_burn_shows_on_the_window_of_the_objective() -> None:
    states = shown(uptime_of([(400, False), (40_000, True)]))
    assert states["30d"][0] is Status.WARNING
    assert states["30d"][1].endswith("; spent at 22.2x the allowed rate over 1h and 5m")
    assert [states[name][0] for name in ("24h", "7d")] == [Status.OK, Status.OK]


@pytest.mark.parametrize(("rate", "over"), [(14.4, False), (14.5, True), (None, None)])
def test_a_burn_at_its_limit_is_not_over_it(rate: float | None, over: bool | None) -> None:
    assert Burn("1h", "5m", 14.4, rate).is_over is over
