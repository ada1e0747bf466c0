"""When a day's costs raise an alert, resolve it, or say nothing."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.config.costs import CostAlertSettings
from mechexo.costs.findings import CostJudgement, CostObservation, DaySummary
from mechexo.costs.judging import LIMITS, judge_day

TODAY = DaySummary("2026-03-02", 100, 2, 4.0, 3.0)
FIRST = date(2026, 1, 1)


def days(totals: Sequence[float | None], fills: int = 100) -> list[DaySummary]:
    return [
        DaySummary((FIRST + timedelta(days=n)).isoformat(), fills, 0, total, total)
        for n, total in enumerate(totals)
    ]


USUAL = days([2.0, 2.2, 1.8, 2.1, 1.9] * 4)
ALL = CostAlertSettings(total_bps=5.0, slippage_bps=4.0, deviations=3.0, unpriced_pct=5.0)


def judge(
    day: DaySummary | None = TODAY,
    before: Sequence[DaySummary] = USUAL,
    settings: CostAlertSettings = ALL,
) -> CostJudgement:
    return judge_day(day, before, settings)


def of(answer: CostJudgement, limit: str) -> CostObservation:
    (found,) = [each for each in answer.observations if each.key == f"costs:{limit}"]
    return found


@pytest.mark.parametrize(
    ("limit", "at", "above", "words"),
    [
        ("total", {"total_bps": 5.0}, {"total_bps": 5.01}, "total 5.01 bps of 100 fills, above 5"),
        ("slippage", {"slippage_bps": 4.0}, {"slippage_bps": 4.5}, "slippage 4.50 bps of 100"),
        ("unpriced", {"unpriced": 5}, {"unpriced": 6}, "6 of 100 fills without a reference, 6.0 %"),
    ],
)
def test_a_limit_fires_above_itself_and_not_at_it(
    limit: str, at: dict[str, float], above: dict[str, float], words: str
) -> None:
    calm, loud = (
        of(judge(replace(TODAY, **change), settings=ALL), limit)  # type: ignore[arg-type]
        for change in (at, above)
    )
    assert (calm.firing, loud.firing) == (False, True)
    assert words in loud.summary
    assert loud.summary.startswith("2026-03-02: ")
    assert "within" in calm.summary


def test_a_day_far_above_its_baseline_fires_with_the_numbers() -> None:
    found = of(judge(replace(TODAY, total_bps=2.9)), "deviation")
    mean, deviation = 2.0, statistics.stdev([2.0, 2.2, 1.8, 2.1, 1.9] * 4)
    assert found.firing
    assert f"{(2.9 - mean) / deviation:+.1f} standard deviations from the 2.00 bps" in found.summary
    assert "of the 20 days before" in found.summary


def test_a_day_far_below_its_baseline_is_good_news() -> None:
    assert not of(judge(replace(TODAY, total_bps=-9.0)), "deviation").firing


def test_only_the_newest_days_are_the_baseline() -> None:
    long_ago = days([50.0] * 30)
    recent = [replace(each, day=f"2026-02-{n + 1:02}") for n, each in enumerate(USUAL)]
    assert of(judge(replace(TODAY, total_bps=2.9), [*long_ago, *recent]), "deviation").firing


def test_a_later_day_is_no_baseline_of_an_earlier_one() -> None:
    later = [replace(each, day=f"2026-03-{n + 3:02}") for n, each in enumerate(USUAL)]
    assert "0 days before it" in judge(TODAY, later).not_judged["deviation"]


@pytest.mark.parametrize(("count", "judged"), [(9, False), (10, True)])
def test_a_baseline_of_fewer_than_half_its_days_judges_nothing_and_says_so(
    count: int, judged: bool
) -> None:
    answer = judge(before=USUAL[:count])
    assert ("deviation" not in answer.not_judged) is judged
    if not judged:
        assert answer.not_judged["deviation"] == (
            "2026-03-02: 9 days before it have 20 fills and a total, 10 are needed"
        )


def test_days_with_few_fills_or_no_total_are_no_baseline() -> None:
    thin, blank = days([2.0] * 20, fills=19), days([None] * 20)
    for before in (thin, blank):
        assert "0 days before it" in judge(before=before).not_judged["deviation"]


def test_days_that_never_vary_give_no_deviation() -> None:
    answer = judge(before=days([2.0] * 20))
    assert "all cost 2.00 bps" in answer.not_judged["deviation"]


def test_a_day_with_few_fills_is_not_judged_and_nothing_resolves() -> None:
    answer = judge(replace(TODAY, fills=19, unpriced=19, total_bps=99.0))
    assert answer.observations == ()
    assert set(answer.not_judged) == set(LIMITS)
    assert answer.not_judged["total"] == "2026-03-02: 19 fills, 20 are needed"


def test_an_unknown_total_is_not_a_low_one() -> None:
    answer = judge(replace(TODAY, unpriced=100, total_bps=None, slippage_bps=None))
    assert set(answer.not_judged) == {"total", "slippage", "deviation"}
    assert answer.not_judged["total"] == "2026-03-02: no total is known"
    assert of(answer, "unpriced").firing


def test_without_any_day_nothing_is_said_of_the_limits_that_are_set() -> None:
    answer = judge(None)
    assert (answer.day, answer.observations) == (None, ())
    assert set(answer.not_judged.values()) == {"there is no day with fills"}


def test_a_limit_that_nobody_sets_resolves_what_it_had_raised() -> None:
    answer = judge(replace(TODAY, total_bps=99.0), settings=CostAlertSettings())
    assert [each.firing for each in answer.observations] == [False] * 4
    assert {each.summary for each in answer.observations} == {"no limit is set"}


def test_what_was_raised_resolves_on_the_next_good_day_under_the_same_key() -> None:
    bad, good = (
        of(judge(replace(TODAY, day=day, total_bps=total)), "total")
        for day, total in (("2026-03-02", 9.0), ("2026-03-03", 3.0))
    )
    assert (bad.firing, good.firing) == (True, False)
    assert (bad.key, bad.name, bad.labels) == (good.key, good.name, good.labels)


def test_the_severity_is_the_configured_one() -> None:
    answer = judge(settings=replace(ALL, severity="high"))
    assert {each.severity for each in answer.observations} == {"high"}


_BPS = st.none() | st.floats(-100, 100)
_DAYS = st.builds(
    DaySummary,
    st.dates(FIRST, date(2026, 3, 1)).map(date.isoformat),
    st.integers(0, 60),
    st.just(0),
    _BPS,
    _BPS,
)
_LIMIT = st.none() | st.floats(0.1, 10)


@given(
    st.none()
    | st.builds(DaySummary, st.just("2026-03-02"), st.integers(0, 60), st.just(0), _BPS, _BPS),
    st.lists(_DAYS, max_size=40),
    st.builds(
        CostAlertSettings,
        total_bps=_LIMIT,
        slippage_bps=_LIMIT,
        deviations=_LIMIT,
        unpriced_pct=_LIMIT,
        baseline_days=st.integers(5, 30),
        min_fills=st.integers(1, 40),
    ),
)
def test_every_limit_is_either_judged_or_says_why_not(
    day: DaySummary | None, before: list[DaySummary], settings: CostAlertSettings
) -> None:
    answer = judge_day(day, sorted(before, key=lambda each: each.day), settings)
    judged = {each.key.removeprefix("costs:") for each in answer.observations}
    assert judged | set(answer.not_judged) == set(LIMITS)
    assert not judged & set(answer.not_judged)
    assert all(answer.not_judged.values())
    assert all(each.summary for each in answer.observations)
