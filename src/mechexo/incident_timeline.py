"""The timeline of an incident, collected from every wing's records when it is asked for.

Nothing is copied when something happens, so nothing can be missed or stand twice; what cannot be
read is a gap, in words.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from mechexo import incident_sources as sources
from mechexo.errors import MechexoError
from mechexo.incident_alerts import window_of
from mechexo.incident_sources import Asked
from mechexo.incidents import operations as incidents
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.alerts.values import Alert
    from mechexo.desk import Desk
    from mechexo.incidents.values import Incident, Moment

_SOURCES: tuple[tuple[str, Callable[[Asked], Iterator[Moment]]], ...] = (
    # What happened at one moment is told in this order: cause, alarm, people, deeds.
    ("changes", sources.of_changes),
    ("flows", sources.of_flows),
    ("probes", sources.of_probes),
    ("alerts", sources.of_alerts),
    ("on-call", sources.of_on_call),
    ("incident", sources.of_incident),
    ("runbook", sources.of_steps),
    ("rollbacks", sources.of_rollbacks),
    ("audit log", sources.of_actions),
)


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happened, as far as it is known."""

    incident: Incident
    moments: tuple[Moment, ...]
    """Oldest first; what happened at one moment always in the same order."""
    gaps: tuple[str, ...]
    """What could not be read, or is not listed, and why."""
    alerts: tuple[Alert, ...] = ()
    """The alerts of its time, oldest first."""
    own_alerts: tuple[int, ...] = ()
    """The ids of those that are the incident's own."""


def timeline(desk: Desk, incident_id: int) -> Timeline:
    """The timeline of one incident.

    Raises:
        NotFoundError: there is no such incident.
        StateError: the incident itself cannot be read.
    """
    incident = incidents.get(desk, incident_id)
    start, end = window_of(incident, desk.clock.now())
    asked = Asked(desk, incident, incidents.linked_alerts(desk, incident_id), start, end)
    moments: list[Moment] = []
    for name, source in _SOURCES:
        try:
            moments += source(asked)
        except MechexoError as error:
            asked.gaps.append(f"{name}: {error}")
        except (ValueError, TypeError, KeyError, sqlite3.Error) as error:
            # A damaged row in a wing that reads them all at once.
            asked.gaps.append(f"{name}: cannot be read ({type(error).__name__}: {error})")
    moments.sort(key=lambda moment: moment.at)
    gaps = tuple(dict.fromkeys(asked.gaps))
    return Timeline(incident, tuple(moments), gaps, asked.alerts, asked.own)


def version(desk: Desk, incident_id: int) -> str:
    """Changes when something may have been added to the timeline. Cheap: the console asks every
    second. What other programs do (commits, flags by hand) shows within a minute."""
    from mechexo.alerts import course as alerts
    from mechexo.health import operations as health
    from mechexo.rollback import course as rollbacks
    from mechexo.runbook import records as steps

    now = desk.clock.now()
    newest = desk.audit_entries(1)
    parts = (
        incidents.version(desk, incident_id),
        alerts.last_change(desk),
        health.last_change(desk),
        rollbacks.last_change(desk),
        steps.version(desk.state, incident_id, now),
        newest[-1].seq if newest else 0,
        f"{now:%H%M}",
    )
    return "|".join(map(str, parts))
