"""Who is on call, and whether it is quiet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo.alerts.quiet import QuietHours
from mechexo.alerts.values import OnCallNow

if TYPE_CHECKING:
    from mechexo.desk import Desk

__all__ = ["OnCallNow", "now", "quiet_hours"]


def quiet_hours(desk: Desk) -> QuietHours:
    """The desk's quiet hours as configured."""
    configured = desk.settings.quiet_hours
    zone = configured.zone or desk.settings.desk.zone
    return QuietHours(configured.start, configured.end, zone, configured.enabled)


def now(desk: Desk) -> OnCallNow:
    """The people of each level and the quiet hours, at this moment."""
    levels = desk.settings.oncall
    until = quiet_hours(desk).until(desk.clock.now())
    return OnCallNow(levels.level1, levels.level2, levels.level3, until is not None, until)
