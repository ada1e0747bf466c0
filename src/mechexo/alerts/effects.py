"""What the rules work with and what they answer: plain values, between the records and `step`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mechexo.alerts.quiet import QuietHours
    from mechexo.alerts.values import Alert, AlertEvent, Silence


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as paging sees it: its name and the severities it wants."""

    name: str
    severities: frozenset[str]


@dataclass(frozen=True, slots=True)
class Policy:
    """What the configuration says about paging."""

    channels: tuple[Channel, ...]
    quiet_hours: QuietHours
    first_escalation: timedelta


@dataclass(frozen=True, slots=True)
class AlertsState:
    """What `step` decides on. `open` holds at least the open alerts that the observations name,
    those that are silenced, those held until another moment than the quiet hours say now, those
    that nobody was paged about, and the stranded ones; others need not be there."""

    policy: Policy
    next_id: int
    open: Mapping[str, Alert] = field(default_factory=dict)
    """By key."""
    silences: tuple[Silence, ...] = ()
    stranded: Mapping[int, Stranded] = field(default_factory=dict)
    """By alert id."""


@dataclass(frozen=True, slots=True)
class Stranded:
    """An alert's newest page has a message due on channels that are configured no more."""

    gone: frozenset[str]
    reached: frozenset[str]
    """The other channels of that page, whatever became of it there."""


class Outcome(StrEnum):
    """What became of the page that an alert may have been worth."""

    PAGED = "paged"
    HELD = "held"
    SILENCED = "silenced"
    NO_CHANNEL = "no_channel"
    ALREADY_PAGED = "already_paged"
    ALREADY_HELD = "already_held"
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome for one firing observation, or for an alert whose silence ended."""

    alert_id: int
    key: str
    outcome: Outcome
    why: str


@dataclass(frozen=True, slots=True)
class Page:
    """One message to become due: one row of the outbox."""

    alert_id: int
    number: int
    level: int
    channel: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Cancellation:
    """The unsent messages of an alert's pages up to `up_to_page` shall not be sent."""

    alert_id: int
    up_to_page: int
    reason: str
    channels: frozenset[str] | None = None
    """Only theirs; None means all."""


@dataclass(frozen=True, slots=True)
class Move:
    """The unsent messages of one page become due at another moment."""

    alert_id: int
    page: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Effects:
    """What to store. Pages come before moves and cancellations: one step can do all."""

    alerts: tuple[Alert, ...] = ()
    """Every alert that changed, as it is now, by id."""
    events: tuple[tuple[int, AlertEvent], ...] = ()
    pages: tuple[Page, ...] = ()
    moves: tuple[Move, ...] = ()
    cancellations: tuple[Cancellation, ...] = ()
    decisions: tuple[Decision, ...] = ()
