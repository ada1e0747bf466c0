"""Which open alert causes another one and keeps it back, and why none does any more. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo.alerts.policy import covers, value_of
from mechexo.alerts.values import SEVERITIES, Alert, AlertState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mechexo.alerts.effects import Hearing
    from mechexo.alerts.policy import Policy, Suppression


def cause_of(
    alert: Alert,
    possible: Iterable[Alert],
    open_alerts: Mapping[int, Alert],
    policy: Policy,
    hearing: Mapping[int, Hearing],
) -> tuple[Alert, Suppression] | None:
    """The open alert, of the `possible` causes, that keeps this one back, and by which rule.

    One that this alert itself suppresses, also by way of others, is no cause of it: in a circle
    each would hide the next, and nobody would be told of any. Nor is one of which nobody was told
    (held, flapping, no channel for it, or none that delivers), and a milder one only while somebody
    works on it or is about to be told: what it hides would then be known to nobody. One that was
    silenced after somebody was told of it is known all the same.
    """
    rules = [rule for rule in policy.suppressions if covers(rule.hides, alert)]
    if not rules:
        return None
    for other in possible:
        # Nearly always this is the answer, where each of a thousand hides its own few.
        if (rule := _rule(rules, other, alert)) is None:
            continue
        if other.key == alert.key or not other.is_open or _hidden_by(other, alert, open_alerts):
            continue
        told = _told(other, open_alerts, hearing)
        if told is not None and (_as_bad(told, alert) or _speaks_for(told, alert, policy)):
            return other, rule
    return None


def why_no_more(
    alert: Alert,
    open_alerts: Mapping[int, Alert],
    policy: Policy,
    hearing: Mapping[int, Hearing],
) -> str:
    """Why the alert that kept this one back does so no more."""
    rules = [rule for rule in policy.suppressions if covers(rule.hides, alert)]
    if not rules:
        return "no [suppress] rule hides it any more"
    cause = open_alerts.get(alert.suppressed_by or 0)
    if cause is None or not cause.is_open:
        return "what caused it is over"
    named = f"alert {cause.id} ({cause.name})"
    if _rule(rules, cause, alert) is None:
        return f"{named} is not what causes it any more"
    told = _told(cause, open_alerts, hearing)
    if told is None:
        if cause.silenced_until is not None:
            return f"{named} causes it, and was silenced before anybody was told"
        if cause.pages:
            return f"{named} causes it, and nobody could be told of that"
        return f"{named} causes it, and nobody is told of that"
    if told.silenced_until is not None:
        return f"{named} causes it, is milder, and is silenced"
    if told.held_until is not None:
        return f"{named} causes it, is milder, and its ladder stands still"
    if policy.route(told).ladder.climbs(told.severity):
        return f"{named} causes it, is milder, and its ladder is at its end"
    return f"{named} causes it, and is milder now"


def _rule(rules: list[Suppression], cause: Alert, alert: Alert) -> Suppression | None:
    """The first of the rules by which this cause hides the alert, which they all fit."""
    for rule in rules:
        for name in rule.equal:
            if value_of(alert, name) != value_of(cause, name):
                break
        else:
            if covers(rule.cause, cause):
                return rule
    return None


def _as_bad(other: Alert, alert: Alert) -> bool:
    return SEVERITIES.index(other.severity) <= SEVERITIES.index(alert.severity)


def _speaks_for(told: Alert, alert: Alert, policy: Policy) -> bool:
    """Whether a milder one keeps back what is worse: somebody works on it, or it is on its way to
    the next person. A ladder that quiet hours hold, or that is at its end, tells nobody; and what
    climbs a ladder of its own goes on."""
    if told.state is AlertState.ACKNOWLEDGED:
        return True
    # Without a beginning it waits for anybody at all.
    on_its_way = told.next_level_at is not None and told.escalating_since is not None
    climbs = policy.route(told).ladder.climbs(told.severity)
    return climbs and on_its_way and told.held_until is None and alert.next_level_at is None


def _told(
    other: Alert, open_alerts: Mapping[int, Alert], hearing: Mapping[int, Hearing]
) -> Alert | None:
    """The alert that somebody was told of for this one: itself, or what causes it."""
    passed: set[int] = set()
    while other.id not in passed:
        if other.state is AlertState.ACKNOWLEDGED:
            return other
        if other.suppressed_by is None:
            known = hearing.get(other.id)
            return other if other.pages and (known is None or known.is_told) else None
        passed.add(other.id)
        above = open_alerts.get(other.suppressed_by)
        if above is None:
            return None
        other = above
    return None


def _hidden_by(other: Alert, alert: Alert, open_alerts: Mapping[int, Alert]) -> bool:
    passed: set[int] = set()
    above = other.suppressed_by
    while above is not None and above not in passed:
        if above == alert.id:
            return True
        passed.add(above)
        further = open_alerts.get(above)
        above = further.suppressed_by if further else None
    return False
