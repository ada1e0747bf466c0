"""What the alerts wing says: alerts, what happened to them, deliveries, silences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum

from mechexo.value_classes import dataclass

SEVERITIES = ("critical", "high", "medium", "low", "info")
"""Worst first."""

FIRED_AGAIN = "fired_again"
"""The kind of event with which an alert that got worse leaves its acknowledgement."""

LATE = "late"
"""The kind of event that tells of an observation that came after a newer one."""

NOTICE_SOURCE = "mechexo notice"
"""The source of what only informs: a drill, a hand-over. It is over when it begins."""


def milder(severity: str) -> str:
    """One step milder; the mildest stays."""
    return SEVERITIES[min(SEVERITIES.index(severity) + 1, len(SEVERITIES) - 1)]


class AlertState(StrEnum):
    """Where an alert is in its life. Silenced and held are views of it, not states."""

    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


OPEN = (AlertState.FIRING, AlertState.ACKNOWLEDGED)
"""The states of an alert that is not over."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A source says that something is (or no longer is) the matter.

    The key identifies the trouble and never comes from text; `firing` False resolves it.
    """

    key: str
    firing: bool
    severity: str
    name: str
    summary: str
    source: str
    labels: Mapping[str, str] = field(default_factory=dict)
    runbook: str = ""
    observed_at: datetime | None = None
    """When the source looked (of an end: when it was over); None when it is now. The same look said
    once more counts once."""
    began_at: datetime | None = None
    """When the trouble began, where its source says so."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as stored."""

    id: int
    key: str
    severity: str
    state: AlertState
    name: str
    summary: str
    source: str
    labels: Mapping[str, str]
    runbook: str
    count: int
    """How many looks it stands for."""
    started_at: datetime
    last_seen_at: datetime
    """When its source last looked and saw it."""
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    resolved_at: datetime | None = None
    level: int = 1
    """The escalation level reached."""
    next_level_at: datetime | None = None
    held_until: datetime | None = None
    """Set while quiet hours hold its message back."""
    silenced_until: datetime | None = None
    """Set while a silence covers it."""
    pages: int = 0
    """How many times it paged (a page is one message to each channel that wants it)."""
    paged_severity: str = ""
    """The worst severity its paging was decided at, or else that of its acknowledgement; a worse
    one pages again."""
    escalating_since: datetime | None = None
    """When the ladder began that is climbed now: what the levels' delays count from."""
    climbs: int = 0
    """How often the ladder began again because nobody acknowledged."""
    remind_at: datetime | None = None
    """When its acknowledgement is next taken for forgotten: first a reminder, then a page."""
    reminded: bool = False
    flapping_until: datetime | None = None
    """Set while it is held back because it opens and resolves too often."""
    suppressed_by: int | None = None
    """The open alert that causes this one; while it is open this one does not page."""
    began_at: datetime | None = None
    """When the trouble began, where its source says so: the latest beginning it told of."""
    over_seen_at: datetime | None = None
    """When the look was made that saw it end; None while it is open, or when a person closed it."""
    flaps: str | None = None
    """When it opened while its key flapped: the worst severity that had been told since that began,
    "" when it was the one to tell. None when it did not flap."""
    climbed: str = ""
    """The ladder on which this round began, and the channels told in it (`rungs`); "" when that is
    not known."""

    @property
    def is_open(self) -> bool:
        """Whether it is firing or acknowledged."""
        return self.state is not AlertState.RESOLVED


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One line of an alert's timeline."""

    at: datetime
    kind: str
    detail: str
    actor: str = ""


@dataclass(frozen=True, slots=True)
class AlertMoment:
    """One line of an alert's timeline, or one attempt to tell somebody of it."""

    id: int
    alert_id: int
    at: datetime
    kind: str
    """Of an attempt its outcome: `sent`, `refused`, `rejected`, `unanswered` or `lost`."""
    detail: str
    actor: str
    channel: str = ""
    """Of an attempt; "" otherwise."""
    message: str = ""
    """The kind of message that was tried: `page`, `reminder`; "" otherwise."""
    number: int = 0
    """Which attempt it was, from 1."""


