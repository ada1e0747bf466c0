"""What would happen to an alert: the very rules, on a clock that jumps from deadline to deadline.

Pure, and the same `step` as in the tick, so that what is shown is what would be. Only the outbox is
played: a message is delivered the moment it is due, and never through a channel that fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from mechexo.alerts import rules
from mechexo.alerts.effects import AlertsState, Effects, Unreached
from mechexo.alerts.escalation import outlook
from mechexo.alerts.values import Alert, AlertState, Observation
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.alerts.effects import Cancellation, Page
    from mechexo.alerts.policy import Policy
    from mechexo.alerts.values import AlertEvent, Silence

SOMEBODY = "somebody"
"""Who acknowledges."""

_TOLD = {"paged": "told", "escalated": "escalated", "reminded": "reminder"}
_UNSAID = frozenset({"quiet_hours_ended"})
"""What the lines that follow at the same moment say themselves."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """An alert that opens, and what people and channels do about it."""

    observation: Observation
    at: datetime
    until: datetime
    """Nothing is looked at beyond this moment."""
    acknowledge_after: timedelta | None = None
    resolve_after: timedelta | None = None
    failing: frozenset[str] = frozenset()
    """Channels that deliver nothing."""


@dataclass(frozen=True, slots=True)
class World:
    """The desk around the alert."""

    policy_at: Callable[[datetime], Policy]
    silences_at: Callable[[datetime], tuple[Silence, ...]]
    turns: tuple[datetime, ...]
    """When somebody else comes on call, or a silence or a window of maintenance begins or ends."""
    fallback_after: timedelta
    """For how long a level that delivers nothing is waited for."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that would happen. `what` is `told`, `escalated`, `again` (the ladder begins anew)
    or `reminder` for a message; `failed` for one that is not delivered; `informed` for one that
    says that the alert is known or over; else what happens to the alert: `opened`, `held`,
    `no_responder`, `fallback`, `silenced`, `acknowledged`, `resolved` and the like."""

    at: datetime
    what: str
    level: int | None
    """Of a message to a level."""
    channel: str
    person: str
    """Whom the channel reaches, where that is known."""
    why: str


@dataclass(frozen=True, slots=True)
class Simulated:
    """The whole story."""

    happenings: tuple[Happening, ...]
    reached: bool
    """Whether any message about the alert was delivered."""
    end: str
    """Why nothing more happens, or what would come after the end of the look."""


def simulate(scenario: Scenario, world: World) -> Simulated:
    """Everything that happens to the alert, in order, until nothing does or the look ends."""
    return _Play(scenario, world).played()


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Somebody who was told is to hear that the alert is known, or over: in quiet hours later."""

    kind: str
    at: datetime
    channel: str
    person: str


