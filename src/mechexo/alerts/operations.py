"""What people, the tick and the screens can ask of the alerts wing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from mechexo.actor import Role
from mechexo.alerts import records, rules, timeline_records
from mechexo.alerts.book import apply_step, store
from mechexo.alerts.channels.mailbox import mailbox
from mechexo.alerts.configured import calendars_ahead, policy_of
from mechexo.alerts.history import deliveries_today, history_24h, statistics
from mechexo.alerts.inbound import keys
from mechexo.alerts.reading import (
    acknowledgement_notes,
    as_of,
    counts,
    deliveries,
    get_alert,
    known,
    list_alerts,
    oldest_due_s,
    outlooks,
    timeline,
    unacknowledged_critical_since,
    undelivered,
    without_entry,
)
from mechexo.alerts.sender import channels_gone, deliver_due
from mechexo.alerts.silencing import (
    covered,
    maintenance_now,
    never_seen,
    silence,
    silences,
    unsilence,
)
from mechexo.alerts.text import clean, clean_observation
from mechexo.alerts.values import (
    Alert,
    AlertState,
    Observation,
)
from mechexo.errors import ConflictError
from mechexo.times import in_zone

if TYPE_CHECKING:
    from mechexo.desk import Desk

__all__ = [
    "acknowledge",
    "acknowledgement_notes",
    "counts",
    "covered",
    "deliver_due",
    "deliveries",
    "deliveries_today",
    "get_alert",
    "history_24h",
    "keep_time",
    "list_alerts",
    "mailbox",
    "maintenance_now",
    "never_seen",
    "observe",
    "oldest_due_s",
    "outlooks",
    "raise_alert",
    "resolve",
    "silence",
    "silences",
    "statistics",
    "timeline",
    "unacknowledged_critical_since",
    "undelivered",
    "unsilence",
    "without_entry",
]


def observe(
    desk: Desk, observations: Iterable[Observation], *, time_is_kept: bool = False
) -> tuple[Alert, ...]:
    """Takes what the sources say: opens, merges, resolves. Returns the alerts that changed.

    Alerts, timeline and outbox rows are on disk, in one transaction, when this returns. Called
    without observations it still ends silences and quiet hours and climbs the ladders.

    `time_is_kept` says that `keep_time` is called each second, and the tick now and then: to these
    is left what has reached nobody, and what another configuration would change for alerts that a
    silence or a cause keeps back. What was said is on disk the sooner.

    Raises:
        UsageError: an observation has no key or name, or a severity that does not exist.
    """
    safe = [clean_observation(each) for each in observations]
    now, calendars = desk.clock.now(), calendars_ahead(desk)
    with desk.state.write() as transaction:
        safe += channels_gone(desk, transaction)
        effects = apply_step(
            desk,
            transaction,
            now,
            safe,
            calendars=calendars,
            thorough=not time_is_kept,
            outbox_too=not time_is_kept,
        )
        records.prune(transaction.connection, now - desk.settings.alerts.keep_resolved)
    return effects.alerts


def keep_time(desk: Desk) -> tuple[Alert, ...]:
    """What only the time brings: the next level, the end of quiet hours or of a silence, a
    forgotten acknowledgement. Cheap when nothing is due. Returns the alerts that changed."""
    now, calendars = desk.clock.now(), calendars_ahead(desk)
    with desk.state.write() as transaction:
        effects = apply_step(desk, transaction, now, (), calendars=calendars, thorough=False)
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
    reason: str = "",
) -> Alert:
    """Raises an alert by hand; merges into the open one that was raised by hand with the same key,
    if there is one, never into that of a source."""
    own_key = keys.manual_key(key)
    observation = clean_observation(
        Observation(own_key, True, severity, name, summary, keys.MANUAL, labels, runbook)
    )
    calendars = calendars_ahead(desk)
    with desk.operation(
        "alerts.raise", observation.key, needs=Role.RESPONDER, reason=clean(reason)
    ) as operation:
        now, transaction = desk.clock.now(), operation.transaction
        effects = apply_step(desk, transaction, now, [observation], calendars=calendars)
        alert = next(each for each in effects.alerts if each.key == observation.key)
        operation.after = {"alert": alert.id, "severity": alert.severity, "count": alert.count}
    return alert


def acknowledge(
    desk: Desk, alert_id: int, *, note: str = "", through: str = "", shown: str = ""
) -> Alert:
    """Says that the actor knows and takes it: nobody further is told, unless it gets worse than it
    is now. The first one stands: one more changes nothing and leaves no entry in the audit log.

    The channels that were told of it hear who knows; the one it came `through` does already. Where
    the actor answers a message, `shown` is the severity that it showed: of an alert that has become
    worse since it is only recorded that they know of the milder one, and it goes on firing.

    Raises:
        NotFoundError: there is no alert with this id.
        ConflictError: it is resolved already.
    """
    # An acknowledgement is its own reason: nobody shall have to find words at night.
    reason, now = clean(note) or "acknowledged", desk.clock.now()
    calendars = calendars_ahead(desk)
    with desk.operation(
        "alerts.acknowledge", str(alert_id), needs=Role.RESPONDER, reason=reason
    ) as operation:
        connection = operation.transaction.connection
        alert = known(records.alert_by_id(connection, alert_id), alert_id, desk)
        if alert.resolved_at is not None:
            raise ConflictError(
                f"alert {alert_id} was resolved at {in_zone(alert.resolved_at, desk.zone)}; "
                "there is nothing to acknowledge"
            )
        if alert.state is AlertState.ACKNOWLEDGED:
            operation.unchanged = True
            return as_of(alert, now)
        if shown and rules.rank(shown) > rules.rank(alert.severity):
            event = rules.knows_of_less(alert, now, desk.actor.name, clean(note), shown)
            operation.unchanged = timeline_records.is_in_timeline(connection, alert_id, event)
            if not operation.unchanged:
                timeline_records.append_events(connection, [(alert_id, event)])
                operation.after = {"state": alert.state.value, "knows_of": shown}
            return as_of(alert, now)
        policy = policy_of(desk, now, calendars)
        taken, effects = rules.acknowledge(
            alert, now, desk.actor.name, clean(note), policy, through=through
        )
        operation.before = {"state": alert.state.value, "by": alert.acknowledged_by}
        operation.after = {"state": taken.state.value, "by": taken.acknowledged_by}
        store(operation.transaction, effects, now)
    return taken


def resolve(desk: Desk, alert_id: int, *, reason: str = "") -> Alert:
    """Closes an alert by hand. If its source still sees the trouble, a new alert opens.

    One that is resolved stays as it is, without an entry in the audit log.

    Raises:
        NotFoundError: there is no alert with this id.
    """
    now, calendars = desk.clock.now(), calendars_ahead(desk)
    with desk.operation(
        "alerts.resolve", str(alert_id), needs=Role.RESPONDER, reason=clean(reason)
    ) as operation:
        connection = operation.transaction.connection
        alert = known(records.alert_by_id(connection, alert_id), alert_id, desk)
        if not alert.is_open:
            operation.unchanged = True
            return alert
        over, effects = rules.resolve(
            alert, now, desk.actor.name, clean(reason), policy_of(desk, now, calendars)
        )
        operation.before, operation.after = {"state": alert.state}, {"state": over.state}
        store(operation.transaction, effects, now)
        # What it caused pages now, if it still fires.
        apply_step(desk, operation.transaction, now, (), calendars=calendars, thorough=False)
    return over
