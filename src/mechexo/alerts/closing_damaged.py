"""What a person does about a damaged row: it is taken out of force, and what stood there goes into
the audit log. Nobody else changes it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mechexo.alerts import records, rules, timeline_records
from mechexo.alerts.alert_rows import raw_cells, salvaged
from mechexo.alerts.book import store
from mechexo.alerts.damage import Damaged, key_beside
from mechexo.alerts.values import AlertEvent

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from mechexo.alerts.policy import Policy
    from mechexo.alerts.values import Alert
    from mechexo.desk import Operation

MENDED = "mended"
"""The kind of event that tells what a damaged alert was closed with."""


def close_alert(
    operation: Operation,
    row: sqlite3.Row,
    damaged: Damaged,
    now: datetime,
    who: str,
    reason: str,
    policy: Policy,
) -> Alert:
    """Closes an alert that cannot be read, and makes it readable: with what can be read of it, and
    for the rest what makes least light of it. What was beside it takes its key."""
    transaction = operation.transaction
    alert = salvaged(row)
    operation.before = {"damaged": raw_cells(row)}
    over, effects = rules.resolve(alert, now, who, reason, policy)
    if over is alert:
        effects = replace(effects, alerts=(alert,))
    store(transaction, effects, now)
    event = AlertEvent(now, MENDED, f"it was damaged in the state file: {damaged.problem}", who)
    timeline_records.append_events(transaction.connection, [(alert.id, event)])
    if damaged.key:
        records.take_key(transaction.connection, key_beside(damaged.key, alert.id), damaged.key)
    operation.after = {"state": over.state.value}
    return over
