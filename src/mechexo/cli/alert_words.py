"""Alerts and messages as rows and lines for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.times import format_duration, in_zone, stamps_in_zone

if TYPE_CHECKING:
    from mechexo.alerts.damage import Damaged
    from mechexo.alerts.escalation import Outlook
    from mechexo.alerts.values import (
        Alert,
        AlertEvent,
        ChannelDay,
        Delivery,
        HourOfAlerts,
        Silence,
    )
    from mechexo.desk import Desk

COLUMNS = (
    "id", "key", "severity", "state", "name", "summary", "source", "labels", "runbook", "count",
    "started_at", "last_seen_at", "acknowledged_by", "acknowledged_at", "resolved_at", "level",
    "next_level_at", "held_until", "silenced_until", "flapping_until", "suppressed_by",
)  # fmt: skip


LONGEST_TEXT = 100
ROOMY = 100
"""Below this width of a terminal the list has name and summary in one column."""

DAMAGED = "damaged"

DAMAGE_COLUMNS = ("state", "what", ">id", "name", "what is wrong")


def fate(desk: Desk, alert: Alert, messages: Sequence[Delivery], following: Outlook) -> str:
    """What will come of the alert's messages, in a line."""
    if alert.acknowledged_by is not None:
        return f"nothing is sent: {alert.acknowledged_by} knows"
    if alert.silenced_until is not None:
        return f"nothing is sent: silenced until {shown(desk, alert.silenced_until)}"
    if alert.suppressed_by is not None:
        return f"nothing is sent while alert {alert.suppressed_by} is open, which causes it"
    if alert.flapping_until is not None:
        return f"it opens too often: held until {shown(desk, alert.flapping_until)}"
    if alert.held_until is not None:
        return f"quiet hours: held until {shown(desk, alert.held_until)}"
    states = Counter(message.state for message in messages)
    waiting = states["due"] + states["sending"]
    channels = "1 channel" if waiting == 1 else f"{waiting} channels"
    if waiting:
        return f"queued for {channels}; the next tick sends"
    if messages:
        return f"nothing new is sent; see: mechexo alerts why {alert.id}"
    said = stamps_in_zone(following.what, desk.zone)
    return f"nothing is sent: {said.removeprefix('nobody: ')}"


def acknowledged(alert: Alert, began: datetime) -> str:
    """What an acknowledgement begun at that moment came to."""
    return _since(alert, f"acknowledged by {alert.acknowledged_by}", alert.acknowledged_at, began)


def resolved(alert: Alert, began: datetime) -> str:
    """What a resolution begun at that moment came to."""
    return _since(alert, "resolved", alert.resolved_at, began)


def reach(covered: int, never_seen: Mapping[str, str]) -> str:
    """How many open alerts a silence covers; of none, which names no alert has ever had."""
    if covered:
        return f"open alerts that it covers: {covered}"
    slips = [f"no alert has {name}; {close}" for name, close in never_seen.items()]
    return "; ".join(["it covers no open alert now", *slips])


def _since(alert: Alert, what: str, at: datetime | None, began: datetime) -> str:
    if at is None or at >= began:
        return f"alert {alert.id} {what}"
    return f"alert {alert.id}: already {what} {format_duration(began - at)} ago"


def facts(
    desk: Desk, alert: Alert, acknowledgement_note: str, nearest_runbook: str | None
) -> list[tuple[str, object]]:
    """Everything known about an alert, a fact to a row."""
    from mechexo.alerts.reading import outlooks

    following = outlooks(desk, [alert])[alert.id]
    found: list[tuple[str, object]] = []
    for name in COLUMNS:
        value = getattr(alert, name)
        if name == "runbook" and nearest_runbook:
            value = (
                f"{nearest_runbook}, by the alert's name: mechexo runbook show {nearest_runbook}"
            )
        elif name == "summary":
            value = stamps_in_zone(alert.summary, desk.zone)
        elif name == "labels":
            value = in_words(alert.labels)
        elif name == "next_level_at":
            found.append(("next", following.words(desk.clock.now(), desk.zone)))
            continue
        value = None if value == "" else value
        found.append((name.removesuffix("_at").replace("_", " "), value))
        if name == "acknowledged_at":
            found.append(("acknowledgement note", acknowledgement_note or None))
    return found


def line(
    desk: Desk, alert: Alert, following: Outlook, acknowledgement_note: str = ""
) -> tuple[object, ...]:
    """An alert as a row of the list; `following` is what happens to it next."""
    age = format_duration(desk.clock.now() - alert.started_at)
    return (
        alert.id,
        alert.severity,
        alert.state.value,
        alert.name,
        _short(stamps_in_zone(alert.summary, desk.zone)),
        alert.count,
        age,
        note(desk, alert, following, acknowledgement_note),
    )


def damaged_line(damaged: Damaged) -> tuple[object, ...]:
    """An alert that cannot be read as a row of the list."""
    return (
        *(damaged.id, damaged.severity or None, f"✖ {DAMAGED}", damaged.name or None),
        *(_short(damaged.problem), None, None),
        f"close it: mechexo alerts resolve {damaged.id}",
    )


