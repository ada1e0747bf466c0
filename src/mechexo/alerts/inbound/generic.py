"""mechexo's own JSON: one alert, or a list of them, for scripts and for systems without a hook."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from mechexo.alerts.inbound import keys, reading
from mechexo.alerts.inbound.reading import BadPayloadError
from mechexo.alerts.text import clean_observation
from mechexo.alerts.values import SEVERITIES, Observation

KEYS = (
    *("source", "key", "severity", "summary", "name", "details", "labels", "action", "ts"),
    "runbook",
)
ACTIONS = ("fire", "resolve")
AHEAD = timedelta(seconds=60)
"""A `ts` further ahead than this tells of a wrong clock: the moment of arrival stands instead."""


def observations(document: object, now: datetime) -> tuple[Observation, ...]:
    """What one alert, or a list of alerts, says. One that cannot be read refuses the whole list.

    Raises:
        BadPayloadError: names the place and what is wrong there.
    """
    if not isinstance(document, list):
        return (_observation(reading.table(document, ""), "", now),)
    if not document:
        raise BadPayloadError("the list is empty")
    return tuple(
        _observation(reading.table(each, f"[{place}]"), f"[{place}].", now)
        for place, each in enumerate(document)
    )


def _observation(said: Mapping[str, object], at: str, now: datetime) -> Observation:
    reading.known_keys(said, KEYS, at.rstrip("."))
    _without_nul(said, at)
    action = _optional(said, "action", at) or "fire"
    if action not in ACTIONS:
        raise BadPayloadError(f"{at}action: expected {' or '.join(ACTIONS)}")
    source = keys.check_source(
        reading.text(reading.need(said, "source", at), f"{at}source"), f"{at}source"
    )
    named = said.get("labels")
    labels = {} if named is None else reading.texts(named, f"{at}labels")
    own_key = _optional(said, "key", at)
    if not own_key and not labels:
        raise BadPayloadError(f"{at}key is missing: name the trouble by a key or by labels")
    fires = action == "fire"
    severity = _optional(said, "severity", at)
    if severity and severity not in SEVERITIES:
        raise BadPayloadError(f"{at}severity: expected one of {', '.join(SEVERITIES)}")
    if fires:
        reading.need(said, "severity", at)
        reading.need(said, "summary", at)
    summary, details = (_optional(said, name, at) for name in ("summary", "details"))
    if fires and not summary.strip():
        raise BadPayloadError(f"{at}summary has no words")
    return clean_observation(
        Observation(
            key=keys.explicit_key(source, own_key) if own_key else keys.label_key(source, labels),
            firing=fires,
            severity=severity or "info",
            name=_optional(said, "name", at) or own_key or source,
            summary="; ".join(filter(None, (summary or f"resolved by {source}", details))),
            source=source,
            labels=labels,
            runbook=_optional(said, "runbook", at),
            observed_at=_seen_at(said, at, now),
        )
    )


def _optional(said: Mapping[str, object], name: str, at: str) -> str:
    value = said.get(name)
    return "" if value is None else reading.text(value, f"{at}{name}")


def _seen_at(said: Mapping[str, object], at: str, now: datetime) -> datetime | None:
    if said.get("ts") is None:
        return None
    seen_at = reading.moment(said["ts"], f"{at}ts")
    return None if seen_at > now + AHEAD else seen_at


def _without_nul(said: Mapping[str, object], at: str) -> None:
    for name, value in said.items():
        texts = (*value, *value.values()) if isinstance(value, dict) else (value,)
        for each in texts:
            if isinstance(each, str) and "\0" in each:
                raise BadPayloadError(f"{at}{name} has a NUL character in it")
