"""The desk as a simulation needs it: its configuration, schedules, overrides and silences.

Reads only. Nothing of the desk changes, and the alerts that are open on it play no part.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.alerts import oncall, rotation, silence_records
from mechexo.alerts.configured import policy_from
from mechexo.alerts.maintenance import turns, windows_at
from mechexo.alerts.simulation import Scenario, Simulated, World
from mechexo.alerts.simulation import simulate as play
from mechexo.alerts.text import clean_observation
from mechexo.alerts.values import Observation
from mechexo.errors import NotFoundError, UsageError, close_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from mechexo.alerts.policy import Policy
    from mechexo.alerts.rotation import Override, Schedule
    from mechexo.alerts.values import Silence
    from mechexo.desk import Desk

LONGEST = timedelta(days=31)


def simulate(
    desk: Desk,
    *,
    severity: str,
    at: datetime,
    lasting: timedelta = timedelta(hours=24),
    name: str = "simulated",
    key: str = "",
    source: str = "simulation",
    labels: Mapping[str, str] | None = None,
    acknowledge_after: timedelta | None = None,
    resolve_after: timedelta | None = None,
    failing: Collection[str] = (),
) -> Simulated:
    """Who would be told of such an alert, when and why, with the configuration, the schedules, the
    overrides, the silences and the windows of maintenance as they are known now.

    Raises:
        UsageError: there is no such severity, or it would last too long.
        NotFoundError: a channel that shall fail is not configured.
    """
    if not timedelta(0) < lasting <= LONGEST:
        raise UsageError(f"a simulation lasts more than nothing and at most {LONGEST.days}d")
    for channel in failing:
        if channel not in desk.settings.channels:
            said = close_names(channel, sorted(desk.settings.channels))
            raise NotFoundError(f"there is no channel {channel!r}; {said}")
    try:
        until = at + lasting
    except OverflowError:
        raise UsageError("the calendar ends before this simulation does") from None
    observation = clean_observation(
        Observation(key or name, True, severity, name, "simulated", source, labels or {})
    )
    scenario = Scenario(
        observation, at, until, acknowledge_after, resolve_after, frozenset(failing)
    )
    return play(scenario, world(desk, at, until))


def world(desk: Desk, start: datetime, end: datetime) -> World:
    """What the rules see of the desk at any moment from `start` to `end`."""
    settings, zone = desk.settings, desk.zone
    schedules = [
        oncall.known(desk, name, start, end + timedelta.resolution)[:2]
        for name in settings.oncall.schedules
    ]
    with desk.state.explained():
        silences = silence_records.active_silences(desk.state.reader(), start)
    policies: dict[tuple[str | None, ...], Policy] = {}

    def policy_at(moment: datetime) -> Policy:
        people = {
            schedule.name: rotation.on_call(schedule, overrides, moment).person
            for schedule, overrides in schedules
        }
        known = tuple(people.values())
        if known not in policies:
            policies[known] = policy_from(settings, people)
        return policies[known]

    def silences_at(moment: datetime) -> tuple[Silence, ...]:
        return (*silences, *windows_at(settings.maintenance, zone, moment))

    def moments() -> Iterator[datetime]:
        yield from _handovers(schedules, start, end)
        for silence in silences:
            yield from (silence.starts_at, silence.ends_at)
        yield from turns(settings.maintenance, zone, start, end)

    return World(
        policy_at=policy_at,
        silences_at=silences_at,
        turns=tuple(sorted({each for each in moments() if start < each <= end})),
        fallback_after=settings.alerts.fallback_after,
    )


def _handovers(
    schedules: Collection[tuple[Schedule, tuple[Override, ...]]], start: datetime, end: datetime
) -> Iterator[datetime]:
    for schedule, overrides in schedules:
        for each in rotation.handovers(schedule, overrides, start, end):
            yield each.at