LIST_COLUMNS = (">id", "severity", "state", "name", "+summary", ">seen", ">age", "note")
NARROW_COLUMNS = (">id", "severity", "state", "+name: summary", ">seen", ">age", "note")


def narrowed(row: tuple[object, ...]) -> tuple[object, ...]:
    """A row of the list for a narrow terminal, where what is the matter needs the room: name and
    summary together, and the short word for an acknowledgement."""
    number, severity, state, name, summary, *others = row
    state = "acked" if state == "acknowledged" else state
    return number, severity, state, f"{name or 'name not known'}: {summary}", *others


def damage_row(damaged: Damaged) -> tuple[object, ...]:
    """Any row that cannot be read as a row of a table."""
    of_one = damaged.alert_id and damaged.what != "alert"
    named = damaged.name or (f"of alert {damaged.alert_id}" if of_one else None)
    return f"✖ {DAMAGED}", damaged.what, damaged.id, named, damaged.problem


def event_line(desk: Desk, event: AlertEvent) -> tuple[object, ...]:
    """A line of an alert's timeline as a row."""
    return (event.at, event.kind, event.actor or None, stamps_in_zone(event.detail, desk.zone))


def note(
    desk: Desk, alert: Alert, following: Outlook, acknowledgement_note: str = ""
) -> str | None:
    """What keeps the alert from paging, all of it, or that it is over, or who is told next; the
    table names the zone."""
    if alert.resolved_at is not None:
        return f"resolved {_bare(desk, alert.resolved_at)}"
    parts = []
    if alert.acknowledged_by is not None:
        said = f": {_short(acknowledgement_note)}" if acknowledgement_note else ""
        parts.append(f"{alert.acknowledged_by} knows{said}")
    if alert.silenced_until is not None:
        parts.append(f"silenced until {_bare(desk, alert.silenced_until)}")
    elif alert.held_until is not None:
        parts.append(f"held until {_bare(desk, alert.held_until)}")
    elif alert.suppressed_by is not None:
        parts.append(f"alert {alert.suppressed_by} causes it")
    elif alert.flapping_until is not None:
        parts.append(f"flapping, held until {_bare(desk, alert.flapping_until)}")
    return "; ".join(parts) or _next(following, desk.clock.now())


def _next(following: Outlook, now: datetime) -> str | None:
    said = following.in_short(now)
    return f"next {said}" if said else None


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def message_line(desk: Desk, message: Delivery) -> tuple[object, ...]:
    """A message as a row."""
    return (
        message.id,
        message.channel,
        f"level {message.level}" if message.kind == "page" else message.kind,
        message.state,
        message.due_at,
        message.attempts,
        message.finished_at,
        stamps_in_zone(message.detail, desk.zone) or None,
    )


def hour_line(hour: HourOfAlerts) -> tuple[object, ...]:
    """An hour's alerts as a row: all, then by severity, worst first."""
    from mechexo.alerts.values import SEVERITIES

    return (hour.starts_at, hour.total, *(hour.by_severity.get(each, 0) for each in SEVERITIES))


def hour_documents(hours: Sequence[HourOfAlerts]) -> list[dict[str, object]]:
    """The hours for JSON."""
    return [
        {"starts_at": hour.starts_at, "total": hour.total, "by_severity": hour.by_severity}
        for hour in hours
    ]


def channel_line(desk: Desk, channel: ChannelDay) -> tuple[object, ...]:
    """A channel's messages of today as a row."""
    return (
        channel.channel if channel.configured else f"{channel.channel} (not configured any more)",
        channel.sent,
        channel.failed,
        channel.due,
        channel.cancelled,
        channel.last_failure_at,
        stamps_in_zone(channel.last_failure, desk.zone) or None,
    )


def cells(alert: Alert) -> list[object]:
    """An alert as a row of CSV, in the order of `COLUMNS`."""
    values = {name: getattr(alert, name) for name in COLUMNS}
    return list((values | {"labels": in_words(alert.labels)}).values())


def shown(desk: Desk, moment: datetime) -> str:
    """A moment in the desk's zone, which it names."""
    return in_zone(moment, desk.zone)


def _bare(desk: Desk, moment: datetime) -> str:
    return in_zone(moment, desk.zone, named=False)


def silence_line(silence: Silence) -> tuple[object, ...]:
    """A silence as a row; a window of the configuration, which has no number, too."""
    number = silence.id if silence.id > 0 else None
    said = in_words(silence.matchers)
    return number, said, silence.author, silence.reason, silence.starts_at, silence.ends_at


def window_documents(windows: Sequence[Silence]) -> list[dict[str, object]]:
    """The open maintenance windows for JSON: they end by the configuration, not by a number."""
    return [
        {
            "window": window.author,
            "matchers": window.matchers,
            "reason": window.reason,
            "starts_at": window.starts_at,
            "ends_at": window.ends_at,
        }
        for window in windows
    ]


def in_words(pairs: Mapping[str, str]) -> str:
    """Labels or matchers as `name=value` pairs."""
    return " ".join(f"{name}={value}" for name, value in pairs.items())
