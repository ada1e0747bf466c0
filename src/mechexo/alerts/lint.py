"""Whether an alert would reach somebody: what in the configuration or the schedules says no.

Sends nothing. Each finding says where it is and what to do.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mechexo.alerts import oncall
from mechexo.alerts.channels.address import address_of
from mechexo.alerts.ladders import DEFAULT, kind_of, ladders
from mechexo.alerts.values import SEVERITIES
from mechexo.errors import ConfigError
from mechexo.times import in_zone
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.config import ChannelSettings, EscalationSettings, LevelSettings, Settings
    from mechexo.desk import Desk

URGENT = ("critical", "high")
"""Severities that some channel must take."""

START_LIMIT_S = 8.0
"""How long a channel's sending process may take to say whether it takes the address."""

_AT_ONCE = 4
_SECOND = timedelta(microseconds=999_999)
_MAIL = ("mailto", "mailtos")
_WEB = ("http", "https", "json", "jsons", "xml", "xmls", "form", "forms")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that keeps, or may keep, an alert from reaching somebody."""

    table: str
    """The table of mechexo.toml, like `escalation.default`."""
    key: str
    what: str
    do: str
    severe: bool
    """Whether somebody is not reached already now."""


def lint(desk: Desk, *, addresses: bool = True) -> tuple[Finding, ...]:
    """Everything that keeps alerts from reaching people; nothing when all is well.

    `addresses` asks each channel's sending process whether it takes the channel's address, which
    takes a second or more.
    """
    settings = desk.settings
    if not settings.channels:
        what = "none is configured: nobody is told of anything"
        return (Finding("channels", "", what, "add a table like [channels.mail]", True),)
    plans = _plans(desk)
    reach = _Reach(settings, {name: _people_of(settings, plans[name]) for name in plans})
    return (
        *(_channels(desk) if addresses else ()),
        *_severities(settings),
        *(
            each
            for name, ladder in ladders(settings).items()
            for each in _ladder(reach, name, ladder)
        ),
        *_providers(desk, reach),
        *_people(reach),
        *(each for plan in plans.values() for each in _schedule(desk, plan)),
    )


def unheard(desk: Desk) -> tuple[Finding, ...]:
    """Ladders that have nobody for mild alerts, which may be meant so: no part of `lint`."""
    settings, plans = desk.settings, _plans(desk)
    reach = _Reach(settings, {name: _people_of(settings, plans[name]) for name in plans})
    return tuple(_unheard(reach))


def _plans(desk: Desk) -> dict[str, oncall.Plan]:
    moment = desk.clock.now()
    return {
        name: oncall.plan(desk, name, moment, moment + oncall.LOOKAHEAD)
        for name in desk.settings.oncall.schedules
    }


@dataclass(frozen=True, slots=True)
class _Reach:
    """Whom the names in `tell` stand for, and by which channels."""

    settings: Settings
    people_of: dict[str, list[str]]
    """Whoever takes turns in a schedule, or is on call in it soon."""

    def channels(self, level: LevelSettings) -> set[str]:
        """The channels through which a level may tell somebody."""
        named = {tell for tell in level.tell if tell in self.settings.channels}
        return named.union(*(self.of_person(level, each) for each in self.people(level)))

    def people(self, level: LevelSettings) -> list[str]:
        """Everybody whom a level may tell, but for those behind channels that it names itself."""
        return [
            person
            for tell in level.tell
            if tell not in self.settings.channels
            for person in self.people_of.get(tell, [tell])
        ]

    def of_person(self, level: LevelSettings, person: str) -> set[str]:
        """A person's channels of the kinds that the level wants."""
        channels = self.settings.people[person].channels
        kinds = {name: kind_of(self.settings.channels[name]) for name in channels}
        return {name for name in channels if not level.by or kinds[name] in level.by}

    def silent(self, level: LevelSettings) -> list[str]:
        """Who of a level has no channel there, and why; each once."""
        found = [
            f"nobody takes turns in {each}" for each in level.tell if self.people_of.get(each) == []
        ]
        for person in self.people(level):
            if not self.settings.people[person].channels:
                found.append(f"{person} has no channels")
            elif not self.of_person(level, person):
                found.append(f"{person} has no channel of kind {', '.join(level.by)}")
        return list(dict.fromkeys(found))

    def schedules(self, person: str) -> list[str]:
        """Where a person takes turns."""
        return [name for name, people in self.people_of.items() if person in people]

    def unsaid(self, level: LevelSettings) -> list[str]:
        """Of `silent` what no finding about people or gaps says anyway."""
        said = {f"{each} has no channels" for each in self.people(level) if self.schedules(each)}
        said |= {f"nobody takes turns in {each}" for each in self.people_of}
        return [each for each in self.silent(level) if each not in said]


