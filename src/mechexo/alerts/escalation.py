"""What is said of an alert's next level: the one place that speaks of escalation.

Nobody is told beyond the first level yet. Until that is built, a next level is a moment that
passes, and nothing may read as if somebody were called then.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.times import in_zone

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mechexo.alerts.values import Alert

NOBODY_FURTHER = "nobody further is told: there is no escalation yet"


def next_level(alert: Alert, now: datetime, zone: ZoneInfo) -> str:
    """When somebody should have acknowledged the alert, and who hears of it then; "" when nothing
    waits for an acknowledgement."""
    at = alert.next_level_at
    if at is None:
        return ""
    when = "overdue since" if at <= now else "to be acknowledged by"
    return f"{when} {in_zone(at, zone)}; {NOBODY_FURTHER}"
