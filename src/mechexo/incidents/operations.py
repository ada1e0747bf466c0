"""What can be asked of the incidents wing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.actor import Role
from mechexo.errors import ConflictError, UsageError
from mechexo.incidents import records, rules
from mechexo.incidents.reading import (
    as_moment,
    damaged,
    get,
    known,
    linked_alerts,
    list_incidents,
    opened_between,
    own_history,
    own_moments,
    version,
    without_incident,
)
from mechexo.incidents.values import (
    SEVERITIES,
    EventKind,
    Incident,
    IncidentStatus,
    Moment,
)
from mechexo.times import in_zone, iso_z

if TYPE_CHECKING:
    import sqlite3

    from mechexo.desk import Desk

__all__ = [
    "close",
    "damaged",
    "get",
    "join",
    "linked_alerts",
    "list_incidents",
    "note",
    "open_incident",
    "opened_between",
    "own_history",
    "own_moments",
    "set_commander",
    "set_flows",
    "set_severity",
    "set_status",
    "version",
    "without_incident",
]


def open_incident(
    desk: Desk,
    *,
    title: str,
    severity: str,
    runbook: str = "",
    alert_id: int | None = None,
    alert_key: str = "",
    flows: Sequence[str] = (),
    commander: str = "",
    began_at: datetime | None = None,
    reason: str = "",
    once: bool = False,
) -> Incident:
    """Opens an incident; whoever does takes part in it. `began_at` is now unless it is given.
    With `once`, where one that follows this entry goes on, that one is returned.

    Raises:
        UsageError: the title or the severity cannot be used, or it is to begin in the future.
        ConflictError: the alert belongs to an incident already.
        NotAllowedError: the role is below responder.
    """
    now, name = desk.clock.now(), desk.actor.name
    if began_at is not None and began_at > now:
        raise UsageError(
            f"an incident cannot begin at {in_zone(began_at, desk.zone)}: that is to come"
        )
    wanted = Incident(
        id=0,
        title=rules.read_line(title, "a title", rules.LONGEST_TITLE),
        severity=rules.read_severity(severity),
        status=IncidentStatus.OPEN,
        commander=_name(commander),
        runbook=_name(runbook),
        alert_id=alert_id,
        flows=_names(flows),
        began_at=began_at or now,
        opened_at=now,
        opened_by=name,
        mitigated_at=None,
        closed_at=None,
        closed_by="",
        attendees=(),
    )
    why = rules.clean_line(reason)
    with desk.operation(
        "incident.open", wanted.title, needs=Role.RESPONDER, reason=why or "opened"
    ) as operation:
        connection = operation.transaction.connection
        if once and (other := records.not_closed_for(connection, "", wanted.runbook)) is not None:
            operation.unchanged = True
            return known(connection, other)
        if alert_id is not None:
            _refuse_taken(connection, alert_id)
        made = records.insert(connection, wanted)
        if alert_id is not None:
            records.link(connection, alert_id, alert_key, made.id, now)
        for each in dict.fromkeys(filter(None, [name, made.commander])):
            records.attend(connection, made.id, each, now)
        said = f"{made.severity}: {made.title}" + (f" ({why})" if why else "")
        records.append(connection, made.id, now, EventKind.OPENED, name, said)
        operation.after = _summary(made)
        return known(connection, made.id)


def note(desk: Desk, incident_id: int, text: str) -> Moment:
    """Adds a note, to a closed incident too: afterwards one knows more.

    Raises:
        UsageError: nothing is in it, or too much.
        NotFoundError: there is no such incident.
        NotAllowedError: the role is below responder.
    """
    said, name = rules.read_note(text), desk.actor.name
    with desk.operation(
        "incident.note", str(incident_id), needs=Role.RESPONDER, reason=_first_line(said)
    ) as operation:
        connection = operation.transaction.connection
        incident = known(connection, incident_id)
        at = _at(desk, connection, incident_id)
        _attend(connection, incident, name, at)
        line = records.append(connection, incident_id, at, EventKind.NOTE, name, said)
        operation.after = {"line": line, "characters": len(said)}
    return as_moment(line, at, EventKind.NOTE, name, said)


def join(desk: Desk, incident_id: int) -> Incident:
    """Says that the actor takes part. Once is enough.

    Raises:
        ConflictError: it is closed.
        NotFoundError: there is no such incident.
        NotAllowedError: the role is below responder.
    """
    name = desk.actor.name
    with desk.operation(
        "incident.join", str(incident_id), needs=Role.RESPONDER, reason="joined"
    ) as operation:
        connection = operation.transaction.connection
        incident = known(connection, incident_id)
        if name in incident.attendees:
            operation.unchanged = True
            return incident
        rules.check_not_closed(incident, "so nobody joins it")
        at = _at(desk, connection, incident_id)
        records.attend(connection, incident_id, name, at)
        records.append(connection, incident_id, at, EventKind.JOINED, name, f"{name} joined")
        return known(connection, incident_id)


def set_severity(desk: Desk, incident_id: int, severity: str, *, reason: str = "") -> Incident:
    """Says how bad it is; afterwards too. As it stands already changes nothing.

    Raises:
        UsageError: there is no such severity.
        NotFoundError: there is no such incident.
        NotAllowedError: the role is below responder.
    """
    wanted = rules.read_severity(severity)

    def change(incident: Incident, _: datetime) -> Incident:
        return replace(incident, severity=wanted)

    def said(before: Incident) -> str:
        worse = SEVERITIES.index(wanted) < SEVERITIES.index(before.severity)
        return f"{'worse' if worse else 'milder'}: {wanted}, was {before.severity}"

    return _change(desk, incident_id, "severity", EventKind.SEVERITY, change, said, reason)


def set_commander(desk: Desk, incident_id: int, name: str, *, reason: str = "") -> Incident:
    """Says who leads; "" is nobody. Whoever leads takes part.

    Raises:
        UsageError: the name cannot be used.
        ConflictError: the incident is closed.
        NotFoundError: there is no such incident.
        NotAllowedError: the role is below responder.
    """
    wanted = _name(name)

    def change(incident: Incident, _: datetime) -> Incident:
        rules.check_not_closed(incident, "so nobody leads it")
        return replace(incident, commander=wanted)

    def said(before: Incident) -> str:
        was = f", was {before.commander}" if before.commander else ""
        return f"{wanted or 'nobody'} leads{was}"

    return _change(desk, incident_id, "commander", EventKind.COMMANDER, change, said, reason)


def set_flows(desk: Desk, incident_id: int, flows: Sequence[str], *, reason: str = "") -> Incident:
    """Says which flows it affects, in place of those said before; afterwards too.

    Raises:
        UsageError: a name cannot be used.
        NotFoundError: there is no such incident.
        NotAllowedError: the role is below responder.
    """
    wanted = _names(flows)

    def change(incident: Incident, _: datetime) -> Incident:
        return replace(incident, flows=wanted)

    def said(before: Incident) -> str:
        was = f", was {', '.join(before.flows)}" if before.flows else ""
        return f"affects {', '.join(wanted) or 'no flow'}{was}"

    return _change(desk, incident_id, "flows", EventKind.FLOWS, change, said, reason)


def set_status(desk: Desk, incident_id: int, status: IncidentStatus, *, text: str = "") -> Incident:
    """Says that it is mitigated, or (a mitigated or closed one) open again; `close` closes.

    Raises:
        ConflictError: a closed incident cannot be mitigated.
        NotFoundError: there is no such incident.
        NotAllowedError: the role is below responder.
    """
    if status is IncidentStatus.CLOSED:
        return close(desk, incident_id, text=text)
    mitigated = status is IncidentStatus.MITIGATED

    def change(incident: Incident, at: datetime) -> Incident:
        rules.check_becomes(incident, status)
        if incident.status is status:
            return incident
        since = at if mitigated else None
        return replace(incident, status=status, mitigated_at=since, closed_at=None, closed_by="")

    def said(before: Incident) -> str:
        return "mitigated" if mitigated else f"open again, was {before.status}"

    action, kind = (
        ("mitigated", EventKind.MITIGATED) if mitigated else ("reopen", EventKind.REOPENED)
    )
    return _change(desk, incident_id, action, kind, change, said, text)


def close(
    desk: Desk, incident_id: int, *, text: str = "", still_open: Sequence[str] = ()
) -> Incident:
    """Says that it is over. `still_open` names the alerts that are not, for the record.

    Raises:
        NotFoundError: there is no such incident.
        NotAllowedError: the role is below responder.
    """

    def change(incident: Incident, at: datetime) -> Incident:
        if incident.is_closed:
            return incident
        status = IncidentStatus.CLOSED
        return replace(incident, status=status, closed_at=at, closed_by=desk.actor.name)

    def said(_: Incident) -> str:
        open_ = ", ".join(map(rules.clean_line, still_open))
        return f"closed, still open: {open_}" if open_ else "closed"

    return _change(desk, incident_id, "close", EventKind.CLOSED, change, said, text)


def _change(
    desk: Desk,
    incident_id: int,
    action: str,
    kind: EventKind,
    change: Callable[[Incident, datetime], Incident],
    said: Callable[[Incident], str],
    reason: str,
) -> Incident:
    """One change of an incident: its row, a line of its timeline and the audit entry."""
    why = rules.read_note(reason, "a reason") if reason.strip() else ""
    with desk.operation(
        f"incident.{action}",
        str(incident_id),
        needs=Role.RESPONDER,
        reason=_first_line(why) or action,
    ) as operation:
        connection = operation.transaction.connection
        before = known(connection, incident_id)
        at = _at(desk, connection, incident_id)
        after = change(before, at)
        if after == before:
            operation.unchanged = True
            return before
        records.update(connection, after)
        _attend(connection, before, desk.actor.name, at)
        if after.commander and after.commander != before.commander:
            records.attend(connection, incident_id, after.commander, at)
        text = said(before) + (f": {why}" if why else "")
        records.append(connection, incident_id, at, kind, desk.actor.name, text)
        operation.before, operation.after = _summary(before), _summary(after)
        return known(connection, incident_id)


def _attend(connection: sqlite3.Connection, incident: Incident, name: str, at: datetime) -> None:
    """Whoever does something about an incident takes part in it, while it goes on."""
    if not incident.is_closed:
        records.attend(connection, incident.id, name, at)


def _at(desk: Desk, connection: sqlite3.Connection, incident_id: int) -> datetime:
    return rules.next_moment(desk.clock.now(), records.last_event_at(connection, incident_id))


def _refuse_taken(connection: sqlite3.Connection, alert_id: int) -> None:
    taken = records.incident_of_alert(connection, alert_id)
    if taken is not None:
        raise ConflictError(
            f"alert {alert_id} belongs to incident {taken} already; see: "
            f"mechexo incident show {taken}"
        )


def _name(text: str) -> str:
    return rules.read_line(text, "a name", rules.LONGEST_NAME) if text.strip() else ""


def _names(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_name(text) for text in texts if text.strip()))


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def _summary(incident: Incident) -> dict[str, object]:
    """What the audit entry says of it."""
    closed_at = incident.closed_at
    return {
        "id": incident.id,
        "severity": incident.severity,
        "status": incident.status.value,
        "commander": incident.commander,
        "flows": list(incident.flows),
        "alert": incident.alert_id,
        "closed_at": None if closed_at is None else iso_z(closed_at),
    }
