"""What an incident cost: the fills of its time against those of the same hours before."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mechexo.errors import UsageError
from mechexo.incidents import operations as incidents
from mechexo.times import in_zone, iso_z
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.costs.incident_window_values import WindowCost
    from mechexo.desk import Desk
    from mechexo.incidents.values import Incident


@dataclass(frozen=True, slots=True)
class IncidentCost:
    """An incident, and what its fills cost beyond the usual."""

    incident: Incident
    until: str
    """Where its window ends: `mitigated`, `closed`, or `now` while it does harm."""
    zone: str
    """The desk's, in which times are told."""
    others: tuple[int, ...]
    """Incidents, by id, whose days are in no baseline."""
    cost: WindowCost


def incident_window(incident: Incident, now: datetime) -> tuple[datetime, datetime, str]:
    """From when to when an incident did harm, and what ended it: it was mitigated, or closed
    without that, or it goes on until `now`."""
    for end, word in ((incident.mitigated_at, "mitigated"), (incident.closed_at, "closed")):
        if end is not None:
            return incident.began_at, end, word
    return incident.began_at, now, "now"


def incident_cost(desk: Desk, incident_id: int, *, weeks: int = 4) -> IncidentCost:
    """What the fills of an incident cost beyond the usual, positive when it hurt. Days on which
    another incident did harm in the same hours are in no baseline.

    Raises:
        NotFoundError: there is no such incident.
        UsageError: the incident has only just begun, or `weeks` is out of range.
        ConfigError: no source of fills is configured, or it does not fit its mapping.
        UnreachableError: a source cannot be read.
    """
    from mechexo.costs.incident_window import window_cost

    incident, now = incidents.get(desk, incident_id), desk.clock.now()
    start, end, until = incident_window(incident, now)
    if start >= end:
        raise UsageError(
            f"incident {incident.id} did harm for no time: it began at {iso_z(start)} and is "
            f"{until} since {iso_z(end)}"
        )
    others = {
        other.id: incident_window(other, now)[:2]
        for other in incidents.list_incidents(desk, all=True)
        if other.id != incident.id and other.began_at < start
    }
    cost = window_cost(desk, start, end, weeks=weeks, excluded=tuple(others.values()))
    reach = min((span.start for span in cost.spans), default=start)
    near = tuple(sorted(number for number, (_, last) in others.items() if last > reach))
    return IncidentCost(incident, until, desk.zone.key, near if cost.left_out else (), cost)


def when(found: IncidentCost) -> str:
    """The incident's window in words."""
    zone = ZoneInfo(found.zone)
    start, end = (in_zone(moment, zone) for moment in (found.cost.start, found.cost.end))
    until = f"{end}, it goes on" if found.until == "now" else f"{end}, when it was {found.until}"
    return f"From {start} to {until}"


def markdown(found: IncidentCost) -> str:
    """The answer as markdown."""
    from mechexo.costs.incident_window_words import summary
    from mechexo.markdown_text import cell, table

    cost, incident = found.cost, found.incident

    def figure(value: float | None) -> str | None:
        return None if value is None else f"{value:,.2f}"

    lines = [
        f"# What incident {incident.id} cost",
        "",
        f"{incident.severity}: {cell(incident.title)}. {when(found)}.",
        "",
        *(f"- {cell(line)}" for line in summary(cost)),
        *(f"- ▲ {cell(warning)}" for warning in cost.warnings),
        "",
        f"## By symbol, {cost.measure} in bps, positive hurts",
        "",
        *table(
            ("symbol", "fills", "bps", "baseline fills", "baseline bps", f"extra {cost.currency}"),
            (
                (
                    row.symbol,
                    str(row.fills),
                    figure(row.cost_bps),
                    str(row.baseline_fills),
                    figure(row.baseline_bps),
                    figure(row.difference_ccy),
                )
                for row in cost.symbols
            ),
        ),
        "",
        "## Days of the baseline",
        "",
        *table(
            ("day", "fills", "with a cost", "bps"),
            (
                (each.day.isoformat(), str(each.fills), str(each.measured), figure(each.cost_bps))
                for each in cost.days
            ),
        ),
    ]
    return "\n".join(lines) + "\n"
