"""What people, the tick and the screens can ask of the alerts wing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from mechexo.actor import Role
from mechexo.alerts import failing_channels, records
from mechexo.alerts.acknowledging import acknowledge, resolve
from mechexo.alerts.book import apply_step
from mechexo.alerts.channels.mailbox import mailbox
from mechexo.alerts.configured import calendars_ahead
from mechexo.alerts.damage_reading import damage_of, damaged
from mechexo.alerts.history import deliveries_today, history_24h, statistics
from mechexo.alerts.inbound import keys
from mechexo.alerts.reading import (
    acknowledgement_notes,
    counts,
    deliveries,
    get_alert,
    list_alerts,
    list_with_damage,
    oldest_due_s,
    outlooks,
    timeline,
    unacknowledged_critical_since,
    undelivered,
    without_entry,
)
from mechexo.alerts.sender import deliver_due
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
    Observation,
)

if TYPE_CHECKING:
    from mechexo.desk import Desk

__all__ = [
    "acknowledge",
    "acknowledgement_notes",
    "counts",
    "covered",
    "damage_of",
    "damaged",
    "deliver_due",
    "deliveries",
    "deliveries_today",
    "get_alert",
    "history_24h",
    "keep_time",
    "list_alerts",
    "list_with_damage",
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
    is left what has reached nobody, what another configuration would change (for alerts that a
    silence or a cause keeps back, and about channels that are gone), and what is too old to keep.
    What was said is on disk the sooner.

    Raises:
        UsageError: an observation has no key or name, or a severity that does not exist.
    """
    safe = [clean_observation(each) for each in observations]
    now, calendars = desk.clock.now(), calendars_ahead(desk)
    with desk.state.write() as transaction:
        if not time_is_kept:
            safe += failing_channels.gone(desk, transaction)
        effects = apply_step(
            desk,
            transaction,
            now,
            safe,
            calendars=calendars,
            thorough=not time_is_kept,
            outbox_too=not time_is_kept,
        )
        if not time_is_kept:
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
