"""What observations do to alerts, and who is told. Pure: the same input, the same answer.

`step` is the whole of alerting between the sources and the outbox. Whether an alert pages is
decided in one place (`_Pass.consider`), which always answers with a named outcome: nothing is
dropped without a recorded reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from mechexo.alerts.effects import (
    AlertsState,
    Cancellation,
    Decision,
    Effects,
    Move,
    Outcome,
    Page,
    Stranded,
)
from mechexo.alerts.values import (
    FIRED_AGAIN,
    SEVERITIES,
    Alert,
    AlertEvent,
    AlertState,
    Observation,
    Silence,
)
from mechexo.times import iso_z

ESCALATED = ("critical", "high")
"""The severities that climb the ladder while nobody acknowledges them."""


def step(
    state: AlertsState, now: datetime, observations: Iterable[Observation]
) -> tuple[AlertsState, Effects]:
    """Opens, merges and resolves alerts, and decides which of them page now."""
    under_way = _Pass(state, now)
    seen: set[str] = set()
    for observation in observations:
        seen.add(observation.key)
        if observation.firing:
            under_way.fire(observation)
        else:
            under_way.resolve(observation.key, observation.summary)
    for key in state.open:
        if key not in seen:
            under_way.look_again(key)
    return under_way.state(), under_way.effects()


def acknowledge(alert: Alert, now: datetime, who: str, note: str) -> tuple[Alert, Effects]:
    """The alert as acknowledged by `who`; the first acknowledgement stands. It covers the severity
    of that moment: a worse one fires, and pages, anew."""
    if alert.state is not AlertState.FIRING:
        return alert, Effects()
    known = replace(
        alert,
        state=AlertState.ACKNOWLEDGED,
        acknowledged_by=who,
        acknowledged_at=now,
        next_level_at=None,
        held_until=None,
        paged_severity=alert.severity,
    )
    return known, _closing(known, AlertEvent(now, "acknowledged", note, who), f"{who} knows")


def resolve(alert: Alert, now: datetime, who: str, reason: str) -> tuple[Alert, Effects]:
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
    )
    return over, _closing(over, AlertEvent(now, "resolved", reason, who), "resolved")


def matching(alert: Alert, silences: Iterable[Silence], now: datetime) -> tuple[Silence, ...]:
    """The silences that cover the alert at `now`."""
    own = {
        "name": alert.name,
        "source": alert.source,
        "key": alert.key,
        "severity": alert.severity,
    }
    values = {**alert.labels, **own}
    return tuple(
        silence
        for silence in silences
        if silence.starts_at <= now < silence.ends_at
        and all(values.get(name) == wanted for name, wanted in silence.matchers.items())
    )


def _closing(alert: Alert, event: AlertEvent, reason: str) -> Effects:
    cancelled = (Cancellation(alert.id, alert.pages, reason),) if alert.pages else ()
    return Effects(alerts=(alert,), events=((alert.id, event),), cancellations=cancelled)


def _rank(severity: str) -> int:
    """0 for the worst; beyond the mildest when nothing was decided yet."""
    return SEVERITIES.index(severity) if severity else len(SEVERITIES)


class _Pass:
    """One step under way."""

    def __init__(self, state: AlertsState, now: datetime) -> None:
        self._before = state
        self._policy = state.policy
        self._now = now
        self._quiet_until = state.policy.quiet_hours.until(now)
        self._open = dict(state.open)
        self._next_id = state.next_id
        self._changed: dict[int, Alert] = {}
        self._events: list[tuple[int, AlertEvent]] = []
        self._pages: list[Page] = []
        self._moves: list[Move] = []
        self._cancellations: list[Cancellation] = []
        self._decisions: list[Decision] = []

    def state(self) -> AlertsState:
        return replace(self._before, open=self._open, next_id=self._next_id)

    def effects(self) -> Effects:
        return Effects(
            alerts=tuple(self._changed[alert_id] for alert_id in sorted(self._changed)),
            events=tuple(self._events),
            pages=tuple(self._pages),
            moves=tuple(self._moves),
            cancellations=tuple(self._cancellations),
            decisions=tuple(self._decisions),
        )

    def fire(self, observation: Observation) -> None:
        known = self._open.get(observation.key)
        alert = self._opened(observation) if known is None else self._merged(known, observation)
        self.consider(alert)

    def resolve(self, key: str, summary: str) -> None:
        alert = self._open.pop(key, None)
        if alert is None:
            return
        over, effects = resolve(alert, self._now, "", summary)
        self._changed[over.id] = over
        self._events += effects.events
        self._cancellations += effects.cancellations

    def look_again(self, key: str) -> None:
        """Considers an alert that nobody observed: only time, or a silence, may have changed."""
        alert = self._open[key]
        if (
            alert.silenced_until is not None
            or alert.id in self._before.stranded
            or self._held_wrongly(alert)
            or (not alert.pages and self._channels_for(alert))
            or matching(alert, self._before.silences, self._now)
        ):
            self.consider(alert)

    def consider(self, alert: Alert) -> None:
        """Decides whether the alert pages now, and records why or why not."""
        alert = self._by_quiet_hours(alert)
        silences = matching(alert, self._before.silences, self._now)
        until = max((silence.ends_at for silence in silences), default=None)
        if alert.state is AlertState.ACKNOWLEDGED:
            self._keep(replace(alert, silenced_until=until))
            self._decide(alert, Outcome.ACKNOWLEDGED, f"{alert.acknowledged_by} knows")
        elif until is not None:
            self._silenced(alert, until, silences)
        elif cause := self._cause(alert):
            self._page(alert, cause)
        elif stranded := self._before.stranded.get(alert.id):
            self._page_elsewhere(alert, stranded)
        elif alert.held_until is not None:
            self._decide(alert, Outcome.ALREADY_HELD, f"held until {iso_z(alert.held_until)}")
        else:
            self._decide(alert, Outcome.ALREADY_PAGED, f"paged at {alert.paged_severity}")

    def _cause(self, alert: Alert) -> str:
        """Why the alert is worth a page; "" when it has had it."""
        if alert.silenced_until is not None:
            return "its silence ended"
        if not alert.paged_severity:
            return "first page"
        if _rank(alert.severity) < _rank(alert.paged_severity):
            return f"severity rose from {alert.paged_severity} to {alert.severity}"
        # Also when no channel wanted it: one may have been configured since.
        return "" if alert.pages else "first page"

    def _page(self, alert: Alert, cause: str) -> None:
        channels = self._channels_for(alert)
        worst = min(alert.severity, alert.paged_severity or alert.severity, key=_rank)
        if alert.silenced_until is not None:
            # What was said before the silence is long ago: from here a rise counts anew.
            alert, worst = replace(alert, silenced_until=None), alert.severity
        if not channels:
            why = f"no channel takes {alert.severity} alerts"
            if alert.paged_severity != worst or cause != "first page":
                self._event(alert, Outcome.NO_CHANNEL, f"{cause}: {why}; see [channels]")
            self._keep(replace(alert, paged_severity=worst))
            return self._decide(alert, Outcome.NO_CHANNEL, why)
        number = alert.pages + 1
        if alert.pages:
            # What was not sent yet would only repeat this page, or say less than it.
            self._cancellations.append(Cancellation(alert.id, alert.pages, f"paged anew: {cause}"))
        quiet_until = None if alert.severity == "critical" else self._quiet_until
        due_at = quiet_until or self._now
        self._pages += [Page(alert.id, number, alert.level, name, due_at) for name in channels]
        self._keep(replace(alert, pages=number, paged_severity=worst, held_until=quiet_until))
        told = ", ".join(channels)
        if quiet_until is None:
            self._event(alert, Outcome.PAGED, f"{cause}: {told}")
            return self._decide(alert, Outcome.PAGED, cause)
        why = f"{cause}: quiet hours until {iso_z(quiet_until)}, then {told}"
        self._event(alert, Outcome.HELD, why)
        return self._decide(alert, Outcome.HELD, why)

    def _page_elsewhere(self, alert: Alert, stranded: Stranded) -> None:
        """Sends what waits for channels that are gone through those of today instead."""
        today = self._channels_for(alert)
        lost = ", ".join(sorted(stranded.gone))
        why = f"{lost} is not in the configuration any more"
        if not today:
            # It stays due, and is told as overdue, until there is a channel for it.
            return self._decide(alert, Outcome.NO_CHANNEL, why)
        more = [name for name in today if name not in stranded.reached]
        due_at = alert.held_until or self._now
        self._pages += [Page(alert.id, alert.pages, alert.level, name, due_at) for name in more]
        self._cancellations.append(Cancellation(alert.id, alert.pages, why, stranded.gone))
        if not more:
            return self._decide(alert, Outcome.ALREADY_PAGED, why)
        outcome = Outcome.PAGED if alert.held_until is None else Outcome.HELD
        self._event(alert, outcome, f"{why}: {', '.join(more)} instead")
        return self._decide(alert, outcome, why)

    def _silenced(self, alert: Alert, until: datetime, silences: tuple[Silence, ...]) -> None:
        longest = max(silences, key=lambda silence: (silence.ends_at, silence.id))
        why = f"silence {longest.id} by {longest.author} until {iso_z(until)}: {longest.reason}"
        if alert.silenced_until != until:
            self._event(alert, Outcome.SILENCED, why)
        if alert.silenced_until is None and alert.pages:
            self._cancellations.append(Cancellation(alert.id, alert.pages, why))
        self._keep(replace(alert, silenced_until=until, held_until=None))
        self._decide(alert, Outcome.SILENCED, why)

    def _by_quiet_hours(self, alert: Alert) -> Alert:
        """The alert held no longer, and no shorter, than the quiet hours of today want it."""
        if alert.held_until is None or not self._held_wrongly(alert):
            return alert
        until = None
        if alert.held_until <= self._now:
            self._event(alert, "quiet_hours_ended", "its page is due")
        else:
            until = self._quiet_until
            now_due = "it is quiet no more, its page is due"
            said = now_due if until is None else f"held until {iso_z(until)} now"
            self._event(alert, "quiet_hours_changed", said)
            self._moves.append(Move(alert.id, alert.pages, until or self._now))
        alert = replace(alert, held_until=until)
        self._keep(alert)
        return alert

    def _held_wrongly(self, alert: Alert) -> bool:
        return alert.held_until is not None and alert.held_until != self._quiet_until

    def _channels_for(self, alert: Alert) -> list[str]:
        return [c.name for c in self._policy.channels if alert.severity in c.severities]

    def _opened(self, observation: Observation) -> Alert:
        alert = Alert(
            id=self._next_id,
            key=observation.key,
            severity=observation.severity,
            state=AlertState.FIRING,
            name=observation.name,
            summary=observation.summary,
            source=observation.source,
            labels=dict(observation.labels),
            runbook=observation.runbook,
            count=1,
            started_at=self._now,
            last_seen_at=observation.observed_at or self._now,
        )
        self._next_id += 1
        alert = replace(alert, next_level_at=self._next_level_at(alert))
        self._event(alert, "opened", f"{alert.severity}: {alert.summary}")
        self._keep(alert)
        return alert

    def _merged(self, alert: Alert, observation: Observation) -> Alert:
        change = _rank(observation.severity) - _rank(alert.severity)
        acknowledged = alert.state is AlertState.ACKNOWLEDGED
        known_at = alert.paged_severity or alert.severity
        if change < 0 and acknowledged and _rank(observation.severity) < _rank(known_at):
            alert = self._fired_again(alert, known_at, observation.severity)
        elif change:
            said = f"{'rose' if change < 0 else 'fell'} from {alert.severity}"
            said += f" to {observation.severity}"
            if change < 0 and acknowledged:
                said += f"; not paged: {alert.acknowledged_by} knows of {known_at}"
            self._event(alert, "severity", said)
        seen_at = observation.observed_at or self._now
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
        )
        merged = replace(merged, next_level_at=self._next_level_at(merged))
        self._keep(merged)
        return merged

    def _fired_again(self, alert: Alert, known_at: str, severity: str) -> Alert:
        """What was acknowledged was not this: somebody has to hear of it."""
        said = f"severity rose from {known_at} to {severity} after the acknowledgement"
        self._event(alert, FIRED_AGAIN, said)
        return replace(
            alert,
            state=AlertState.FIRING,
            acknowledged_by=None,
            acknowledged_at=None,
            next_level_at=self._now + self._policy.first_escalation,
        )

    def _next_level_at(self, alert: Alert) -> datetime | None:
        if alert.state is not AlertState.FIRING or alert.severity not in ESCALATED:
            return None
        first = alert.started_at + self._policy.first_escalation
        # Later when it fired again after an acknowledgement.
        return max(first, alert.next_level_at or first)

    def _keep(self, alert: Alert) -> None:
        if alert != self._open.get(alert.key):
            self._open[alert.key] = alert
            self._changed[alert.id] = alert

    def _event(self, alert: Alert, kind: str, detail: str) -> None:
        self._events.append((alert.id, AlertEvent(self._now, str(kind), detail)))

    def _decide(self, alert: Alert, outcome: Outcome, why: str) -> None:
        self._decisions.append(Decision(alert.id, alert.key, outcome, why))
