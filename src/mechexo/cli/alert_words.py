"""Alerts and messages as rows and lines for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.times import format_duration

if TYPE_CHECKING:
    from mechexo.alerts.values import Alert, Delivery
    from mechexo.desk import Desk

COLUMNS = (
    "id", "key", "severity", "state", "name", "summary", "source", "labels", "runbook", "count",
    "started_at", "last_seen_at", "acknowledged_by", "acknowledged_at", "resolved_at", "level",
    "next_level_at", "held_until", "silenced_until",
)  # fmt: skip


def fate(desk: Desk, alert: Alert, messages: Sequence[Delivery]) -> str:
    """What will come of the alert's messages, in a line."""
    if alert.acknowledged_by is not None:
        return f"nothing is sent: {alert.acknowledged_by} knows"
    if alert.silenced_until is not None:
        return f"nothing is sent: silenced until {shown(desk, alert.silenced_until)}"
    states = Counter(message.state for message in messages)
    waiting = states["due"] + states["sending"]
    channels = "1 channel" if waiting == 1 else f"{waiting} channels"
    if waiting and alert.held_until is not None:
        until = shown(desk, alert.held_until)
        return f"quiet hours: held for {channels} until {until}"
    if waiting:
        return f"queued for {channels}; the next tick sends"
    if messages:
        return f"nothing new is sent; see: mechexo alerts why {alert.id}"
    return f"nothing is sent: no channel takes {alert.severity} alerts, see [channels]"


def line(desk: Desk, alert: Alert) -> tuple[object, ...]:
    """An alert as a row of the list."""
    age = format_duration(desk.clock.now() - alert.started_at)
    return (
        alert.id,
        alert.severity,
        alert.state.value,
        alert.name,
        alert.summary if len(alert.summary) <= 100 else alert.summary[:99] + "…",
        alert.count,
        age,
        note(desk, alert),
    )


def note(desk: Desk, alert: Alert) -> str | None:
    """What keeps the alert from paging, or that it is over."""
    if alert.resolved_at is not None:
        return f"resolved {shown(desk, alert.resolved_at)}"
    if alert.acknowledged_by is not None:
        return f"{alert.acknowledged_by} knows"
    if alert.silenced_until is not None:
        return f"silenced until {shown(desk, alert.silenced_until)}"
    if alert.held_until is not None:
        return f"held until {shown(desk, alert.held_until)}"
    return None


def message_line(desk: Desk, message: Delivery) -> tuple[object, ...]:
    """A message as a row."""
    return (
        message.id,
        message.channel,
        message.state,
        shown(desk, message.due_at),
        message.attempts,
        shown(desk, message.finished_at),
        message.detail or None,
    )


def cells(alert: Alert) -> list[object]:
    """An alert as a row of CSV, in the order of `COLUMNS`."""
    values = {name: getattr(alert, name) for name in COLUMNS}
    return list((values | {"labels": in_words(alert.labels)}).values())


def shown(desk: Desk, value: object) -> object:
    """A value for people: times in the desk's zone, labels as pairs, nothing as nothing."""
    if isinstance(value, datetime):
        return value.astimezone(desk.zone).strftime("%Y-%m-%d %H:%M:%S %Z")
    if isinstance(value, dict):
        return in_words(value) or None
    return None if value == "" else value


def in_words(pairs: Mapping[str, str]) -> str:
    """Labels or matchers as `name=value` pairs."""
    return " ".join(f"{name}={value}" for name, value in pairs.items())
