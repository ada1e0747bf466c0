"""When a day's costs are worth an alert. Pure.

A limit that is exceeded fires under its key, and one that is kept resolves it; so does a limit that
nobody sets any more. A limit that cannot be judged says neither: a day with few fills, a total that
is not known, a baseline of too few days.

Keys: `costs:total`, `costs:slippage`, `costs:deviation`, `costs:unpriced`.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from mechexo.config.costs import CostAlertSettings
from mechexo.costs.findings import CostJudgement, CostObservation, DaySummary

FEWEST_DAYS = 5
"""A baseline has at least so many days, and at least half of those asked for."""

LIMITS = ("total", "slippage", "deviation", "unpriced")

_NAMES = {
    "total": "cost_total_high",
    "slippage": "cost_slippage_high",
    "deviation": "cost_total_unusual",
    "unpriced": "cost_unpriced_high",
}

_Verdict = tuple[bool | None, str]
"""Whether the limit is exceeded, and the numbers in words; None, and why it cannot be judged."""


def judge_day(
    day: DaySummary | None, before: Iterable[DaySummary], settings: CostAlertSettings
) -> CostJudgement:
    """What a session day's costs say to the alerts wing.

    Args:
        day: the newest session day with fills; None when there is none.
        before: the days before it, oldest first; as many as there are, at least `baseline_days`.
        settings: `[costs.alerts]`.
    """
    baseline = tuple(before)
    said: list[CostObservation] = []
    unjudged: dict[str, str] = {}
    for limit in LIMITS:
        if _set(limit, settings) is None:
            said.append(_observation(limit, False, "no limit is set", settings))
            continue
        firing, words = _judge(limit, day, baseline, settings)
        if firing is None:
            unjudged[limit] = words
        else:
            said.append(_observation(limit, firing, words, settings))
    return CostJudgement(day.day if day else None, tuple(said), unjudged)


def _set(limit: str, settings: CostAlertSettings) -> float | None:
    return {
        "total": settings.total_bps,
        "slippage": settings.slippage_bps,
        "deviation": settings.deviations,
        "unpriced": settings.unpriced_pct,
    }[limit]


def _judge(
    limit: str, day: DaySummary | None, before: Sequence[DaySummary], settings: CostAlertSettings
) -> _Verdict:
    if day is None:
        return None, "there is no day with fills"
    if day.fills < settings.min_fills:
        return None, f"{day.day}: {day.fills} fills, {settings.min_fills} are needed"
    bound = _set(limit, settings)
    assert bound is not None
    match limit:
        case "total":
            return _bps(day, "total", day.total_bps, bound)
        case "slippage":
            return _bps(day, "slippage", day.slippage_bps, bound)
        case "unpriced":
            return _unpriced(day, bound)
        case _:
            return _deviation(day, before, bound, settings)


def _bps(day: DaySummary, name: str, value: float | None, bound: float) -> _Verdict:
    if value is None:
        return None, f"{day.day}: no {name} is known"
    firing = value > bound
    side = "above" if firing else "within"
    return firing, f"{day.day}: {name} {value:.2f} bps of {day.fills} fills, {side} {bound:g} bps"


def _unpriced(day: DaySummary, bound: float) -> _Verdict:
    share = 100 * day.unpriced / day.fills
    firing = share > bound
    side = "above" if firing else "within"
    return firing, (
        f"{day.day}: {day.unpriced} of {day.fills} fills without a reference, {share:.1f} %, "
        f"{side} {bound:g} %"
    )


def _deviation(
    day: DaySummary, before: Sequence[DaySummary], bound: float, settings: CostAlertSettings
) -> _Verdict:
    if day.total_bps is None:
        return None, f"{day.day}: no total is known"
    usable = [
        each.total_bps
        for each in before
        if each.day < day.day and each.fills >= settings.min_fills and each.total_bps is not None
    ][-settings.baseline_days :]
    needed = max(FEWEST_DAYS, (settings.baseline_days + 1) // 2)
    if len(usable) < needed:
        return None, (
            f"{day.day}: {len(usable)} days before it have {settings.min_fills} fills and a total, "
            f"{needed} are needed"
        )
    mean, deviation = statistics.fmean(usable), statistics.stdev(usable)
    if deviation <= 1e-12 * max(1.0, abs(mean)):
        return None, f"{day.day}: the {len(usable)} days before it all cost {mean:.2f} bps"
    away = (day.total_bps - mean) / deviation
    firing = away > bound
    return firing, (
        f"{day.day}: total {day.total_bps:.2f} bps, {away:+.1f} standard deviations from the "
        f"{mean:.2f} bps of the {len(usable)} days before, {'above' if firing else 'within'} "
        f"{bound:g}"
    )


def _observation(
    limit: str, firing: bool, words: str, settings: CostAlertSettings
) -> CostObservation:
    return CostObservation(
        key=f"costs:{limit}",
        firing=firing,
        severity=settings.severity,
        name=_NAMES[limit],
        summary=words,
        labels={"limit": limit},
    )