def _people_of(settings: Settings, plan: oncall.Plan) -> list[str]:
    people = [
        each for layer in settings.oncall.schedules[plan.schedule].layers for each in layer.people
    ]
    people += [span.person for span in plan.spans if span.person is not None]
    return list(dict.fromkeys(people))


def _channels(desk: Desk) -> Iterator[Finding]:
    """Addresses that cannot work, as the process that would send to them says."""
    channels = desk.settings.channels
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        faults = pool.map(lambda each: _fault(desk, each), channels.values())
        for (name, channel), fault in zip(channels.items(), faults, strict=True):
            if fault:
                key = "url" if not channel.kind else "kind"
                do = f"correct [channels.{name}], or provide the secret that it refers to"
                yield Finding(f"channels.{name}", key, fault, do, True)


def _fault(desk: Desk, channel: ChannelSettings) -> str:
    """Why nothing can be sent to a channel; empty when it can, as far as can be told."""
    from mechexo.alerts.channels.process import SendingProcess

    try:
        address = address_of(channel, desk.root)
    except ConfigError as error:
        return str(error)
    if address.kind == "file":
        return _mailbox_fault(Path(address.resolved), may_make_folder=address.make_folder)
    process = SendingProcess(address, START_LIMIT_S)
    try:
        answer = process.start(time.monotonic() + START_LIMIT_S)
    finally:
        process.kill()
    return "" if answer.outcome == "ready" else answer.detail


def _mailbox_fault(file: Path, *, may_make_folder: bool) -> str:
    nearest = next(each for each in (file, *file.parents) if each.exists())
    if nearest == file:
        fits = file.is_file()
    else:
        fits = nearest.is_dir() and (nearest == file.parent or may_make_folder)
    return "" if fits and os.access(nearest, os.W_OK) else f"{file} cannot be written"


def _severities(settings: Settings) -> Iterator[Finding]:
    """Urgent severities that no channel takes."""
    for severity in URGENT:
        if not any(severity in channel.severities for channel in settings.channels.values()):
            what = f"no channel takes {severity} alerts: nobody is told of them"
            do = f'add "{severity}" to the severities of one in [channels]'
            yield Finding("channels", "severities", what, do, True)


def _ladder(reach: _Reach, name: str, ladder: EscalationSettings) -> Iterator[Finding]:
    """Levels that reach nobody, or not everybody, and severities that no level takes."""
    table, channels = _table(reach, name), reach.settings.channels
    taken: set[str] = set()
    for number, level in enumerate(ladder.levels, 1):
        reached = reach.channels(level)
        takes = {severity for each in reached for severity in channels[each].severities}
        taken |= takes
        # What does not climb is told at the first level too.
        wanted = SEVERITIES if number == 1 else ladder.severities
        if not reached:
            what = f"level {number} reaches nobody: {'; '.join(reach.silent(level))}"
            do = "give them channels in [people], or name a channel in tell"
            yield Finding(table, "levels", what, do, True)
        elif not takes & set(wanted):
            names = ", ".join(sorted(reached))
            what = f"level {number} reaches nobody: {names} takes none of {', '.join(wanted)}"
            do = f'add "{wanted[0]}" to the severities of one of them'
            yield Finding(table, "levels", what, do, True)
        elif silent := reach.unsaid(level):
            what = f"level {number} does not reach everybody it tells: {'; '.join(silent)}"
            do = "give them such a channel in [people], or leave them or `by` out"
            yield Finding(table, "levels", what, do, False)
    for severity in ladder.severities:
        somewhere = any(severity in each.severities for each in channels.values())
        if somewhere and severity not in taken:
            what = f"{severity} alerts climb it, and no level has a channel that takes them"
            do = f'add "{severity}" to the severities of a channel that it tells'
            yield Finding(table, "severities", what, do, True)


