"""One step of the rules under way: the open alerts as they become, and what is to be stored."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from mechexo.alerts.effects import (
    AlertsState,
    Cancellation,
    Closing,
    Decision,
    Effects,
    Outcome,
    Page,
    Recent,
)
from mechexo.alerts.values import (
    FIRED_AGAIN,
    LATE,
    Alert,
    AlertEvent,
    AlertState,
    Observation,
)


class Draft:
    """Collects what a step does. The last word on each alert counts."""

    def __init__(self, state: AlertsState, now: datetime) -> None:
        self.before = state
        self.policy = state.policy
        self.now = now
        self.open = dict(state.open)
        self._by_id = {alert.id: alert for alert in (*state.causes, *state.open.values())}
        self._possible_causes = {
            alert.id: alert for alert in self._by_id.values() if self.policy.may_suppress(alert)
        }
        self._next_id = state.next_id
        self._recent = dict(state.recent)
        self.hearing = dict(state.hearing)
        """Who has heard, with what this step makes due and cancels."""
        self._changed: dict[int, Alert] = {}
        self._events: list[tuple[int, AlertEvent]] = []
        self._closings: list[Closing] = []
        self._pages: list[Page] = []
        self._cancellations: list[Cancellation] = []
        self._decisions: list[Decision] = []

    def state(self) -> AlertsState:
        """The state after the step."""
        causes = tuple(
            alert for alert in self._by_id.values() if alert.is_open and alert.key not in self.open
        )
        return replace(
            self.before,
            open=self.open,
            causes=causes,
            next_id=self._next_id,
            hearing=self.hearing,
        )

    def effects(self) -> Effects:
        """What is to be stored."""
        return Effects(
            alerts=tuple(self._changed[alert_id] for alert_id in sorted(self._changed)),
            events=tuple(self._events),
            closings=tuple(self._closings),
            pages=tuple(self._pages),
            cancellations=tuple(self._cancellations),
            decisions=tuple(self._decisions),
        )

    @property
    def alerts_by_id(self) -> dict[int, Alert]:
        """The open alerts that are known here, as they are now."""
        return self._by_id

    @property
    def possible_causes(self) -> Collection[Alert]:
        """Those of them that may cause others: few, where thousands come at once."""
        return self._possible_causes.values()

    def new_id(self) -> int:
        """The id of an alert that opens."""
        self._next_id += 1
        return self._next_id - 1

    def keep(self, alert: Alert) -> None:
        """The alert as it is from now on."""
        if alert != self.open.get(alert.key):
            self.open[alert.key] = alert
            self._changed[alert.id] = alert
            self._by_id[alert.id] = alert
            if self.policy.may_suppress(alert):
                self._possible_causes[alert.id] = alert
            else:
                self._possible_causes.pop(alert.id, None)

    def recent(self, key: str) -> Recent:
        """What is known of the alerts of this key that were open before."""
        return self._recent.get(key, Recent())

    def close(self, alert: Alert) -> None:
        """The alert is over, as its source has seen."""
        self._recent[alert.key] = replace(
            self.recent(alert.key), over_id=alert.id, over_seen_at=alert.over_seen_at
        )
        self.open.pop(alert.key, None)
        self._changed[alert.id] = alert
        self._by_id.pop(alert.id, None)
        self._possible_causes.pop(alert.id, None)

    def fires_again(self, alert: Alert, said: str) -> Alert:
        """The alert without its acknowledgement: somebody has to hear of it. A silence that covered
        it meanwhile is to say once more why nobody does."""
        self.event(alert, FIRED_AGAIN, said)
        return replace(
            alert,
            state=AlertState.FIRING,
            acknowledged_by=None,
            acknowledged_at=None,
            remind_at=None,
            reminded=False,
            silenced_until=None,
        )

    def event(self, alert: Alert, kind: str, detail: str) -> None:
        """One more line of the alert's timeline."""
        self.event_of(alert.id, kind, detail)

    def event_of(self, alert_id: int, kind: str, detail: str) -> None:
        """One more line of the timeline of an alert that need not be open."""
        self._events.append((alert_id, AlertEvent(self.now, str(kind), detail)))

    def add(self, effects: Effects) -> None:
        """Takes over what another rule said, but for the alerts themselves."""
        self._events += effects.events
        self._closings += effects.closings
        self._cancellations += effects.cancellations

    def page(self, pages: Iterable[Page]) -> None:
        """Messages to become due."""
        made = tuple(pages)
        self._pages += made
        for page in made:
            if page.kind == "page" and (known := self.hearing.get(page.alert_id)) is not None:
                self.hearing[page.alert_id] = known.with_message(page.number, page.channel)

    def cancel(self, alert: Alert, why: str, channels: frozenset[str] | None = None) -> None:
        """What was not sent of the alert's pages is not sent."""
        if alert.pages:
            self._cancellations.append(Cancellation(alert.id, alert.pages, why, channels))
            if (known := self.hearing.get(alert.id)) is not None:
                self.hearing[alert.id] = known.without(channels)

    def decide(self, alert: Alert, outcome: Outcome, why: str) -> None:
        """What became of the page that the alert may have been worth."""
        self._decisions.append(Decision(alert.id, alert.key, outcome, why))

    def leave_late(self, alert_id: int, observation: Observation, why: str) -> None:
        """Of an observation that comes too late only the timeline tells."""
        self.event_of(alert_id, LATE, why)
        if observation.firing:
            self._decisions.append(Decision(alert_id, observation.key, Outcome.LATE, why))
