"""Alert history in numbers."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from mechexo.alerts import history_records
from mechexo.alerts.values import SEVERITIES, AlertStatistics, ChannelDay, HourOfAlerts
from mechexo.errors import UsageError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mechexo.desk import Desk

DAY = timedelta(hours=24)
_NOISIEST = 5


def statistics(desk: Desk, *, days: int = 7) -> AlertStatistics:
    """Alert history of the last `days` days in the desk's zone, today included.

    Raises:
        UsageError: `days` is not between 1 and 366.
    """
    if not 1 <= days <= 366:
        raise UsageError("give a number of days from 1 to 366")
    today = desk.clock.now().astimezone(desk.zone).date()
    dates = [today - timedelta(days=back) for back in reversed(range(days))]
    midnights = [
        datetime.combine(date, time(), desk.zone) for date in (*dates, today + timedelta(days=1))
    ]
    reader = desk.state.reader()
    found = history_records.started_by_day(reader, midnights)
    severities, by_day = Counter[str](), Counter[int]()
    for each in found:
        severities[each.severity] += each.alerts
        by_day[each.day] += each.alerts
    return AlertStatistics(
        days=days,
        total=sum(severities.values()),
        by_severity={each: severities[each] for each in SEVERITIES if severities[each]},
        by_day=tuple((date.isoformat(), by_day[day]) for day, date in enumerate(dates)),
        noisiest=history_records.noisiest(reader, midnights[0], _NOISIEST),
        mean_acknowledge_s=_mean_s((each.acknowledged, each.until_known_us) for each in found),
        mean_resolve_s=_mean_s((each.resolved, each.until_over_us) for each in found),
    )


def history_24h(desk: Desk) -> tuple[HourOfAlerts, ...]:
    """How many alerts started in each hour that began within the last 24 hours, oldest first, the
    present hour too, hours without any too."""
    now = desk.clock.now()
    starts = hour_starts(now, desk.zone)
    counts = [Counter[str]() for _ in starts]
    found = history_records.started_by_minute(desk.state.reader(), starts[0], now)
    for minute, severity, amount in found:
        counts[max(0, bisect_right(starts, minute) - 1)][severity] += amount
    return tuple(
        HourOfAlerts(
            start.astimezone(desk.zone), {each: count[each] for each in SEVERITIES if count[each]}
        )
        for start, count in zip(starts, counts, strict=True)
    )


def hour_starts(now: datetime, zone: ZoneInfo) -> tuple[datetime, ...]:
    """The moments (UTC) at which the hours of the zone began that began within the last 24 hours,
    oldest first: 24 of them, and one more where clocks go by half hours or were changed by one.

    An hour that clocks go through twice stands twice, one that they leave out not at all.
    """
    found = []
    start = _hour_start(now, zone)
    while start > now - DAY:
        found.append(start)
        start = _hour_start(start - timedelta(microseconds=1), zone)
    return tuple(reversed(found))


def _hour_start(at: datetime, zone: ZoneInfo) -> datetime:
    """When the hour of the zone's clocks began that `at` lies in: on the hour, or when clocks were
    changed within it."""
    local = at.astimezone(zone)
    past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    start = at.astimezone(UTC) - past
    if start.astimezone(zone).utcoffset() == local.utcoffset():
        return start
    # Clocks are changed on a whole minute: the first one that goes by the offset of now.
    minutes = [start + timedelta(minutes=each) for each in range(local.minute + 1)]
    return next(
        (each for each in minutes if each.astimezone(zone).utcoffset() == local.utcoffset()),
        minutes[-1],
    )


def deliveries_today(desk: Desk) -> tuple[ChannelDay, ...]:
    """What became of each channel's messages since midnight in the desk's zone, and what of them
    waits: every configured channel in its order, then those that are gone but had some."""
    today = desk.clock.now().astimezone(desk.zone).date()
    midnight = datetime.combine(today, time(), desk.zone)
    reader = desk.state.reader()
    finished = history_records.finished_since(reader, midnight)
    waiting = history_records.waiting(reader)
    failures = history_records.last_failures(reader, midnight)
    configured = tuple(desk.settings.channels)
    gone = sorted({*finished, *waiting} - {*configured})
    found = []
    for channel in (*configured, *gone):
        ended, failure = finished.get(channel, {}), failures.get(channel)
        found.append(
            ChannelDay(
                channel,
                sent=ended.get("sent", 0),
                failed=ended.get("failed", 0),
                due=waiting.get(channel, 0),
                cancelled=ended.get("cancelled", 0),
                last_failure_at=failure.at if failure else None,
                last_failure=failure.detail if failure else "",
                configured=channel in desk.settings.channels,
            )
        )
    return tuple(found)


def _mean_s(sums: Iterable[tuple[int, int]]) -> float | None:
    """The mean of sums, each of so many and in microseconds."""
    counts, took_us = zip(*sums, strict=True) if (sums := list(sums)) else ((), ())
    return sum(took_us) / sum(counts) / 1e6 if sum(counts) else None
