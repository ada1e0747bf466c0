"""What comes next for an alert: who is told, when, or why nobody is. Pure; the one place that
speaks of it, for every face."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.alerts.rungs import next_level
from mechexo.alerts.values import Alert, AlertState
from mechexo.times import format_duration, in_zone, stamps_in_zone
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mechexo.alerts.policy import Policy


@dataclass(frozen=True, slots=True)
class Outlook:
    """The next thing that happens to an alert by itself. `at` is None when nothing does."""

    at: datetime | None
    what: str
    """`level 2: mail (ada)`, `again from level 1: telegram`, `pages: mail`, `a reminder`, or why
    nobody is told any more."""

    def words(self, now: datetime, zone: ZoneInfo) -> str:
        """For people: `level 2: mail in 12m, at 2026-03-02 14:45:00 UTC`."""
        if self.at is None:
            return stamps_in_zone(self.what, zone)
        when = "due now" if self.at <= now else f"in {format_duration(self.at - now)}"
        return f"{self.what} {when}, at {in_zone(self.at, zone)}"

    def in_short(self, now: datetime) -> str:
        """For a narrow column: `mail 12m`; "" when nothing happens by itself."""
        if self.at is None:
            return ""
        return f"{self.who} {self.countdown(now)}"

    @property
    def who(self) -> str:
        """Whom it reaches: `mail (ada)`; `nobody` or `nobody further` when nothing happens."""
        if self.at is None:
            return self.what.partition(":")[0].partition(" while ")[0]
        return self.what.rpartition(": ")[2]

    def countdown(self, now: datetime) -> str:
        """How long it is until then: `12m`, `now`; "" when nothing happens by itself."""
        if self.at is None:
            return ""
        return "now" if self.at <= now else format_duration(self.at - now)


def outlook(alert: Alert, policy: Policy) -> Outlook:
    """What happens next to an alert, as configured, with whoever is on call now."""
    route = policy.route(alert)
    if alert.state is AlertState.RESOLVED:
        return Outlook(None, "over")
    if alert.state is AlertState.ACKNOWLEDGED:
        if alert.remind_at is None:
            return Outlook(None, f"nobody further: {alert.acknowledged_by} knows")
        first = _first(policy, alert)
        what = f"it pages again: {first}" if alert.reminded else f"a reminder: {first}"
        return Outlook(alert.remind_at, what)
    if alert.silenced_until is not None:
        return Outlook(alert.silenced_until, f"the silence ends, then: {_first(policy, alert)}")
    if alert.suppressed_by is not None:
        cause = alert.suppressed_by
        return Outlook(None, f"nobody while alert {cause} is open, which causes it")
    if alert.held_until is not None:
        level = next_level(alert, route.ladder) if alert.pages else 1
        who = _level(policy, alert, level) if level and alert.pages else _first(policy, alert)
        return Outlook(alert.held_until, f"quiet hours end, then: {who}")
    if alert.flapping_until is not None:
        return Outlook(alert.flapping_until, f"if it stands still: {_first(policy, alert)}")
    if alert.next_level_at is None or route.ladder.next_reaching(0, alert.severity) is None:
        return Outlook(None, _nobody_further(policy, alert))
    further = next_level(alert, route.ladder)
    if further is not None:
        return Outlook(alert.next_level_at, f"level {further}: {_level(policy, alert, further)}")
    return Outlook(alert.next_level_at, f"again from the first level: {_first(policy, alert)}")


def _nobody_further(policy: Policy, alert: Alert) -> str:
    ladder = policy.route(alert).ladder
    if ladder.next_reaching(0, alert.severity) is None:
        if any(level.gaps for level in ladder.levels):
            return f"nobody: {ladder.why_nobody(alert.severity)}"
        return f"nobody: no channel takes {alert.severity} alerts, see [channels]"
    if not ladder.climbs(alert.severity):
        return f"nobody further: {alert.severity} alerts do not climb, see [escalation]"
    return "nobody further: the ladder is at its end, see [escalation]"


def _first(policy: Policy, alert: Alert) -> str:
    level = policy.route(alert).ladder.next_reaching(0, alert.severity)
    return _level(policy, alert, level) if level else "nobody"


def _level(policy: Policy, alert: Alert, level: int) -> str:
    return policy.route(alert).ladder.levels[level - 1].words(alert.severity)