def _unheard(reach: _Reach) -> Iterator[Finding]:
    """Milder severities that no level of a ladder takes: such alerts are on the list alone."""
    channels = reach.settings.channels
    for name, ladder in ladders(reach.settings).items():
        reached = {each for level in ladder.levels for each in reach.channels(level)}
        taken = {severity for each in reached for severity in channels[each].severities}
        missed = [each for each in SEVERITIES if each not in (*URGENT, *ladder.severities, *taken)]
        if reached and missed:
            of = "" if name == DEFAULT else f" of the ladder {name}"
            what = f"{' and '.join(missed)} alerts{of} reach nobody: they are on the list alone"
            do = f'where somebody shall hear of them, add "{missed[0]}" to a channel\'s severities'
            yield Finding(_table(reach, name), "severities", what, do, False)


def _table(reach: _Reach, ladder: str) -> str:
    """Where a ladder comes from: its table, or the channels where it is not configured."""
    return f"escalation.{ladder}" if ladder in reach.settings.escalation else "channels"


def _providers(desk: Desk, reach: _Reach) -> Iterator[Finding]:
    """Ladders whose levels all hang on one service: its outage silences every one of them."""
    for name, ladder in ladders(reach.settings).items():
        reached = {channel for level in ladder.levels for channel in reach.channels(level)}
        providers = {_provider(desk, reach.settings.channels[each]) for each in reached}
        if len(providers) == 1:
            number = len(ladder.levels)
            levels = "its one level goes" if number == 1 else f"all its {number} levels go"
            what = f"{levels} through {providers.pop()}: one outage silences everything"
            do = "add a level with a channel of another service"
            yield Finding(_table(reach, name), "levels", what, do, False)


def _provider(desk: Desk, channel: ChannelSettings) -> str:
    """The service that a channel hangs on, in words that hold no secret."""
    kind = kind_of(channel)
    if channel.kind:
        host = urlsplit(channel.api).hostname if "${" not in channel.api else None
        return host or {"telegram": "Telegram", "phone": "Twilio"}[channel.kind]
    try:
        address = address_of(channel, desk.root)
    except ConfigError:
        return kind
    if address.kind == "file":
        return "a file on this machine"
    scheme = address.resolved.partition("://")[0].lower()
    if scheme in (*_MAIL, *_WEB):
        # Elsewhere a token may stand where a host does.
        try:
            host = urlsplit(address.resolved).hostname
        except ValueError:
            host = None
        return f"{scheme}://{host}" if host else scheme
    if scheme in ("tgram", "telegram"):
        return "Telegram"
    return "Twilio" if scheme == "twilio" else scheme


def _people(reach: _Reach) -> Iterator[Finding]:
    """People in a schedule whom no channel reaches."""
    for name, person in reach.settings.people.items():
        schedules = reach.schedules(name)
        if schedules and not person.channels:
            what = f"{name} takes turns in {', '.join(schedules)} and has no channels"
            do = "name the channels that reach them"
            yield Finding(f"people.{name}", "channels", what, do, False)


def _schedule(desk: Desk, plan: oncall.Plan) -> Iterator[Finding]:
    """Its gaps, what of its calendar and overrides cannot be used, odd first days."""
    table = f"oncall.schedules.{plan.schedule}"
    settings = desk.settings.oncall.schedules[plan.schedule]
    for problem in plan.problems:
        do = {
            "calendar": "correct the file; where it says nothing, the layers decide",
            "override": "add them to [people], or: mechexo oncall unoverride ID",
        }[problem.key]
        yield Finding(table, problem.key, problem.what, do, False)
    for gap in plan.gaps:
        begins, ends = (in_zone(at, desk.zone) for at in (gap.starts_at, gap.ends_at))
        at_least = "at least " if gap is plan.spans[-1] else ""
        what = f"nobody is on call from {begins} until {at_least}{ends}"
        times = f"--from {_typed(gap.starts_at)} --until {_typed(gap.ends_at + _SECOND)}"
        do = f"add a layer, or: mechexo oncall override {plan.schedule} PERSON {times}"
        key = "layers" if settings.layers else "calendar"
        yield Finding(table, key, what, do, gap is plan.spans[0])
    for layer in settings.layers:
        weekday = oncall.WEEKDAYS[date.fromisoformat(layer.since).weekday()]
        if layer.every == "weekly" and weekday != layer.weekday:
            what = (
                f"since = {layer.since} is a {weekday}, hand-overs are on {layer.weekday}: "
                "the first turn is shorter"
            )
            do = f"set since to a {layer.weekday}"
            yield Finding(table, "since", what, do, False)


def _typed(moment: datetime) -> str:
    """The second of a moment, in UTC, as it can be typed."""
    whole = moment.astimezone(UTC).replace(microsecond=0)
    return whole.isoformat().replace("+00:00", "Z")
