"""Where incidents and alerts meet: which alerts are an incident's, opening one for an alert,
closing one whose alerts are still open."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.incidents import operations as incidents
from mechexo.times import in_zone

if TYPE_CHECKING:
    from mechexo.alerts.values import Alert
    from mechexo.desk import Desk
    from mechexo.incidents.values import Incident

LEAD = timedelta(minutes=15)
"""So long before the trouble began its timeline begins."""
MOST_ALERTS = 1_000
FARTHEST = timedelta(days=366)
"""A beginning that is given and farther back is a slip of the keys; nothing can mend it later."""


def window_of(incident: Incident, now: datetime) -> tuple[datetime, datetime]:
    """What of the world's time an incident's timeline covers: from `LEAD` before the trouble began
    until it was closed, or now. It never ends before it was opened, whatever the clock did."""
    end = incident.closed_at or max(now, incident.opened_at)
    return min(incident.began_at, incident.opened_at) - LEAD, end


def severity_for(desk: Desk, alert_severity: str) -> str:
    """The severity of an incident that is opened for such an alert, by `[incidents] severity`."""
    for severity, wanted in desk.settings.incidents.severity.items():
        if severity == alert_severity:
            return wanted
    return "SEV3"


def flows_of(desk: Desk, alert: Alert) -> tuple[str, ...]:
    """The flows that an alert names and that are known."""
    known = {*desk.settings.flows, *desk.settings.rollback.flows}
    named = dict.fromkeys([alert.labels.get("flow", ""), alert.labels.get("suspect", "")])
    return tuple(name for name in named if name in known)


def check_flows(desk: Desk, flows: Sequence[str]) -> None:
    """Refuses a flow that is not configured: as a rule a slip of the keys.

    Raises:
        UsageError: there is no such flow; names those close to it.
    """
    from mechexo.errors import UsageError, close_names

    known = sorted({*desk.settings.flows, *desk.settings.rollback.flows})
    for flow in flows:
        if flow not in known:
            near = close_names(flow, known) if known else "none is configured"
            raise UsageError(f"there is no flow {flow!r}; {near}")


def began_at(alert: Alert) -> datetime:
    """When the trouble of an alert began, as far as its source says so."""
    return min(alert.started_at, alert.began_at or alert.started_at)


def title_of(alert: Alert) -> str:
    """What an incident is called that is opened for an alert."""
    from mechexo.incidents.rules import LONGEST_TITLE

    words = f"{alert.name}: {alert.summary}" if alert.summary else alert.name
    return words if len(words) <= LONGEST_TITLE else words[: LONGEST_TITLE - 1] + "…"


def open_for_alert(
    desk: Desk,
    alert_id: int,
    *,
    title: str = "",
    severity: str = "",
    runbook: str = "",
    flows: Sequence[str] = (),
    commander: str = "",
    began: datetime | None = None,
    reason: str = "",
) -> Incident:
    """Opens an incident for an alert: what is not given is taken from it.

    Raises:
        NotFoundError: there is no such alert.
        ConflictError: it belongs to an incident already.
        UsageError, NotAllowedError: as `incidents.operations.open_incident`.
    """
    from mechexo.alerts import reading

    alert = reading.get_alert(desk, alert_id)
    return incidents.open_incident(
        desk,
        title=title or title_of(alert),
        severity=severity or severity_for(desk, alert.severity),
        runbook=runbook or alert.runbook,
        alert_id=alert.id,
        alert_key=alert.key,
        flows=flows or flows_of(desk, alert),
        commander=commander,
        # A clock that was set back since must not keep anybody from opening one.
        began_at=began or min(began_at(alert), desk.clock.now()),
        reason=reason,
    )


def related(incident: Incident, alert: Alert, linked: Sequence[int]) -> bool:
    """Whether an alert of the incident's time is the incident's own: it belongs to it, leads to the
    same runbook entry, names one of its flows, or is caused by one that does belong to it."""
    flows = {alert.labels.get("flow", ""), alert.labels.get("suspect", "")} - {""}
    return (
        alert.id in linked
        or alert.suppressed_by in linked
        or bool(incident.runbook and alert.runbook == incident.runbook)
        or bool(flows & {*incident.flows})
    )


def still_open(desk: Desk, incident_id: int) -> tuple[Alert, ...]:
    """The incident's own alerts that are open now, worst severity first, then newest.

    Raises:
        NotFoundError: there is no such incident.
    """
    from mechexo.alerts import reading

    incident = incidents.get(desk, incident_id)
    linked = incidents.linked_alerts(desk, incident_id)
    start, _ = window_of(incident, desk.clock.now())
    return tuple(
        alert
        for alert in reading.list_alerts(desk)
        if alert.id in linked or (alert.started_at >= start and related(incident, alert, linked))
    )


def close(desk: Desk, incident_id: int, *, text: str = "") -> tuple[Incident, tuple[Alert, ...]]:
    """Closes an incident. Its alerts that are still open are no hindrance, but are recorded with
    it, and in the answer.

    Raises:
        NotFoundError: there is no such incident.
        NotAllowedError: the role is below responder.
    """
    open_ = still_open(desk, incident_id)
    words = [f"alert {alert.id} ({alert.severity} {alert.name})" for alert in open_[:10]]
    if more := len(open_) - len(words):
        words.append(f"{more} more")
    return incidents.close(desk, incident_id, text=text, still_open=words), open_


def opened_by_hand(
    desk: Desk,
    *,
    title: str,
    alert_id: int | None,
    severity: str,
    runbook: str,
    flows: Sequence[str],
    commander: str,
    began: datetime | None,
    reason: str,
) -> Incident:
    """Opens an incident as a person asks for it, for an alert or without one; without one it is
    `SEV2` unless said otherwise.

    Raises:
        UsageError: neither a title nor an alert is given, a flow is not known, or it is to begin
            more than a year ago.
        NotFoundError: there is no such alert.
        ConflictError: the alert belongs to an incident already.
        NotAllowedError: the role is below responder.
    """
    from mechexo.errors import UsageError

    check_flows(desk, flows)
    if began is not None and desk.clock.now() - began > FARTHEST:
        at = in_zone(began, desk.zone)
        raise UsageError(f"an incident cannot begin at {at}: that is more than a year ago")
    if alert_id is not None:
        return open_for_alert(
            desk,
            alert_id,
            title=title,
            severity=severity,
            runbook=runbook,
            flows=flows,
            commander=commander,
            began=began,
            reason=reason,
        )
    if not title.strip():
        raise UsageError("say what is the matter, or which alert it is: --alert ID")
    return incidents.open_incident(
        desk,
        title=title,
        severity=severity or "SEV2",
        runbook=runbook,
        flows=flows,
        commander=commander,
        began_at=began,
        reason=reason,
    )
