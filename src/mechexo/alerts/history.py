"""Alert history in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from mechexo.alerts import records
from mechexo.alerts.values import SEVERITIES, AlertStatistics
from mechexo.errors import UsageError

if TYPE_CHECKING:
    from mechexo.desk import Desk


def statistics(desk: Desk, *, days: int = 7) -> AlertStatistics:
    """Alert history of the last `days` days in the desk's zone, today included.

    Raises:
        UsageError: `days` is not between 1 and 366.
    """
    if not 1 <= days <= 366:
        raise UsageError("give a number of days from 1 to 366")
    today = desk.clock.now().astimezone(desk.zone).date()
    dates = [today - timedelta(days=back) for back in reversed(range(days))]
    start = datetime.combine(dates[0], time(), desk.zone)
    alerts = records.started_since(desk.state.reader(), start)
    severities = Counter(alert.severity for alert in alerts)
    by_day = Counter(alert.started_at.astimezone(desk.zone).date() for alert in alerts)
    names = Counter(alert.name for alert in alerts)
    return AlertStatistics(
        days=days,
        total=len(alerts),
        by_severity={each: severities[each] for each in SEVERITIES if severities[each]},
        by_day=tuple((date.isoformat(), by_day[date]) for date in dates),
        noisiest=tuple(sorted(names.items(), key=lambda item: (-item[1], item[0]))[:5]),
        mean_acknowledge_s=_mean_s((a.started_at, a.acknowledged_at) for a in alerts),
        mean_resolve_s=_mean_s((a.started_at, a.resolved_at) for a in alerts),
    )


def _mean_s(spans: Iterable[tuple[datetime, datetime | None]]) -> float | None:
    took = [(end - start).total_seconds() for start, end in spans if end is not None]
    return sum(took) / len(took) if took else None
