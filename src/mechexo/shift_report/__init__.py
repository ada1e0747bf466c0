"""The shift report: what the next person on call should know."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

from mechexo.desk import Desk
from mechexo.errors import MechexoError, UsageError
from mechexo.shift_report import happened, open_items
from mechexo.shift_report.rendering import html, markdown, message
from mechexo.shift_report.values import Collector, Part, Shift, ShiftReport

__all__ = [
    "LONGEST_HOURS",
    "ShiftReport",
    "collect",
    "html",
    "markdown",
    "message",
    "shift_report",
]

LONGEST_HOURS = 24 * 31

_OPEN: tuple[tuple[str, Collector], ...] = (
    ("Open alerts", open_items.open_alerts),
    ("Open incidents", open_items.open_incidents),
    ("Commits on hold", open_items.holds),
    ("Silences and maintenance about to end", open_items.ending),
    ("Nobody on call in the next shift", open_items.oncall_gaps),
    ("Overdue reviews of the runbook", open_items.overdue_reviews),
)
_PARTS: tuple[tuple[str, Collector], ...] = (
    ("Handover notes", open_items.notes),
    ("How it went", happened.course),
    ("Incidents", open_items.incidents_of_shift),
    ("Steps run", open_items.steps_run),
    ("Alerts", happened.alerts),
    ("Flows", happened.flows),
    ("Costs", happened.costs),
    ("Actions", happened.actions),
)


def collect(desk: Desk, *, hours: int = 12, rotation: bool = False) -> ShiftReport:
    """The report of the last `hours` hours; with `rotation` since the last hand-over on call, where
    there was one within `LONGEST_HOURS`.

    A part that cannot be read says so in its place; the others are there.

    Raises:
        UsageError: `hours` is not between 1 and `LONGEST_HOURS`.
    """
    if not 1 <= hours <= LONGEST_HOURS:
        raise UsageError(f"--hours {hours}: a shift has 1 to {LONGEST_HOURS} hours")
    end = desk.clock.now()
    start, since = end - timedelta(hours=hours), f"{hours} {'hour' if hours == 1 else 'hours'} ago"
    if rotation:
        from mechexo.alerts.oncall import handovers

        found = handovers(desk, end - timedelta(hours=LONGEST_HOURS), end - timedelta.resolution)
        if found:
            last = found[-1]
            start = last.at
            since = f"{last.coming or 'nobody'} took over {last.schedule}"
        else:
            since += ", as there was no hand-over"
    shift = Shift(desk, start, end)
    return ShiftReport(
        desk=desk.settings.desk.name,
        mode=desk.settings.desk.mode,
        start=start,
        end=end,
        zone=desk.zone.key,
        author=desk.actor.name,
        since=since,
        parts=(
            _part("Status", happened.status, shift),
            Part("Open items", parts=tuple(_part(title, own, shift) for title, own in _OPEN)),
            *(_part(title, own, shift) for title, own in _PARTS),
        ),
    )


def shift_report(desk: Desk, *, hours: int = 12) -> str:
    """The report of the last `hours` hours as markdown, times in the desk's zone.

    Raises:
        UsageError: as `collect`.
    """
    return markdown(collect(desk, hours=hours))


def _part(title: str, own: Collector, shift: Shift) -> Part:
    try:
        return Part(title, tuple(own(shift)))
    except MechexoError as error:
        return Part(title, unreadable=str(error))
    except (ValueError, TypeError, KeyError, sqlite3.Error) as error:
        # A damaged row of a wing that reads them all at once must not cost the whole report.
        return Part(title, unreadable=f"damaged ({type(error).__name__}: {error})")
