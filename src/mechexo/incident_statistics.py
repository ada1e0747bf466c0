"""How alerts and incidents went over weeks: how fast people answered, how many alerts each shift
had, which keys were noisiest."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.errors import MechexoError, UsageError
from mechexo.incidents.tallying import TimesOfWeek, Took, by_week
from mechexo.incidents.values import SEVERITIES
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mechexo.alerts.values import AnsweredAlert
    from mechexo.desk import Desk

LONGEST = timedelta(days=366)
MOST_KEYS = 10
ROTATION, QUIET = "the on-call rotation", "day and night"


@dataclass(frozen=True, slots=True)
class Shift:
    """A time in which one person was on call, or a day or a night, and its alerts."""

    starts_at: datetime
    ends_at: datetime
    who: str
    """Who was on call, `day` or `night`; "" is nobody."""
    alerts: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """What came of it, from `start` to before `end`."""

    start: datetime
    end: datetime
    times: tuple[TimesOfWeek, ...]
    shifts: tuple[Shift, ...]
    """Oldest first, those without any alert too."""
    shifts_by: str
    noisiest: tuple[tuple[str, int], ...]
    """Key and how often it started, most first, at most `MOST_KEYS`."""
    gaps: tuple[str, ...]
    """What could not be read."""


def statistics(
    desk: Desk, *, start: datetime | None = None, end: datetime | None = None
) -> Statistics:
    """Alerts and incidents that began from `start` (else 28 days ago) to before `end` (else now).

    Raises:
        UsageError: the end does not lie after the start, or more than a year after it.
    """
    from mechexo.alerts import responding
    from mechexo.alerts.values import SEVERITIES as ALERT_SEVERITIES

    end = end or desk.clock.now()
    start = start or end - timedelta(days=28)
    if not start < end <= start + LONGEST:
        raise UsageError("the end must lie after the start, and at most a year after it")
    gaps: list[str] = []
    alerts, damaged = responding.answered(desk, start, end)
    if damaged:
        gaps.append(f"{damaged} alerts are damaged in the state file")
    known = [Took(a.severity, a.started_at, a.acknowledged_at) for a in alerts]
    over = [Took(a.severity, a.started_at, a.resolved_at) for a in alerts]
    times = by_week("alerts", "acknowledge", known, desk.zone, ALERT_SEVERITIES)
    times += by_week("alerts", "resolve", over, desk.zone, ALERT_SEVERITIES)
    times += _of_incidents(desk, start, end, gaps)
    shifts, shifts_by = _shifts(desk, start, end, gaps)
    return Statistics(
        start=start,
        end=end,
        times=times,
        shifts=_counted(shifts, alerts),
        shifts_by=shifts_by,
        noisiest=responding.noisiest_keys(desk, start, end, MOST_KEYS),
        gaps=tuple(gaps),
    )


def _of_incidents(
    desk: Desk, start: datetime, end: datetime, gaps: list[str]
) -> tuple[TimesOfWeek, ...]:
    from mechexo.incidents import operations as incidents

    found, damaged = incidents.opened_between(desk, start, end)
    gaps += damaged
    mitigated = [Took(each.severity, each.began_at, each.mitigated_at) for each in found]
    closed = [Took(each.severity, each.began_at, each.closed_at) for each in found]
    return by_week("incidents", "mitigate", mitigated, desk.zone, SEVERITIES) + by_week(
        "incidents", "resolve", closed, desk.zone, SEVERITIES
    )


def _shifts(desk: Desk, start: datetime, end: datetime, gaps: list[str]) -> tuple[list[Shift], str]:
    """The shifts of the first schedule; where there is none, days and nights by the quiet hours."""
    from mechexo.alerts import oncall

    schedule = next(iter(desk.settings.oncall.schedules), None)
    if schedule is not None:
        try:
            plan = oncall.plan(desk, schedule, start, end)
        except MechexoError as error:
            gaps.append(f"on-call: {error}")
        else:
            gaps += [f"on-call: {schedule}: {problem.what}" for problem in plan.problems]
            spans = sorted([*plan.spans, *plan.gaps], key=lambda span: span.starts_at)
            found = [
                Shift(max(s.starts_at, start), min(s.ends_at, end), s.person or "", 0)
                for s in spans
                if s.ends_at > start and s.starts_at < end
            ]
            return _without_doubles(found), ROTATION
    quiet = oncall.quiet_hours(desk)
    shifts, at = [], start
    if not quiet.enabled:
        return [Shift(start, end, "day", 0)], QUIET
    while at < end:
        until = quiet.until(at)
        who = "night"
        if until is None:
            who, until = "day", _next_night(quiet.covers, at, end)
        shifts.append(Shift(at, min(until, end), who, 0))
        at = until
    return shifts, QUIET


def _next_night(covers: Callable[[datetime], bool], at: datetime, end: datetime) -> datetime:
    """When quiet hours begin next, to the minute: they begin on one."""
    probe = at.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while probe < end and not covers(probe):
        probe += timedelta(minutes=1)
    return probe


def _without_doubles(shifts: list[Shift]) -> list[Shift]:
    """One shift for each time: gaps may be told both as spans of nobody and as gaps."""
    found: list[Shift] = []
    for each in shifts:
        if found and each.starts_at < found[-1].ends_at:
            continue
        if found and each.who == found[-1].who and each.starts_at == found[-1].ends_at:
            found[-1] = replace(found[-1], ends_at=each.ends_at)
        else:
            found.append(each)
    return found


def _counted(shifts: list[Shift], alerts: Iterable[AnsweredAlert]) -> tuple[Shift, ...]:
    starts = [shift.starts_at for shift in shifts]
    counts = [0] * len(shifts)
    for alert in alerts:
        place = bisect_right(starts, alert.started_at) - 1
        if place >= 0 and alert.started_at < shifts[place].ends_at:
            counts[place] += 1
    return tuple(replace(s, alerts=n) for s, n in zip(shifts, counts, strict=True))
