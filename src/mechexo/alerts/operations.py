"""What people, the tick and the screens can ask of the alerts wing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.actor import Role
from mechexo.alerts import outbox, records, rules
from mechexo.alerts.book import apply_step, store
from mechexo.alerts.channels.mailbox import mailbox
from mechexo.alerts.history import statistics
from mechexo.alerts.sender import channels_gone, deliver_due
from mechexo.alerts.silencing import covered, silence, silences, unsilence
from mechexo.alerts.text import clean, clean_observation
from mechexo.alerts.values import (
    OPEN,
    Alert,
    AlertCounts,
    AlertEvent,
    AlertState,
    Delivery,
    Observation,
)
from mechexo.errors import ConflictError, NotFoundError
from mechexo.times import iso_z

if TYPE_CHECKING:
    from mechexo.desk import Desk

__all__ = [
    "acknowledge",
    "acknowledgement_notes",
    "counts",
    "covered",
    "deliver_due",
    "deliveries",
    "get_alert",
    "list_alerts",
    "mailbox",
    "observe",
    "oldest_due_s",
    "raise_alert",
    "resolve",
    "silence",
    "silences",
    "statistics",
    "timeline",
    "unacknowledged_critical_since",
    "undelivered",
    "unsilence",
]

UNTOLD_NAMED = 5
"""How many alerts `undelivered` names: every tick records what it says."""


def observe(desk: Desk, observations: Iterable[Observation]) -> tuple[Alert, ...]:
    """Takes what the sources say: opens, merges, resolves. Returns the alerts that changed.

    Alerts, timeline and outbox rows are on disk, in one transaction, when this returns. Called
    without observations it still ends silences and quiet hours.

    Raises:
        UsageError: an observation has no key or name, or a severity that does not exist.
    """
    safe = [clean_observation(each) for each in observations]
    now = desk.clock.now()
    with desk.state.write() as transaction:
        safe += channels_gone(desk, transaction)
        effects = apply_step(desk, transaction, now, safe)
        records.prune(transaction.connection, now - desk.settings.alerts.keep_resolved)
    return effects.alerts


def raise_alert(
    desk: Desk,
    *,
    key: str,
    severity: str,
    name: str,
    summary: str,
    labels: Mapping[str, str],
    runbook: str = "",
    source: str = "manual",
    reason: str = "",
) -> Alert:
    """Raises an alert by hand; merges into the open one of the same key, if there is one."""
    observation = clean_observation(
        Observation(key, True, severity, name, summary, source, labels, runbook)
    )
    with desk.operation(
        "alerts.raise", observation.key, needs=Role.RESPONDER, reason=clean(reason)
    ) as operation:
        effects = apply_step(desk, operation.transaction, desk.clock.now(), [observation])
        alert = next(each for each in effects.alerts if each.key == observation.key)
        operation.after = {"alert": alert.id, "severity": alert.severity, "count": alert.count}
    return alert


def list_alerts(
    desk: Desk, *, states: Collection[AlertState] = OPEN, limit: int | None = None
) -> tuple[Alert, ...]:
    """The alerts in these states, worst severity first, then newest."""
    now = desk.clock.now()
    found = records.alerts_in(desk.state.reader(), states, limit)
    return tuple(_as_of(alert, now) for alert in found)


def get_alert(desk: Desk, alert_id: int) -> Alert:
    """One alert, open or resolved.

    Raises:
        NotFoundError: there is no alert with this id.
    """
    found = records.alert_by_id(desk.state.reader(), alert_id)
    return _as_of(_known(found, alert_id, desk), desk.clock.now())


def timeline(desk: Desk, alert_id: int) -> tuple[AlertEvent, ...]:
    """Why somebody was, or was not, told: everything that happened to the alert, oldest first."""
    get_alert(desk, alert_id)
    return records.timeline_of(desk.state.reader(), alert_id)


def deliveries(desk: Desk, alert_id: int | None = None, limit: int = 50) -> tuple[Delivery, ...]:
    """The newest messages, of one alert or of all, newest first."""
    return outbox.deliveries(desk.state.reader(), alert_id, limit)


def acknowledgement_notes(desk: Desk, alert_ids: Collection[int]) -> dict[int, str]:
    """What was said with the acknowledgement of each of these alerts; those without words, or
    whose acknowledgement no longer stands, are not in it."""
    return records.acknowledgement_notes(desk.state.reader(), alert_ids)


def acknowledge(desk: Desk, alert_id: int, *, note: str = "") -> Alert:
    """Says that the actor knows and takes it: nothing more is sent, unless it gets worse than it
    is now. The first one stands: one more changes nothing and leaves no entry in the audit log.

    Raises:
        NotFoundError: there is no alert with this id.
        ConflictError: it is resolved already.
    """
    # An acknowledgement is its own reason: nobody shall have to find words at night.
    reason, now = clean(note) or "acknowledged", desk.clock.now()
    desk.require("alerts.acknowledge", str(alert_id), Role.RESPONDER)
    before = records.alert_by_id(desk.state.reader(), alert_id)
    if before is not None and before.state is AlertState.ACKNOWLEDGED:
        return _as_of(before, now)
    with desk.operation(
        "alerts.acknowledge", str(alert_id), needs=Role.RESPONDER, reason=reason
    ) as operation:
        connection = operation.transaction.connection
        alert = _known(records.alert_by_id(connection, alert_id), alert_id, desk)
        if alert.resolved_at is not None:
            raise ConflictError(
                f"alert {alert_id} was resolved at {iso_z(alert.resolved_at)}; "
                "there is nothing to acknowledge"
            )
        known, effects = rules.acknowledge(alert, now, desk.actor.name, clean(note))
        operation.before = {"state": alert.state.value, "by": alert.acknowledged_by}
        operation.after = {"state": known.state.value, "by": known.acknowledged_by}
        store(operation.transaction, effects, now)
    return known


def resolve(desk: Desk, alert_id: int, *, reason: str = "") -> Alert:
    """Closes an alert by hand. If its source still sees the trouble, a new alert opens.

    Raises:
        NotFoundError: there is no alert with this id.
    """
    now = desk.clock.now()
    with desk.operation(
        "alerts.resolve", str(alert_id), needs=Role.RESPONDER, reason=clean(reason)
    ) as operation:
        connection = operation.transaction.connection
        alert = _known(records.alert_by_id(connection, alert_id), alert_id, desk)
        over, effects = rules.resolve(alert, now, desk.actor.name, clean(reason))
        operation.before, operation.after = {"state": alert.state}, {"state": over.state}
        store(operation.transaction, effects, now)
    return over


def oldest_due_s(desk: Desk) -> float | None:
    """For how long the oldest unfinished message has been due, in seconds; None when none is."""
    now = desk.clock.now()
    since = outbox.oldest_due(desk.state.reader(), now)
    return None if since is None else (now - since).total_seconds()


def counts(desk: Desk) -> AlertCounts:
    """The open alerts in numbers."""
    return records.counts(desk.state.reader(), desk.clock.now())


def unacknowledged_critical_since(desk: Desk) -> datetime | None:
    """Since when the longest unacknowledged critical alert waits: since it started, or got worse
    than what was acknowledged. None when there is none."""
    return records.unacknowledged_since(desk.state.reader(), "critical")


def undelivered(desk: Desk) -> tuple[str, ...]:
    """A sentence for each open, unacknowledged critical or high alert that nobody was told about,
    nor will be: no channel takes it, or its messages were given up. Worst first, then oldest;
    those beyond the first `UNTOLD_NAMED` are a number in one last sentence."""
    found = records.untold(desk.state.reader())
    said = [
        f"nobody was told about alert {row['id']} ({row['severity']} {row['name']}): "
        + (f"could not be delivered: {row['why']}" if row["why"] else "no channel takes it")
        for row in found[:UNTOLD_NAMED]
    ]
    if more := len(found) - len(said):
        said.append(f"nobody was told about {more} more alerts; see: mechexo alerts list")
    return tuple(said)


def _as_of(alert: Alert, now: datetime) -> Alert:
    """The alert without a suppression that ended since the last step."""
    if alert.held_until is None and alert.silenced_until is None:
        return alert
    held = alert.held_until if alert.held_until and alert.held_until > now else None
    silenced = alert.silenced_until if alert.silenced_until and alert.silenced_until > now else None
    return replace(alert, held_until=held, silenced_until=silenced)


def _known(alert: Alert | None, alert_id: int, desk: Desk) -> Alert:
    if alert is not None:
        return alert
    near = [str(each.id) for each in records.alerts_in(desk.state.reader(), OPEN, 5)]
    raise NotFoundError(f"there is no alert {alert_id}; open: {', '.join(near) or 'none'}")
