"""The rules applied to the state file: load, step, store, inside one transaction."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.alerts import outbox, records
from mechexo.alerts.effects import AlertsState, Channel, Effects, Policy
from mechexo.alerts.oncall import quiet_hours
from mechexo.alerts.rules import step

if TYPE_CHECKING:
    from mechexo.alerts.values import Observation
    from mechexo.desk import Desk
    from mechexo.state import Transaction


def _policy(desk: Desk) -> Policy:
    return Policy(
        channels=tuple(
            Channel(name, frozenset(channel.severities))
            for name, channel in desk.settings.channels.items()
        ),
        quiet_hours=quiet_hours(desk),
        first_escalation=desk.settings.alerts.first_escalation,
    )


def apply_step(
    desk: Desk,
    transaction: Transaction,
    now: datetime,
    observations: Collection[Observation],
    *,
    whole: bool = False,
) -> Effects:
    """One step of the rules from and to the state file. `whole` looks at every open alert."""
    connection = transaction.connection
    policy = _policy(desk)
    stranded = outbox.stranded(connection, desk.settings.channels)
    if whole:
        alerts = records.all_open_alerts(connection)
    else:
        alerts = records.open_alerts(
            connection,
            keys=[each.key for each in observations],
            ids=stranded,
            quiet_until=policy.quiet_hours.until(now),
            wanted=frozenset().union(*(channel.severities for channel in policy.channels)),
        )
    state = AlertsState(
        policy=policy,
        next_id=records.next_alert_id(connection),
        open=alerts,
        silences=records.active_silences(connection, now),
        stranded=stranded,
    )
    _, effects = step(state, now, observations)
    store(transaction, effects, now)
    return effects


def store(transaction: Transaction, effects: Effects, now: datetime) -> None:
    """Writes what the rules said, all in the caller's transaction."""
    connection = transaction.connection
    records.save_alerts(connection, effects.alerts)
    records.append_events(connection, effects.events)
    outbox.add_pages(connection, effects.pages)
    outbox.move(connection, effects.moves)
    outbox.cancel(connection, effects.cancellations, now)
