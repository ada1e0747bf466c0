"""What the configuration says about paging, as the rules see it. Pure values and who they match."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.alerts.values import SEVERITIES, Alert, Silence
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from mechexo.alerts.quiet import QuietHours


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as paging sees it: its name and the severities it wants."""

    name: str
    severities: frozenset[str]
    tell_when_over: bool = True
    """Whether it hears of acknowledgements and ends of what it was told."""
    person: str = ""
    """Whom it reaches, where that is known."""


@dataclass(frozen=True, slots=True)
class Level:
    """One rung: whom it reaches at this moment. No channels means that nobody is there."""

    after: timedelta
    channels: tuple[Channel, ...]
    gaps: tuple[str, ...] = ()
    """Which of its schedules have nobody at this moment, since when and until when, in words."""
    tells: tuple[str, ...] = ()
    """What it tells as configured, whoever that is at this moment; its channels unless given."""

    def for_severity(self, severity: str) -> tuple[str, ...]:
        """The names of its channels that take such alerts."""
        return tuple(each.name for each in self.channels if severity in each.severities)

    def words(self, severity: str, only: Collection[str] | None = None) -> str:
        """Who that is, or of that `only` some: `telegram (ada), mail`."""
        names = self.for_severity(severity) if only is None else only
        return ", ".join(
            f"{each.name} ({each.person})" if each.person else each.name
            for each in self.channels
            if each.name in names
        )


@dataclass(frozen=True, slots=True)
class Ladder:
    """The levels, and how often they are climbed. Levels are numbered from 1."""

    levels: tuple[Level, ...]
    name: str = "default"
    severities: frozenset[str] = frozenset({"critical", "high"})
    """Which alerts climb; the others are told at the first level that reaches somebody."""
    repeat: int = 0
    repeat_every: timedelta = timedelta(minutes=30)

    @property
    def identity(self) -> str:
        """What the levels tell as configured, in one line: the same after a hand-over."""
        rungs = (
            level.tells or tuple(channel.name for channel in level.channels)
            for level in self.levels
        )
        return f"{len(self.levels)}: {' / '.join(map(', '.join, rungs))}"

    def climbs(self, severity: str) -> bool:
        """Whether such alerts go on to the next level."""
        return severity in self.severities

    def next_reaching(self, level: int, severity: str) -> int | None:
        """The first level after `level` that has somebody for such alerts."""
        return next(
            (
                number
                for number in range(level + 1, len(self.levels) + 1)
                if self.levels[number - 1].for_severity(severity)
            ),
            None,
        )

    def why_nobody(self, severity: str) -> str:
        """Why no level has somebody for such alerts: the gaps of its schedules, or the channels."""
        gaps = dict.fromkeys(gap for level in self.levels for gap in level.gaps)
        return "; ".join(gaps) or f"no channel takes {severity} alerts"

    def after(self, level: int) -> timedelta:
        """How long after the first page a level is told; the last level's for any beyond it."""
        return self.levels[min(level, len(self.levels)) - 1].after if self.levels else timedelta(0)

    @property
    def longest(self) -> timedelta:
        """No deadline of this ladder lies further ahead than this."""
        return max(self.repeat_every, *(level.after for level in self.levels), timedelta(0))


@dataclass(frozen=True, slots=True)
class Route:
    """The ladder and the quiet hours of the alerts that match."""

    name: str
    ladder: Ladder
    quiet_hours: QuietHours
    matchers: Mapping[str, str] = field(default_factory=dict)
    severities: frozenset[str] = frozenset(SEVERITIES)


@dataclass(frozen=True, slots=True)
class Suppression:
    """While an alert that matches `cause` is open, those that match `hides` do not page."""

    name: str
    cause: Mapping[str, str]
    hides: Mapping[str, str]
    equal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """What the configuration says about paging. The last route matches every alert."""

    routes: tuple[Route, ...]
    forgotten_after: timedelta = timedelta(minutes=30)
    forgotten_severities: frozenset[str] = frozenset({"critical"})
    remind_before: timedelta = timedelta(minutes=5)
    flapping_openings: int = 3
    flapping_window: timedelta = timedelta(minutes=10)
    flapping_again: timedelta = timedelta(hours=1)
    suppressions: tuple[Suppression, ...] = ()
    hearing_the_end: frozenset[str] = frozenset()
    """Channels that want to hear of ends, also while nobody of a level is behind them: who was told
    before a hand-over hears it too."""

    def route(self, alert: Alert) -> Route:
        """The first route that matches the alert."""
        return next(
            (
                route
                for route in self.routes
                if alert.severity in route.severities and covers(route.matchers, alert)
            ),
            self.routes[-1],
        )

    def all_quiet_until(self, now: datetime) -> frozenset[datetime]:
        """Every moment until which an alert may rightly be held by quiet hours now."""
        untils = (route.quiet_hours.until(now) for route in self.routes)
        return frozenset(until for until in untils if until is not None)

    @property
    def wanted(self) -> frozenset[str]:
        """The severities that some level of some ladder has somebody for."""
        return frozenset(
            severity
            for route in self.routes
            for level in route.ladder.levels
            for channel in level.channels
            for severity in channel.severities
        )

    def may_suppress(self, alert: Alert) -> bool:
        """Whether a rule takes the alert for the cause of others."""
        return any(covers(rule.cause, alert) for rule in self.suppressions)

    @property
    def longest(self) -> timedelta:
        """No escalation deadline lies further ahead than this, unless the clock was set back."""
        return max(route.ladder.longest for route in self.routes)

    @property
    def over_channels(self) -> frozenset[str]:
        """The channels that want to hear that what they were told of is over."""
        return self.hearing_the_end | frozenset(
            channel.name
            for route in self.routes
            for level in route.ladder.levels
            for channel in level.channels
            if channel.tell_when_over
        )


_OWN_WORDS = frozenset({"name", "source", "key", "severity"})


def own_values(alert: Alert) -> dict[str, str]:
    """What matchers are compared with: the labels, and the alert's own words above them."""
    return {
        **alert.labels,
        "name": alert.name,
        "source": alert.source,
        "key": alert.key,
        "severity": alert.severity,
    }


def value_of(alert: Alert, name: str) -> str | None:
    """One of its `own_values`; None when it has none of that name."""
    if name in _OWN_WORDS:
        return str(getattr(alert, name))
    return alert.labels.get(name)


def covers(matchers: Mapping[str, str], alert: Alert, *, exact: bool = False) -> bool:
    """Whether all matchers fit the alert. A `*` at the end of one stands for any further text,
    unless they are `exact`."""
    if not matchers:
        return True
    values = own_values(alert)
    if exact:
        return all(values.get(name) == wanted for name, wanted in matchers.items())
    return fits(matchers, values)


def fits(matchers: Mapping[str, str], values: Mapping[str, str]) -> bool:
    """Whether all matchers fit these values."""
    return all(_fits(values.get(name), wanted) for name, wanted in matchers.items())


def _fits(value: str | None, wanted: str) -> bool:
    if value is None:
        return False
    return value.startswith(wanted[:-1]) if wanted.endswith("*") else value == wanted


def matching(alert: Alert, silences: Iterable[Silence], now: datetime) -> tuple[Silence, ...]:
    """The silences that cover the alert at `now`."""
    return tuple(
        silence
        for silence in silences
        if silence.starts_at <= now < silence.ends_at
        and covers(silence.matchers, alert, exact=silence.exact)
    )
