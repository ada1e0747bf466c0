"""How fast an incident was noticed, acknowledged, mitigated and resolved, from its records.

The terms are the usual ones of incident response (MTTD, MTTA, MTTR are their means over many):
detect counts from the beginning of the trouble to the first sign that mechexo recorded, acknowledge
from that sign to the first person who said that they know, mitigate and resolve from the beginning.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from mechexo.incidents.values import Incident, Moment
from mechexo.value_classes import dataclass

BACKWARDS = "the recorded end lies before the recorded start"


@dataclass(frozen=True, slots=True)
class Point:
    """A moment and the record that tells of it."""

    at: datetime
    record: str


@dataclass(frozen=True, slots=True)
class ResponseTime:
    """One span of time; `seconds` is None when it is not known, and `why` says why."""

    name: str
    """`detect`, `acknowledge`, `mitigate` or `resolve`."""
    seconds: float | None
    """Never negative."""
    start: Point | None
    end: Point | None
    why: str = ""


def response_times(
    incident: Incident, moments: Iterable[Moment], own_alerts: Collection[int]
) -> tuple[ResponseTime, ...]:
    """The four times of an incident, in the order of the module's text. `own_alerts` are the ids of
    the alerts that are its own; of others nothing is counted."""
    mine = {f"alert {number}" for number in own_alerts}
    own = [each for each in moments if each.source == "alerts" and each.ref in mine]
    began = Point(incident.began_at, f"incident {incident.id}: began")
    raised = _first(own, "alert_opened")
    opened = Point(incident.opened_at, f"incident {incident.id}: opened")
    detected = opened if raised is None or opened.at < raised.at else raised
    known = _first(own, "alert_acknowledged", since=detected.at)
    mitigated = closed = None
    if incident.mitigated_at is not None:
        mitigated = Point(incident.mitigated_at, f"incident {incident.id}: mitigated")
    if incident.closed_at is not None:
        closed = Point(incident.closed_at, f"incident {incident.id}: closed")
    nobody = "nobody acknowledged an alert" if raised else "no alert was recorded"
    return (
        _span("detect", began, detected, ""),
        _span("acknowledge", detected, known, nobody),
        _span("mitigate", began, mitigated, "nobody said that it was mitigated"),
        _span("resolve", began, closed, "it is not closed"),
    )


def _first(moments: Iterable[Moment], kind: str, since: datetime | None = None) -> Point | None:
    fitting = [m for m in moments if m.kind == kind and (since is None or m.at >= since)]
    first = min(fitting, key=lambda each: each.at, default=None)
    return None if first is None else Point(first.at, f"{first.ref}: {first.kind[6:]}")


def _span(name: str, start: Point, end: Point | None, missing: str) -> ResponseTime:
    if end is None:
        return ResponseTime(name, None, start, None, missing)
    seconds = (end.at - start.at).total_seconds()
    if seconds < 0:
        return ResponseTime(name, None, start, end, BACKWARDS)
    return ResponseTime(name, seconds, start, end)
