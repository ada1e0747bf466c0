"""The shape of the tables about alerts: channels, people, on-call, escalation, routes, quiet hours.

Each field's docstring is its documentation.
"""

from __future__ import annotations

from dataclasses import field
from datetime import time, timedelta
from typing import Annotated, Literal

from mechexo.config.fields import (
    ClockTime,
    Duration,
    IsoDate,
    IsoMoment,
    Severity,
    Table,
    Wait,
    Zone,
    at_most,
    between,
    text,
)
from mechexo.value_classes import dataclass

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


@dataclass(frozen=True, kw_only=True)
class AlertSettings(Table):
    """`[alerts]`."""

    first_escalation: Duration = timedelta(minutes=15)
    """How long a critical alert may stay unacknowledged before ops_ok is false."""
    keep_resolved: Duration = timedelta(days=90)
    """How long resolved alerts stay in the history."""
    forgotten_after: Duration = timedelta(minutes=30)
    """An acknowledged alert that is still open this long after it pages again from the first
    level."""
    forgotten_severities: tuple[Severity, ...] = ("critical",)
    """For which severities an acknowledgement can be forgotten."""
    remind_before: Duration = timedelta(minutes=5)
    """How long before that whoever was told is reminded; at most half of `forgotten_after`."""
    fallback_after: Duration = timedelta(seconds=60)
    """A level that has reached nobody for this long is followed by the next one at once."""
    flapping_openings: Annotated[int, between(2, 100)] = 3
    """An alert that opens this often within `flapping_window` pages once, and is then held until
    it has stood still for that long."""
    flapping_window: Duration = timedelta(minutes=10)
    flapping_again: Duration = timedelta(hours=1)
    """What goes on flapping pages once more when nobody was told of it for this long."""


@dataclass(frozen=True, kw_only=True)
class ChannelSettings(Table):
    """`[channels.NAME]`: where alerts go."""

    url: Annotated[str, text()] = ""
    """An Apprise URL with its secrets by reference, or `file:///path` for a mailbox file."""
    kind: Literal["", "telegram", "phone"] = ""
    """`telegram` and `phone` are mechexo's own clients: acknowledged in the chat, or by a digit."""
    token: str = ""
    """telegram: the bot's token; phone: the account's auth token. By reference."""
    account: str = ""
    """phone: the account's id."""
    sender: str = ""
    """phone: the number that calls, like +15551234567."""
    to: str = ""
    """telegram: the chat's id; phone: the number that is called. May be a reference."""
    api: str = ""
    """The service's base address; its public one unless set."""
    language: str = "en-GB"
    """phone: the voice's language."""
    actors: dict[str, str] = field(default_factory=dict)
    """telegram: which chat user (numeric id) is which user of the desk; only they acknowledge.
    phone: which user the number is, by the text of `to`; else the telephone itself acknowledges."""
    severities: tuple[Severity, ...] = ("critical", "high", "medium")
    """Which alerts it gets."""
    timeout: Annotated[Duration, at_most("10s", "a tick sends no longer")] = timedelta(seconds=8)
    """How long one attempt may take; at most 10s, because the whole tick ends within 12s."""
    per_minute: Annotated[int, between(1, 10_000)] | None = None
    """How many messages a minute it takes; beyond that they wait and go out together."""
    tell_when_over: bool | None = None
    """Whether who was told hears of the acknowledgement and the end too; all but the phone unless
    set."""


@dataclass(frozen=True, kw_only=True)
class PersonSettings(Table):
    """`[people.NAME]`: who can be told, and how."""

    channels: tuple[str, ...] = ()
    """The channels that reach this person."""


@dataclass(frozen=True, kw_only=True)
class LayerSettings(Table):
    """`[[oncall.schedules.NAME.layers]]`: people taking turns."""

    people: tuple[str, ...]
    """In the order of their turns."""
    every: Literal["daily", "weekly"] = "weekly"
    """How long a turn is; `turns` makes it several of these."""
    turns: Annotated[int, between(1, 366)] = 1
    """A turn is this many days or weeks long."""
    handover: ClockTime = time(9, 0)
    """When a turn ends and the next begins, by the schedule's clock."""
    weekday: Weekday = "mon"
    """weekly: on which day."""
    since: IsoDate
    """The date of a hand-over at which the first person's turn began, like 2026-01-05."""
    days: tuple[Weekday, ...] = ()
    """On which days the layer is on call; all unless set."""
    start: ClockTime | None = None
    """From when on those days; with `end` it may cross midnight."""
    end: ClockTime | None = None


