"""What observations do to alerts, and who is told. Pure: the same input, the same answer.

`step` is the whole of alerting between the sources and the outbox: here the life of an alert
(opening, merging, acknowledging, resolving), in `paging` who is told of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from mechexo.alerts import lateness
from mechexo.alerts.climbing import rank
from mechexo.alerts.draft import Draft
from mechexo.alerts.effects import AlertsState, Cancellation, Closing, Effects
from mechexo.alerts.paging import consider, needs_look
from mechexo.alerts.policy import Policy, matching
from mechexo.alerts.values import (
    Alert,
    AlertEvent,
    AlertState,
    Observation,
)
from mechexo.times import format_duration

__all__ = ["acknowledge", "knows_of_less", "matching", "rank", "resolve", "step"]


def step(
    state: AlertsState, now: datetime, observations: Iterable[Observation]
) -> tuple[AlertsState, Effects]:
    """Opens, merges and resolves alerts, and decides which of them page now."""
    draft = Draft(state, now)
    seen: set[str] = set()
    waiting: dict[str, None] = {}
    for observation in observations:
        key = observation.key
        if _came_late(draft, observation):
            continue
        seen.add(key)
        if key in waiting:
            del waiting[key]
            consider(draft, draft.open[key])
        if not observation.firing:
            _end(draft, observation)
        elif state.policy.suppressions:
            # What may cause it may be told in the same breath: first everything is known.
            _fired(draft, observation)
            waiting[key] = None
        else:
            consider(draft, _fired(draft, observation))
    unobserved = [key for key in state.open if key not in seen and key in draft.open]
    for key in _causes_first(draft, [*waiting, *unobserved]):
        if key in waiting or needs_look(draft, draft.open[key]):
            consider(draft, draft.open[key])
    return draft.state(), draft.effects()


def _came_late(draft: Draft, observation: Observation) -> bool:
    """Whether something newer is known; then only the timeline tells of the observation."""
    alert, recent = draft.open.get(observation.key), draft.recent(observation.key)
    known_at = lateness.newer_known(observation, alert, recent, draft.now)
    if known_at is None:
        return False
    alert_id = recent.over_id if alert is None else alert.id
    assert alert_id is not None, "what is known is known of an alert"
    why = lateness.words(observation, known_at, is_open=alert is not None)
    draft.leave_late(alert_id, observation, why)
    return True


def _causes_first(draft: Draft, keys: list[str]) -> list[str]:
    """What may cause others is looked at before them, or they would page though it is known."""
    if not draft.policy.suppressions:
        return keys
    return sorted(keys, key=lambda key: not draft.policy.may_suppress(draft.open[key]))


def acknowledge(
    alert: Alert, now: datetime, who: str, note: str, policy: Policy, *, through: str = ""
) -> tuple[Alert, Effects]:
    """The alert as acknowledged by `who`; the first acknowledgement stands. It covers the severity
    of that moment: a worse one fires, and pages, anew. The channel it came `through` knows."""
    if alert.state is not AlertState.FIRING:
        return alert, Effects()
    known = replace(
        alert,
        state=AlertState.ACKNOWLEDGED,
        acknowledged_by=who,
        acknowledged_at=now,
        next_level_at=None,
        held_until=None,
        flapping_until=None,
        suppressed_by=None,
        paged_severity=alert.severity,
        remind_at=_remind_at(alert, now, policy),
        reminded=False,
    )
    event = AlertEvent(now, "acknowledged", note, who)
    return known, _closing(known, event, f"{who} knows", policy, {through})


def knows_of_less(alert: Alert, now: datetime, who: str, note: str, shown: str) -> AlertEvent:
    """What the timeline says when `who` answers a message that showed a milder severity."""
    said = f"knows of {shown}; it is {alert.severity} now and goes on"
    return AlertEvent(now, "knows_of_less", f"{said}: {note}" if note else said, who)


def _remind_at(alert: Alert, now: datetime, policy: Policy) -> datetime | None:
    if alert.severity not in policy.forgotten_severities:
        return None
    return now + max(policy.forgotten_after - policy.remind_before, timedelta(0))


def resolve(
    alert: Alert, now: datetime, who: str, reason: str, policy: Policy
) -> tuple[Alert, Effects]:
    """The alert as resolved by `who` (a person, or "" for its source)."""
    if not alert.is_open:
        return alert, Effects()
    over = replace(
        alert,
        state=AlertState.RESOLVED,
        resolved_at=max(now, alert.started_at),
        next_level_at=None,
        held_until=None,
        silenced_until=None,
        flapping_until=None,
        suppressed_by=None,
        remind_at=None,
        reminded=False,
    )
    return over, _closing(over, AlertEvent(now, "resolved", reason, who), "resolved", policy, ())


def _closing(
    alert: Alert, event: AlertEvent, reason: str, policy: Policy, knowing: Iterable[str]
) -> Effects:
    if not alert.pages:
        return Effects(alerts=(alert,), events=((alert.id, event),))
    quiet_until = None
    if alert.severity != "critical":
        quiet_until = policy.route(alert).quiet_hours.until(event.at)
    channels = policy.over_channels - frozenset(knowing)
    told = Closing(alert.id, alert.pages, event.kind, quiet_until or event.at, channels)
    return Effects(
        alerts=(alert,),
        events=((alert.id, event),),
        closings=(told,),
        cancellations=(Cancellation(alert.id, alert.pages, reason),),
    )


def _fired(draft: Draft, observation: Observation) -> Alert:
    known = draft.open.get(observation.key)
    if known is None:
        return _opened(draft, observation)
    return _merged(draft, known, observation)


def _end(draft: Draft, observation: Observation) -> None:
    alert = draft.open.get(observation.key)
    if alert is None:
        return
    over, effects = resolve(alert, draft.now, "", observation.summary, draft.policy)
    draft.close(replace(over, over_seen_at=observation.observed_at or draft.now))
    draft.add(effects)


def _opened(draft: Draft, observation: Observation) -> Alert:
    alert = Alert(
        id=draft.new_id(),
        key=observation.key,
        severity=observation.severity,
        state=AlertState.FIRING,
        name=observation.name,
        summary=observation.summary,
        source=observation.source,
        labels=dict(observation.labels),
        runbook=observation.runbook,
        count=1,
        started_at=draft.now,
        last_seen_at=observation.observed_at or draft.now,
        began_at=observation.began_at,
    )
    draft.event(alert, "opened", f"{alert.severity}: {alert.summary}")
    alert = _flapping(draft, alert)
    draft.keep(alert)
    return alert


def _flapping(draft: Draft, alert: Alert) -> Alert:
    """An alert that opens, held back when its key flaps: it opened too often, somebody was told
    that it does, lately and at this severity or a worse one, and it has not stood still since."""
    recent, policy = draft.recent(alert.key), draft.policy
    window = format_duration(policy.flapping_window)
    as_bad = bool(recent.flapping) and rank(recent.flapping) <= rank(alert.severity)
    if as_bad and recent.told_lately:
        said = f"opened again before it had stood still for {window}: it pages when it has"
        draft.event(alert, "flapping", said)
        until = draft.now + policy.flapping_window
        return replace(alert, flaps=recent.flapping, flapping_until=until)
    times = recent.openings + 1
    if not recent.flapping and times < policy.flapping_openings:
        return alert
    said = "opened again, and worse than what was told"
    if as_bad:
        again = format_duration(policy.flapping_again)
        said = f"goes on flapping, and nobody was told for {again}"
    elif not recent.flapping:
        said = f"opened {times} times within {window}"
    draft.event(alert, "flapping", f"{said}: it pages once, and is then held back")
    return replace(alert, flaps=recent.flapping)


def _merged(draft: Draft, alert: Alert, observation: Observation) -> Alert:
    change = rank(observation.severity) - rank(alert.severity)
    acknowledged = alert.state is AlertState.ACKNOWLEDGED
    known_at = alert.paged_severity or alert.severity
    if change < 0 and acknowledged and rank(observation.severity) < rank(known_at):
        # What was acknowledged was not this.
        rise = f"severity rose from {known_at} to {observation.severity} after the acknowledgement"
        alert = draft.fires_again(alert, rise)
    elif change:
        if change < 0:
            # Nobody was told of this: it is not held back as one of many.
            alert = replace(alert, flapping_until=None)
        said = f"{'rose' if change < 0 else 'fell'} from {alert.severity}"
        said += f" to {observation.severity}"
        if change < 0 and acknowledged:
            said += f"; not paged: {alert.acknowledged_by} knows of {known_at}"
        draft.event(alert, "severity", said)
    seen_at = observation.observed_at or draft.now
    # Whoever says it now looks now; a look that was told before is no new one.
    is_new = observation.observed_at is None or seen_at > alert.last_seen_at
    merged = replace(
        alert,
        severity=observation.severity,
        name=observation.name,
        summary=observation.summary,
        source=observation.source,
        labels=dict(observation.labels),
        runbook=observation.runbook or alert.runbook,
        count=alert.count + is_new,
        last_seen_at=max(seen_at, alert.last_seen_at),
        began_at=max(filter(None, (observation.began_at, alert.began_at)), default=None),
    )
    draft.keep(merged)
    return merged
