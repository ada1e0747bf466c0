"""What Alertmanager (version 4) and Grafana (version 1) send to a webhook: nearly the same shape.

Each alert of a message is identified by its fingerprint; grouping and texts decide nothing. What
these systems may leave open (a severity of another vocabulary, a NUL in an annotation) is taken as
it can be and refused never: they drop a message that is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from mechexo.alerts.inbound import keys, reading
from mechexo.alerts.inbound.reading import BadPayloadError
from mechexo.alerts.text import FIELD_LIMIT, clean, clean_observation
from mechexo.alerts.values import Observation
from mechexo.times import iso_z
from mechexo.value_classes import dataclass

OWN_SOURCE = "serve"
_LOST_SEVERITY = "critical"


@dataclass(frozen=True, slots=True)
class Hook:
    """A system that sends alerts, and the version of its message that is understood."""

    source: str
    title: str
    version: str


ALERTMANAGER = Hook("alertmanager", "Alertmanager", "4")
GRAFANA = Hook("grafana", "Grafana", "1")

_SEVERITIES = {
    **dict.fromkeys(("critical", "crit", "fatal", "emergency", "disaster", "p1"), "critical"),
    **dict.fromkeys(("high", "error", "err", "page", "major", "p2"), "high"),
    **dict.fromkeys(("medium", "warning", "warn", "minor", "average", "ticket", "p3"), "medium"),
    **dict.fromkeys(("low", "notice", "p4"), "low"),
    **dict.fromkeys(("info", "information", "informational", "none", "debug", "ok", "p5"), "info"),
}
UNKNOWN_SEVERITY = "high"
"""Of a severity that means nothing to us, or is not there: not knowing is not a small thing."""


def observations(document: object, hook: Hook) -> tuple[Observation, ...]:
    """What each alert of the message says, and whether the message was cut short, which is an
    alert of its own.

    Raises:
        BadPayloadError: names the place and what is wrong there.
    """
    message = reading.table(document, "")
    version = reading.need(message, "version", "")
    if version != hook.version:
        raise BadPayloadError(
            f"version: expected {hook.title}'s {json.dumps(hook.version)}; "
            f"{ALERTMANAGER.title} sends to /hooks/{ALERTMANAGER.source}, "
            f"{GRAFANA.title} to /hooks/{GRAFANA.source}"
        )
    alerts = reading.items(reading.need(message, "alerts", ""), "alerts")
    said = [
        _observation(reading.table(alert, f"alerts[{place}]"), f"alerts[{place}].", hook)
        for place, alert in enumerate(alerts)
    ]
    return (*said, _cut_short(message, hook))


def _observation(alert: Mapping[str, object], at: str, hook: Hook) -> Observation:
    status = reading.text(reading.need(alert, "status", at), f"{at}status")
    if status not in ("firing", "resolved"):
        raise BadPayloadError(f"{at}status: expected firing or resolved")
    labels = reading.texts(reading.need(alert, "labels", at), f"{at}labels")
    notes = reading.texts(alert.get("annotations") or {}, f"{at}annotations")
    fingerprint = reading.text(alert.get("fingerprint") or "", f"{at}fingerprint")
    if not fingerprint and not labels:
        raise BadPayloadError(f"{at}fingerprint is missing, and there are no labels")
    fires = status == "firing"
    name = labels.get("alertname") or hook.source
    return clean_observation(
        Observation(
            key=keys.explicit_key(hook.source, fingerprint)
            if fingerprint
            else keys.label_key(hook.source, labels),
            firing=fires,
            severity=severity_of(labels),
            # Of letters that are all dropped nothing would be left.
            name=name if clean(name) else hook.source,
            summary=_words(alert, labels, notes, at) if fires else _end(alert, hook, at),
            source=hook.source,
            labels={**labels, **_links(alert, notes, at)},
            runbook=notes.get("runbook", ""),
            observed_at=None if fires else _moment(alert, "endsAt", at),
            began_at=_moment(alert, "startsAt", at),
        )
    )


def severity_of(labels: Mapping[str, str]) -> str:
    """The severity in our vocabulary of the label `severity` (or `priority`)."""
    for name in ("severity", "priority"):
        if said := labels.get(name, "").strip().lower():
            return _SEVERITIES.get(said, UNKNOWN_SEVERITY)
    return UNKNOWN_SEVERITY


def _words(
    alert: Mapping[str, object], labels: Mapping[str, str], notes: Mapping[str, str], at: str
) -> str:
    told = next((notes[n] for n in ("summary", "message", "description") if notes.get(n)), "")
    if not told:
        told = ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))
    values = reading.text(alert.get("valueString") or "", f"{at}valueString")
    return "; ".join(filter(None, (told, values)))


def _end(alert: Mapping[str, object], hook: Hook, at: str) -> str:
    ended_at = _moment(alert, "endsAt", at)
    when = f" at {iso_z(ended_at)}" if ended_at else ""
    return f"resolved by {hook.title}{when}"


def _links(alert: Mapping[str, object], notes: Mapping[str, str], at: str) -> dict[str, str]:
    """What else helps whoever reads the alert, as labels."""
    started_at = _moment(alert, "startsAt", at)
    found = {
        "starts_at": iso_z(started_at) if started_at else "",
        "runbook_url": notes.get("runbook_url", ""),
        "generator_url": reading.text(alert.get("generatorURL") or "", f"{at}generatorURL"),
        "panel_url": reading.text(alert.get("panelURL") or "", f"{at}panelURL"),
    }
    # Half an address leads nowhere.
    return {name: value for name, value in found.items() if 0 < len(value) <= FIELD_LIMIT}


def _moment(alert: Mapping[str, object], name: str, at: str) -> datetime | None:
    """A moment of the alert; None when it is not set, for which these systems write the year 1."""
    if not alert.get(name):
        return None
    found = reading.moment(alert[name], f"{at}{name}")
    return found if found.year > 1 else None


def _cut_short(message: Mapping[str, object], hook: Hook) -> Observation:
    """Whether alerts were left out of the message of this group: fires, and resolves by the next
    whole one."""
    left_out = reading.count(message.get("truncatedAlerts") or 0, "truncatedAlerts")
    receiver = reading.text(message.get("receiver") or "", "receiver")
    group = reading.text(message.get("groupKey") or "", "groupKey")
    digest = hashlib.sha256(json.dumps([receiver, group]).encode()).hexdigest()[:16]
    return clean_observation(
        Observation(
            key=f"{OWN_SOURCE}/truncated/{hook.source}/{digest}",
            firing=left_out > 0,
            severity=_LOST_SEVERITY,
            name=f"{hook.source}_truncated",
            summary=(
                f"{hook.title} left {left_out} alerts out of its message to the receiver "
                f"{receiver} for the group {group}; raise the receiver's max_alerts"
                if left_out
                else f"{hook.title}'s message for this group is whole again"
            ),
            source=OWN_SOURCE,
            labels={"hook": hook.source, "receiver": receiver},
        )
    )


def refused(hook: Hook, sender: str, why: str) -> Observation:
    """That a hook's message was refused, and so is lost: these systems do not send it again."""
    return clean_observation(
        Observation(
            key=f"{OWN_SOURCE}/refused/{hook.source}/{sender}",
            firing=True,
            severity=_LOST_SEVERITY,
            name=f"{hook.source}_refused",
            summary=(
                f"a message of {hook.title} ({sender}) could not be taken in, and its alerts are "
                f"lost: {why}; mend the sender, then resolve this by hand"
            ),
            source=OWN_SOURCE,
            labels={"hook": hook.source, "told_by": sender},
        )
    )


def spent(title: str, sender: str, why: str) -> Observation:
    """That what came with a token that counts no more was refused: its alerts are lost until
    somebody gives the sender another."""
    return clean_observation(
        Observation(
            key=f"{OWN_SOURCE}/refused/token/{sender}",
            firing=True,
            severity=_LOST_SEVERITY,
            name="token_refused",
            summary=(
                f"what {title} sends is refused, and its alerts are lost: {why}; give the sender a "
                "new one (mechexo access token create), then resolve this by hand"
            ),
            source=OWN_SOURCE,
            labels={"told_by": sender},
        )
    )


def told_by(said: tuple[Observation, ...], sender: str) -> tuple[Observation, ...]:
    """The observations with who brought them: as the label `told_by` of what fires, and in the
    words of what resolves."""
    return tuple(
        replace(each, labels={**each.labels, "told_by": sender})
        if each.firing
        else replace(each, summary=f"{each.summary}; told by {sender}")
        for each in said
    )