@dataclass(frozen=True, kw_only=True)
class ScheduleSettings(Table):
    """`[oncall.schedules.NAME]`: who is on call when."""

    zone: Zone | None = None
    """The zone of its clock; the desk's unless set."""
    layers: tuple[LayerSettings, ...] = ()
    """The last layer that has somebody on call at a moment decides."""
    calendar: str = ""
    """An iCal file (.ics) with people as summaries, instead of layers or above them."""


@dataclass(frozen=True, kw_only=True)
class OnCallSettings(Table):
    """`[oncall]`: who is told first, second, third."""

    level1: str = ""
    """A person's name, or a schedule's: then whoever is on call. The first schedule unless set."""
    level2: str = ""
    level3: str = ""
    schedules: dict[str, ScheduleSettings] = field(default_factory=dict)
    handover_message: bool = True
    """Whether who comes on call, and who goes, is told so, with what is open."""


@dataclass(frozen=True, kw_only=True)
class LevelSettings(Table):
    """`[[escalation.NAME.levels]]`: one rung of the ladder."""

    after: Wait = timedelta(0)
    """How long after the alert's first page it is told."""
    tell: tuple[str, ...] = ()
    """Channels, people and schedules."""
    by: tuple[str, ...] = ()
    """Of a person's channels only these kinds: telegram, phone, file, or an address's scheme."""


@dataclass(frozen=True, kw_only=True)
class EscalationSettings(Table):
    """`[escalation.NAME]`: who is told first, and who next while nobody acknowledges."""

    levels: tuple[LevelSettings, ...]
    severities: tuple[Severity, ...] = ("critical", "high")
    """Which alerts climb; the others are told at the first level only."""
    repeat: Annotated[int, between(0, 1000)] = 2
    """How often the whole ladder is climbed again when nobody acknowledged."""
    repeat_every: Duration = timedelta(minutes=30)
    """How long after the last level it begins again."""


@dataclass(frozen=True, kw_only=True)
class QuietHoursSettings(Table):
    """`[quiet_hours]`: when only critical alerts page."""

    enabled: bool = True
    start: ClockTime = time(22, 0)
    end: ClockTime = time(6, 0)
    zone: Zone | None = None
    """The desk's zone unless set."""


@dataclass(frozen=True, kw_only=True)
class RouteSettings(Table):
    """`[routes.NAME]`: another ladder, or other quiet hours, for some alerts. The first that
    matches decides."""

    match: dict[str, str] = field(default_factory=dict)
    """Labels, or name, source, key, severity; all must be equal. `*` at an end matches any text."""
    severities: tuple[Severity, ...] = ()
    """Only these; all unless set."""
    escalation: str = "default"
    """Which `[escalation.NAME]`."""
    quiet_hours: QuietHoursSettings | None = None
    """Its own quiet hours; those of the desk unless set."""


@dataclass(frozen=True, kw_only=True)
class SuppressionSettings(Table):
    """`[suppress.NAME]`: while one alert is open, those it causes do not page."""

    cause: dict[str, str]
    """What the causing alert matches, as in a route."""
    hides: dict[str, str]
    """What the alerts that it hides match."""
    equal: tuple[str, ...] = ()
    """Labels that both must have alike."""


@dataclass(frozen=True, kw_only=True)
class MaintenanceSettings(Table):
    """`[maintenance.NAME]`: a planned time in which matching alerts keep quiet."""

    match: dict[str, str]
    """As in a route."""
    reason: Annotated[str, text(500)]
    days: tuple[Weekday, ...] = ()
    """On which days it begins; every day unless set."""
    start: ClockTime | None = None
    """When it begins on those days, by the zone's clock."""
    end: ClockTime | None = None
    """When it ends; not after `start` means the next day."""
    zone: Zone | None = None
    """The desk's zone unless set."""
    since: IsoMoment = ""
    """Not before this moment (ISO 8601; without an offset in the zone)."""
    until: IsoMoment = ""
    """Not after this moment."""
