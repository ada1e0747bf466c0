"""Schedules, overrides and what is wrong with them as lines and rows for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.cli import render
from mechexo.errors import UsageError
from mechexo.times import format_duration, in_zone

if TYPE_CHECKING:
    from mechexo.alerts.lint import Finding
    from mechexo.alerts.oncall import OnCallNow, Plan, Standing
    from mechexo.alerts.rotation import Override
    from mechexo.desk import Desk

PLAN_COLUMNS = ("schedule", "person", "starts_at", "ends_at", "why")
NOBODY = "✖ nobody"


def levels(desk: Desk, found: OnCallNow, standings: Sequence[Standing]) -> Iterator[str]:
    """A line for each level, and one for the quiet hours."""
    configured = desk.settings.oncall
    by_name = {standing.schedule: standing for standing in standings}
    people = (found.level1, found.level2, found.level3)
    names = (configured.level1, configured.level2, configured.level3)
    for number, (name, person) in enumerate(zip(names, people, strict=True), start=1):
        if name in by_name:
            yield f"level {number}: {_standing(desk, by_name.pop(name))}"
        else:
            yield f"level {number}: {person or 'nobody is configured'}"
    for name, standing in by_name.items():
        yield f"{name}: {_standing(desk, standing)}"
    if found.quiet_until is None:
        yield "quiet hours: no"
    else:
        until = found.quiet_until.astimezone(desk.zone).strftime("%Y-%m-%d %H:%M %Z")
        yield f"quiet hours: until {until}; only critical alerts page"


def _standing(desk: Desk, standing: Standing) -> str:
    said = f"{standing.person or NOBODY} ({standing.schedule}, {standing.why})"
    if standing.until is None:
        return said
    following = standing.next_person or "nobody"
    return f"{said}, then {following} from {in_zone(standing.until, desk.zone)}"


def period(desk: Desk, days: int) -> tuple[datetime, datetime]:
    """From now for so many days."""
    start = desk.clock.now()
    return start, start + timedelta(days=days)


def later(start: datetime, duration: timedelta) -> datetime:
    """The moment so much later.

    Raises:
        UsageError: the calendar has no such moment.
    """
    try:
        return start + duration
    except OverflowError:
        raise UsageError("this would never end; give a shorter time") from None


def plan_cells(plans: Iterable[Plan]) -> list[tuple[object, ...]]:
    """Each span as a row of CSV, in the order of `PLAN_COLUMNS`; nobody is an empty cell."""
    return [
        (plan.schedule, span.person, span.starts_at, span.ends_at, span.why)
        for plan in plans
        for span in plan.spans
    ]


def show_plans(desk: Desk, plans: Sequence[Plan]) -> None:
    """A table for each schedule, and what of it could not be used."""
    if not plans:
        render.text("no schedule is configured; see [oncall.schedules] in the example")
    for plan in plans:
        rows = [
            (
                span.starts_at,
                span.ends_at,
                format_duration(span.ends_at - span.starts_at),
                span.person or NOBODY,
                span.why,
            )
            for span in plan.spans
        ]
        columns = ("from", "until", ">length", "on call", "by")
        render.table(f"Schedule {plan.schedule}", columns, rows, zone=desk.zone)
        for gap in plan.gaps:
            until = in_zone(gap.ends_at, desk.zone)
            render.note(f"gap in {plan.schedule}: {in_zone(gap.starts_at, desk.zone)} to {until}")
        for problem in plan.problems:
            render.note(f"not used: {problem.what}")


def override_line(desk: Desk, made: Override) -> str:
    """An override in a line."""
    begins, ends = in_zone(made.starts_at, desk.zone), in_zone(made.ends_at, desk.zone)
    why = f": {made.reason}" if made.reason else ""
    return (
        f"override {made.id}: {made.person} is on call in {made.schedule} "
        f"from {begins} until {ends}{why}"
    )


def taken_back(desk: Desk, ended: Override, began: datetime) -> str:
    """What taking an override back, begun at that moment, came to."""
    if ended.starts_at == ended.ends_at:
        return f"override {ended.id}: taken back before it began"
    at = in_zone(ended.ends_at, desk.zone)
    if ended.ends_at < began:
        age = format_duration(began - ended.ends_at)
        return f"override {ended.id}: already ended {age} ago, at {at}"
    return f"override {ended.id} ended at {at}"


def show_findings(findings: Sequence[Finding], mild: Sequence[Finding]) -> None:
    """Each finding with what to do, the severe ones marked, or that there are none; then what may
    be meant so."""
    from mechexo.cli.words import harmless, status_word
    from mechexo.health.values import Status

    if not findings:
        said = "every level reaches somebody, and no schedule has a gap in the next 14 days"
        render.text(f"{status_word(Status.OK)} {said}")
    for finding in (*findings, *mild):
        status = Status.CRITICAL if finding.severe else Status.WARNING
        where = f"[{finding.table}]" + (f" {finding.key}" if finding.key else "")
        render.text(f"{status_word(status, 11)} {where}: {harmless(finding.what)}")
        render.text(f"{' ' * 12}do: {harmless(finding.do)}")