@dataclass(frozen=True, slots=True)
class AnsweredAlert:
    """When an alert began, was acknowledged and was resolved; None is never."""

    severity: str
    started_at: datetime
    acknowledged_at: datetime | None
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class AlertCourse:
    """Alerts, oldest first, what happened to them, oldest first, and what cannot be told."""

    alerts: tuple[Alert, ...]
    moments: tuple[AlertMoment, ...]
    gaps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one channel: due, sent, failed or cancelled."""

    id: int
    alert_id: int
    channel: str
    kind: str
    """`page`, `reminder`, `acknowledged`, `resolved` or `notice`."""
    level: int
    """The level that a page is told at; 0 for the other kinds."""
    state: str
    due_at: datetime
    attempts: int
    detail: str
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts whose labels (or `name`, `source`, `key`, `severity`) all match are kept quiet from
    `starts_at` until `ends_at`."""

    id: int
    matchers: Mapping[str, str]
    author: str
    reason: str
    starts_at: datetime
    ends_at: datetime
    exact: bool = False
    """Whether a `*` at the end of what it matches is that letter, and not any further text."""


@dataclass(frozen=True, slots=True)
class AlertCounts:
    """The open alerts in numbers. `oldest_s` is None when none is open."""

    open: int
    unacknowledged: int
    by_severity: Mapping[str, int]
    oldest_s: float | None
    damaged: int = 0
    """Those that cannot be read; they are not surely among the others."""
    kept_back: Mapping[str, int] = field(default_factory=dict)
    """Of the unacknowledged, those that page nobody now, by reason: `silenced`, `caused` by another
    alert, `held` by quiet hours, `flapping`. A reason that keeps none is not in it."""

    @property
    def kept_back_words(self) -> str:
        """`2 silenced, 1 held`; "" when none is."""
        return ", ".join(f"{count} {reason}" for reason, count in self.kept_back.items())


@dataclass(frozen=True, slots=True)
class AlertStatistics:
    """Alert history and analysis of the last days. Means are None when there was none."""

    days: int
    total: int
    by_severity: Mapping[str, int]
    by_day: tuple[tuple[str, int], ...]
    """Day (ISO, the desk's zone) and alerts started on it, oldest first, days without any too."""
    noisiest: tuple[tuple[str, int], ...]
    """Alert name and how often it started, most first, at most five."""
    mean_acknowledge_s: float | None
    mean_resolve_s: float | None


@dataclass(frozen=True, slots=True)
class HourOfAlerts:
    """The alerts that started in one hour of the desk's zone."""

    starts_at: datetime
    """In the desk's zone: of the two hours that have the same name in autumn each stands alone."""
    by_severity: Mapping[str, int]
    """Worst first; a severity without any is not in it."""

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_severity.values())


@dataclass(frozen=True, slots=True)
class ChannelDay:
    """A channel's messages of today, in the desk's zone."""

    channel: str
    sent: int = 0
    failed: int = 0
    """Given up today."""
    due: int = 0
    """Waiting, or being sent now, since whenever."""
    cancelled: int = 0
    last_failure_at: datetime | None = None
    """When an attempt of today last failed, also of a message that is tried again."""
    last_failure: str = ""
    """What was said then."""
    configured: bool = True
    """False for a channel that is not in the configuration any more."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message in a mailbox file."""

    at: datetime | None
    """When it was written; None for a line that cannot be read."""
    channel: str
    alert_id: int | None
    severity: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class OnCallNow:
    """Who is on call. A level is "" when nobody is configured for it."""

    level1: str
    level2: str
    level3: str
    quiet_hours: bool
    quiet_until: datetime | None = None
    """When the present quiet hours end; None outside them."""
