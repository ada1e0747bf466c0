"""What a person says of an alert: that they know, or that it is over.

A file of its own, so that an acknowledgement from the command line loads nothing that it does not
need: somebody waits for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo.actor import Role
from mechexo.alerts import records, rules, timeline_records
from mechexo.alerts.alert_rows import alert_of_row
from mechexo.alerts.book import apply_step, store
from mechexo.alerts.configured import calendars_ahead, policy_of
from mechexo.alerts.damage import DamagedRowError
from mechexo.alerts.reading import as_of, known
from mechexo.alerts.text import clean
from mechexo.alerts.values import Alert, AlertState
from mechexo.errors import ConflictError
from mechexo.times import in_zone

if TYPE_CHECKING:
    from mechexo.desk import Desk


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

    One that is resolved stays as it is, without an entry in the audit log. One that cannot be read
    is made readable, too; what stood there goes into the audit log.

    Raises:
        NotFoundError: there is no alert with this id.
    """
    now, calendars = desk.clock.now(), calendars_ahead(desk)
    with desk.operation(
        "alerts.resolve", str(alert_id), needs=Role.RESPONDER, reason=clean(reason)
    ) as operation:
        connection = operation.transaction.connection
        policy, who, why = policy_of(desk, now, calendars), desk.actor.name, clean(reason)
        row = records.row_by_id(connection, alert_id)
        try:
            alert = known(alert_of_row(row) if row else None, alert_id, desk)
        except DamagedRowError as error:
            from mechexo.alerts.closing_damaged import close_alert

            assert row is not None
            over = close_alert(operation, row, error.damaged, now, who, why, policy)
        else:
            if not alert.is_open:
                operation.unchanged = True
                return alert
            over, effects = rules.resolve(alert, now, who, why, policy)
            operation.before, operation.after = {"state": alert.state}, {"state": over.state}
            store(operation.transaction, effects, now)
        # What it caused pages now, if it still fires.
        apply_step(desk, operation.transaction, now, (), calendars=calendars, thorough=False)
    return over
