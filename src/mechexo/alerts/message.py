"""The words of a message. Pure; plain text, whatever the channel makes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mechexo.alerts.values import SEVERITIES
from mechexo.times import in_zone, stamps_in_zone

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mechexo.alerts.values import Alert

TITLE_LIMIT = 200
BODY_LIMIT = 8_000
"""Characters; keeps a whole request to the sending process within one pipe buffer."""

LISTED_IDS = 500
"""Of a message about more alerts than this, only the most urgent are named by number."""

RESEND = "(resend)"
_LINE_LIMIT = 200


def title(alert: Alert, kind: str, desk_name: str, mode: str, *, resend: bool) -> str:
    """The message's first line: how bad, what, on which desk; or that it is known or over."""
    mark = f" {RESEND}" if resend else ""
    words = f"{_opening(alert, kind)}: {alert.name} on {desk_name} ({mode})"
    return _cut(words, TITLE_LIMIT - len(mark)) + mark


def _opening(alert: Alert, kind: str) -> str:
    match kind:
        case "acknowledged":
            return f"{alert.acknowledged_by} knows of {alert.severity}"
        case "resolved":
            return f"OVER, was {alert.severity}"
        case "reminder":
            return f"STILL OPEN, {alert.severity}"
        case "notice":
            return "For your information"
        case _:
            return alert.severity.upper()


def body(alert: Alert, kind: str, zone: ZoneInfo, entry: str = "") -> str:
    """What is the matter, since when, and what to type, times in `zone`. `entry` is the runbook
    entry that was found for an alert that names none."""
    if kind == "notice":
        return _cut(stamps_in_zone(alert.summary, zone), BODY_LIMIT)
    times = "once" if alert.count == 1 else f"{alert.count} times"
    since = in_zone(alert.started_at, zone)
    lines = [
        _cut(stamps_in_zone(alert.summary, zone), BODY_LIMIT // 2),
        "",
        f"Alert {alert.id}, {alert.severity}, since {since}, seen {times}",
    ]
    if kind == "acknowledged" and alert.acknowledged_at is not None:
        at = in_zone(alert.acknowledged_at, zone)
        lines.append(f"{alert.acknowledged_by} acknowledged it at {at}; nobody further is told.")
        return _cut("\n".join(lines), BODY_LIMIT)
    if kind == "resolved" and alert.resolved_at is not None:
        lines.append(f"Over since {in_zone(alert.resolved_at, zone)}.")
        return _cut("\n".join(lines), BODY_LIMIT)
    lines.append(f"Source: {alert.source}; key: {alert.key}")
    if alert.labels:
        labels = ", ".join(f"{name}={value}" for name, value in sorted(alert.labels.items()))
        lines.append("Labels: " + _cut(labels, BODY_LIMIT // 4))
    if alert.runbook:
        lines.append(f"What to do: mechexo runbook show {alert.runbook}")
    elif entry:
        lines.append(f"What to do, going by the alert's name: mechexo runbook show {entry}")
    if kind == "reminder":
        lines.append(f"{alert.acknowledged_by} said to know of it; without an end it pages again.")
        lines.append(f"When it is over: mechexo alerts resolve {alert.id}")
    else:
        lines.append(f"Say that you know: mechexo alerts ack {alert.id}")
    return _cut("\n".join(lines), BODY_LIMIT)


def digest_title(
    said: Sequence[tuple[Alert, str]], desk_name: str, mode: str, *, resend: bool
) -> str:
    """The first line of a message about several alerts, each with the kind of its message."""
    mark = f" {RESEND}" if resend else ""
    pages = Counter(alert.severity for alert, kind in said if kind in ("page", "reminder"))
    parts = [f"{pages[each]} {each}" for each in SEVERITIES if pages[each]]
    kinds = Counter(kind for _, kind in said)
    parts += [
        f"{kinds[kind]} {words}"
        for kind, words in (("acknowledged", "acknowledged"), ("resolved", "over"))
        if kinds[kind]
    ]
    if kinds["notice"]:
        parts.append(f"{kinds['notice']} for your information")
    words = f"{', '.join(parts)} on {desk_name} ({mode})"
    return _cut(words, TITLE_LIMIT - len(mark)) + mark


def digest_body(said: Sequence[tuple[Alert, str]], zone: ZoneInfo) -> str:
    """A line per alert, the worst first, as many as there is room for, and how many more."""
    order = sorted(
        said, key=lambda each: (each[1] != "page", SEVERITIES.index(each[0].severity), each[0].id)
    )
    last = "See: mechexo alerts list"
    lines: list[str] = []
    room = BODY_LIMIT - len(last) - 40
    for alert, kind in order:
        opening = f"{alert.id} {_opening(alert, kind)}: {alert.name}: "
        line = _cut(opening + stamps_in_zone(alert.summary, zone), _LINE_LIMIT)
        if room < len(line) + 1:
            lines.append(f"… and {len(order) - len(lines)} more")
            break
        lines.append(line)
        room -= len(line) + 1
    return "\n".join([*lines, last])


def most_urgent(said: Mapping[int, Alert]) -> tuple[int, ...]:
    """The numbers of the alerts, the worst first, at most `LISTED_IDS`."""
    order = sorted(said.values(), key=lambda each: (SEVERITIES.index(each.severity), each.id))
    return tuple(alert.id for alert in order)[:LISTED_IDS]


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
