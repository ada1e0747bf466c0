"""What people, the tick and the screens can ask of the alerts wing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta

from mechexo.actor import Role
from mechexo.alerts import outbox, records, rules
from mechexo.alerts.channels.mailbox import mailbox
from mechexo.alerts.oncall import quiet_hours
from mechexo.alerts.sender import deliver_due
from mechexo.alerts.text import FIELD_LIMIT, clean, clean_key, clean_observation
from mechexo.alerts.values import (
    SEVERITIES,
    Alert,
    AlertCounts,
    AlertEvent,
    AlertState,
    AlertStatistics,
    Delivery,
    Observation,
    Silence,
)
from mechexo.desk import Desk
from mechexo.errors import ConflictError, NotFoundError, UsageError
from mechexo.state import Transaction
from mechexo.times import iso_z

__all__ = [
    "acknowledge",
    "counts",
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
    "unsilence",
]

_OPEN = (AlertState.FIRING, AlertState.ACKNOWLEDGED)


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
        effects = _step(desk, transaction, now, safe)
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
        "alerts.raise", observation.key, needs=Role.RESPONDER, reason=reason
    ) as operation:
        effects = _step(desk, operation.transaction, desk.clock.now(), [observation])
        alert = next(each for each in effects.alerts if each.key == observation.key)
        operation.after = {"alert": alert.id, "severity": alert.severity, "count": alert.count}
    return alert


def list_alerts(
    desk: Desk, *, states: Collection[AlertState] = _OPEN, limit: int | None = None
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


def acknowledge(desk: Desk, alert_id: int, *, note: str = "") -> Alert:
    """Says that the actor knows and takes it: nothing more is sent. The first one stands.

    Raises:
        NotFoundError: there is no alert with this id.
        ConflictError: it is resolved already.
    """
    # An acknowledgement is its own reason: nobody shall have to find words at night.
    reason, now = clean(note) or "acknowledged", desk.clock.now()
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
        _store(operation.transaction, effects, now)
    return known


def resolve(desk: Desk, alert_id: int, *, reason: str = "") -> Alert:
    """Closes an alert by hand. If its source still sees the trouble, a new alert opens.

    Raises:
        NotFoundError: there is no alert with this id.
    """
    now = desk.clock.now()
    with desk.operation(
        "alerts.resolve", str(alert_id), needs=Role.RESPONDER, reason=reason
    ) as operation:
        connection = operation.transaction.connection
        alert = _known(records.alert_by_id(connection, alert_id), alert_id, desk)
        over, effects = rules.resolve(alert, now, desk.actor.name, clean(reason))
        operation.before, operation.after = {"state": alert.state}, {"state": over.state}
        _store(operation.transaction, effects, now)
    return over


def silence(
    desk: Desk, *, matchers: Mapping[str, str], duration: timedelta, reason: str
) -> Silence:
    """Keeps every alert quiet whose labels or `name`, `source`, `key`, `severity` all match.

    The alerts stay on the list. Those still firing when it ends page then.

    Raises:
        UsageError: no matcher, no reason, or no positive duration.
    """
    if not matchers or not all(name.strip() for name in matchers):
        raise UsageError("a silence needs at least one match, like name=feed_stale")
    if duration <= timedelta(0):
        raise UsageError("a silence needs an end: how long, like 2h")
    if not reason.strip():
        raise UsageError("a silence needs a reason, for whoever looks next")
    now = desk.clock.now()
    try:
        ends_at = now + duration
    except OverflowError:
        raise UsageError("this silence would never end; give a shorter time") from None
    wanted = {
        clean(name, FIELD_LIMIT): clean_key(value) if name == "key" else clean(value, FIELD_LIMIT)
        for name, value in matchers.items()
    }
    with desk.operation(
        "alerts.silence", _in_words(wanted), needs=Role.RESPONDER, reason=reason
    ) as operation:
        made = records.add_silence(
            operation.transaction.connection,
            matchers=wanted,
            author=desk.actor.name,
            reason=clean(reason),
            starts_at=now,
            ends_at=ends_at,
        )
        _step(desk, operation.transaction, now, (), whole=True)
        operation.after = {"silence": made.id, "matchers": wanted, "ends_at": iso_z(ends_at)}
    return made


def unsilence(desk: Desk, silence_id: int) -> Silence:
    """Ends a silence now; what it covered and still fires pages.

    Raises:
        NotFoundError: there is no silence with this id.
    """
    now = desk.clock.now()
    with desk.operation(
        "alerts.unsilence", str(silence_id), needs=Role.RESPONDER, reason="ended by hand"
    ) as operation:
        connection = operation.transaction.connection
        known = records.silence_by_id(connection, silence_id)
        if known is None:
            active = ", ".join(str(each.id) for each in records.active_silences(connection, now))
            raise NotFoundError(f"there is no silence {silence_id}; active: {active or 'none'}")
        ended = replace(known, ends_at=min(known.ends_at, now))
        operation.before, operation.after = iso_z(known.ends_at), iso_z(ended.ends_at)
        records.end_silence(connection, silence_id, ended.ends_at)
        _step(desk, operation.transaction, now, (), whole=True)
    return ended


def silences(desk: Desk) -> tuple[Silence, ...]:
    """The silences that have not ended, soonest end first."""
    return records.active_silences(desk.state.reader(), desk.clock.now())


def oldest_due_s(desk: Desk) -> float | None:
    """For how long the oldest unfinished message has been due, in seconds; None when none is."""
    now = desk.clock.now()
    since = outbox.oldest_due(desk.state.reader(), now)
    return None if since is None else (now - since).total_seconds()


def counts(desk: Desk) -> AlertCounts:
    """The open alerts in numbers."""
    return records.counts(desk.state.reader(), desk.clock.now())


def unacknowledged_critical_since(desk: Desk) -> datetime | None:
    """When the oldest unacknowledged critical alert started; None when there is none."""
    return records.unacknowledged_since(desk.state.reader(), "critical")


def statistics(desk: Desk, *, days: int = 7) -> AlertStatistics:
    """Alert history of the last `days` days in the desk's zone, today included.

    Raises:
        UsageError: `days` is not between 1 and 366.
    """
    if not 1 <= days <= 366:
        raise UsageError("give a number of days from 1 to 366")
    today = desk.clock.now().astimezone(desk.zone).date()
    dates = [today - timedelta(days=back) for back in reversed(range(days))]
    start = datetime.combine(dates[0], time(), desk.zone)
    alerts = records.started_since(desk.state.reader(), start)
    severities = Counter(alert.severity for alert in alerts)
    by_day = Counter(alert.started_at.astimezone(desk.zone).date() for alert in alerts)
    names = Counter(alert.name for alert in alerts)
    return AlertStatistics(
        days=days,
        total=len(alerts),
        by_severity={each: severities[each] for each in SEVERITIES if severities[each]},
        by_day=tuple((date.isoformat(), by_day[date]) for date in dates),
        noisiest=tuple(sorted(names.items(), key=lambda item: (-item[1], item[0]))[:5]),
        mean_acknowledge_s=_mean_s((a.started_at, a.acknowledged_at) for a in alerts),
        mean_resolve_s=_mean_s((a.started_at, a.resolved_at) for a in alerts),
    )


def _mean_s(spans: Iterable[tuple[datetime, datetime | None]]) -> float | None:
    took = [(end - start).total_seconds() for start, end in spans if end is not None]
    return sum(took) / len(took) if took else None


def _policy(desk: Desk) -> rules.Policy:
    return rules.Policy(
        channels=tuple(
            rules.Channel(name, frozenset(channel.severities))
            for name, channel in desk.settings.channels.items()
        ),
        quiet_hours=quiet_hours(desk),
        first_escalation=desk.settings.alerts.first_escalation,
    )


def _step(
    desk: Desk,
    transaction: Transaction,
    now: datetime,
    observations: Collection[Observation],
    *,
    whole: bool = False,
) -> rules.Effects:
    """One step of the rules from and to the state file. `whole` looks at every open alert."""
    connection = transaction.connection
    if whole:
        alerts = records.all_open_alerts(connection)
    else:
        alerts = records.open_alerts(connection, [each.key for each in observations], now)
    state = rules.AlertsState(
        policy=_policy(desk),
        next_id=records.next_alert_id(connection),
        open=alerts,
        silences=records.active_silences(connection, now),
    )
    _, effects = rules.step(state, now, observations)
    _store(transaction, effects, now)
    return effects


def _store(transaction: Transaction, effects: rules.Effects, now: datetime) -> None:
    connection = transaction.connection
    records.save_alerts(connection, effects.alerts)
    records.append_events(connection, effects.events)
    outbox.add_pages(connection, effects.pages)
    outbox.cancel(connection, effects.cancellations, now)


def _as_of(alert: Alert, now: datetime) -> Alert:
    """The alert without a suppression that ended since the last step."""
    held = alert.held_until if alert.held_until and alert.held_until > now else None
    silenced = alert.silenced_until if alert.silenced_until and alert.silenced_until > now else None
    return replace(alert, held_until=held, silenced_until=silenced)


def _known(alert: Alert | None, alert_id: int, desk: Desk) -> Alert:
    if alert is not None:
        return alert
    near = [str(each.id) for each in records.alerts_in(desk.state.reader(), _OPEN, 5)]
    raise NotFoundError(f"there is no alert {alert_id}; open: {', '.join(near) or 'none'}")


def _in_words(matchers: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in matchers.items())
