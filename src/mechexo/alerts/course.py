"""How alerts went, for whoever tells of it afterwards: an incident, a report."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.alerts import course_records
from mechexo.alerts.values import AlertCourse

if TYPE_CHECKING:
    from mechexo.desk import Desk


def course(
    desk: Desk,
    *,
    start: datetime,
    end: datetime,
    ids: Collection[int] = (),
    most_alerts: int,
    most_moments: int,
) -> AlertCourse:
    """The alerts that started from `start` to `end`, and those with `ids` whenever they did, with
    everything that happened to them. What cannot be read, or is too much, stands in the gaps."""
    with desk.state.explained():
        connection = desk.state.reader()
        found, damaged, more = course_records.started(connection, start, end, most_alerts)
        known = {alert.id for alert in found}
        named, broken = course_records.with_ids(connection, {*ids} - known)
        alerts = sorted([*found, *named], key=lambda each: (each.started_at, each.id))
        every = [alert.id for alert in alerts]
        moments, lost, many = course_records.moments_of(connection, every, most_moments)
    missing = sorted({*ids} - {*every} - {*damaged, *broken})
    gaps = [f"alert {each} is damaged in the state file" for each in sorted({*damaged, *broken})]
    gaps += [f"alert {each} is not kept any more" for each in missing]
    if more:
        gaps.append(f"only the first {most_alerts} alerts are listed; see: mechexo alerts list")
    if lost:
        gaps.append(f"{lost} lines of their timelines are damaged in the state file")
    if many:
        gaps.append(f"only the first {most_moments} lines of their timelines are listed")
    return AlertCourse(tuple(alerts), moments, tuple(gaps))


def last_change(desk: Desk) -> str:
    """Changes whenever something happens to any alert. Cheap."""
    with desk.state.explained():
        return ".".join(map(str, course_records.last_change(desk.state.reader())))
