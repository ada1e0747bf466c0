"""The words of a message. Pure; plain text, whatever the channel makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo.times import in_zone, stamps_in_zone

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mechexo.alerts.values import Alert

TITLE_LIMIT = 200
BODY_LIMIT = 8_000
"""Characters; keeps a whole request to the sending process within one pipe buffer."""

RESEND = "(resend)"


def title(alert: Alert, desk_name: str, mode: str, *, resend: bool) -> str:
    """The message's first line: how bad, what, on which desk."""
    mark = f" {RESEND}" if resend else ""
    words = f"{alert.severity.upper()}: {alert.name} on {desk_name} ({mode})"
    return _cut(words, TITLE_LIMIT - len(mark)) + mark


def body(alert: Alert, zone: ZoneInfo, entry: str = "") -> str:
    """What is the matter, since when, and what to type, times in `zone`. `entry` is the runbook
    entry that was found for an alert that names none."""
    times = "once" if alert.count == 1 else f"{alert.count} times"
    since = in_zone(alert.started_at, zone)
    lines = [
        _cut(stamps_in_zone(alert.summary, zone), BODY_LIMIT // 2),
        "",
        f"Alert {alert.id}, {alert.severity}, since {since}, seen {times}",
        f"Source: {alert.source}; key: {alert.key}",
    ]
    if alert.labels:
        labels = ", ".join(f"{name}={value}" for name, value in sorted(alert.labels.items()))
        lines.append("Labels: " + _cut(labels, BODY_LIMIT // 4))
    if alert.runbook:
        lines.append(f"What to do: mechexo runbook show {alert.runbook}")
    elif entry:
        lines.append(f"What to do, going by the alert's name: mechexo runbook show {entry}")
    lines.append(f"Say that you know: mechexo alerts ack {alert.id}")
    return _cut("\n".join(lines), BODY_LIMIT)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
