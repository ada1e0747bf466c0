"""How long things took, by severity and ISO week."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True)
class Took:
    """One thing that began, and when it came to its end; None is never."""

    severity: str
    began_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class TimesOfWeek:
    """How long it took in one week at one severity. Times are None when it never came to an end."""

    of: str
    """`alerts` or `incidents`."""
    week: str
    """ISO 8601 in the desk's zone: `2026-W10`."""
    severity: str
    measure: str
    """`acknowledge`, `mitigate` or `resolve`."""
    n: int
    """How many came to their end: the two times are theirs."""
    never: int
    """How many have not, by now, or ended before they began (a clock was wrong)."""
    median_s: float | None
    p90_s: float | None


def iso_week(moment: datetime, zone: ZoneInfo) -> str:
    """The ISO 8601 week of a moment in a zone."""
    year, week, _ = moment.astimezone(zone).isocalendar()
    return f"{year}-W{week:02d}"


def by_week(
    of: str, measure: str, took: Iterable[Took], zone: ZoneInfo, severities: Sequence[str]
) -> tuple[TimesOfWeek, ...]:
    """The times of each week and severity that had any, oldest week first, worst severity first."""
    groups: dict[tuple[str, int], list[float | None]] = {}
    for each in took:
        place = severities.index(each.severity) if each.severity in severities else len(severities)
        seconds = None
        if each.ended_at is not None and each.ended_at >= each.began_at:
            seconds = (each.ended_at - each.began_at).total_seconds()
        groups.setdefault((iso_week(each.began_at, zone), place), []).append(seconds)
    found = []
    for (week, place), every in sorted(groups.items()):
        known = sorted(seconds for seconds in every if seconds is not None)
        severity = severities[place] if place < len(severities) else "other"
        found.append(
            TimesOfWeek(
                of=of,
                week=week,
                severity=severity,
                measure=measure,
                n=len(known),
                never=len(every) - len(known),
                median_s=percentile(known, 50),
                p90_s=percentile(known, 90),
            )
        )
    return tuple(found)


def percentile(ordered: Sequence[float], per_cent: int) -> float | None:
    """The nearest-rank percentile of ordered numbers: always one that occurred. None of none."""
    if not ordered:
        return None
    return ordered[max(math.ceil(per_cent * len(ordered) / 100), 1) - 1]
