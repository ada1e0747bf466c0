"""The configuration as the rules see it at a moment: who is behind each level then."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from mechexo.alerts import oncall
from mechexo.alerts.ladders import DEFAULT, kind_of, ladders
from mechexo.alerts.policy import Channel, Ladder, Level, Policy, Route, Suppression
from mechexo.alerts.quiet import QuietHours
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.alerts.bundling import Limit
    from mechexo.alerts.calendars import Calendars
    from mechexo.config import (
        ChannelSettings,
        EscalationSettings,
        LevelSettings,
        QuietHoursSettings,
        Settings,
    )
    from mechexo.desk import Desk

_CALLS_A_MINUTE = 4
_TELEGRAMS_A_MINUTE = 20
_MESSAGES_A_MINUTE = 60


def calendars_ahead(desk: Desk) -> Calendars:
    """What `policy_of` is given in a transaction: read before it, because a file may hang."""
    if not any(each.calendar for each in desk.settings.oncall.schedules.values()):
        return {}
    from mechexo.alerts import calendars

    return calendars.calendars_ahead(desk)


def policy_of(desk: Desk, now: datetime, calendars: Calendars | None = None) -> Policy:
    """What the configuration says about paging, with whoever is on call at `now`."""
    settings = desk.settings
    if not settings.oncall.schedules:
        return _policy_of_everyone(_Same(settings))
    people = oncall.who(desk, now, calendars)
    gaps = {
        name: oncall.gap_words(desk, name, now, calendars)
        for name, person in people.items()
        if person is None
    }
    return policy_from(settings, people, gaps)


@dataclass(frozen=True, eq=False, slots=True)
class _Same:
    """Settings, which never change, as what a memory finds again."""

    settings: Settings

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.settings is self.settings

    def __hash__(self) -> int:
        return id(self.settings)


@lru_cache(maxsize=4)
def _policy_of_everyone(same: _Same) -> Policy:
    """The policy of a configuration without schedules: the same at every moment, and asked for in
    every transaction."""
    return policy_from(same.settings, {})


def policy_from(
    settings: Settings,
    people: Mapping[str, str | None],
    gaps: Mapping[str, str] = MappingProxyType({}),
) -> Policy:
    """The same, given who is on call for each schedule, and in words the gap of those that have
    nobody. Pure."""
    zone = settings.desk.zone
    known = {
        name: _ladder(settings, name, ladder, people, gaps)
        for name, ladder in ladders(settings).items()
    }
    desk_quiet = quiet_hours_from(settings.quiet_hours, zone)
    routes = [
        Route(
            name=name,
            ladder=known[route.escalation],
            quiet_hours=(
                desk_quiet
                if route.quiet_hours is None
                else quiet_hours_from(route.quiet_hours, settings.quiet_hours.zone or zone)
            ),
            matchers=route.match,
            **({"severities": frozenset(route.severities)} if route.severities else {}),
        )
        for name, route in settings.routes.items()
    ]
    alerts = settings.alerts
    return Policy(
        routes=(*routes, Route("", known[DEFAULT], desk_quiet)),
        forgotten_after=alerts.forgotten_after,
        forgotten_severities=frozenset(alerts.forgotten_severities),
        # Longer before, and the reminder would come with the acknowledgement itself.
        remind_before=min(alerts.remind_before, alerts.forgotten_after / 2),
        flapping_openings=alerts.flapping_openings,
        flapping_window=alerts.flapping_window,
        flapping_again=alerts.flapping_again,
        suppressions=tuple(
            Suppression(name, rule.cause, rule.hides, rule.equal)
            for name, rule in settings.suppress.items()
        ),
        hearing_the_end=frozenset(
            name for name, channel in settings.channels.items() if hears_the_end(channel)
        ),
    )


def quiet_hours_from(settings: QuietHoursSettings, zone: str) -> QuietHours:
    """Quiet hours as configured, in their own zone or else in `zone`."""
    return QuietHours(settings.start, settings.end, settings.zone or zone, settings.enabled)


def limit_of(channel: ChannelSettings) -> Limit:
    """How many messages the channel takes."""
    from mechexo.alerts.bundling import Limit

    match kind_of(channel):
        case "file":
            return Limit(channel.per_minute)
        case "telegram":
            return Limit(channel.per_minute or _TELEGRAMS_A_MINUTE, timedelta(seconds=1))
        case "phone":
            return Limit(channel.per_minute or _CALLS_A_MINUTE, together=True)
        case _:
            return Limit(channel.per_minute or _MESSAGES_A_MINUTE)


def hears_the_end(channel: ChannelSettings) -> bool:
    """Whether who was told there hears of the acknowledgement and the end too."""
    if channel.tell_when_over is not None:
        return channel.tell_when_over
    return kind_of(channel) != "phone"


def _ladder(
    settings: Settings,
    name: str,
    ladder: EscalationSettings,
    people: Mapping[str, str | None],
    gaps: Mapping[str, str],
) -> Ladder:
    return Ladder(
        levels=tuple(
            Level(
                level.after,
                _channels(settings, level, people),
                tuple(gaps[told] for told in level.tell if told in gaps),
                (*level.tell, *(f"by {kind}" for kind in level.by)),
            )
            for level in ladder.levels
        ),
        name=name,
        severities=frozenset(ladder.severities),
        repeat=ladder.repeat,
        repeat_every=ladder.repeat_every,
    )


def _channels(
    settings: Settings, level: LevelSettings, people: Mapping[str, str | None]
) -> tuple[Channel, ...]:
    """The channels of a level, each once, in the order in which it tells them."""
    found: dict[str, Channel] = {}
    for told in level.tell:
        person = people.get(told) if told in settings.oncall.schedules else told
        if person in settings.people:
            for name in settings.people[person].channels:
                if not level.by or kind_of(settings.channels[name]) in level.by:
                    found.setdefault(name, _channel(settings, name, person))
        elif person in settings.channels:
            found.setdefault(person, _channel(settings, person, ""))
    return tuple(found.values())


def _channel(settings: Settings, name: str, person: str) -> Channel:
    channel = settings.channels[name]
    return Channel(name, frozenset(channel.severities), hears_the_end(channel), person)