@dataclass(slots=True)
class _Play:
    scenario: Scenario
    world: World
    happenings: list[Happening] = field(default_factory=list)
    told: dict[str, str] = field(default_factory=dict)
    """The channels that a page was delivered through, and whom each reaches."""
    alert: Alert | None = None
    tried: tuple[int, int, datetime] | None = None
    """The page and level that were tried last without reaching anybody, and since when a message
    to it has been due."""
    undelivered: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    """By channel: the last page that it did not deliver, and since when it, or one before it that
    it takes the place of, has been due. As in the outbox."""
    waiting: list[_Waiting] = field(default_factory=list)
    reminded: bool = False

    def played(self) -> Simulated:
        scenario, now = self.scenario, self.scenario.at
        self._step(now, (scenario.observation,))
        self._people_act(now)
        while (following := self._next(now)) is not None and following <= scenario.until:
            now = following
            self._step(now, ())
            self._people_act(now)
        return Simulated(tuple(self.happenings), bool(self.told) or self.reminded, self._end(now))

    def _people_act(self, now: datetime) -> None:
        """After the step: what is due at the very moment is told still."""
        if now == self._moment(self.scenario.acknowledge_after):
            self._acknowledge(now)
        if now == self._moment(self.scenario.resolve_after):
            self._step(now, (replace(self.scenario.observation, firing=False),))
        self._inform(now)

    def _moment(self, after: timedelta | None) -> datetime | None:
        return None if after is None else self.scenario.at + after

    def _next(self, now: datetime) -> datetime | None:
        """The next moment at which anything can happen."""
        alert = self.alert
        coming: list[datetime | None] = [each.at for each in self.waiting]
        if alert is not None and alert.is_open:
            coming += self._deadlines(alert, now)
        return min((each for each in coming if each is not None and each > now), default=None)

    def _deadlines(self, alert: Alert, now: datetime) -> list[datetime | None]:
        return [
            alert.next_level_at,
            alert.held_until,
            alert.silenced_until,
            alert.flapping_until,
            alert.remind_at,
            self._moment(self.scenario.acknowledge_after),
            self._moment(self.scenario.resolve_after),
            self._given_up_at(),
            # What its deadline found in quiet hours is looked at again at their end.
            self.world.policy_at(now).route(alert).quiet_hours.until(now),
            *self.world.turns,
        ]

    def _given_up_at(self) -> datetime | None:
        """When the level that was tried last counts as having reached nobody, as the outbox says
        it: while it waits for a later one, or for none, and not for the morning."""
        alert = self.alert
        if self.tried is None or alert is None or alert.state is not AlertState.FIRING:
            return None
        page, level, due_since = self.tried
        if alert.held_until is not None or (alert.pages, alert.level) != (page, level):
            return None
        given_up_at = due_since + self.world.fallback_after
        if alert.next_level_at is not None and given_up_at >= alert.next_level_at:
            return None
        return given_up_at

    def _state(self, now: datetime) -> AlertsState:
        alert, unreached = self.alert, {}
        given_up_at = self._given_up_at()
        if alert is not None and given_up_at is not None and given_up_at <= now:
            unreached[alert.id] = Unreached(alert.level, "no channel of it delivered")
        return AlertsState(
            policy=self.world.policy_at(now),
            next_id=1,
            open={} if alert is None else {alert.key: alert},
            silences=self.world.silences_at(now),
            unreached=unreached,
        )

    def _step(self, now: datetime, observations: Sequence[Observation]) -> None:
        """The rules' step, and those that follow at the same moment: a message that takes the place
        of one that has long been due is waited for no longer than that one."""
        before: Alert | None = None
        while True:
            state = self._state(now)
            _, effects = rules.step(state, now, observations)
            self._take(now, state.policy, effects)
            given_up_at, observations = self._given_up_at(), ()
            if given_up_at is None or given_up_at > now or self.alert == before:
                return
            before = self.alert

    def _acknowledge(self, now: datetime) -> None:
        if self.alert is None or not self.alert.is_open:
            return
        policy = self.world.policy_at(now)
        _, effects = rules.acknowledge(self.alert, now, SOMEBODY, "", policy)
        self._take(now, policy, effects)

    def _take(self, now: datetime, policy: Policy, effects: Effects) -> None:
        for alert in effects.alerts:
            self.alert = alert
        groups = [
            tuple(pages)
            for _, pages in groupby(
                effects.pages, lambda page: (page.kind, page.number, page.level)
            )
        ]
        for _, event in effects.events:
            if event.kind in _TOLD:
                self._say(now, policy, event, groups.pop(0) if groups else ())
            elif event.kind not in _UNSAID:
                self._happen(now, event.kind, event.detail)
        for cancelled in effects.cancellations:
            self._forget(cancelled)
        for closing in effects.closings:
            self.waiting += (
                _Waiting(closing.kind, closing.due_at, channel, person)
                for channel, person in self.told.items()
                if channel in closing.channels
            )

    def _forget(self, cancelled: Cancellation) -> None:
        """What was not delivered of these pages is not tried any more."""
        for channel, (page, _) in tuple(self.undelivered.items()):
            if page <= cancelled.up_to_page and channel in (cancelled.channels or (channel,)):
                del self.undelivered[channel]
        if self.tried is not None and self.tried[0] <= cancelled.up_to_page:
            self.tried = None

    def _say(self, now: datetime, policy: Policy, event: AlertEvent, pages: Sequence[Page]) -> None:
        """A message to each channel of a level, or of a reminder."""
        alert = self.alert
        assert alert is not None
        what = "again" if event.kind == "paged" and alert.pages > 1 else _TOLD[event.kind]
        people = _people(policy)
        delivered = False
        for page in pages:
            person, level = people.get(page.channel, ""), page.level or None
            why = _why(event.detail, policy, alert, page)
            self.happenings.append(Happening(now, what, level, page.channel, person, why))
            if page.channel in self.scenario.failing:
                self._fail(now, page, person)
                continue
            delivered = True
            if page.kind == "page":
                self.told[page.channel] = person
            else:
                self.reminded = True
        if not pages:
            self._happen(now, what, event.detail)
        elif pages[0].kind == "page":
            due_since = min(self.undelivered.get(page.channel, (0, now))[1] for page in pages)
            self.tried = None if delivered else (pages[0].number, pages[0].level, due_since)

    def _fail(self, now: datetime, page: Page, person: str) -> None:
        if page.kind == "page":
            _, due_since = self.undelivered.get(page.channel, (0, now))
            self.undelivered[page.channel] = (page.number, due_since)
        said = f"{page.channel} does not deliver"
        self.happenings.append(
            Happening(now, "failed", page.level or None, page.channel, person, said)
        )

    def _inform(self, now: datetime) -> None:
        """Who has waited to hear of it; that somebody knows is no news once it is over, or fires
        again."""
        due = [each for each in self.waiting if each.at <= now]
        self.waiting = [each for each in self.waiting if each.at > now]
        for each in due:
            if each.kind == "acknowledged":
                if self.alert is None or self.alert.state is not AlertState.ACKNOWLEDGED:
                    continue
                said = f"{SOMEBODY} knows"
            else:
                said = "it is over"
            self.happenings.append(
                Happening(now, "informed", None, each.channel, each.person, said)
            )

    def _happen(self, now: datetime, what: str, why: str) -> None:
        self.happenings.append(Happening(now, what, None, "", "", why))

    def _end(self, now: datetime) -> str:
        assert self.alert is not None
        if not self.alert.is_open:
            return "it is over"
        ahead = outlook(self.alert, self.world.policy_at(now))
        return ahead.what if ahead.at is None else f"not looked further; then: {ahead.what}"


def _people(policy: Policy) -> dict[str, str]:
    return {
        channel.name: channel.person
        for route in reversed(policy.routes)
        for level in route.ladder.levels
        for channel in level.channels
        if channel.person
    }


def _why(detail: str, policy: Policy, alert: Alert, page: Page) -> str:
    """The reason alone: which level and who that is has its own places in the line."""
    ladder = policy.route(alert).ladder
    if page.kind == "page" and page.level <= len(ladder.levels):
        words = ladder.levels[page.level - 1].words(alert.severity)
        return detail.removesuffix(f": {words}").removesuffix(f": level {page.level}")
    return detail.rpartition(": ")[0] or detail
