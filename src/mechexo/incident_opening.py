"""Which alerts open an incident by themselves: what the tick asks after alerts were stepped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo.incident_alerts import began_at, flows_of, severity_for, title_of
from mechexo.incidents import opening
from mechexo.incidents.values import Opening

if TYPE_CHECKING:
    from mechexo.alerts.values import Alert
    from mechexo.desk import Desk


def open_due(desk: Desk) -> tuple[int, ...]:
    """Opens what `[incidents] open_on` asks for; see `incidents.opening.open_due`. A silenced alert
    opens nothing: somebody knows. Returns the ids of the incidents that were opened.

    Raises:
        BusyError, StateError: the state file could not be read or written.
    """
    from mechexo.alerts import reading
    from mechexo.alerts.values import NOTICE_SOURCE

    wanted = desk.settings.incidents.open_on
    if not wanted:
        return ()
    alerts = [
        alert
        for alert in reading.list_alerts(desk)
        if alert.severity in wanted and not alert.silenced_until and alert.source != NOTICE_SOURCE
    ]
    if not alerts:
        return ()
    entries, remark = _entries(desk, alerts)
    # Oldest first: the first of several is what the incident is called after.
    ordered = sorted(alerts, key=lambda alert: (alert.started_at, alert.id))
    return opening.open_due(desk, [_opening(desk, alert, entries, remark) for alert in ordered])


def _opening(desk: Desk, alert: Alert, entries: dict[str, str], remark: str) -> Opening:
    return Opening(
        alert_id=alert.id,
        alert_key=alert.key,
        title=title_of(alert),
        severity=severity_for(desk, alert.severity),
        runbook=alert.runbook or entries.get(alert.name, ""),
        flows=flows_of(desk, alert),
        began_at=began_at(alert),
        parent_id=alert.suppressed_by,
        joins_only=alert.flapping_until is not None,
        remark="" if alert.runbook else remark,
    )


def _entries(desk: Desk, alerts: list[Alert]) -> tuple[dict[str, str], str]:
    """The runbook entries of the alerts that name none and belong to no incident yet; and why they
    could not be looked up. A runbook that cannot be read keeps no incident from opening."""
    from mechexo.errors import MechexoError
    from mechexo.incidents import operations as incidents
    from mechexo.runbook import operations as runbook

    free = incidents.without_incident(desk, [alert.id for alert in alerts if not alert.runbook])
    names = dict.fromkeys(alert.name for alert in alerts if alert.id in free)
    if not names:
        return {}, ""
    try:
        return runbook.unmistakable(desk, names), ""
    except MechexoError as error:
        return {}, f"the runbook cannot be read: {error}"
